"""A file that is unlike its supplier's earlier ones stops the month, until a person accepts exactly that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accepting import accept_all
from month_authority import (
    MONTH,
    NOW,
    Authority,
    CommandLine,
    copied,
    personal_values,
    shown_values,
)
from pipeline import month as months
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.demo.births import as_csv
from pipeline.errors import IntegrityError, WaitingForPerson
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import DriftAccepted, Entry, Fingerprinted, Kind, Validated
from pipeline.suppliers import drift
from suppliers.earlier import BEFORE, a_month_earlier, alive, of_before, used_before

LEAD = APPROVERS["data_lead"]
TO_VALIDATION = ("--until", "validation")


@pytest.fixture(scope="module")
def after_a_month(
    prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demonstration]:
    """An authority whose supplier never sent a child who died, and now does."""
    with copied(prototype, tmp_path_factory.mktemp("before")) as authority:
        used_before(authority, alive(authority.extract()))
        yield replace(prototype, home=authority.home.path)


@pytest.fixture
def authority(after_a_month: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(after_a_month, tmp_path) as own:
        yield own


@pytest.fixture
def birthshare(authority: Authority) -> CommandLine:
    return CommandLine(authority)


def accept(
    birthshare: CommandLine, *options: str, role: str = "data_lead", who: str = LEAD
) -> tuple[int, str]:
    key = birthshare.authority.demo.approver_keys[role]
    said = birthshare(
        "intake", "accept", str(MONTH), "--supplier", "chis", "--as", who, "--key", key, *options
    )
    return said.code, said.err


def test_a_supplier_s_first_file_passes_and_whoever_releases_the_month_is_told(
    prototype: Demonstration, tmp_path: Path
) -> None:
    with copied(prototype, tmp_path) as first:
        first.run(until="release")
        shown = months.pack_asked_about(first.home, MONTH, now=NOW)
        told = "births of chis: the first file; there is no earlier one to hold it against"
        assert shown and told in json.loads(shown[0])["notable"]


def test_a_feed_that_begins_to_include_children_who_died_stops_the_month(
    authority: Authority, birthshare: CommandLine
) -> None:
    stopped = birthshare.run()
    assert stopped.code == 6
    stopped.says(
        "The file differs from earlier ones (births of chis",
        "live_or_still_birth: code 2 (stillbirth, ante-partum) never came before; 1 row\n",
        "death_status: code 2 (formal notice of death) never came before;",
        "date_of_death: was always empty, and is filled now;",
        f"birthshare intake accept {MONTH} --supplier chis",
    )
    assert "birthshare intake changes" in stopped.json["waiting_for"]
    assert "birthshare intake accept" in stopped.json["to_do"]
    shown = birthshare("intake", "changes", str(MONTH))
    shown.says()
    assert "code 2 (formal notice of death) never came before" in shown.out
    assert not shown_values(personal_values(authority.extract()), birthshare.said)
    kinds = {Kind.VALIDATED, Kind.DECIDED, Kind.RELEASE_REQUESTED}
    with opened_ledger(authority.home) as ledger:
        assert not list(ledger.entries(month=str(MONTH), kinds=kinds))
        looks = list(ledger.entries(month=str(MONTH), kinds={Kind.FINGERPRINTED}))
    assert len(looks) == 1
    assert birthshare.run().code == 6
    assert (
        len(authority.recorded(Kind.FINGERPRINTED)) == 2
    )  # one a month: running again records nothing twice


def test_once_an_approver_accepts_it_the_month_goes_on(authority: Authority, birthshare: CommandLine) -> None:
    birthshare.run(*TO_VALIDATION)
    code, said = accept(birthshare, role="caldicott_guardian")
    assert (code, "another person's" in said) == (4, True)
    code, said = accept(birthshare, who="stranger@example.org")
    assert (code, "may not accept" in said) == (3, True)
    code, said = accept(birthshare, "--seen", "0" * 12)
    assert (code, "not the differences that are asked about" in said) == (3, True)
    assert birthshare.run(*TO_VALIDATION).code == 6 and not authority.recorded(Kind.DRIFT_ACCEPTED)

    assert accept(birthshare, "--note", "The trust took over the maternity ward.")[0] == 0
    asked = birthshare.run()
    assert "approval of release" in asked.json["waiting_for"]
    notable = birthshare("release", "show", str(MONTH), "--json").json["notable"]
    assert [one for one in notable if one.startswith(f"births of chis, accepted by {LEAD}: ")]
    [accepted] = authority.recorded(Kind.DRIFT_ACCEPTED)
    assert isinstance(accepted, DriftAccepted)
    assert accepted.note == "The trust took over the maternity ward."
    assert "code death_status 2" in accepted.about
    assert accept(birthshare)[0] == 0
    assert len(authority.recorded(Kind.DRIFT_ACCEPTED)) == 1
    assert birthshare("ledger", "verify").code == 0


def test_another_file_asks_again_and_one_without_the_difference_does_not(
    authority: Authority, birthshare: CommandLine
) -> None:
    birthshare.run(*TO_VALIDATION)
    assert accept(birthshare)[0] == 0
    authority.send(authority.extract())  # sealed again: another file
    assert birthshare.run(*TO_VALIDATION).code == 6
    assert "Ask the supplier what has changed" in birthshare("intake", "changes", str(MONTH)).out
    authority.send(alive(authority.extract()))
    assert birthshare.run(*TO_VALIDATION).code == 0
    shown = birthshare("intake", "changes", str(MONTH), "--supplier", "chis", "--json").json
    [file] = shown["files"]
    assert (file["differences"], file["beside"], file["waits"]) == ([], [str(BEFORE)], False)
    assert accept(birthshare)[0] == 2  # nothing waits


def test_a_newer_file_of_an_earlier_month_is_its_history_and_a_month_never_its_own(
    authority: Authority, birthshare: CommandLine
) -> None:
    authority.send(a_month_earlier(authority.extract()), to=of_before(authority))
    months.run(authority.home, BEFORE, now=NOW, until="validation")  # the first month has nothing before it
    assert birthshare.run(*TO_VALIDATION).code == 0
    authority.send(alive(authority.extract()))
    assert birthshare.run(*TO_VALIDATION).code == 0


def test_an_acceptance_of_somebody_who_is_no_approver_any_more_does_not_count(
    authority: Authority, birthshare: CommandLine
) -> None:
    birthshare.run(*TO_VALIDATION)
    assert accept(birthshare)[0] == 0
    approvers = "[[approvers]]\nprincipal = "
    authority.setting(f'{approvers}"{LEAD}"', f'{approvers}"someone.else@example.org"')
    [file] = months.files_compared(authority.reopened(), MONTH, now=NOW)
    assert (file.waits, file.accepted_by) == (True, ())


def test_an_acceptance_that_nobody_signed_is_found_out(authority: Authority) -> None:
    with pytest.raises(WaitingForPerson):
        authority.run()
    [file] = [one for one in months.files_compared(authority.home, MONTH, now=NOW) if one.waits]
    forged = DriftAccepted(
        supplier="chis", dataset="births", sealed_sha256=file.sealed_sha256,
        differences_sha256=file.statement_sha256, about=(), principal=LEAD, signature="",
    )  # fmt: skip
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(forged, str(MONTH)), at=NOW)
    with pytest.raises(IntegrityError, match="signature"):
        authority.run()


def test_the_scheduled_step_stops_with_the_same_words_and_goes_on_when_it_is_cleared(
    authority: Authority,
) -> None:
    with pytest.raises(WaitingForPerson, match="never came before"):
        months.prepare(authority.home, MONTH, now=NOW)
    accept_all(authority.home, MONTH, principal=LEAD, key=authority.demo.approver_keys["data_lead"], now=NOW)
    assert months.prepare(authority.home, MONTH, now=NOW) is not None


def test_an_earlier_month_is_never_held_against_a_later_one(authority: Authority) -> None:
    with months.opened(authority.home, BEFORE, NOW) as desk:
        [look], [used] = desk.recorded(Fingerprinted), desk.recorded(Validated)
        sealed = {"sealed_sha256": "f" * 64}
        later = [look.model_copy(update=sealed | {"rows": 10 * look.rows}), used.model_copy(update=sealed)]
        desk.ledger.append(*(Entry(body, str(MONTH)) for body in later), at=NOW)
        [file] = drift.compared(desk)
    assert (file.beside, file.differences) == ((), ())


def test_last_month_s_children_under_this_month_s_dates_stop(authority: Authority) -> None:
    extract = alive(authority.extract())
    again = extract.assign(nhs_number=a_month_earlier(extract)["nhs_number"])
    authority.send(again)
    with pytest.raises(WaitingForPerson, match=f"the file looks like that of {BEFORE}"):
        authority.run()


def test_answers_are_held_against_earlier_answers(authority: Authority) -> None:
    authority.setting(
        "[suppliers.chis]\n", '[suppliers.chis]\nconsents = "consents_{supplier}_{month}.csv.gpg"\n'
    )
    home = authority.reopened()
    extract = alive(authority.extract())
    authority.send(extract)
    columns = ["nhs_number", "consent_status", "consent_date", "consent_given_by"]
    given = extract[extract["consent_status"] == "given"][columns].head(60)
    before = a_month_earlier(given)
    authority.send(as_csv(before), to=authority.inbox / f"consents_chis_{BEFORE}.csv.gpg")
    months.run(home, BEFORE, now=NOW, until="validation")
    withdrawn = given.assign(consent_status=["withdrawn", *given["consent_status"][1:]])
    authority.send(as_csv(withdrawn), to=authority.inbox / f"consents_chis_{MONTH}.csv.gpg")
    with pytest.raises(WaitingForPerson, match="answers of chis") as stopped:
        months.run(home, MONTH, now=NOW, until="validation")
    assert "code withdrawn" in str(stopped.value) and "never came before; 1 row" in str(stopped.value)
    looks = authority.recorded(Kind.FINGERPRINTED)
    datasets = [one.dataset for one in looks if isinstance(one, Fingerprinted)]
    assert datasets.count("answers") == 2


def test_a_file_that_passed_is_asked_about_again_where_another_profile_reads_it_otherwise(
    authority: Authority, birthshare: CommandLine
) -> None:
    """What people agreed to was how the file was read then."""
    authority.send(alive(authority.extract()))
    assert birthshare.run(*TO_VALIDATION).code == 0
    authority.home.profiles.mkdir(exist_ok=True)
    own = authority.home.profiles / "contract.yaml"
    own.write_text("description: own\nblanks:\n  consent_status: [refused, withdrawn, not_asked]\n")
    assert birthshare.run(*TO_VALIDATION).code == 6
    own.unlink()
    assert birthshare.run(*TO_VALIDATION).code == 0  # as it passed before
