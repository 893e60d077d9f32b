"""The row rules, each one mask over a whole column: True where a row breaks the rule.

The contract names the checks, and the fields to which each applies. A blank field breaks no rule but
`blank`. Patterns are matched by RE2 through pyarrow, from \\A to \\z and with [0-9], so that neither a
trailing line break nor a digit of another script slips through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract import Contract
from pipeline.errors import SettingsError
from pipeline.records import as_moment

Mask = npt.NDArray[np.bool_]

_DAY = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
_DAY_OR_MOMENT = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2})?\z"
_TIME = r"\A([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?\z"
# Control characters, the replacement character of a damaged text, and characters that are invisible
# or turn the direction of writing.
_HIDDEN = r"[\x00-\x1f\x7f-\x9f\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{fffd}]"
_FORMULA = r"\A[=+@]"
_NHS_WEIGHTS = np.array([10, 9, 8, 7, 6, 5, 4, 3, 2])
_REPUNIT = 1_111_111_111
_WHOLE_POSTCODE = r"(?i)\A[A-Z]{1,2}[0-9][0-9A-Z]? *[0-9][A-Z]{2}\z"
_LONGEST_WAIT = np.timedelta64(300, "D")  # a pregnancy lasts about 280 days

# Which kinds of subject a field names.
_NAMES = {
    "nhs_number": ("child", "parent", "pregnancy"),
    "pregnancy_id": ("pregnancy",),
    "address_line_1": ("address",),
    "postcode": ("address",),
}
_NOT_A_COUNT = 8  # birth order 8 means not applicable, 9 not known


@dataclass(frozen=True)
class Rows:
    """The rows of one extract, prepared once for all rules."""

    text: pd.DataFrame = field(repr=False)  # every contract column, spaces around values taken off
    dates: dict[str, pd.Series] = field(repr=False)  # date columns as datetime64[s], NaT where unreadable
    contract: Contract
    latest: np.datetime64  # the day on which the extract was signed

    def column(self, name: str) -> pa.ChunkedArray:
        """One column as pyarrow text."""
        return pa.chunked_array(pa.array(self.text[name]))

    def filled(self, name: str) -> Mask:
        """Which rows hold anything in that column."""
        return np.asarray(self.text[name] != "", dtype=np.bool_)


def prepare(text: pd.DataFrame, contract: Contract, *, signed_at: datetime) -> Rows:
    """Rows ready for the rules, from text columns that are stripped and complete."""
    dates = {name: _as_dates(text[name]) for name in contract.of_type("date", "timestamp")}
    return Rows(text, dates, contract, as_moment(signed_at))


def _as_dates(values: pd.Series) -> pd.Series:
    """Days and moments as datetime64[s]; NaT for blank and for what is no ISO 8601 date."""
    written = pd.Series(_matches(pa.chunked_array(pa.array(values)), _DAY_OR_MOMENT), index=values.index)
    parsed = pd.to_datetime(values.where(written), format="ISO8601", errors="coerce")
    return parsed.astype("datetime64[s]")


def _matches(column: Any, pattern: str) -> Mask:
    found: Mask = pc.match_substring_regex(column, pattern).to_numpy().astype(np.bool_)
    return found


def row_blank(rows: Rows, _: str) -> Mask:
    """Every field of the row is blank."""
    filled: Mask = np.any([rows.filled(name) for name in rows.contract.names], axis=0)
    return ~filled


def blank(rows: Rows, name: str) -> Mask:
    """The field is blank, in a row that is not."""
    return ~rows.filled(name) & ~row_blank(rows, name)


def ten_digits(rows: Rows, name: str) -> Mask:
    """Not exactly ten ASCII digits."""
    return rows.filled(name) & ~_matches(rows.column(name), r"\A[0-9]{10}\z")


def _nhs_numbers(rows: Rows, name: str) -> tuple[Mask, npt.NDArray[np.int64]]:
    """Which rows have ten digits, and those rows' digits as one whole number each."""
    ten = rows.filled(name) & ~ten_digits(rows, name)
    numbers: npt.NDArray[np.int64] = rows.column(name).filter(pa.array(ten)).cast(pa.int64()).to_numpy()
    return ten, numbers


