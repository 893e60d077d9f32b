"""From FHIR event messages to the rows of a feed of changes.

The messages are those of the National Events Management Service: a death notification, a change of
address, a change of a record of the Personal Demographics Service. One message is about one patient, by
NHS number alone; nobody says whether that is a child or somebody's parent, so each word is said of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo

import pandas as pd

from pipeline.intake.fhir_message import (
    ADDRESS,
    BIRTH,
    CARE_CONNECT,
    DEATH,
    RECORD,
    Message,
    read_bundles,
    values,
)

COLUMNS = ["row", "subject", "nhs_number", "word", "since"]  # of the contract for changes

_PATIENT_PROFILE = f"{CARE_CONNECT}/CareConnect-Patient-1"
_BEGAN = "Patient.address.period.start"


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
    for bundle in read_bundles(content, where):
        count += 1
        words = _Change(bundle, zone, f"{where}, message {count}").words()
        rows += [{"row": count, **said} for said in words]
    text = dict.fromkeys(COLUMNS[1:], "str")
    return Messages(pd.DataFrame(rows, columns=COLUMNS).astype({"row": "int64", **text}), count)


class _Change(Message):
    """A message about one patient."""

    def words(self) -> list[dict[str, str]]:
        """Subject, NHS number, word and since of everything that it says against sharing."""
        event = self._event()
        self.patient = self.one(self.of_kind("Patient"), "Patient")
        self.check_unmodified(self.patient)
        self.check_profile(self.patient, _PATIENT_PROFILE)
        number = self.nhs_number(self.patient)
        if self.routed() != [number]:
            raise self.wrong("The header and the patient do not give one NHS number", "Patient.identifier")
        said = [*self._of_death(event), *self._of_record(), *self._of_address(event)]
        return [
            {"subject": subject, "nhs_number": number, "word": word, "since": since}
            for child, parent, since in said
            for subject, word in (("child", child), ("parent", parent))
            if word
        ]

    def _event(self) -> str:
        event = self.event()
        if event == BIRTH:
            raise self.wrong("A birth notification belongs to an extract of births", "MessageHeader.event")
        if event not in (DEATH, ADDRESS, RECORD):
            raise self.wrong("This event is not one that was agreed", "MessageHeader.event")
        return event

    # What it says. Of each: the word about a child, the word about a parent, and since when.

    def _of_death(self, event: str) -> Iterator[tuple[str, str, str]]:
        """A notice of death, formal or not; or that it was removed, which only such an event may say.

        What was said of a parent's death stands: nobody takes it back by itself.
        """
        code, dead = self.death(self.patient, expected=event == DEATH)
        if code in ("1", "2") or dead:
            yield "child_died", "parent_died", self.updated(must=event != RECORD)
        elif code == "U" and event == DEATH:
            yield "death_removed", "", self.updated(must=True)

    def _of_record(self) -> Iterator[tuple[str, str, str]]:
        """A restriction, or a number that counts no more; a change of a record need not say since when."""
        if self.restricted(self.patient):
            yield "restricted_record", "restricted_record", self.updated(must=False)
        if self.superseded(self.patient):
            yield "identity_superseded", "identity_superseded", self.updated(must=False)

    def _of_address(self, event: str) -> Iterator[tuple[str, str, str]]:
        """A move: the day from which the new home holds. Without an old address beside it, it is none."""
        homes = [one for one in self.patient.all("address") if values(one, "use") == ["home"]]
        left = any(values(one, "use") == ["old"] for one in self.patient.all("address"))
        if event != ADDRESS and not (homes and left and event == RECORD):
            return
        began = values(self.one(homes, "Patient.address"), "period", "start")
        since = self.local(self.one(began, _BEGAN), _BEGAN)
        yield "recent_move", "recent_move", since
