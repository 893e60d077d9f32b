"""From FHIR birth notifications to the rows of an extract of births.

A birth notification of the National Events Management Service is about a mother and one baby. What it
does not say stays blank, and a blank holds the row later: only an explicit code says that a child was born
alive. Columns that no birth notification has are left out, so that an agreement that needs them is told.
"""

from __future__ import annotations

import re
from datetime import tzinfo

import pandas as pd

from pipeline.intake.fhir_message import (
    ADDRESS,
    BIRTH,
    CARE_CONNECT,
    DEATH,
    RECORD,
    Message,
    MessageUnusable,
    read_bundles,
    values,
)
from pipeline.intake.tree import Element

LINES = tuple(f"address_line_{number}" for number in range(1, 6))

# Of the contract for births. The answers are blank: they come in a companion file.
COLUMNS = (
    "record_id", "nhs_number", "date_of_birth", "time_of_birth", "sex", "live_or_still_birth",
    "number_of_births", "birth_order", "death_status", "date_of_death", "given_name", "family_name",
    "parent_given_name", "parent_family_name", "parent_nhs_number", "parent_date_of_birth",
    *LINES, "postcode", "address_since", "confidentiality", "consent_status", "consent_date", "last_updated",
)  # fmt: skip
_ONLY_WHERE_SAID = "parent_death_status"  # no birth notification need tell of the mother's death

_PATIENT, _OBSERVATION = f"{CARE_CONNECT}/CareConnect-Patient-1", f"{CARE_CONNECT}/CareConnect-Observation-1"
_COMMUNICATION = f"{CARE_CONNECT}/CareConnect-Communication-1"
_RELATED = f"{CARE_CONNECT}/CareConnect-RelatedPerson-1"
_BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
_ROLES, _NATURAL_MOTHER = "http://hl7.org/fhir/v3/RoleCode", "NMTH"
_SNOMED, _NUMBER_OF_BIRTHS, _STILLBIRTH = "http://snomed.info/sct", "382341000000101", "237364002"
_STILLBORN = "https://fhir.nhs.uk/STU3/CodeSystem/EMS-PDS-StillBornIndicator-1"
_STILLBORN_CODES = ("1", "2", "3", "4")
_STANDS = ("final", "amended", "corrected")  # the status of an observation that says something

