"""One event message of the National Events Management Service, held against its specification.

FHIR STU3 with CareConnect profiles. What every event has stands here: the bundle, its header, who is who,
notices of death, restrictions, moments. What an event says is read by `fhir` (changes) and `fhir_births`.
A message that is not exactly as specified is not guessed at: the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TypeVar

from pipeline.errors import IntegrityError
from pipeline.intake.tree import Element, read_resources

BIRTH, DEATH = "pds-birth-notification-1", "pds-death-notification-1"
ADDRESS, RECORD = "pds-change-of-address-1", "pds-record-change-1"

CARE_CONNECT = "https://fhir.hl7.org.uk/STU3/StructureDefinition"
_HEADER_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/Event-MessageHeader-1"
_EVENTS = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
_EVENT_TYPE = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"
_EVENT_TYPES = "https://fhir.nhs.uk/STU3/CodeSystem/MessageEventType-1"
_ROUTING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_VERIFIED = f"{CARE_CONNECT}/Extension-CareConnect-NHSNumberVerificationStatus-1"
_DEATH = f"{CARE_CONNECT}/Extension-CareConnect-DeathNotificationStatus-1"
_DEATHS = "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1"

_T = TypeVar("_T")

UPDATED = "MessageHeader.meta.lastUpdated"
_NOTICE = "Patient.extension(deathNotificationStatus)"
_UNRESTRICTED = "U"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)


class MessageUnusable(IntegrityError):
    """A message that is not as specified."""

    problem = "message_unusable"


def read_bundles(content: bytes, where: str) -> Iterator[Element]:
    """What should be a message each, in order: bundles, or what collections of them hold.

    Raises Unreadable for content that is not FHIR, MessageUnusable for a file without anything.
    """
    empty = True
    for resource in read_resources(content, where=where):
        empty = False
        if resource.name == "Bundle" and values(resource, "type") == ["collection"]:
            yield from (_within(entry) for entry in resource.all("entry"))
        else:
            yield resource
    if empty:
        raise unusable("The file is empty", where, "Bundle")


def _within(entry: Element) -> Element:
    """The one resource in an entry; the entry itself, which is no message, where there is not one."""
    inside = [part for one in entry.all("resource") for part in one.parts]
    return inside[0] if len(inside) == 1 else entry


def values(element: Element, *path: str) -> list[str]:
    """The values at the end of a path of names."""
    return [one.value for one in element.all(*path)]


def unusable(what: str, where: str, element: str) -> MessageUnusable:
    """The refusal of a file for one of its messages, by the element and without a value."""
    return MessageUnusable(
        what,
        where=f"{where}, {element}",
        do="Nothing of the file was applied: a message that cannot be understood may tell of a death. Ask "
        "the supplier what changed in its messages, and agree it before this file is applied.",
    )


class Message:
    """One message: its header, its resources, and what may be read of each patient."""

    def __init__(self, bundle: Element, zone: tzinfo, where: str) -> None:
        self.zone, self.where = zone, where
        if bundle.name != "Bundle" or values(bundle, "type") != ["message"]:
            raise self.wrong("It is no message, nor a collection of messages", "Bundle.type")
        self.entries = bundle.all("entry")
        self.resources = [part for one in self.entries for part in one.all("resource") for part in part.parts]
        if self.of_kind("Bundle"):
            raise self.wrong(
                "The message is still in the wrapper that it travelled in (ITK3)", "Bundle.entry"
            )
        if not self.resources or self.resources[0].name != "MessageHeader":
            raise self.wrong("The first entry of a message is its header", "Bundle.entry")
        self.header = self.one(self.of_kind("MessageHeader"), "MessageHeader")
        for resource in (bundle, self.header):
            self.check_unmodified(resource)

    def of_kind(self, name: str) -> list[Element]:
        """The message's resources of one kind."""
        return [one for one in self.resources if one.name == name]

    def check_unmodified(self, resource: Element) -> None:
        """Raises MessageUnusable where something changes what the rest of the resource means."""
        if resource.all("modifierExtension") or resource.all("implicitRules"):
            raise self.wrong("It holds something that changes what the rest means", resource.name)

    def check_profile(self, resource: Element, profile: str) -> None:
        """Raises MessageUnusable unless the resource says that it follows the profile."""
        if profile not in values(resource, "meta", "profile"):
            raise self.wrong("It does not say that it follows the profile", f"{resource.name}.meta.profile")

    # What the event is, and about whom.

    def event(self) -> str:
        """The event's code; a message that updates or deletes an earlier one is not specified."""
        self.check_profile(self.header, _HEADER_PROFILE)
        code = self.code(self.header.all("event"), _EVENTS, "MessageHeader.event")
        kinds = [
            part
            for one in self.header.extensions(_EVENT_TYPE)
            for part in one.all("valueCodeableConcept", "coding")
        ]
        kind = self.code(kinds, _EVENT_TYPES, "MessageHeader.extension(messageEventType)")
        if kind != "new":
            raise self.wrong("This event is not one that was agreed", "MessageHeader.event")
        return code

    def nhs_number(self, patient: Element) -> str:
        """The one NHS number that a patient's record gives; the check digit is looked at later."""
        identifier = self.one(self.numbered(patient), "Patient.identifier")
        number = self.one(values(identifier, "value"), "Patient.identifier.value")
        verified = [
            code
            for one in identifier.extensions(_VERIFIED)
            for code in values(one, "valueCodeableConcept", "coding", "code")
        ]
        if verified and verified != ["01"]:
            raise self.wrong("The NHS number is not verified", "Patient.identifier")
        if not number:
            raise self.wrong("The NHS number is blank", "Patient.identifier")
        return number

    def numbered(self, patient: Element) -> list[Element]:
        """A patient's identifiers that are NHS numbers."""
        return [one for one in patient.all("identifier") if values(one, "system") == [_NHS_NUMBER]]

    def routed(self) -> list[str]:
        """The NHS numbers that the header gives."""
        return [
            value
            for one in self.header.extensions(_ROUTING)
            for part in one.extensions("nhsNumber")
            for value in values(part, "valueIdentifier", "value")
        ]

    # What a patient's record says.

    def death(self, patient: Element, *, expected: bool = False) -> tuple[str, bool]:
        """The code of a notice of death ("" where there is none), and whether the record says dead.

        The notice stands in an extension of its own, or, as an example that was published with the
        specification has it, directly in the record.
        """
        given = [*patient.all("deceasedDateTime"), *patient.all("deceasedBoolean")]
        dead = any(one.value != "false" for one in given)
        statuses = [
            *patient.extensions("deathNotificationStatus"),
            *(
                part
                for one in patient.extensions(_DEATH)
                for part in one.extensions("deathNotificationStatus")
            ),
        ]
        notices = [part for one in statuses for part in one.all("valueCodeableConcept", "coding")]
        code = self.code(notices, _DEATHS, _NOTICE) if statuses or expected else ""
        if code not in ("", "1", "2", "U") or (code == "U" and dead):
            raise self.wrong("The notice of death is not as specified", _NOTICE)
        return code, dead

    def restricted(self, patient: Element) -> bool:
        """Any confidentiality other than `U` restricts, and so does one without a code."""
        return any(values(label, "code") != [_UNRESTRICTED] for label in patient.all("meta", "security"))

    def superseded(self, patient: Element) -> bool:
        """The record was replaced by another, or counts no more."""
        return "replaced-by" in values(patient, "link", "type") or "false" in values(patient, "active")

    # Moments.

    def updated(self, *, must: bool) -> str:
        """When the record was updated, local time; "" where the header does not say it and need not."""
        given = values(self.header, "meta", "lastUpdated")
        if not given and not must:
            return ""
        updated = self.one(given, UPDATED)
        if not _INSTANT.match(updated):
            raise self.wrong("This is no instant", UPDATED)
        return self.local(updated, UPDATED)

    def local(self, text: str, element: str) -> str:
        """A day or an instant as local time, to the second, as a contract's rows write it."""
        try:
            if _DAY.match(text):
                return datetime.fromisoformat(text).strftime("%Y-%m-%d")
            if _INSTANT.match(text):
                moment = datetime.fromisoformat(text).astimezone(self.zone)
                return moment.strftime("%Y-%m-%dT%H:%M:%S")
        except (ValueError, OverflowError):
            pass
        raise self.wrong("This is no day, nor an instant", element)

    # Pieces.

    def code(self, codings: list[Element], system: str, element: str) -> str:
        """The one code of a code system."""
        coding = self.one(codings, element)
        code = self.one(values(coding, "code"), element)
        if values(coding, "system") != [system] or not code:
            raise self.wrong("The code is not of the specified system", element)
        return code

    def one(self, found: list[_T], element: str) -> _T:
        """The only one; raises MessageUnusable where there are none or several."""
        if len(found) != 1:
            raise self.wrong(f"There must be one, and there are {len(found)}", element)
        return found[0]

    def wrong(self, what: str, element: str) -> MessageUnusable:
        """The refusal of this message, for the element."""
        return unusable(what, self.where, element)
