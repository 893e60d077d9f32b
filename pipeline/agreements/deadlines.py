"""Which days of an agreement come near: nobody should learn of an end by its being there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pipeline.agreements.model import Agreement
from pipeline.agreements.words import counted, on_day

# How many days before, and how urgently it is said from then on.
NOTICE = ((7, "Now"), (30, "Soon"), (90, "In time"))


@dataclass(frozen=True)
class Ending:
    """One day of an agreement that comes near."""

    what: Literal["review", "expiry"]
    day: date  # the last on which it can still be seen to
    words: str


def warnings(agreement: Agreement, today: date) -> list[str]:
    """One sentence for each day that comes near; see `endings`."""
    return [one.words for one in endings(agreement, today)]


def endings(agreement: Agreement, today: date) -> list[Ending]:
    """Each day that is at most 90 days away; more urgent from 30 and from 7 days on.

    `today` is a day in London. An agreement that has stopped has none: it is refused.
    """
    dates = agreement.dates
    name = f"{agreement.id}, version {agreement.version}"
    stops = min(dates.expires, dates.review_by + timedelta(days=dates.review_grace_days))
    if today > stops or today < dates.starts:
        return []
    if today > dates.review_by:
        told = f"its review was due on {on_day(dates.review_by)}; it stops after {on_day(stops)}"
        words = f"{how_soon(stops, today) or 'Soon'}: {name}: {told}, {time_left(stops, today)}."
        return [Ending("review", stops, words)]
    ahead: tuple[tuple[Literal["review", "expiry"], date, str], ...] = (
        ("review", dates.review_by, "must be reviewed by"),
        ("expiry", dates.expires, "expires after"),
    )
    return [
        Ending(what, day, f"{soon}: {name}: {told} {on_day(day)}, {time_left(day, today)}.")
        for what, day, told in ahead
        if (soon := how_soon(day, today))
    ]


def how_soon(day: date, today: date) -> str:
    """How urgently an end on that day is told of; "" where it is more than 90 days away."""
    left = (day - today).days
    return next((word for most, word in NOTICE if left <= most), "")


def time_left(day: date, today: date) -> str:
    """In how many days it is, in words."""
    left = (day - today).days
    return f"in {counted(left, 'day')}" if left else "which is today"
