"""Event messages become the same later words as a feed's rows; what is not as specified is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from intake.messages import (
    ADDRESS,
    NUMBER,
    OTHER_NUMBER,
    RECORD,
    Tree,
    address,
    as_json,
    as_xml,
    collection,
    death,
    message,
    move,
    restricted,
)
from pipeline.agreed import LONDON
from pipeline.errors import IntegrityError
from pipeline.intake.fhir import Messages, read_messages
from pipeline.intake.fhir_message import MessageUnusable

FORMS = {"JSON": as_json, "XML": as_xml}
BOTH = ("child", "parent")


def read(content: bytes) -> Messages:
    return read_messages(content, zone=LONDON, where="feed")


def words(content: bytes) -> list[tuple[str, str, str]]:
    return list(read(content).frame[["subject", "word", "since"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (death("1"), [("child", "child_died"), ("parent", "parent_died")]),
        (death("2"), [("child", "child_died"), ("parent", "parent_died")]),
        (death("2", deceasedDateTime="2026-10"), [("child", "child_died"), ("parent", "parent_died")]),
        (death("U"), [("child", "death_removed")]),
        (message(RECORD, deceasedBoolean=True), [("child", "child_died"), ("parent", "parent_died")]),
        (message(RECORD, deceasedBoolean=False), []),
        *(
            (message(RECORD, meta=restricted(code)), [(of, "restricted_record") for of in BOTH])
            for code in ("R", "V", "REDACTED", "new")
        ),
        (message(RECORD, meta=restricted("U")), []),
        (message(RECORD, active=False), [(of, "identity_superseded") for of in BOTH]),
        (message(RECORD, active=True), []),
        (
            message(RECORD, link=[{"other": {"reference": "urn:uuid:9"}, "type": "replaced-by"}]),
            [(of, "identity_superseded") for of in BOTH],
        ),
        (message(RECORD), []),
    ],
)  # fmt: skip
def test_what_a_message_says_of_whom(said: Tree, expected: list[tuple[str, str]], form: str) -> None:
    found = read(FORMS[form](said))
    assert list(found.frame[["subject", "word"]].itertuples(index=False, name=None)) == expected
    assert set(found.frame["nhs_number"]) <= {NUMBER}
    assert found.count == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("began", "since"),
    [("2026-11-01", "2026-11-01"), ("2026-07-31T23:30:00Z", "2026-08-01T00:30:00")],
)
def test_a_family_has_moved_since_its_new_address_holds(began: str, since: str, form: str) -> None:
    expected = [("child", "recent_move", since), ("parent", "recent_move", since)]
    assert words(FORMS[form](move(began))) == expected


def test_an_address_in_a_changed_record_is_a_move_where_an_old_one_stands_beside_it() -> None:
    old, new = address("old", "2020-01-01"), address("home", "2026-11-01")
    assert {word for _, word, _ in words(as_json(message(RECORD, address=[old, new])))} == {"recent_move"}
    assert words(as_json(message(RECORD, address=[new]))) == []
    assert {word for _, word, _ in words(as_json(death(address=[old, new])))} == {"child_died", "parent_died"}


@pytest.mark.parametrize(
    ("updated", "since"),
    [
        ("2026-11-01T10:00:00+00:00", "2026-11-01T10:00:00"),
        ("2026-07-01T10:00:00.999Z", "2026-07-01T11:00:00"),
        ("2026-10-31T23:00:00-05:00", "2026-11-01T04:00:00"),
    ],
)
def test_a_word_holds_since_the_record_was_updated_in_local_time(updated: str, since: str) -> None:
    assert words(as_json(death("U", updated))) == [("child", "death_removed", since)]


def test_everything_that_one_message_says_is_heard() -> None:
    said = death(meta=restricted("R"), active=False)
    assert {word for subject, word, _ in words(as_json(said)) if subject == "child"} == {
        "child_died", "restricted_record", "identity_superseded",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        as_json(death("1"), move(), message(RECORD)),
        as_json(collection(death("1"), move(), message(RECORD))),
        as_xml(collection(death("1"), move(), message(RECORD))),
        b"\xef\xbb\xbf\r\n" + json.dumps(collection(death("1"), move(), message(RECORD)), indent=2).encode(),
        as_json(collection(death("1")), move(), collection(message(RECORD))),
    ],
    ids=["lines", "collection", "XML collection", "indented", "mixed"],
)
def test_a_file_holds_one_message_or_many(content: bytes) -> None:
    found = read(content)
    assert found.count == 3
    assert found.frame["row"].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("form", FORMS)
def test_a_collection_of_no_messages_says_that_nothing_changed(form: str) -> None:
    found = read(FORMS[form](collection()))
    assert (found.count, len(found.frame)) == (0, 0)


# --- what is refused ------------------------------------------------------------------------------


def changed(said: Tree, change: Callable[[Tree, Tree, Tree], Any]) -> Tree:
    """The message after a change to its bundle, header or patient."""
    own = copy.deepcopy(said)
    change(own, own["entry"][0]["resource"], own["entry"][-1]["resource"])
    return own


def _without_status(_: Tree, __: Tree, patient: Tree) -> None:
    del patient["extension"]


def _code(where: Tree, code: Any) -> None:
    where["extension"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = code


WRONG: dict[str, tuple[Tree, str]] = {
    "an event that was not agreed": (message("pds-birth-notification-1"), "MessageHeader.event"),
    "an event nobody knows": (message(f"{RECORD}-x"), "MessageHeader.event"),
    "an event of another system": (
        changed(death(), lambda _, header, __: header["event"].update(system="urn:other")),
        "MessageHeader.event",
    ),
    "a message that deletes another": (
        changed(death(), lambda _, header, __: header["extension"][1]["valueCodeableConcept"]["coding"][0]
                .update(code="delete")), "MessageHeader.event",
    ),
    "no kind of event": (
        changed(death(), lambda _, header, __: header["extension"].pop()), "messageEventType",
    ),
    "a header of another profile": (
        changed(death(), lambda _, header, __: header["meta"].update(profile=["urn:x"])),
        "MessageHeader.meta",
    ),
    "a patient of another profile": (
        changed(death(), lambda *parts: parts[2]["meta"].update(profile=[])), "Patient.meta.profile",
    ),
    "two patients": (
        message(RECORD, {"resourceType": "Patient", "identifier": [{"value": OTHER_NUMBER}]}), "Patient",
    ),
    "no patient": (changed(death(), lambda bundle, *_: bundle["entry"].pop()), "Patient"),
    "no header": (changed(death(), lambda bundle, *_: bundle["entry"].pop(0)), "Bundle.entry"),
    "the header last": (changed(death(), lambda bundle, *_: bundle["entry"].reverse()), "Bundle.entry"),
    "two headers": (
        changed(death(), lambda bundle, *_: bundle["entry"].insert(1, bundle["entry"][0])), "MessageHeader",
    ),
    "no NHS number": (death(identifier=[]), "Patient.identifier"),
    "a blank NHS number": (death(number=""), "Patient.identifier"),
    "two NHS numbers": (
        changed(death(), lambda *parts: parts[2]["identifier"].append(parts[2]["identifier"][0])),
        "Patient.identifier",
    ),
    "another number in the header": (
        changed(death(), lambda *parts: parts[2]["identifier"][0].update(value=OTHER_NUMBER)),
        "Patient.identifier",
    ),
    "a number that is not verified": (
        changed(death(), lambda *parts: parts[2]["identifier"][0]["extension"][0]["valueCodeableConcept"]
                ["coding"][0].update(code="02")), "Patient.identifier",
    ),
    "an identifier that is text": (death(identifier=NUMBER), "Patient.identifier"),
    "a death of no status": (changed(death(), _without_status), "deathNotificationStatus"),
    "a death of an unknown status": (death("3"), "deathNotificationStatus"),
    "a removal with a day of death": (
        death("U", deceasedDateTime="2026-10-31"), "deathNotificationStatus",
    ),
    "a removal that says dead": (death("U", deceasedBoolean=True), "deathNotificationStatus"),
    "two notices of death": (
        changed(death(), lambda *parts: parts[2]["extension"].append(parts[2]["extension"][0])),
        "deathNotificationStatus",
    ),
    "a death of no moment": (
        changed(death(), lambda _, header, __: header["meta"].pop("lastUpdated")), "MessageHeader.meta",
    ),
    "a moment without a zone": (death(updated="2026-11-01T10:00:00"), "MessageHeader.meta.lastUpdated"),
    "a moment that is a day": (death(updated="2026-11-01"), "MessageHeader.meta.lastUpdated"),
    "a moment that never was": (death(updated="2026-02-30T10:00:00Z"), "MessageHeader.meta.lastUpdated"),
    "a moment before all calendars": (death(updated="0001-01-01T00:00:00+14:00"), "MessageHeader.meta"),
    "a move to nowhere": (move(address=[address("old", "2020-01-01")]), "Patient.address"),
    "a move to two homes": (move(address=[address("home", "2026-11-01")] * 2), "Patient.address"),
    "a move in no month": (move("2026"), "Patient.address.period.start"),
    "a move of no day": (move(address=[{"use": "home"}]), "Patient.address.period.start"),
    "a modifier": (death(modifierExtension=[{"url": "urn:not", "valueBoolean": True}]), "Patient"),
    "no message": (message(RECORD) | {"type": "batch"}, "Bundle"),
    "a message in its wrapper": (
        message(RECORD) | {"entry": [*message(RECORD)["entry"][:1], {"resource": death()}]}, "Bundle.entry",
    ),
    "a bare patient": ({"resourceType": "Patient"}, "Bundle"),
    "a collection of patients": (collection({"resourceType": "Patient"}), "Bundle"),
    "a collection of nothing": (
        collection(death()) | {"entry": [{"fullUrl": "urn:uuid:1"}]}, "Bundle",
    ),
    "a collection of collections": (collection(collection(death())), "Bundle"),
}  # fmt: skip


# In JSON alone: XML knows no other types.
WRONG_TYPES: dict[str, tuple[Tree, str]] = {
    "an NHS number that is a number": (
        changed(death(), lambda *parts: parts[2]["identifier"][0].update(value=int(NUMBER))),
        "Patient.identifier",
    ),
    "a status that is a number": (
        changed(death(), lambda *parts: _code(parts[2], 2)), "deathNotificationStatus",
    ),
    "a removal whose status is a number": (
        changed(death("U"), lambda *parts: _code(parts[2], 0)), "deathNotificationStatus",
    ),
    "a number that is a list": (
        changed(death(), lambda *parts: parts[2]["identifier"][0].update(value=[[NUMBER]])),
        "Patient.identifier",
    ),
    "a patient that is text": (
        changed(death(), lambda bundle, *_: bundle["entry"][-1].update(resource=NUMBER)), "Patient",
    ),
    "a bundle whose type is an object": (death() | {"type": {"value": "message"}}, "Bundle"),
    "no name of a resource": (death() | {"resourceType": 1}, "Bundle"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", WRONG)
def test_a_message_that_is_not_as_specified_is_refused(what: str, form: str) -> None:
    said, place = WRONG[what]
    check_refused(FORMS[form](said), place)
    check_refused(FORMS[form](collection(move(), said)), place, "message 2")


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_a_value_of_another_type_is_none(what: str) -> None:
    said, place = WRONG_TYPES[what]
    check_refused(as_json(move(), said), place, "message 2")


def check_refused(content: bytes, *places: str) -> None:
    """Refused with its place and no value."""
    with pytest.raises(MessageUnusable) as refused:
        read(content)
    shown = str(refused.value)
    for place in places:
        assert place in shown
    for value in (NUMBER, OTHER_NUMBER, "SAMPLESON", "urn:x", "2026"):
        assert value not in shown


def test_half_a_file_is_none() -> None:
    with pytest.raises(MessageUnusable, match="message 3"):
        read(as_json(death(), move(), message(RECORD, identifier=[]), death()))


_BILLION = b'<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
_FILE = b'<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
XML = b'<Bundle xmlns="http://hl7.org/fhir">'

HOSTILE: dict[str, tuple[bytes, str]] = {
    "expanding entities": (_BILLION + XML + b"<id>&b;</id></Bundle>", "declares a document type"),
    "a file of ours": (_FILE + XML + b"<id>&secret;</id></Bundle>", "declares a document type"),
    "another file's grammar": (
        b'<!DOCTYPE a SYSTEM "http://localhost:1/x.dtd">' + XML + b"</Bundle>", "declares",
    ),
    "deep XML": (XML + b"<entry>" * 100_000, "deeper or larger"),
    "deep narrative": (XML + b'<div xmlns="http://www.w3.org/1999/xhtml">' * 10_000, "deeper or larger"),
    "deep JSON objects": (b'{"a":' * 100_000, "no FHIR resource"),
    "deep JSON lists": (b'{"a":' + b"[" * 100_000, "no FHIR resource"),
    "JSON as deep as it may be read": (
        b'{"a":' * 100 + b"1" + b"}" * 100, "deeper or larger",
    ),
    "XML that is cut off": (as_xml(death())[:-20], "not well-formed"),
    "JSON that is cut off": (as_json(death())[:-20], "no FHIR resource"),
    "an element of another language": (b'<Bundle xmlns="urn:other"/>', "not FHIR's"),
    "an element of no language": (b"<Bundle/>", "not FHIR's"),
    "an unknown encoding": (
        b'<?xml version="1.0" encoding="nonsense"?>' + XML + b"</Bundle>", "not well-formed",
    ),
    "bytes of no text": (b"{\xff}", "not in UTF-8"),
    "a list": (b"[]", "no FHIR resource"),
    "a name that stands twice": (
        b'{"resourceType": "Bundle", "type": "collection", "type": "message"}', "no FHIR",
    ),
    "no number": (b'{"resourceType": "Bundle", "total": NaN}', "no FHIR"),
    "a huge number": (b'{"resourceType": "Bundle", "total": ' + b"9" * 10_000 + b"}", "no FHIR"),
    "CSV": (b"subject,nhs_number,word\r\n", "no FHIR"),
    "nothing": (b"", "empty"),
    "blanks": (b" \r\n", "empty"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_broken_files_are_refused_and_not_quoted(kind: str) -> None:
    content, what = HOSTILE[kind]
    with pytest.raises(IntegrityError, match=what) as refused:
        read(content)
    assert "aaaaaaaaaa" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_with_more_elements_than_any_feed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.intake.tree.MOST_ELEMENTS", 1_000)
    for content in (as_json(*[death()] * 20), as_xml(collection(*[death()] * 20))):
        with pytest.raises(IntegrityError, match="deeper or larger"):
            read(content)


def test_narrative_is_for_people_and_is_not_read() -> None:
    text = b'<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>R</p></div></text>'
    content = as_xml(move()).replace(b"<gender", text + b"<gender")
    assert {word for _, word, _ in words(content)} == {"recent_move"}


def test_messages_are_about_the_event_that_their_header_names() -> None:
    """A removal of a notice of death in another event takes no death back."""
    said = death("U")
    said["entry"][0]["resource"]["event"]["code"] = ADDRESS
    said["entry"][-1]["resource"]["address"] = [address("home", "2026-11-01")]
    assert {word for _, word, _ in words(as_json(said))} == {"recent_move"}