def _spread(among: Mask, failed: Mask) -> Mask:
    """A mask over some rows as a mask over all."""
    spread = np.zeros(len(among), dtype=np.bool_)
    spread[among] = failed
    return spread


def check_digit(rows: Rows, name: str) -> Mask:
    """The tenth digit is not the modulus 11 check digit of the first nine (NHS Data Dictionary)."""
    ten, numbers = _nhs_numbers(rows, name)
    digits = numbers[:, None] // 10 ** np.arange(9, -1, -1) % 10
    # A result of 10 equals no digit: such a number is never valid. A result of 11 stands for 0.
    expected = (11 - digits[:, :9] @ _NHS_WEIGHTS % 11) % 11
    return _spread(ten, expected != digits[:, 9])


def repeated_digit(rows: Rows, name: str) -> Mask:
    """One digit ten times; such numbers pass the check digit and are nobody's."""
    ten, numbers = _nhs_numbers(rows, name)
    return _spread(ten, numbers % _REPUNIT == 0)


def date_format(rows: Rows, name: str) -> Mask:
    """Not written as the contract says."""
    pattern = _DAY if rows.contract.column(name).logical_type == "date" else _DAY_OR_MOMENT
    return rows.filled(name) & ~_matches(rows.column(name), pattern)


def date_impossible(rows: Rows, name: str) -> Mask:
    """Well written, but there is no such day or time."""
    unreadable = np.asarray(rows.dates[name].isna(), dtype=np.bool_)
    return rows.filled(name) & ~date_format(rows, name) & unreadable


def date_future(rows: Rows, name: str) -> Mask:
    """After the day on which the extract was signed."""
    return np.asarray(rows.dates[name] >= rows.latest + np.timedelta64(1, "D"))


def before_birth(rows: Rows, name: str) -> Mask:
    """Before the child's date of birth."""
    return np.asarray(rows.dates[name] < rows.dates["date_of_birth"])


def time_format(rows: Rows, name: str) -> Mask:
    """Not a time of day, HH:MM or HH:MM:SS."""
    return rows.filled(name) & ~_matches(rows.column(name), _TIME)


def one_digit(rows: Rows, name: str) -> Mask:
    """Not one digit from 1 to 9."""
    return rows.filled(name) & ~_matches(rows.column(name), r"\A[1-9]\z")


def order_above_number(rows: Rows, name: str) -> Mask:
    """The child's place in the delivery is beyond the number of babies, where both are known."""
    order, number = (_digit(rows, column) for column in (name, "number_of_births"))
    return (order < _NOT_A_COUNT) & (number > 0) & (order > number)


def _digit(rows: Rows, name: str) -> npt.NDArray[np.int64]:
    """A column of single digits; 0 where blank or anything else."""
    good = rows.filled(name) & ~one_digit(rows, name)
    return rows.text[name].where(good, "0").to_numpy().astype(np.int64)


def postcode_characters(rows: Rows, name: str) -> Mask:
    """Holds a character that no postcode has; geography judges the rest."""
    return rows.filled(name) & ~_matches(rows.column(name), r"\A[A-Za-z0-9 \x{a0}]*\z")


def dangerous_text(rows: Rows, name: str) -> Mask:
    """Hidden characters, or a beginning that a spreadsheet would run as a formula."""
    return _matches(rows.column(name), f"{_HIDDEN}|{_FORMULA}")


def leading_hyphen(rows: Rows, name: str) -> Mask:
    """Begins with a hyphen, which a spreadsheet would run as a formula."""
    return _matches(rows.column(name), r"\A-")


def too_long(rows: Rows, name: str) -> Mask:
    """Longer, in characters, than the column allows."""
    length = pc.utf8_length(rows.column(name)).to_numpy()
    return np.asarray(length > rows.contract.column(name).max_length)


def due_too_far(rows: Rows, name: str) -> Mask:
    """More than 300 days after the day on which the extract was signed."""
    return np.asarray(rows.dates[name] > rows.latest + _LONGEST_WAIT)


