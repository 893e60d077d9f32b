"""The rows of one file, prepared once for all rules, and what the rules ask of them.

Patterns are matched by RE2 through pyarrow, from \\A to \\z and with [0-9], so that neither a trailing
line break nor a digit of another script slips through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract import Contract
from pipeline.records import Month, as_moment

T = TypeVar("T")
Mask = npt.NDArray[np.bool_]
Masks = dict[tuple[str, str], Mask]  # by rule and field; the field of a rule about the whole row is ""

DAY_OR_MOMENT = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2})?\z"


@dataclass(frozen=True)
class Rows:
    """The rows of one file, and what is known of the file."""

    text: pd.DataFrame = field(repr=False)  # every contract column, spaces around values taken off
    dates: dict[str, pd.Series] = field(repr=False)  # date columns as datetime64[s], NaT where unreadable
    contract: Contract
    latest: np.datetime64  # the day on which the file was signed
    month: Month | None = None  # the month that the file is of
    look_back_months: int | None = None  # how many months a birth may be late; None: any number
    left_out: frozenset[str] = frozenset()  # columns that the file does not have
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)  # asked before

    def once(self, asked: str, work_out: Callable[[], T]) -> T:
        """What several rules ask is worked out once."""
        if asked not in self._known:
            self._known[asked] = work_out()
        known: T = self._known[asked]
        return known

    def forget(self) -> None:
        """Let go of what was worked out for the rules, once all are asked."""
        self._known.clear()

    def column(self, name: str) -> pa.ChunkedArray:
        """One column as pyarrow text."""
        return pa.chunked_array(pa.array(self.text[name]))

    def filled(self, name: str) -> Mask:
        """Which rows hold anything in that column."""
        return self.once(f"filled {name}", lambda: np.asarray(self.text[name] != "", dtype=np.bool_))

    def holds(self, name: str, values: Collection[str]) -> Mask:
        """Which rows hold one of these values in that column."""
        return np.asarray(self.text[name].isin(list(values)), dtype=np.bool_)

    def matches(self, name: str, pattern: str) -> Mask:
        """Which rows match an RE2 pattern in that column."""
        return matches(self.column(name), pattern)

    def days(self, name: str) -> npt.NDArray[np.datetime64]:
        """A date column by the day, NaT where blank or unreadable."""
        days: npt.NDArray[np.datetime64] = self.dates[name].to_numpy().astype("datetime64[D]")
        return days

    def numbers(self, name: str) -> tuple[Mask, npt.NDArray[np.int64]]:
        """Which rows have exactly ten ASCII digits, and those rows' digits as one whole number each."""

        def read() -> tuple[Mask, npt.NDArray[np.int64]]:
            ten = self.matches(name, r"\A[0-9]{10}\z")
            return ten, self.column(name).filter(pa.array(ten)).cast(pa.int64()).to_numpy()

        return self.once(f"numbers {name}", read)

    def digit(self, name: str) -> npt.NDArray[np.int64]:
        """A column of single digits, 1 to 9; 0 where blank or anything else."""

        def read() -> npt.NDArray[np.int64]:
            good = self.matches(name, r"\A[1-9]\z")
            digits: npt.NDArray[np.int64] = self.text[name].where(good, "0").to_numpy().astype(np.int64)
            return digits

        return self.once(f"digit {name}", read)

    @property
    def nothing(self) -> Mask:
        """A mask of no row."""
        return np.zeros(len(self.text), dtype=np.bool_)


def prepare(
    text: pd.DataFrame,
    contract: Contract,
    *,
    signed_at: datetime,
    month: Month | None = None,
    look_back_months: int | None = None,
    left_out: Collection[str] = (),
) -> Rows:
    """Rows ready for the rules, from text columns that are stripped and complete."""
    dates = {name: _as_dates(text[name]) for name in contract.of_type("date", "timestamp")}
    return Rows(text, dates, contract, as_moment(signed_at), month, look_back_months, frozenset(left_out))


def matches(column: Any, pattern: str) -> Mask:
    """Which values of a pyarrow text column match an RE2 pattern."""
    found: Mask = pc.match_substring_regex(column, pattern).to_numpy().astype(np.bool_)
    return found


def any_of(masks: Masks, rows: int) -> Mask:
    """Which of so many rows break any rule."""
    failed = np.zeros(rows, dtype=np.bool_)
    for mask in masks.values():
        failed |= mask
    return failed


def spread(among: Mask, found: Mask) -> Mask:
    """A mask over some rows as a mask over all."""
    whole = np.zeros(len(among), dtype=np.bool_)
    whole[among] = found
    return whole


def _as_dates(values: pd.Series) -> pd.Series:
    """Days and moments as datetime64[s]; NaT for blank and for what is no ISO 8601 date."""
    written = pd.Series(matches(pa.chunked_array(pa.array(values)), DAY_OR_MOMENT), index=values.index)
    parsed = pd.to_datetime(values.where(written), format="ISO8601", errors="coerce")
    return parsed.astype("datetime64[s]")
