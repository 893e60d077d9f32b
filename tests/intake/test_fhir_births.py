"""Birth notifications become rows of an extract of births; what is not as specified is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from intake.messages import (
    ADDRESS,
    BABY,
    BIRTH,
    DEATH,
    MOTHER,
    NUMBER,
    NUMBER_OF_BIRTHS,
    OTHER_NUMBER,
    RECORD,
    STILLBIRTH,
    Tree,
    a_baby,
    as_json,
    as_xml,
    birth,
    collection,
    concept,
    death,
    extension,
    message,
    move,
    observed,
    restricted,
)
from pipeline.agreed import LONDON
from pipeline.contract import contract_of
from pipeline.errors import IntegrityError
from pipeline.intake.fhir import read_messages
from pipeline.intake.fhir_births import COLUMNS, read_births

FORMS = {"JSON": as_json, "XML": as_xml}
_DEATH = "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1"


def read(content: bytes) -> pd.DataFrame:
    return read_births(content, zone=LONDON, where="extract")


def row(said: Tree, form: Callable[..., bytes] = as_json) -> dict[str, str]:
    [found] = read(form(said)).to_dict("records")
    return found


EVERYTHING = {
    "row": 1,
    "record_id": "7165ecd5-4abb-4dbe-922b-7c7db71accd4",
    "nhs_number": NUMBER,
    "date_of_birth": "2026-10-02",
    "time_of_birth": "20:12:00",
    "sex": "1",
    "live_or_still_birth": "1",
    "number_of_births": "1",
    "birth_order": "1",
    "death_status": "",
    "date_of_death": "",
    "given_name": "Sam",
    "family_name": "SAMPLESON",
    "parent_given_name": "Parent",
    "parent_family_name": "SAMPLESON",
    "parent_nhs_number": OTHER_NUMBER,
    "parent_date_of_birth": "1996-05-04",
    "address_line_1": "1 SAMPLE STREET",
    "address_line_2": "TOWN",
    "address_line_3": "",
    "address_line_4": "",
    "address_line_5": "",
    "postcode": "AA1 1AA",
    "address_since": "",
    "confidentiality": "",
    "consent_status": "",
    "consent_date": "",
    "last_updated": "2026-10-03T10:00:00",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_notification_is_a_row_of_the_contract(form: str) -> None:
    assert row(birth(), FORMS[form]) == EVERYTHING
    assert set(COLUMNS) <= set(contract_of("births").names)
    assert set(contract_of("births").must_exist) <= set(COLUMNS)


PARTS = ("header", "about", "mother", "related", "baby", "births", "gestation", "stillborn")


def changed(said: Tree, change: Callable[[dict[str, Tree]], Any]) -> Tree:
    """The notification after a change to one of its resources."""
    own = copy.deepcopy(said)
    change(dict(zip(PARTS, (entry["resource"] for entry in own["entry"]), strict=False)))
    return own


def entries(said: Tree, change: Callable[[list[Tree]], Any]) -> Tree:
    """The notification after a change to its entries."""
    own = copy.deepcopy(said)
    change(own["entry"])
    return own


def _no_date(all_: list[Tree]) -> None:
    del all_[4]["resource"]["birthDate"], all_[4]["resource"]["_birthDate"]


def home(**changes: Any) -> Tree:
    return {"use": "home", "line": ["1 SAMPLE STREET", "TOWN"], "postalCode": "AA1 1AA"} | changes


def notice(code: str) -> list[Tree]:
    status = extension("deathNotificationStatus", valueCodeableConcept=concept(_DEATH, code))
    url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DeathNotificationStatus-1"
    return [extension(url, extension=[status])]


def born_at(moment: str) -> Tree:
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
    return {"extension": [extension(url, valueDateTime=moment)]}


NOWHERE = {"address_line_1": "", "address_line_2": "", "postcode": ""}

SAID: dict[str, tuple[Tree, dict[str, str]]] = {
    "girl": (birth(gender="female"), {"sex": "2"}),
    "indeterminate": (birth(gender="other"), {"sex": "9"}),
    "sex not known": (birth(gender="unknown"), {"sex": "X"}),
    "no sex": (birth(gender=[]), {"sex": ""}),
    **{
        f"stillborn {code}": (birth(stillborn=code), {"live_or_still_birth": code}) for code in "234"
    },
    "nothing says born alive": (birth(stillborn=None), {"live_or_still_birth": ""}),
    "one of twins": (birth(births=2, multipleBirthInteger=2), {"number_of_births": "2", "birth_order": "2"}),
    "a decimal number": (birth(births=3.0), {"number_of_births": "3"}),
    "order not known": (birth(multipleBirthInteger=9), {"birth_order": "9"}),
    "no order": (birth(multipleBirthInteger=[]), {"birth_order": ""}),
    "no mother's number": (birth(mothers_number=None), {"parent_nhs_number": ""}),
    "mother's number in the header alone": (
        birth(mother={"identifier": []}), {"parent_nhs_number": OTHER_NUMBER},
    ),
    "informal notice": (
        birth(extension=notice("1"), deceasedDateTime="2026-10-03T23:30:00Z"),
        {"death_status": "1", "date_of_death": "2026-10-04"},
    ),
    "formal notice": (birth(extension=notice("2")), {"death_status": "2", "date_of_death": ""}),
    "removed notice": (birth(extension=notice("U")), {"death_status": "U"}),
    "notice as in the published example": (
        birth(extension=[extension("deathNotificationStatus", valueCodeableConcept=concept(_DEATH, "1"))]),
        {"death_status": "1"},
    ),
    "dead without a notice": (birth(deceasedBoolean=True), {"death_status": "1"}),
    "dead in some month": (birth(deceasedDateTime="2026-10"), {"death_status": "1", "date_of_death": ""}),
    "not dead": (birth(deceasedBoolean=False), {"death_status": ""}),
    "mother dead": (birth(mother={"extension": notice("2")}), {"parent_death_status": "2"}),
    "unrestricted": (birth(meta=restricted("U")), {"confidentiality": "U"}),
    "restricted": (birth(meta=restricted("R")), {"confidentiality": "R"}),
    "restricted in a way nobody knows": (birth(meta=restricted("new")), {"confidentiality": "R"}),
    "restricted in words alone": (
        birth(meta=restricted("") | {"security": [{"display": "restricted"}]}), {"confidentiality": "R"},
    ),
    "mother restricted": (
        birth(mother={"meta": restricted("V")}, meta=restricted("U")), {"confidentiality": "R"},
    ),
    "born just after midnight, summer time": (
        birth(birthDate="2026-07-02", _birthDate=born_at("2026-07-01T23:30:00Z")),
        {"date_of_birth": "2026-07-02", "time_of_birth": "00:30:00"},
    ),
    "a time of another day": (
        birth(_birthDate=born_at("2026-10-03T20:12:00+01:00")),
        {"date_of_birth": "2026-10-02", "time_of_birth": ""},
    ),
    "no time": (birth(_birthDate={}), {"time_of_birth": ""}),
    "temporary name": (
        birth(name=[{"use": "temp", "family": "SAMPLESON", "given": ["Baby"]}]), {"given_name": "Baby"},
    ),
    "official before temporary name": (
        birth(name=[
            {"use": "temp", "given": ["Baby"]},
            {"use": "official", "family": "SAMPLESON", "given": ["Sam", "Lee"]},
        ]),
        {"given_name": "Sam Lee"},
    ),
    "no name": (birth(name=[]), {"given_name": "", "family_name": ""}),
    "since when": (birth(address=[home(period={"start": "2026-09-30"})]), {"address_since": "2026-09-30"}),
    "an address of no use": (
        birth(address=[{"line": ["2 SAMPLE STREET", "TOWN"]}]),
        {"address_line_1": "2 SAMPLE STREET", "postcode": ""},
    ),
    "a single line, which may be a town alone": (
        birth(address=[home(line=["TOWN"])]), NOWHERE | {"postcode": "AA1 1AA"},
    ),
    "no address": (birth(address=[]), NOWHERE),
    "an old address alone": (birth(address=[home(use="old")]), NOWHERE),
    "elsewhere for now": (birth(address=[home(), home(use="temp")]), NOWHERE),
    "an address that ended": (
        birth(address=[home(period={"end": "2026-10-05"})]), NOWHERE,
    ),
    "no moment": (
        changed(birth(), lambda one: one["header"]["meta"].pop("lastUpdated")), {"last_updated": ""},
    ),
    "an observation entered in error": (
        changed(birth(), lambda one: one["stillborn"].update(status="entered-in-error")),
        {"live_or_still_birth": ""},
    ),
    "an observation of no status": (
        changed(birth(), lambda one: one["stillborn"].pop("status")), {"live_or_still_birth": ""},
    ),
    "an observation without a value": (
        changed(birth(), lambda one: one["stillborn"].pop("valueCodeableConcept")),
        {"live_or_still_birth": ""},
    ),
    "an observation that was corrected": (
        changed(birth(), lambda one: one["stillborn"].update(status="corrected")),
        {"live_or_still_birth": "1"},
    ),
    "an identifier that may be personal": (birth(message_id=OTHER_NUMBER), {"record_id": ""}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", SAID)
def test_what_a_notification_says(what: str, form: str) -> None:
    said, expected = SAID[what]
    assert row(said, FORMS[form]) == EVERYTHING | expected


@pytest.mark.parametrize(
    "content",
    [
        as_json(birth(), birth(OTHER_NUMBER, mothers_number=NUMBER)),
        as_json(collection(birth(), birth(OTHER_NUMBER, mothers_number=NUMBER))),
        as_xml(collection(birth(), birth(OTHER_NUMBER, mothers_number=NUMBER))),
    ],
    ids=["lines", "collection", "XML collection"],
)
def test_a_file_holds_one_notification_or_many(content: bytes) -> None:
    found = read(content)
    assert found["row"].tolist() == [1, 2]
    assert found["nhs_number"].tolist() == [NUMBER, OTHER_NUMBER]
    assert "parent_death_status" not in found


@pytest.mark.parametrize("form", FORMS)
def test_a_collection_of_nothing_is_a_month_without_births(form: str) -> None:
    found = read(FORMS[form](collection()))
    assert (len(found), tuple(found)) == (0, ("row", *COLUMNS))


WRONG: dict[str, tuple[Tree, str]] = {
    "an event nobody knows": (
        changed(birth(), lambda one: one["header"]["event"].update(code=f"{BIRTH}-x")), "MessageHeader.event",
    ),
    "an update of an earlier message": (
        changed(birth(), lambda one: one["header"]["extension"][1]["valueCodeableConcept"]["coding"][0]
                .update(code="update")), "MessageHeader.event",
    ),
    **{
        f"{part} of another profile": (
            changed(birth(), lambda one, part=part: one[part]["meta"].update(profile=["urn:x"])),
            f"{kind}.meta.profile",
        )
        for part, kind in (
            ("header", "MessageHeader"), ("about", "Communication"), ("mother", "Patient"),
            ("related", "RelatedPerson"), ("baby", "Patient"), ("stillborn", "Observation"),
        )
    },
    **{
        f"{part} modified": (
            changed(birth(), lambda one, part=part: one[part].update(modifierExtension=[{"url": "urn:not"}])),
            "changes what the rest means",
        )
        for part in ("header", "about", "mother", "related", "baby", "births", "stillborn")
    },
    "no communication": (entries(birth(), lambda all_: all_.pop(1)), "Communication"),
    "nobody related": (entries(birth(), lambda all_: all_.pop(3)), "RelatedPerson"),
    "no mother": (entries(birth(), lambda all_: all_.pop(2)), "Communication.subject"),
    "no baby": (entries(birth(), lambda all_: all_.pop(4)), "RelatedPerson.patient"),
    "two babies": (
        entries(birth(), lambda all_: all_.append({"fullUrl": "urn:uuid:9", "resource": a_baby()})),
        "Patient",
    ),
    "two of one name": (entries(birth(), lambda all_: all_.append(all_[4])), "RelatedPerson.patient"),
    "her own mother": (
        changed(birth(), lambda one: one["related"]["patient"].update(reference=MOTHER)), "Patient",
    ),
    "a foster mother": (
        changed(birth(), lambda one: one["related"]["relationship"]["coding"][0].update(code="FSTMTH")),
        "RelatedPerson.relationship",
    ),
    "a baby of no number": (birth(identifier=[]), "Patient.identifier"),
    "a baby of a blank number": (birth(""), "Patient.identifier"),
    "one number for both": (birth(OTHER_NUMBER), "Patient.identifier"),
    "another mother in the header": (
        changed(birth(), lambda one: one["mother"]["identifier"][0].update(value="9990000018")),
        "Patient.identifier",
    ),
    "a number that is not verified": (
        changed(birth(), lambda one: one["baby"]["identifier"][0]["extension"][0]["valueCodeableConcept"]
                ["coding"][0].update(code="02")), "Patient.identifier",
    ),
    "a baby whose record was replaced": (
        birth(link=[{"other": {"reference": "urn:uuid:9"}, "type": "replaced-by"}]), "Patient.active",
    ),
    "a record that counts no more": (birth(active=False), "Patient.active"),
    "no date of birth": (entries(birth(), _no_date), "Patient.birthDate"),
    "a time of birth that is none": (birth(_birthDate=born_at("20:12")), "patient-birthTime"),
    "a sex nobody knows": (birth(gender="m"), "Patient.gender"),
    "a stillbirth nobody knows": (birth(stillborn="5"), "Observation(237364002)"),
    "a stillbirth of another system": (
        changed(birth(), lambda one: one["stillborn"]["valueCodeableConcept"]["coding"][0]
                .update(system="urn:x")), "Observation(237364002)",
    ),
    "a stillbirth said twice": (
        entries(birth(), lambda all_: all_.append(all_[7])), "Observation(237364002)",
    ),
    "a stillbirth of the mother": (
        changed(birth(), lambda one: one["stillborn"]["subject"].update(reference=MOTHER)),
        "Observation(237364002).subject",
    ),
    "births of the baby": (
        changed(birth(), lambda one: one["births"]["subject"].update(reference=BABY)),
        "Observation(382341000000101).subject",
    ),
    "one birth and a half": (birth(births=1.5), "Observation(382341000000101)"),
    "births in words": (birth(births="one"), "Observation(382341000000101)"),
    "an order in words": (birth(multipleBirthInteger="first"), "Patient.multipleBirthInteger"),
    "a death of an unknown status": (birth(extension=notice("3")), "deathNotificationStatus"),
    "a notice of nothing": (
        birth(extension=[extension("deathNotificationStatus")]), "deathNotificationStatus",
    ),
    "a removed notice of a dead child": (
        birth(extension=notice("U"), deceasedBoolean=True), "deathNotificationStatus",
    ),
    "a death on no day": (birth(deceasedDateTime="2026-02-30"), "Patient.deceasedDateTime"),
    "two homes": (birth(address=[home(), home()]), "Patient.address"),
    "six lines": (birth(address=[home(line=list("ABCDEF"))]), "Patient.address.line"),
    "two postcodes": (birth(address=[home(postalCode=["AA1 1AA", "AA1 1AB"])]), "Patient.address.postalCode"),
    "an address since some year": (birth(address=[home(period={"start": "2026"})]), "address.period.start"),
    "two official names": (birth(name=[{"use": "official", "family": "SAMPLESON"}] * 2), "Patient.name"),
    "a moment without a zone": (birth(updated="2026-10-03T10:00:00"), "MessageHeader.meta.lastUpdated"),
    "no message": (birth() | {"type": "document"}, "Bundle"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", WRONG)
def test_a_notification_that_is_not_as_specified_is_refused(what: str, form: str) -> None:
    said, place = WRONG[what]
    check_refused(FORMS[form](collection(birth(), said)), place)


@pytest.mark.parametrize("value", ["1", True, None, [1, 2]])
def test_in_json_a_number_is_a_number(value: Any) -> None:
    check_refused(as_json(birth(), birth(births=value)), "Observation(382341000000101)")


def check_refused(content: bytes, place: str) -> None:
    with pytest.raises(IntegrityError) as refused:
        read(content)
    said = str(refused.value)
    assert place in said
    assert "message 2" in said
    for value in (NUMBER, OTHER_NUMBER, "SAMPLE", "AA1", "1996", "2026-10"):
        assert value not in said
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("said", "what"),
    [(death(), "a death"), (move(), "a change of address"), (message(RECORD), "of a record")],
)
def test_other_events_are_not_lost_among_births(said: Tree, what: str) -> None:
    """A death that waits until the month's extract is read would be heard too late."""
    with pytest.raises(IntegrityError, match=what) as refused:
        read(as_json(birth(), said))
    assert "message 2" in refused.value.where
    assert "feed of changes" in refused.value.do
    assert {DEATH, ADDRESS, RECORD}.isdisjoint(str(refused.value).split())


def test_a_birth_among_changes_is_refused_with_the_file_where_it_belongs() -> None:
    with pytest.raises(IntegrityError, match="belongs to an extract of births") as refused:
        read_messages(as_json(death(), birth()), zone=LONDON, where="feed")
    assert "message 2" in refused.value.where


def test_observations_of_other_things_are_not_looked_at() -> None:
    said = entries(
        birth(), lambda all_: all_.append({"resource": observed("1097291000000101", "urn:uuid:9")})
    )
    assert row(said) == EVERYTHING
    assert (STILLBIRTH, NUMBER_OF_BIRTHS) == ("237364002", "382341000000101")  # SNOMED CT
