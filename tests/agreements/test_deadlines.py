"""Ninety, thirty and seven days before an agreement must be reviewed, or ends, that is said."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agreements.leaves import WELCOME, changed
from pipeline.agreements.deadlines import warnings
from pipeline.agreements.model import Agreement

REVIEW, EXPIRY = date(2026, 12, 31), date(2027, 12, 31)
REVIEWED = changed(WELCOME, lambda content: content["dates"].update(review_by="2027-12-31"))


@pytest.mark.parametrize(
    ("left", "urgency"),
    [
        (91, None),
        (90, "In time"),
        (31, "In time"),
        (30, "Soon"),
        (8, "Soon"),
        (7, "Now"),
        (1, "Now"),
        (0, "Now"),
    ],
)
def test_the_review_is_announced(left: int, urgency: str | None) -> None:
    told = warnings(WELCOME, REVIEW - timedelta(days=left))
    assert [sentence.split(":")[0] for sentence in told] == ([urgency] if urgency else [])
    assert all("must be reviewed by 31 December 2026" in sentence for sentence in told)


@pytest.mark.parametrize(("left", "words"), [(90, "in 90 days"), (1, "in 1 day"), (0, "which is today")])
def test_so_is_the_end(left: int, words: str) -> None:
    told = warnings(REVIEWED, EXPIRY - timedelta(days=left))
    assert len(told) == 2
    assert f"expires after 31 December 2027, {words}." in told[1]


@pytest.mark.parametrize(("late", "urgency"), [(1, "Soon"), (22, "Soon"), (23, "Now"), (30, "Now")])
def test_a_review_that_is_late_says_when_it_stops(late: int, urgency: str) -> None:
    [told] = warnings(WELCOME, REVIEW + timedelta(days=late))
    assert told.startswith(f"{urgency}: {WELCOME.id}, version 1: its review was due on 31 December 2026")
    assert "it stops after 30 January 2027" in told


@pytest.mark.parametrize("day", [REVIEW + timedelta(days=31), EXPIRY + timedelta(days=1), date(2025, 12, 31)])
def test_what_has_stopped_or_has_not_begun_is_not_warned_of(day: date) -> None:
    assert warnings(WELCOME, day) == []


def ending(days: int) -> Agreement:
    """One that ends before its grace after a late review is used up."""
    return changed(
        WELCOME, lambda content: content["dates"].update(expires=str(REVIEW + timedelta(days=days)))
    )


def test_the_end_comes_before_the_grace_is_used_up() -> None:
    [told] = warnings(ending(10), REVIEW + timedelta(days=1))
    assert "it stops after 10 January 2027, in 9 days" in told
