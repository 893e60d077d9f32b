"""What a supplier's file looks like, in counts alone: enough to notice that the next one is unlike it.

No value is kept but the contract's own codes. The sketch tells whether two files are about the same
children, and not who they are: of the digests of all children it keeps one byte in each of 64 places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.contract import Column, Contract
from pipeline.records import Month

_PLACES = 64  # of a sketch; a power of two
_EMPTY = "--"  # a place of the sketch that no child fell into
_ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?"
_DIGITS = r"[0-9]+"


@dataclass(frozen=True)
class Fingerprint:
    """One file in counts. A column that the file does not have is in none of them."""

    rows: int
    timely: int | None  # usable rows of the file's own month; None where files of this kind have no such rows
    filled: Mapping[str, int]  # by column: rows with a value
    # By column without codes, of these: those written as a date or, if it is no date column, in digits alone
    forms: Mapping[str, int]
    codes: Mapping[str, Mapping[str, int]]  # by coded column: rows with each code that occurs
    quarantined: Mapping[str, int]  # by rule of the contract then: rows that it set aside
    sketch: str = ""  # two hexadecimal digits, or "--", in each of 64 places; "" for nobody

    @property
    def columns(self) -> frozenset[str]:
        """The contract's columns that the file has."""
        return frozenset(self.filled)


def fingerprint(
    frame: pd.DataFrame,
    contract: Contract,
    *,
    month: Month,
    quarantined: Mapping[str, int],
    usable: pd.DataFrame | None = None,
) -> Fingerprint:
    """What the file looks like. `frame` is its text, as intake hands it on (records.Extract).

    `quarantined` counts the rows that a rule set aside. `usable`, where the file is about children: its rows
    that broke none, with `child` (keyed reference) and, if files of this kind are of one month, the date
    column that says so.
    """
    filled: dict[str, int] = {}
    forms: dict[str, int] = {}
    codes: dict[str, dict[str, int]] = {}
    for column in contract.columns:
        if column.name not in frame:
            continue
        text = frame[column.name].astype("str").str.strip(" ")
        filled[column.name] = int((text != "").sum())
        if column.codes:
            codes[column.name] = _codes(text, column)
        else:
            forms[column.name] = int(text.str.fullmatch(_form(column)).sum())
    own = None if usable is None else _of_own_month(usable, contract, month)
    told_apart = own is not None and contract.month_of is not None and not contract.months_ahead
    return Fingerprint(
        rows=len(frame),
        timely=len(own) if own is not None and told_apart else None,
        filled=filled,
        forms=forms,
        codes=codes,
        quarantined={rule.id: quarantined.get(rule.id, 0) for rule in contract.rules},
        sketch="" if own is None else sketch(own["child"].tolist()),
    )


def sketch(children: Sequence[str]) -> str:
    """Where the keyed references fall into 64 places, and of the smallest in each its last byte.

    One permutation hashing of b bits (Li, Owen and Zhang 2012): two sketches agree in about as many places
    as their files share children. It is too little to find anybody by. Whoever holds the key could test a
    guess with it, in a file of few children; in one of many not even that.
    """
    digests = np.array([int(child[:16], 16) for child in set(children) if child], dtype=np.uint64)
    if not len(digests):
        return ""
    digests.sort()
    places, first = np.unique(digests >> np.uint64(58), return_index=True)
    said = dict(zip(places.tolist(), (digests[first] & np.uint64(0xFF)).tolist(), strict=True))
    return "".join(f"{said[place]:02x}" if place in said else _EMPTY for place in range(_PLACES))


def alike(one: str, other: str) -> float:
    """The share of children that two sketches seem to have in common, of all in either: 0 to 1."""
    if not one or not other:
        return 0.0
    pairs = [(one[at : at + 2], other[at : at + 2]) for at in range(0, 2 * _PLACES, 2)]
    used = [pair for pair in pairs if pair != (_EMPTY, _EMPTY)]
    return sum(mine == theirs for mine, theirs in used) / len(used)


def _codes(text: pd.Series, column: Column) -> dict[str, int]:
    counted = text.value_counts()
    return {code: int(counted[code]) for code in column.codes if code in counted.index}


def _form(column: Column) -> str:
    return _ISO_DATE if column.logical_type in ("date", "timestamp") else _DIGITS


def _of_own_month(usable: pd.DataFrame, contract: Contract, month: Month) -> pd.DataFrame:
    """Births of the month itself, since earlier ones may come again. Whom a file looks ahead to: all."""
    if contract.month_of is None or contract.months_ahead:
        return usable
    days = usable[contract.month_of]
    begin, end = (np.datetime64(one.first_day, "s") for one in (month, month.plus(1)))
    return usable[(days >= begin) & (days < end)]
