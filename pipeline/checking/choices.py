"""The vocabulary of coded records: variables, their choices, and what a choice may stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.agreements.model import PREGNANCY_DAYS, Agreement
from pipeline.records import Month

DAY = timedelta(days=1)
LATEST = 2  # months after a month's end by which it has surely been decided
DECIDED_ON = 10  # the day of the month on which we let it be decided
UNKNOWN = "?"  # a code that no contract knows
OTHERS = "other-person"
ANOTHER_AUTHORITY = "E06000000"  # a code that no authority has


@dataclass(frozen=True)
class Day:
    """A date, counted from another one."""

    since: Literal["today", "birth"]
    days: int = 0
    years: int = 0


@dataclass(frozen=True)
class Choice:
    """One value of a variable: what is typed after `=`, what it means, and what the frames hold."""

    code: str
    words: str
    value: Any = ""


@dataclass(frozen=True)
class Variable:
    """One thing that rules read of a record, with all its choices; the first is the ordinary one."""

    name: str
    words: str
    choices: tuple[Choice, ...]

    def codes(self, *codes: str) -> frozenset[int]:
        """The places of these choices; choices that this agreement makes impossible are left out."""
        return frozenset(place for place, one in enumerate(self.choices) if one.code in codes)

    def but(self, *codes: str) -> frozenset[int]:
        """The places of all other choices."""
        return frozenset(range(len(self.choices))) - self.codes(*codes)


@dataclass(frozen=True)
class Setting:
    """One agreement, and the day on which we let everything be decided.

    The day is fixed and the month is not: a month may be decided before it ends or long after it, and
    but for the month all rules only count days between two dates.
    """

    agreement: Agreement
    ages: tuple[int, ...] = ()  # ages in days that were asked about
    consent_ages: tuple[int, ...] = ()
    today: date = field(init=False)

    def __post_init__(self) -> None:
        starts = self.agreement.dates.starts
        first = Month(starts.year, starts.month).plus(1).first_day
        object.__setattr__(self, "today", first.replace(day=DECIDED_ON))

    @property
    def moment(self) -> datetime:
        """The moment of decision."""
        return datetime.combine(self.today, time(12), UTC)

    def month(self, behind: int) -> Month:
        """The month that is decided, so many before the one of the decision."""
        return Month(self.today.year, self.today.month).plus(-behind)

    @property
    def expected(self) -> bool:
        """Whether the agreement is about children who are not born yet."""
        return self.agreement.cohort.of == "expected_births"

    @property
    def birth_days(self) -> list[date]:
        """Days of birth on either side of every boundary, newest first."""
        cohort = self.agreement.cohort
        months = [self.month(behind) for behind in range(LATEST + 1)]
        edges = [self.today, *(self.today - days * DAY for days in self.ages)]
        for month in months:
            edges += [month.plus(-cohort.months_back).first_day, month.plus(cohort.months_ahead).last_day]
        edges.append(self.today - cohort.minimum_age_days * DAY)
        if cohort.maximum_age_days is not None:
            edges.append(self.today - cohort.maximum_age_days * DAY)
        if self.expected:
            edges.append(self.today + (PREGNANCY_DAYS - cohort.minimum_gestation_days) * DAY)
        return sorted({edge + side * DAY for edge in edges for side in (-1, 0, 1)}, reverse=True)


def dates_of(choices: Iterable[Choice], today: date, birth: date | None) -> npt.NDArray[np.datetime64]:
    """The dates of date choices, in order; a blank is NaT, as is a day counted from no birth."""
    days = [_date(one.value, today, birth) for one in choices]
    return np.array([np.datetime64("NaT" if day is None else day, "s") for day in days])


def _date(value: Day | date | None, today: date, birth: date | None) -> date | None:
    if value is None or isinstance(value, date):
        return value
    base = today if value.since == "today" else birth
    return None if base is None else _years_before(base, value.years) + value.days * DAY


def _years_before(day: date, years: int) -> date:
    """The same day so many years earlier; 1 March stands in where a year has no 29 February."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


# --- what a choice may stand for, beside a plain value ----------------------------------------------


@dataclass(frozen=True)
class Said:
    """An answer beside those in the rows."""

    answer: str
    person: str = OTHERS
    on: Day | None = Day("today")
    scope: str | None = None  # None: as agreed
    wording: str | None = None


@dataclass(frozen=True)
class Word:
    """A later word: what, of whom, and on which day."""

    word: str
    of: Literal["child", "parent", "dwelling"] = "child"
    on: Day | None = Day("today", -5)


@dataclass(frozen=True)
class Place:
    """What geography says of the address."""

    reason: str = ""
    recipient: bool = True
    known: bool = True  # geography has looked at all


@dataclass(frozen=True)
class Fault:
    """What is the matter with another row: columns, a place, or a later word."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    authority: str | None = None
    word: str = ""


@dataclass(frozen=True)
class Other:
    """Where the other version of the row stands: its reference beside ours, and its day."""

    first: bool = False
    on: Day | None = None
