"""The reach areas: what was counted in each of them, month by month, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline import facts
from pipeline.agreed import LONDON
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import AreasCounted, Kind
from pipeline.ledger.ledger import Ledger
from pipeline.places.checks import check
from pipeline.places.drawn import maps_of
from pipeline.places.reviewed import unplaced
from pipeline.records import Month
from pipeline.reporting.facts import MapFacts


@dataclass(frozen=True)
class Counted:
    """A month's births in the areas under one agreement, by recipient; every number is rounded."""

    agreement: str
    network: str
    births: Mapping[str, int]
    consented: Mapping[str, int]  # may be shared, by the parents' word
    shared: Mapping[str, int]
    drawn: MapFacts | None  # None where areas or directory are not any more what they were then

    @property
    def numbers(self) -> dict[str, Mapping[str, int]]:
        """What is counted, in a word, by recipient."""
        return {"Born": self.births, "Permitted": self.consented, "Shared": self.shared}

    @property
    def localities(self) -> dict[str, dict[str, int]]:
        """The same by the locality that most of a recipient's area is in, as sums of rounded numbers.

        Those in none come last, under ""; nothing where no localities are known.
        """
        within = self.drawn.within if self.drawn else {}
        names = sorted({within.get(code, "") for code in self.births}, key=lambda name: (not name, name))
        return {
            name: {
                what: sum(many for code, many in counts.items() if within.get(code, "") == name)
                for what, counts in self.numbers.items()
            }
            for name in names
            if within
        }


@dataclass(frozen=True)
class Areas:
    """One month's areas, and what else there is to see of places."""

    months: tuple[Month, ...]  # of which areas were counted, the newest first
    month: Month | None  # which of them this is; None where there is none
    counted: tuple[Counted, ...]
    unplaced: Mapping[Month, int]  # births that geography could not place, by open month, where there are any


def seen(home: Home, month: Month | None = None) -> Areas:
    """The areas of a month, or of the newest that was counted; SettingsError for one that was not."""
    with facts.opened_ledger(home) as ledger:
        known = {entry.month for entry in ledger.entries(kinds={Kind.AREAS_COUNTED})}
        months = tuple(Month.parse(one) for one in sorted(known, reverse=True))
        shown = month or next(iter(months), None)
        if shown is not None and shown not in months:
            raise SettingsError("Areas were not counted in that month", do="Choose another on the page Map.")
        counted = tuple(_counted(home, ledger, shown)) if shown else ()
        return Areas(months, shown, counted, _unplaced(ledger))


def _counted(home: Home, ledger: Ledger, month: Month) -> Iterator[Counted]:
    entries = ledger.entries(month=str(month), kinds={Kind.AREAS_COUNTED})
    newest = {one.body.agreement: one.body for one in entries if isinstance(one.body, AreasCounted)}
    maps = maps_of(home, ledger, month)
    for name, one in sorted(newest.items()):
        yield Counted(name, one.network, one.births, one.consented, one.shared, maps.get(name))


def _unplaced(ledger: Ledger) -> dict[Month, int]:
    closed = {entry.month for entry in ledger.entries(kinds={Kind.MONTH_CLOSED})}
    found = {
        Month.parse(month): unplaced(ledger.entries(month=month, kinds={Kind.PLACED}))
        for month in ledger.months()
        if month not in closed
    }
    return {month: births for month, births in found.items() if births}


def checked(home: Home, watch: Callable[[int, int], None]) -> dict[str, Any]:
    """What is wrong with the reach areas as they are in force today; see `pipeline.places.checks`.

    Keys: answer (as there), maps (by network: side, and tiles as column, row and code), headings, year.
    Raises SettingsError where they cannot be looked at.
    """
    watch(0, 1)
    found = check(home, on=datetime.now(LONDON).date())
    return {
        "answer": found.answer,
        "maps": {
            network: {"side": one.side, "tiles": [[*at, code] for at, code in one.serving.items()]}
            for network, one in found.maps.items()
        },
        "headings": found.headings,
        "year": found.year,
    }
