"""From FHIR event messages to the rows of a feed of changes.

The messages are those of the National Events Management Service (FHIR STU3, CareConnect profiles): a death
notification, a change of address, a change of a record of the Personal Demographics Service. One message is
about one patient, by NHS number alone; nobody says whether that is a child or somebody's parent, so each
word is said of both. A message that is not exactly as specified is not guessed at: the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TypeVar

import pandas as pd

from pipeline.errors import IntegrityError
from pipeline.intake.tree import Element, read_resources

_HEADER_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/Event-MessageHeader-1"
_PATIENT_PROFILE = "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Patient-1"
_EVENTS = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
_EVENT_TYPE = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"
_EVENT_TYPES = "https://fhir.nhs.uk/STU3/CodeSystem/MessageEventType-1"
_ROUTING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_VERIFIED = (
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1"
)
_DEATH = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DeathNotificationStatus-1"
_DEATHS = "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1"

_T = TypeVar("_T")

DEATH, ADDRESS, RECORD = "pds-death-notification-1", "pds-change-of-address-1", "pds-record-change-1"

_UNRESTRICTED = "U"
_UPDATED, _BEGAN = "MessageHeader.meta.lastUpdated", "Patient.address.period.start"
_NOTICE = "Patient.extension(deathNotificationStatus)"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)

COLUMNS = ["row", "subject", "nhs_number", "word", "since"]  # of the contract for changes


class MessageUnusable(IntegrityError):
    """A message that is not as specified."""

    problem = "message_unusable"


@dataclass(frozen=True)
class Messages:
    """What a file of messages says: every word of every message."""

    frame: pd.DataFrame = field(repr=False)  # COLUMNS as text; `row` is the message's number in the file
    count: int  # messages; one that says nothing against sharing has no row


def read_messages(content: bytes, *, zone: tzinfo, where: str) -> Messages:
    """The words in a file of FHIR bundles: each a message, or a collection of messages.

    A collection without entries says that there were no changes. `zone` is that of local time. Raises
    IntegrityError, with the message's number, the element and no value, for anything that is not as
    specified.
    """
    rows, count = [], 0
    for message in _messages(content, where):
        count += 1
        words = _Message(message, zone, f"{where}, message {count}").words()
        rows += [{"row": count, **said} for said in words]
    text = dict.fromkeys(COLUMNS[1:], "str")
    return Messages(pd.DataFrame(rows, columns=COLUMNS).astype({"row": "int64", **text}), count)


def _messages(content: bytes, where: str) -> Iterator[Element]:
    """What should be a message each, in order."""
    empty = True
    for resource in read_resources(content, where=where):
        empty = False
        if resource.name == "Bundle" and _values(resource, "type") == ["collection"]:
            yield from (_within(entry) for entry in resource.all("entry"))
        else:
            yield resource
    if empty:
        raise _unusable("The file is empty", where, "Bundle")


def _within(entry: Element) -> Element:
    """The one resource in an entry; the entry itself, which is no message, where there is not one."""
    inside = [part for one in entry.all("resource") for part in one.parts]
    return inside[0] if len(inside) == 1 else entry


def _values(element: Element, *path: str) -> list[str]:
    return [one.value for one in element.all(*path)]


def _unusable(what: str, where: str, element: str) -> MessageUnusable:
    return MessageUnusable(
        what,
        where=f"{where}, {element}",
        do="Nothing of the file was applied: a message that cannot be understood may tell of a death. Ask "
        "the supplier what changed in its messages, and agree it before this file is applied.",
    )


class _Message:
    """One message, held against its specification piece by piece."""

    def __init__(self, bundle: Element, zone: tzinfo, where: str) -> None:
        self.zone, self.where = zone, where
        if bundle.name != "Bundle" or _values(bundle, "type") != ["message"]:
            raise self._wrong("It is no message, nor a collection of messages", "Bundle.type")
        resources = [part for one in bundle.all("entry", "resource") for part in one.parts]
        if not resources or resources[0].name != "MessageHeader":
            raise self._wrong("The first entry of a message is its header", "Bundle.entry")
        self.header = self._one([one for one in resources if one.name == "MessageHeader"], "MessageHeader")
        self.patient = self._one([one for one in resources if one.name == "Patient"], "Patient")
        for resource in (bundle, self.header, self.patient):
            if resource.all("modifierExtension") or resource.all("implicitRules"):
                raise self._wrong("It holds something that changes what the rest means", resource.name)

    def words(self) -> list[dict[str, str]]:
        """Subject, NHS number, word and since of everything that it says against sharing."""
        self._check_profile(self.header, _HEADER_PROFILE)
        self._check_profile(self.patient, _PATIENT_PROFILE)
        event, number = self._event(), self._nhs_number()
        said = [*self._of_death(event), *self._of_record(), *self._of_address(event)]
        return [
            {"subject": subject, "nhs_number": number, "word": word, "since": since}
            for child, parent, since in said
            for subject, word in (("child", child), ("parent", parent))
            if word
        ]

    # What the event is, and about whom.

    def _event(self) -> str:
        """The event's code; a message that updates or deletes an earlier one is not specified."""
        code = self._code(self.header.all("event"), _EVENTS, "MessageHeader.event")
        kinds = [
            part
            for one in self.header.extensions(_EVENT_TYPE)
            for part in one.all("valueCodeableConcept", "coding")
        ]
        kind = self._code(kinds, _EVENT_TYPES, "MessageHeader.extension(messageEventType)")
        if code not in (DEATH, ADDRESS, RECORD) or kind != "new":
            raise self._wrong("This event is not one that was agreed", "MessageHeader.event")
        return code

    def _nhs_number(self) -> str:
        """The patient's NHS number, which the header gives too; the check digit is looked at later."""
        named = [one for one in self.patient.all("identifier") if _values(one, "system") == [_NHS_NUMBER]]
        identifier = self._one(named, "Patient.identifier")
        number = self._one(_values(identifier, "value"), "Patient.identifier.value")
        verified = [
            code
            for one in identifier.extensions(_VERIFIED)
            for code in _values(one, "valueCodeableConcept", "coding", "code")
        ]
        if verified and verified != ["01"]:
            raise self._wrong("The NHS number is not verified", "Patient.identifier")
        routed = [
            value
            for one in self.header.extensions(_ROUTING)
            for part in one.extensions("nhsNumber")
            for value in _values(part, "valueIdentifier", "value")
        ]
        if routed != [number] or not number:
            raise self._wrong("The header and the patient do not give one NHS number", "Patient.identifier")
        return number

    # What it says. Of each: the word about a child, the word about a parent, and since when.

    def _of_death(self, event: str) -> Iterator[tuple[str, str, str]]:
        """A notice of death, formal or not; or that it was removed, which only such an event may say.

        What was said of a parent's death stands: nobody takes it back by itself.
        """
        given = [*self.patient.all("deceasedDateTime"), *self.patient.all("deceasedBoolean")]
        dead = any(one.value != "false" for one in given)
        notices = [
            part
            for one in self.patient.extensions(_DEATH)
            for status in one.extensions("deathNotificationStatus")
            for part in status.all("valueCodeableConcept", "coding")
        ]
        code = self._code(notices, _DEATHS, _NOTICE) if notices or event == DEATH else ""
        if code not in ("", "1", "2", "U") or (code == "U" and dead):
            raise self._wrong("The notice of death is not as specified", _NOTICE)
        if code in ("1", "2") or dead:
            yield "child_died", "parent_died", self._updated(event)
        elif code == "U" and event == DEATH:
            yield "death_removed", "", self._updated(event)

    def _of_record(self) -> Iterator[tuple[str, str, str]]:
        """A restriction, or a number that counts no more."""
        labels = _values(self.patient, "meta", "security", "code")
        if any(label != _UNRESTRICTED for label in labels):
            yield "restricted_record", "restricted_record", self._updated(RECORD)
        replaced = "replaced-by" in _values(self.patient, "link", "type")
        if replaced or "false" in _values(self.patient, "active"):
            yield "identity_superseded", "identity_superseded", self._updated(RECORD)

    def _of_address(self, event: str) -> Iterator[tuple[str, str, str]]:
        """A move: the day from which the new home holds. Without an old address beside it, it is none."""
        homes = [one for one in self.patient.all("address") if _values(one, "use") == ["home"]]
        left = any(_values(one, "use") == ["old"] for one in self.patient.all("address"))
        if event != ADDRESS and not (homes and left and event == RECORD):
            return
        began = _values(self._one(homes, "Patient.address"), "period", "start")
        since = self._local(self._one(began, _BEGAN), _BEGAN)
        yield "recent_move", "recent_move", since

    # Pieces.

    def _updated(self, event: str) -> str:
        """When the record was updated; a change of a record need not say it, and is undated then."""
        given = _values(self.header, "meta", "lastUpdated")
        if event == RECORD and not given:
            return ""
        updated = self._one(given, _UPDATED)
        if not _INSTANT.match(updated):
            raise self._wrong("This is no instant", _UPDATED)
        return self._local(updated, _UPDATED)

    def _local(self, text: str, element: str) -> str:
        """A day or an instant as local time, to the second, as a feed writes it."""
        try:
            if _DAY.match(text):
                return datetime.fromisoformat(text).strftime("%Y-%m-%d")
            if _INSTANT.match(text):
                moment = datetime.fromisoformat(text).astimezone(self.zone)
                return moment.strftime("%Y-%m-%dT%H:%M:%S")
        except (ValueError, OverflowError):
            pass
        raise self._wrong("This is no day, nor an instant", element)

    def _code(self, codings: list[Element], system: str, element: str) -> str:
        """The one code of a code system."""
        coding = self._one(codings, element)
        code = self._one(_values(coding, "code"), element)
        if _values(coding, "system") != [system] or not code:
            raise self._wrong("The code is not of the specified system", element)
        return code

    def _check_profile(self, resource: Element, profile: str) -> None:
        if profile not in _values(resource, "meta", "profile"):
            raise self._wrong("It does not say that it follows the profile", f"{resource.name}.meta.profile")

    def _one(self, found: list[_T], element: str) -> _T:
        if len(found) != 1:
            raise self._wrong(f"There must be one, and there are {len(found)}", element)
        return found[0]

    def _wrong(self, what: str, element: str) -> MessageUnusable:
        return _unusable(what, self.where, element)
