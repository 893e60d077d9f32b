"""*Waiting for you*: what waits for people now, first what waits for whoever looks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from fastapi.responses import Response

from pipeline import facts
from pipeline.agreements.words import on_day
from pipeline.console.commands import has_page
from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import BirthshareError
from pipeline.home import Home
from pipeline.questions.things import Thing, Waits
from pipeline.questions.waiting_for_people import things_to_do
from pipeline.reporting.pages import called
from pipeline.roles import Role

pages = Pages()

ALIKE = 3  # things of one kind that are all seen; of more, the first, and the others folded below it


class Place(NamedTuple):
    """Where a thing is looked at here."""

    path: str
    act: Act  # that the page is


_MONTH = Place("/months/{month}", Act.SEE_MONTHS)
_RELEASE = Place("/months/{month}/release", Act.SEE_MONTHS)
_PROOF = Place("/proof", Act.SEE_PROOF)
_RECALLS = Place("/recalls", Act.SEE_RECALLS)
_CHANGES = Place("/recipients/register/changes", Act.SEE_RECIPIENTS)
_AGREEMENT = Place("/agreements/{version}", Act.SEE_AGREEMENTS)

# What is not here is done on the command line alone.
PLACES: Mapping[Waits, Place] = {
    Waits.LEDGER_DAMAGED: _PROOF,
    Waits.RECALL_LATE: _RECALLS,
    Waits.NOTICE_UNDELIVERED: _RECALLS,
    Waits.EXTRACT_REFUSED: _MONTH,
    Waits.EXTRACT_LATE: _MONTH,
    Waits.DRIFT: Place("/months/{month}/drift", Act.SEE_MONTHS),
    Waits.MONTH_STOPPED: _MONTH,
    Waits.RELEASE_FIRST: _RELEASE,
    Waits.RELEASE_SECOND: _RELEASE,
    Waits.DELIVERY: _MONTH,
    Waits.MONTH_TO_END: _MONTH,
    Waits.MONTH_TO_CLOSE: _MONTH,
    Waits.WORKING_FILES_END: _MONTH,
    Waits.POSTCODES: Place("/map/review/{month}", Act.REVIEW_POSTCODES),
    Waits.UNCOLLECTED: _RECALLS,
    Waits.UNACKNOWLEDGED: _RECALLS,
    Waits.NOT_DESTROYED: _RECALLS,
    Waits.REGISTER_UNSIGNED: _CHANGES,
    Waits.AREAS_UNSIGNED: _CHANGES,
    Waits.KEY_ENDS: Place("/recipients/{recipient}", Act.SEE_RECIPIENTS),
    Waits.AGREEMENT_SUSPENDED: _AGREEMENT,
    Waits.AGREEMENT_STOPPED: _AGREEMENT,
    Waits.AGREEMENT_UNSIGNED: _AGREEMENT,
    Waits.AGREEMENT_REVIEW: _AGREEMENT,
    Waits.AGREEMENT_EXPIRY: _AGREEMENT,
    Waits.RETENTION: Place("/transfers/retention", Act.SEE_TRANSFERS),
    Waits.DIRECTORY_OLD: Place("/map", Act.SEE_MAP),
    Waits.PLACE_NOT_REACHED: _PROOF,
    Waits.WITNESS_LATE: _PROOF,
}


@dataclass(frozen=True)
class Known:
    """What things are called, and which months there are."""

    recipients: Mapping[str, str]  # names by code
    months: Collection[str]  # that were begun

    @classmethod
    def of(cls, home: Home) -> Known:
        """As it is now; no names of a register that cannot be read, which is told as a thing itself."""
        with facts.opened_ledger(home) as ledger:
            return cls(_names(home), ledger.months())


@dataclass(frozen=True)
class Shown:
    """A thing as the list shows it."""

    thing: Thing
    words: str
    page: str  # of the console; "" where there is none that this person may open
    command: str  # "" where the page does all that it does

    @classmethod
    def to(cls, visit: Visit, thing: Thing, known: Known) -> Shown:
        """In words, with the page for it, the command, or both."""
        place = PLACES.get(thing.kind)
        begun = not thing.month or thing.month in known.months
        page = _address(place, thing) if place and begun and visit.may(place.act) else ""
        command = "" if page and has_page(thing.command) else thing.command
        return cls(thing, _words(visit, thing, known), page, command)


def _address(place: Place, thing: Thing) -> str:
    version = "/".join(thing.agreement.rsplit(".v", 1))
    return place.path.format(month=thing.month, recipient=thing.recipient, version=version)


def _words(visit: Visit, thing: Thing, known: Known) -> str:
    """What waits, as a sentence begins; a name or code that stands first stays as it is written."""
    name, _, version = thing.agreement.partition(".v")
    agreement = visit.titled(name) + (f", version {version}," if version else "")
    named = replace(thing, recipient=called(thing.recipient, known.recipients), agreement=agreement)
    return named.words if thing.kind.wording.startswith("{") else named.words[0].upper() + named.words[1:]


@pages.page("/", Act.SEE_WAITING)
def waiting(visit: Asked) -> Response:
    """The list, by whose turn it is."""
    known, things = Known.of(visit.home), things_to_do(visit.home, visit.now)
    mine = visit.person.roles
    others = [role for role in Role if role not in mine]
    return visit.page(
        "waiting.html",
        mine=_alike(Shown.to(visit, one, known) for one in things if one.role in mine),
        on_day=on_day,
        others={
            role: found
            for role in others
            if (found := _alike(Shown.to(visit, one, known) for one in things if one.role is role))
        },
    )


def _names(home: Home) -> dict[str, str]:
    try:
        return {code: one.name for code, one in home.recipients().items()}
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
