"""Births that come as event messages are decided as the same births in a table are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nhs_number
import pandas as pd
import pytest

from changes.writing import answers_csv
from intake.messages import Tree, as_json, as_xml, birth, collection, concept, death, extension, restricted
from month_authority import MONTH, NOW, Authority, CommandLine, copied, personal_values, shown_values
from pipeline import month as months
from pipeline.agreed import LONDON
from pipeline.contract import contract_of
from pipeline.demo.authority import Demonstration
from pipeline.errors import IntegrityError, SettingsError
from pipeline.intake.fhir_births import COLUMNS, LINES, read_births
from pipeline.intake.profiles import parse_profile
from pipeline.ledger.entries import ExtractRefused, Kind

DONE, INTEGRITY = 0, 4
ANSWERED = [
    "nhs_number",
    "consent_status",
    "consent_date",
    "consent_scope",
    "consent_wording",
    "consent_given_by",
]
NEVER_TOLD = ("looked_after", "adoption", "safeguarding", "parent_died", "in_hospital")
_SEXES = {"1": "male", "2": "female", "9": "other", "X": "unknown"}


def as_message(row: dict[str, str]) -> Tree:
    """The birth notification of a row, as far as there is a place for what the row says."""
    changes: dict[str, Any] = {
        "name": _named(row["given_name"], row["family_name"]),
        "gender": _SEXES.get(row["sex"], []),
        "birthDate": row["date_of_birth"],
        "_birthDate": {},
        "address": [_home(row)],
        "multipleBirthInteger": int(row["birth_order"]) if row["birth_order"] else [],
    }
    if row["death_status"]:
        system = "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1"
        status = concept(system, row["death_status"])
        changes["extension"] = [extension("deathNotificationStatus", valueCodeableConcept=status)]
    if row["date_of_death"]:
        changes["deceasedDateTime"] = row["date_of_death"]
    if row["confidentiality"]:
        changes["meta"] = restricted(row["confidentiality"])
    mother = {
        "name": [
            {"use": "official", "family": row["parent_family_name"], "given": [row["parent_given_name"]]}
        ],
        "birthDate": row["parent_date_of_birth"],
    }
    return birth(
        row["nhs_number"],
        mother=mother,
        mothers_number=row["parent_nhs_number"] or None,
        stillborn=row["live_or_still_birth"] or None,
        births=int(row["number_of_births"]) if row["number_of_births"] else [],
        message_id=row["record_id"],
        updated=pd.Timestamp(row["last_updated"]).tz_localize(LONDON).isoformat(),
        **changes,
    )


def _named(given: str, family: str) -> list[Tree]:
    return [{"use": "official", "family": family, "given": [given]}]


def _home(row: dict[str, str]) -> Tree:
    began = {"period": {"start": row["address_since"]}} if row["address_since"] else {}
    lines = [row[line] for line in LINES if row[line]]
    return {"use": "home", "line": lines, "postalCode": row["postcode"]} | began


def told(extract: pd.DataFrame) -> tuple[pd.DataFrame, list[Tree]]:
    """The rows that a birth notification can tell, as it tells them, and the notifications."""
    numbered = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(at))) for at in range(len(extract))]
    own = extract.assign(record_id=numbered, time_of_birth="")
    messages, rows = [], []
    for row in own.to_dict("records"):
        try:
            message = as_message(row)
            read = read_births(as_json(message), zone=LONDON, where="").iloc[0]
        except (IntegrityError, ValueError):
            continue
        messages.append(message)
        # Messages leave blank lines of an address out, and know one kind of restriction.
        rows.append({**row, **{name: read[name] for name in ("confidentiality", *LINES)}})
    table = pd.DataFrame(rows)[list(COLUMNS)].assign(consent_status="", consent_date="")
    return table, messages


def answers(extract: pd.DataFrame) -> bytes:
    """The companion file of the answers that the rows would have said."""
    said = extract[extract["consent_status"].isin(["given", "refused", "withdrawn"])]
    whole = said["nhs_number"].str.fullmatch("[0-9]{10}") & said["nhs_number"].map(nhs_number.is_valid)
    return answers_csv(said.loc[whole, ANSWERED].to_dict("records"))


def without_what_is_never_told(authority: Authority) -> None:
    """An agreement that excludes nobody of whom a birth notification tells nothing."""
    file = authority.agreement_file()
    text = file.read_text()
    for name in NEVER_TOLD:
        assert text.count(f"{name}: true\n") == 1
        text = text.replace(f"{name}: true\n", f"{name}: false\n")
    file.write_text(text)
    authority.sign_agreement(1)


def with_profile(authority: Authority, settings: str) -> CommandLine:
    authority.sealed.unlink()
    authority.setting("[suppliers.chis]", f"[suppliers.chis]\n{settings}")
    return CommandLine(Authority(authority.demo, authority.reopened(), authority.received))


def decided(authority: Authority) -> pd.DataFrame:
    found = months.decisions_by_record(authority.reopened(), MONTH, now=NOW)
    return found.sort_values(["record_id", "agreement"], ignore_index=True)


def arrived(kind: str, ending: str) -> str:
    return f"{kind}_chis_{MONTH}.{ending}.gpg"


@pytest.fixture(scope="module")
def as_table(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pd.DataFrame]:
    """What is decided of the births where they come as a table."""
    with copied(prototype, tmp_path_factory.mktemp("table")) as authority:
        without_what_is_never_told(authority)
        birthshare = with_profile(authority, 'consents = "consents_{supplier}_{month}.csv.gpg"')
        authority.send(told(authority.extract())[0])
        authority.send(answers(authority.extract()), to=authority.inbox / arrived("consents", "csv"))
        assert birthshare.run("--until", "release").code == DONE
        yield decided(authority)


@pytest.mark.parametrize("form", ["JSON", "XML"])
def test_a_month_of_birth_notifications_is_decided_as_a_table_is(
    authority: Authority, as_table: pd.DataFrame, form: str
) -> None:
    birthshare = with_profile(authority, 'profile = "nhs_events"')
    table, messages = told(authority.extract())
    assert len(messages) > 130
    content = as_json(*messages) if form == "JSON" else as_xml(collection(*messages))
    authority.send(content, to=authority.inbox / arrived("births", "fhir"))
    authority.send(answers(authority.extract()), to=authority.inbox / arrived("consents", "csv"))
    if form == "JSON":  # an agreement that needs what no birth notification tells is not served in silence
        stopped = birthshare.run()
        assert stopped.code == INTEGRITY
        stopped.says(
            "lacks columns", "adoption, in_hospital, looked_after, parent_death_status, safeguarding"
        )
    without_what_is_never_told(authority)
    answer = birthshare.run("--until", "release")
    assert answer.code == DONE, answer.err
    assert answer.json["received"] == len(table)
    pd.testing.assert_frame_equal(decided(authority), as_table)
    assert (as_table["outcome"] == "share").sum() > 50
    assert shown_values(personal_values(authority.extract()), birthshare.said) == []


def test_a_death_among_the_births_stops_the_month_and_says_where_it_belongs(authority: Authority) -> None:
    birthshare = with_profile(authority, 'profile = "nhs_events"')
    number = authority.extract()["nhs_number"][0]
    mixed = as_json(birth(number), death(number=number))
    authority.send(mixed, to=authority.inbox / arrived("births", "fhir"))
    authority.send(answers_csv([]), to=authority.inbox / arrived("consents", "csv"))
    stopped = birthshare.run()
    assert stopped.code == INTEGRITY
    stopped.says("message 2", "tells of a death", "feed of changes")
    assert number not in stopped.err
    [refused] = authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert refused.problem == "message_unusable"


def test_the_feed_of_a_supplier_of_events_holds_messages(authority: Authority) -> None:
    birthshare = with_profile(authority, 'profile = "nhs_events"')
    number = authority.extract()["nhs_number"][0]
    authority.send(as_json(death(number=number)), to=authority.inbox / "changes_chis_2026-11-02.fhir.gpg")
    [file] = birthshare("changes", "apply", "--json").json["files"]
    assert (file["applied"], file["words"]) == (True, {"child_died": 1, "parent_died": 1})


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ("columns: {BABY: nhs_number}", "the profile maps them: columns"),
        ("dates: {'*': DD/MM/YYYY}", "the profile maps them: dates"),
        ("companions: {answers: {format: fhir}}", "Only births and changes come as event messages"),
        ("companions: {totals: {format: fhir}}", "Only births and changes come as event messages"),
    ],
)
def test_a_profile_maps_nothing_of_messages(settings: str, what: str) -> None:
    text = f"description: events\nformat: fhir\n{settings}\n"
    with pytest.raises(SettingsError, match=what):
        parse_profile(text, contract_of("births"), where=Path("events.yaml"))