def _names_subject(rows: Rows, name: str) -> Mask:
    """The row is about a subject that is named by this field."""
    return np.asarray(rows.text["subject"].isin(_NAMES[name]), dtype=np.bool_)


def subject_unnamed(rows: Rows, name: str) -> Mask:
    """Blank, though the row's subject is named by this field."""
    return _names_subject(rows, name) & ~rows.filled(name)


def foreign_to_subject(rows: Rows, name: str) -> Mask:
    """Filled, though the row's subject is not named by this field."""
    return ~_names_subject(rows, name) & rows.filled(name) & rows.filled("subject")


def partial_postcode(rows: Rows, name: str) -> Mask:
    """Not written as a whole postcode."""
    return rows.filled(name) & ~_matches(rows.column(name), _WHOLE_POSTCODE)


def nothing_to_compare(rows: Rows, name: str) -> Mask:
    """Neither a letter nor a digit, so that no two spellings could meet."""
    return rows.filled(name) & ~_matches(rows.column(name), r"[0-9A-Za-z]")


def same_child(rows: Rows, name: str, failed: Mask) -> Mask:
    """Another row with the same digits in its NHS number was set aside, but not this one.

    That row might say that the child died or that the parents refused; without it, this row's
    permission cannot be trusted.
    """
    digits = pd.Series(pc.replace_substring_regex(rows.column(name), r"[^0-9]", "").to_numpy())
    # A row that broke no rule so far has ten digits, so rows without any are never taken for one child.
    return np.asarray(digits.isin(digits[failed])) & ~failed


Check = Callable[[Rows, str], Mask]

# The implementations that the contract may name.
CHECKS: dict[str, Check] = {
    "blank_row": row_blank,
    "blank": blank,
    "ten_digits": ten_digits,
    "check_digit": check_digit,
    "repeated_digit": repeated_digit,
    "date_format": date_format,
    "date_impossible": date_impossible,
    "date_future": date_future,
    "before_birth": before_birth,
    "time_format": time_format,
    "one_digit": one_digit,
    "order_above_number": order_above_number,
    "postcode_characters": postcode_characters,
    "dangerous_text": dangerous_text,
    "leading_hyphen": leading_hyphen,
    "too_long": too_long,
    "due_too_far": due_too_far,
    "subject_unnamed": subject_unnamed,
    "foreign_to_subject": foreign_to_subject,
    "partial_postcode": partial_postcode,
    "nothing_to_compare": nothing_to_compare,
}
# These look at rows that other rules have set aside, and so come after them.
CHECKS_AFTERWARDS: dict[str, Callable[[Rows, str, Mask], Mask]] = {"same_child_set_aside": same_child}


def broken(rows: Rows) -> dict[tuple[str, str], Mask]:
    """For every rule and field of the contract, which rows break it.

    A rule about the row as a whole has the field "". Raises SettingsError where the contract names a
    check that does not exist here.
    """
    _check_implemented(rows.contract)
    masks = {
        (rule.id, name): CHECKS[rule.check](rows, name)
        for rule in rows.contract.rules
        if rule.check in CHECKS
        for name in rule.fields or ("",)
    }
    failed = any_of(masks, len(rows.text))
    for rule in rows.contract.rules:
        if rule.check in CHECKS_AFTERWARDS:
            for name in rule.fields:
                masks[rule.id, name] = CHECKS_AFTERWARDS[rule.check](rows, name, failed)
    return masks


def any_of(masks: dict[tuple[str, str], Mask], rows: int) -> Mask:
    """Which of so many rows break any rule."""
    failed = np.zeros(rows, dtype=np.bool_)
    for mask in masks.values():
        failed |= mask
    return failed


def _check_implemented(contract: Contract) -> None:
    unknown = {rule.check for rule in contract.rules} - set(CHECKS) - set(CHECKS_AFTERWARDS)
    if unknown:
        raise SettingsError(f"The contract names checks that do not exist: {', '.join(sorted(unknown))}")
