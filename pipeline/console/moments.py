"""Moments as people here read them: London's, in words, and how long ago."""

from __future__ import annotations

from datetime import datetime

from pipeline.agreed import LONDON
from pipeline.agreements.words import counted, on_day


def in_london(moment: datetime) -> str:
    """3 November 2026, 09:00."""
    there = moment.astimezone(LONDON)
    return f"{on_day(there.date())}, {there:%H:%M}"


def ago(moment: datetime, now: datetime) -> str:
    """Today, or how many days ago, by London's days."""
    passed = (now.astimezone(LONDON).date() - moment.astimezone(LONDON).date()).days
    return f"{counted(passed, 'day')} ago" if passed > 0 else "today"
