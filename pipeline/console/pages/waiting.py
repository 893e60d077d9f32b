"""*Waiting for you*: what waits for people now, first what waits for whoever looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from fastapi.responses import Response

from pipeline.agreements.words import on_day
from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import BirthshareError
from pipeline.questions.things import Thing, Waits
from pipeline.questions.waiting_for_people import things_to_do
from pipeline.reporting.pages import called
from pipeline.roles import Role

pages = Pages()

ALIKE = 3  # things of one kind that are all seen; of more, the first, and the others folded below it


class Place(NamedTuple):
    """Where a thing is looked at here, and whether it is also done there."""

    path: str
    act: Act  # that the page is
    done: bool = False


_MONTH = Place("/months/{month}", Act.SEE_MONTHS)
_RELEASE = Place("/months/{month}/release", Act.SEE_MONTHS, done=True)
_PROOF = Place("/proof", Act.SEE_PROOF)
_RECALLS = Place("/recalls", Act.SEE_RECALLS)
_AGREEMENT = Place("/agreements/{version}", Act.SEE_AGREEMENTS)

# What is not here is done on the command line alone.
PLACES: Mapping[Waits, Place] = {
    Waits.LEDGER_DAMAGED: _PROOF,
    Waits.RECALL_LATE: _RECALLS,
    Waits.NOTICE_UNDELIVERED: _RECALLS,
    Waits.EXTRACT_REFUSED: _MONTH,
    Waits.EXTRACT_LATE: _MONTH,
    Waits.DRIFT: Place("/months/{month}/drift", Act.SEE_MONTHS, done=True),
    Waits.MONTH_STOPPED: _MONTH,
    Waits.RELEASE_FIRST: _RELEASE,
    Waits.RELEASE_SECOND: _RELEASE,
    Waits.DELIVERY: _MONTH,
    Waits.MONTH_TO_END: _MONTH,
    Waits.MONTH_TO_CLOSE: _MONTH,
    Waits.WORKING_FILES_END: _MONTH,
    Waits.POSTCODES: Place("/map/review/{month}", Act.REVIEW_POSTCODES, done=True),
    Waits.UNCOLLECTED: _RECALLS,
    Waits.UNACKNOWLEDGED: _RECALLS,
    Waits.NOT_DESTROYED: _RECALLS,
    Waits.REGISTER_UNSIGNED: Place("/recipients/changes", Act.SEE_RECIPIENTS, done=True),
    Waits.KEY_ENDS: Place("/recipients/{recipient}", Act.SEE_RECIPIENTS),
    Waits.AGREEMENT_SUSPENDED: _AGREEMENT,
    Waits.AGREEMENT_STOPPED: _AGREEMENT,
    Waits.AGREEMENT_UNSIGNED: _AGREEMENT._replace(done=True),
    Waits.AGREEMENT_REVIEW: _AGREEMENT,
    Waits.AGREEMENT_EXPIRY: _AGREEMENT,
    Waits.RETENTION: Place("/transfers/retention", Act.SEE_TRANSFERS),
    Waits.DIRECTORY_OLD: Place("/map", Act.SEE_MAP),
    Waits.PLACE_NOT_REACHED: _PROOF,
    Waits.WITNESS_LATE: _PROOF,
}


@dataclass(frozen=True)
class Shown:
    """A thing as the list shows it."""

    thing: Thing
    recipient: str  # by name
    page: str  # of the console; "" where there is none that this person may open
    command: str  # "" where the page does it

    @property
    def words(self) -> str:
        """What waits, as a sentence begins; a name or code that stands first stays as it is written."""
        words = replace(self.thing, recipient=self.recipient).words
        return words if self.thing.kind.wording.startswith("{") else words[0].upper() + words[1:]

    @classmethod
    def to(cls, visit: Visit, thing: Thing, names: Mapping[str, str]) -> Shown:
        """With the page for it, the command, or both."""
        recipient = called(thing.recipient, names)
        place = PLACES.get(thing.kind)
        if place is None or not visit.may(place.act):
            return cls(thing, recipient, "", thing.command)
        version = "/".join(thing.agreement.rsplit(".v", 1))
        page = place.path.format(month=thing.month, recipient=thing.recipient, version=version)
        return cls(thing, recipient, page, "" if place.done else thing.command)


@pages.page("/", Act.SEE_WAITING)
def waiting(visit: Asked) -> Response:
    """The list, by whose turn it is."""
    names, things = _names(visit), things_to_do(visit.home, visit.now)
    mine = visit.person.roles
    others = [role for role in Role if role not in mine]
    return visit.page(
        "waiting.html",
        mine=_alike(Shown.to(visit, one, names) for one in things if one.role in mine),
        on_day=on_day,
        others={
            role: found
            for role in others
            if (found := _alike(Shown.to(visit, one, names) for one in things if one.role is role))
        },
    )


def _names(visit: Visit) -> dict[str, str]:
    """Recipients' names by code; none where the register cannot be read, which is told as a thing itself."""
    try:
        return {code: one.name for code, one in visit.home.recipients().items()}
    except BirthshareError:
        return {}


def _alike(things: Iterable[Shown]) -> list[tuple[Shown, list[Shown]]]:
    """Each with the others of its kind that are folded below it."""
    found: list[tuple[Shown, list[Shown]]] = []
    for _, group in groupby(things, key=lambda one: (one.thing.urgency, one.thing.kind)):
        first, *others = group
        if len(others) < ALIKE:
            found += [(one, []) for one in (first, *others)]
        else:
            found.append((first, others))
    return found
