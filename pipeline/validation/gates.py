"""Whole-file rules: what stops an extract before any row is looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.contract import Contract, check_codes
from pipeline.errors import IntegrityError
from pipeline.records import Month


def check_all_codes(text: pd.DataFrame, contract: Contract, rows: pd.Series) -> None:
    """Every coded column holds only blanks and the contract's codes; IntegrityError otherwise."""
    for column in contract.columns:
        if column.codes:
            check_codes(column.name, text[column.name], column.codes, rows)


def check_month(born: pd.Series, month: Month, *, supplier: str) -> None:
    """The births must be those of the file's month; older ones may come along.

    `born` is datetime64[s], NaT where a date of birth cannot be read; those rows are set aside later.
    Raises IntegrityError where rows exist but none was born in the month, or more were born after it.
    """
    known = born[born.notna()]
    first, after = (np.datetime64(day.first_day, "s") for day in (month, month.plus(1)))
    within = int(((known >= first) & (known < after)).sum())
    later = int((known >= after).sum())
    if len(known) and (within == 0 or later > within):
        raise IntegrityError(
            f"The file is not an extract for {month}: {within} of its {len(born)} births were born in that "
            f"month, {later} after it",
            where=f"extract of {supplier} for {month}, column date_of_birth",
            do="Nothing was used. Ask the supplier for the right month's file. For a month without births "
            "they send the header alone.",
        )