_SEXES = {"male": "1", "female": "2", "other": "9", "unknown": "X"}
_OTHER_EVENTS = {DEATH: "a death", ADDRESS: "a change of address", RECORD: "a change of a record"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_FEWEST_LINES = 2  # blank lines are left out of a message: a single line may be a town alone
_A_DAY = "YYYY-MM-DD"
_WHOLE = re.compile(r"([0-9]{1,2})(\.0*)?\Z")


def read_births(content: bytes, *, zone: tzinfo, where: str) -> pd.DataFrame:
    """The births in a file of FHIR bundles, as text; `row` is the message's number in the file.

    A collection without entries says that there were no births. `zone` is that of local time. Raises
    IntegrityError, with the message's number, the element and no value, for anything that is not as
    specified, and for a message about another event: a death that waits for the month's extract to be
    read would come too late, and belongs to the feed of changes.
    """
    rows = [
        {"row": number, **_Birth(bundle, zone, f"{where}, message {number}").row()}
        for number, bundle in enumerate(read_bundles(content, where), start=1)
    ]
    said = [_ONLY_WHERE_SAID] if any(row[_ONLY_WHERE_SAID] for row in rows) else []
    columns = [*COLUMNS, *said]
    return pd.DataFrame(rows, columns=["row", *columns]).astype(
        {"row": "int64", **dict.fromkeys(columns, "str")}
    )


class _Birth(Message):
    """A message about a mother and one baby."""

    def row(self) -> dict[str, str]:
        """The birth in the contract's columns."""
        self._check_event()
        mother, baby = self._people()
        return {
            "record_id": self._record_id(),
            "last_updated": self.updated(must=False),
            "consent_status": "",
            "consent_date": "",
            **self._identity(mother, baby),
            **self._birth(mother, baby),
            **self._death(mother, baby),
            **self._names(mother, baby),
            **self._home(baby),
        }

    def _check_event(self) -> None:
        event = self.event()
        if event in _OTHER_EVENTS:
            raise MessageUnusable(
                f"This message tells of {_OTHER_EVENTS[event]}; an extract holds birth notifications alone",
                where=f"{self.where}, MessageHeader.event",
                do="Nothing of the file was used. Ask the supplier to send such messages in its feed of "
                "changes, which is heard as soon as it comes, and the births without them.",
            )
        if event != BIRTH:
            raise self.wrong("This event is not one that was agreed", "MessageHeader.event")

    # Who is who.

    def _people(self) -> tuple[Element, Element]:
        """The mother, who is the message's subject, and the baby, to whom she is related."""
        about = self.one(self.of_kind("Communication"), "Communication")
        related = self.one(self.of_kind("RelatedPerson"), "RelatedPerson")
        self._check(about, _COMMUNICATION)
        self._check(related, _RELATED)
        role = self.code(related.all("relationship", "coding"), _ROLES, "RelatedPerson.relationship")
        if role != _NATURAL_MOTHER:
            raise self.wrong("The relationship is not a mother's", "RelatedPerson.relationship")
        mother = self._patient(about, "subject")
        baby = self._patient(related, "patient")
        if mother is baby or len(self.of_kind("Patient")) != 2:
            raise self.wrong("The message is not about a mother and one baby", "Patient")
        for patient in (mother, baby):
            self._check(patient, _PATIENT)
            if self.superseded(patient):
                raise self.wrong("The record was replaced, or counts no more", "Patient.active")
        return mother, baby

    def _check(self, resource: Element, profile: str) -> None:
        self.check_profile(resource, profile)
        self.check_unmodified(resource)

    def _patient(self, resource: Element, name: str) -> Element:
        """The patient whom a resource refers to."""
        element = f"{resource.name}.{name}"
        reference = self.one(values(resource, name, "reference"), element)
        found = [
            part
            for entry in self.entries
            for part in entry.all("resource", "Patient")
            if reference in _called(entry, part)
        ]
        return self.one(found, element)

    def _record_id(self) -> str:
        """The message's own identifier, where it is a UUID as specified: other text may be personal."""
        own = self.one(values(self.header, "id")[:1] or [""], "MessageHeader.id").lower()
        return own if _UUID.match(own) else ""

    def _identity(self, mother: Element, baby: Element) -> dict[str, str]:
        """The NHS numbers, and whether access to either record is restricted."""
        own = self.nhs_number(baby)
        known = {self.nhs_number(mother)} if self.numbered(mother) else set()
        known |= set(self.routed())
        if len(known) > 1 or "" in known:
            raise self.wrong("The header and the mother do not give one NHS number", "Patient.identifier")
        if own in known:
            raise self.wrong("The mother and the baby have one NHS number", "Patient.identifier")
        labelled = bool(baby.all("meta", "security"))
        restricted = self.restricted(baby) or self.restricted(mother)
        return {
            "nhs_number": own,
            "parent_nhs_number": next(iter(known), ""),
            "confidentiality": "R" if restricted else "U" if labelled else "",
        }

    # The birth.

    def _birth(self, mother: Element, baby: Element) -> dict[str, str]:
        gender = self._at_most_one(values(baby, "gender"), "Patient.gender")
        if gender not in ("", *_SEXES):
            raise self.wrong("The code is not of the specified system", "Patient.gender")
        born = self.one(values(baby, "birthDate"), "Patient.birthDate")
        return {
            "date_of_birth": born,
            "time_of_birth": self._time(baby, born),
            "sex": _SEXES.get(gender, ""),
            "live_or_still_birth": self._stillborn(baby),
            "number_of_births": self._number_of_births(mother),
            "birth_order": self._whole(baby.all("multipleBirthInteger"), "Patient.multipleBirthInteger"),
            "parent_date_of_birth": self._at_most_one(values(mother, "birthDate"), "Patient.birthDate"),
        }

    def _time(self, baby: Element, born: str) -> str:
        """The local time of birth; "" where none is given, or one of another day than that of birth."""
        element = "Patient.birthDate.extension(patient-birthTime)"
        beside = [*baby.all("birthDate"), *baby.all("_birthDate")]  # as JSON writes an extension of a date
        given = [value for one in beside for part in one.extensions(_BIRTH_TIME) for value in _moments(part)]
        day, _, time = self.local(self.one(given, element), element).partition("T") if given else ("", "", "")
        return time if day == born else ""

    def _stillborn(self, baby: Element) -> str:
        """The code of a live or still birth; "" where no observation says it."""
        element = "Observation(237364002).valueCodeableConcept"
        codings = [
            one
            for found in self._observed(_STILLBIRTH, baby)
            for one in found.all("valueCodeableConcept", "coding")
        ]
        code = self.code(codings, _STILLBORN, element) if codings else ""
        if code not in ("", *_STILLBORN_CODES):
            raise self.wrong("The code is not of the specified system", element)
        return code

    def _number_of_births(self, mother: Element) -> str:
        quantities = [
            one
            for found in self._observed(_NUMBER_OF_BIRTHS, mother)
            for one in found.all("valueQuantity", "value")
        ]
        return self._whole(quantities, "Observation(382341000000101).valueQuantity")

    def _observed(self, code: str, subject: Element) -> list[Element]:
        """The observation of that code, which must be of that person; none where it does not stand."""
        element = f"Observation({code})"
        found = [one for one in self.of_kind("Observation") if _coded(one, code)]
        for one in found:
            self._check(one, _OBSERVATION)
            if self._patient(one, "subject") is not subject:
                raise self.wrong("The observation is of somebody else", f"{element}.subject")
        if len(found) > 1:
            raise self.wrong(f"There must be one, and there are {len(found)}", element)
        return [one for one in found if set(values(one, "status")) <= set(_STANDS) and one.all("status")]

    def _whole(self, found: list[Element], element: str) -> str:
        """A whole number of one or two digits, however it is written; "" where there is none."""
        number = self._at_most_one([one.number for one in found], element)
        whole = _WHOLE.match(number)
        if found and not whole:
            raise self.wrong("This is no whole number", element)
        return str(int(whole[1])) if whole else ""

    # What became of them, and where they are.

    def _death(self, mother: Element, baby: Element) -> dict[str, str]:
        """Newest notice of a death; a record that says dead without a notice counts as an informal one."""
        code, dead = self.death(baby)
        mothers_code, mother_dead = self.death(mother)
        element = "Patient.deceasedDateTime"
        moment = self._at_most_one(values(baby, "deceasedDateTime"), element)
        whole = len(moment) >= len(_A_DAY)  # a year, or a month, is no day
        return {
            "death_status": code or ("1" if dead else ""),
            "date_of_death": self.local(moment, element)[: len(_A_DAY)] if whole else "",
            _ONLY_WHERE_SAID: mothers_code or ("1" if mother_dead else ""),
        }

    def _names(self, mother: Element, baby: Element) -> dict[str, str]:
        given, family = self._name(baby)
        parent_given, parent_family = self._name(mother)
        return {
            "given_name": given,
            "family_name": family,
            "parent_given_name": parent_given,
            "parent_family_name": parent_family,
        }

    def _name(self, patient: Element) -> tuple[str, str]:
        """Given and family name: the official one, or else one that was given for the time being."""
        for use in ("official", "temp"):
            named = [one for one in patient.all("name") if values(one, "use") == [use]]
            if named:
                name = self.one(named, "Patient.name")
                family = self._at_most_one(values(name, "family"), "Patient.name.family")
                return " ".join(one for one in values(name, "given") if one), family
        return "", ""

    def _home(self, baby: Element) -> dict[str, str]:
        """The address where the child lives; blank where a temporary one says that it is elsewhere."""
        element, blank = "Patient.address", dict.fromkeys((*LINES, "postcode", "address_since"), "")
        homes = [one for one in baby.all("address") if values(one, "use") in ([], ["home"])]
        elsewhere = any(values(one, "use") == ["temp"] for one in baby.all("address"))
        if len(homes) > 1:
            raise self.wrong(f"There must be one, and there are {len(homes)}", element)
        if elsewhere or not homes or homes[0].all("period", "end"):
            return blank
        lines = values(homes[0], "line")
        if len(lines) > len(LINES):
            raise self.wrong(f"There are more than {len(LINES)} lines", f"{element}.line")
        if len(lines) < _FEWEST_LINES:
            lines = []
        began = self._at_most_one(values(homes[0], "period", "start"), f"{element}.period.start")
        since = self.local(began, f"{element}.period.start")[: len(_A_DAY)] if began else ""
        code = self._at_most_one(values(homes[0], "postalCode"), f"{element}.postalCode")
        return blank | dict(zip(LINES, lines, strict=False)) | {"postcode": code, "address_since": since}

    def _at_most_one(self, found: list[str], element: str) -> str:
        return self.one(found, element) if found else ""


def _called(entry: Element, resource: Element) -> set[str]:
    """What references may call a resource within its message."""
    own = [
        f"{prefix}{one}" for one in values(resource, "id") for prefix in ("urn:uuid:", f"{resource.name}/")
    ]
    return {name for name in (*values(entry, "fullUrl"), *own) if name}


def _coded(observation: Element, code: str) -> bool:
    codings = observation.all("code", "coding")
    return any(values(one, "system") == [_SNOMED] and values(one, "code") == [code] for one in codings)


def _moments(extension: Element) -> list[str]:
    return values(extension, "valueDateTime")
