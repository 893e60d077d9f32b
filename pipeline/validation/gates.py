"""Whole-file rules: what stops an extract before any row is looked at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.contract import Contract, check_codes
from pipeline.errors import IntegrityError
from pipeline.records import Month


def check_all_codes(text: pd.DataFrame, contract: Contract, rows: pd.Series, *, where: str) -> None:
    """Every coded column holds only blanks and the contract's codes; IntegrityError otherwise."""
    for column in contract.columns:
        if column.codes:
            check_codes(column.name, text[column.name], column.codes, rows, where=where)


def check_month(dates: Mapping[str, pd.Series], contract: Contract, month: Month, *, supplier: str) -> None:
    """The rows must be those of the file's month, or of the months that it looks ahead to.

    Older ones may come along. `dates` are the date columns as datetime64[s], NaT where a date cannot be
    read; those rows are set aside later. Raises IntegrityError where rows exist but none is of these
    months, or more come after them. A contract whose files are of no month is content with any.
    """
    if contract.month_of is None:
        return
    days = dates[contract.month_of]
    known = days[days.notna()]
    begin, end = (np.datetime64(one.first_day, "s") for one in (month, month.plus(contract.months_ahead + 1)))
    within = int(((known >= begin) & (known < end)).sum())
    later = int((known >= end).sum())
    if len(known) and (within == 0 or later > within):
        raise IntegrityError(
            _not_of(month, contract, rows=len(days), within=within, later=later),
            where=f"extract of {supplier} for {month}, column {contract.month_of}",
            do="Nothing was used. Ask the supplier for the right month's file, or correct its profile where "
            "that says wrongly how dates are written. For a month without births they send the header alone.",
        )


def _not_of(month: Month, contract: Contract, *, rows: int, within: int, later: int) -> str:
    if contract.months_ahead:
        ahead = f"in the month or the {contract.months_ahead} after it, {later} later"
        return f"The file is not an extract for {month}: {within} of its {rows} births are expected {ahead}"
    return (
        f"The file is not an extract for {month}: {within} of its {rows} births were born in that "
        f"month, {later} after it"
    )
