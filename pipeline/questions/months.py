"""Months: where each stands; and one, its books, how it went, who approved, and the months before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline import facts
from pipeline import month as months
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import Balanced, Books, MonthClosed
from pipeline.places.drawn import maps_of
from pipeline.records import Month
from pipeline.reporting.facts import MapFacts

COUNTS = ("received", "shared", "held", "withheld")


@dataclass(frozen=True)
class Standing:
    """Where one month stands."""

    month: Month
    state: str  # open; closed; ended: without books, since its working files were lost
    waits: facts.Turn
    agreements: Mapping[str, Mapping[str, int]]  # by id: COUNTS, in rows; of an open month so far


def every_month(home: Home, *, now: datetime) -> list[Standing]:
    """Every month that was begun, the newest first. Raises IntegrityError where the ledger was altered."""
    with facts.sound_ledger(home) as ledger:
        begun = [Month.parse(month) for month in ledger.months()]
        ends = list(ledger.entries(kinds={Balanced.kind, MonthClosed.kind}))
    books = {one.month: one.body.books for one in ends if isinstance(one.body, Balanced)}
    closed = {one.month for one in ends if isinstance(one.body, MonthClosed)}
    return [
        _closed(month, books.get(str(month))) if str(month) in closed else _open(home, month, now)
        for month in reversed(begun)
    ]


def _closed(month: Month, books: Books | None) -> Standing:
    summed = {
        agreement: {column: sum(rows[column] for rows in suppliers.values()) for column in COUNTS}
        for agreement, suppliers in (books or {}).items()
    }
    return Standing(month, "ended" if books is None else "closed", facts.NOTHING, summed)


def _open(home: Home, month: Month, now: datetime) -> Standing:
    with months.opened(home, month, now) as desk:
        if not desk.wrapping_key.is_here:  # as where Airflow's web server runs: it may know that it is open
            return Standing(month, "open", facts.NOTHING, {})
        return Standing(month, "open", facts.turn(desk), facts.counted(desk))


def maps(home: Home, which: Month) -> dict[str, MapFacts | None]:
    """The maps of the month's page; see `pipeline.places.drawn`."""
    with facts.opened_ledger(home) as ledger:
        return maps_of(home, ledger, which)


def month(home: Home, which: Month, *, now: datetime) -> dict[str, Any]:
    """The state of a month, open or closed, with its `course` and `history`; see `pipeline.facts`.

    Raises SettingsError for a month that was never begun, IntegrityError where the ledger was altered.
    """
    with months.opened(home, which, now) as desk:
        if not desk.ledger.began(str(which)):
            raise SettingsError(
                "That month was never begun",
                where=str(which),
                do="See which were: birthshare status",
            )
        state = facts.in_full(desk)
        if not state["ledger"]["verified"]:
            raise IntegrityError("The ledger is damaged", do="Find out where: birthshare ledger verify")
        return state
