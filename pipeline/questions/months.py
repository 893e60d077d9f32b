"""One month: its books, how it went, what is open of it, who approved, and the months before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline import facts
from pipeline import month as months
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.places.drawn import maps_of
from pipeline.records import Month
from pipeline.reporting.facts import MapFacts


def maps(home: Home, which: Month) -> dict[str, MapFacts | None]:
    """The maps of the month's page; see `pipeline.places.drawn`."""
    with facts.opened_ledger(home) as ledger:
        return maps_of(home, ledger, which)


def month(home: Home, which: Month, *, now: datetime) -> dict[str, Any]:
    """The state of a month, open or closed, with its `course` and `history`; see `pipeline.facts`.

    Raises SettingsError for a month that was never begun, IntegrityError where the ledger was altered.
    """
    with months.opened(home, which, now) as desk:
        if next(desk.ledger.entries(month=str(which)), None) is None:
            raise SettingsError(
                "That month was never begun",
                where=str(which),
                do="See which were: birthshare status",
            )
        state = facts.in_full(desk)
        if not state["ledger"]["verified"]:
            raise IntegrityError("The ledger is damaged", do="Find out where: birthshare ledger verify")
        return state
