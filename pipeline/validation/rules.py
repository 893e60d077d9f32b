"""The row rules, each one mask over a whole column: True where a row breaks the rule.

The contract names the checks, and the fields to which each applies. A blank field breaks no rule but
those that ask for a value. Here are the checks of one value and the list of all; `agreeing` has those of
several facts of one row, `beside` those that hold rows against one another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from pipeline.contract import ERROR, WARNING, Contract
from pipeline.errors import SettingsError
from pipeline.nhs_number import FOR_TESTS, ISSUED
from pipeline.temporary_names import FAMILY, GIVEN, IN_NO_NAME
from pipeline.validation import agreeing, beside, counts
from pipeline.validation.rows import DAY_OR_MOMENT, Mask, Masks, Rows, any_of, prepare, spread

__all__ = ["CHECKS", "CHECKS_AFTERWARDS", "Mask", "Masks", "Rows", "any_of", "broken", "prepare", "warnings"]

_DAY = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
_TIME = r"\A([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?\z"
# Control characters, the replacement character of a damaged text, and characters that are invisible
# or turn the direction of writing.
_HIDDEN = r"[\x00-\x1f\x7f-\x9f\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{fffd}]"
_FORMULA = r"\A[=+@]"
_REPUNIT = 1_111_111_111
# By their first three digits, which numbers are somebody's, or the demonstration's.
_KNOWN_RANGES = np.isin(np.arange(1000), [*ISSUED, FOR_TESTS])
_WHOLE_POSTCODE = (
    r"(?i)\A(?:[A-Z]{1,2}[0-9][0-9A-Z]?[ \x{a0}]*[0-9][A-Z]{2}|GIR[ \x{a0}]*0AA|BFPO[ \x{a0}]*[0-9]{1,4})\z"
)
# Letters, digits (of full width too), spaces, and signs that mean nothing there. What stands for a character
# that could not be read (?, *) is none of them, nor what a spreadsheet would run.
_AROUND_POSTCODE = (
    r"\A[A-Za-z0-9\x{ff10}-\x{ff19}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}"
    r" \t\x{a0}\x{2000}-\x{200a}\x{202f}\x{3000}"
    r".,;:'\"`()\[\]/\\_\x{2018}-\x{201d}\x{2010}-\x{2014}-]*\z"
)

# Which kinds of subject a field names.
_NAMES = {
    "nhs_number": ("child", "parent", "pregnancy"),
    "pregnancy_id": ("pregnancy",),
    "address_line_1": ("address",),
    "postcode": ("address",),
}


def _stands_in(words: str) -> str:
    """RE2: one of these words stands in the name, or a sign that no name has, or nothing but signs."""
    word = rf"(?:\A|[^\pL\pN])(?:{words})(?:[^\pL\pN]|\z)"
    return rf"(?i){word}|[\p{{Nd}}{IN_NO_NAME}]|\A[^\pL\pN]+\z"


# A given name of one plain letter marks a twin.
_TEMPORARY = {"given_name": rf"{_stands_in(GIVEN)}|\A[\x00-\x7f]\z", "family_name": _stands_in(FAMILY)}


def row_blank(rows: Rows, _: str) -> Mask:
    """Every field of the row is blank."""
    return rows.once("blank rows", lambda: ~_any_filled(rows))


def _any_filled(rows: Rows) -> Mask:
    filled: Mask = np.any([rows.filled(name) for name in rows.contract.names], axis=0)
    return filled


def blank(rows: Rows, name: str) -> Mask:
    """The field is blank, in a row that is not."""
    return ~rows.filled(name) & ~row_blank(rows, name)


def ten_digits(rows: Rows, name: str) -> Mask:
    """Not exactly ten ASCII digits."""
    return rows.filled(name) & ~rows.matches(name, r"\A[0-9]{10}\z")


def check_digit(rows: Rows, name: str) -> Mask:
    """The tenth digit is not the modulus 11 check digit of the first nine (NHS Data Dictionary)."""
    ten, numbers = rows.numbers(name)
    return spread(ten, _wrong_digit(numbers))


def _wrong_digit(numbers: npt.NDArray[np.int64]) -> Mask:
    rest, last = np.divmod(numbers, 10)
    total = np.zeros_like(numbers)
    for weight in range(2, 11):  # from the ninth digit to the first
        rest, digit = np.divmod(rest, 10)
        total += weight * digit
    # A result of 10 equals no digit: such a number is never valid. A result of 11 stands for 0.
    return np.asarray((11 - total % 11) % 11 != last)


def repeated_digit(rows: Rows, name: str) -> Mask:
    """One digit ten times; such numbers pass the check digit and are nobody's."""
    ten, numbers = rows.numbers(name)
    return spread(ten, numbers % _REPUNIT == 0)


def not_issued(rows: Rows, name: str) -> Mask:
    """A sound number from a range that nobody is given numbers from; a test number is consent's to refuse."""
    ten, numbers = rows.numbers(name)
    strange = ~_KNOWN_RANGES[numbers // 10**7]
    found = numbers[strange]
    strange[strange] = ~_wrong_digit(found) & (found % _REPUNIT != 0)
    return spread(ten, strange)


def date_format(rows: Rows, name: str) -> Mask:
    """Not written as the contract says."""
    pattern = _DAY if rows.contract.column(name).logical_type == "date" else DAY_OR_MOMENT
    return rows.once(f"date form {name}", lambda: rows.filled(name) & ~rows.matches(name, pattern))


def date_impossible(rows: Rows, name: str) -> Mask:
    """Well written, but there is no such day or time."""
    unreadable = np.asarray(rows.dates[name].isna(), dtype=np.bool_)
    return rows.filled(name) & ~date_format(rows, name) & unreadable


def date_future(rows: Rows, name: str) -> Mask:
    """After the day on which the extract was signed."""
    return np.asarray(rows.dates[name] >= rows.latest + np.timedelta64(1, "D"))


def time_format(rows: Rows, name: str) -> Mask:
    """Not a time of day, HH:MM or HH:MM:SS."""
    return rows.filled(name) & ~rows.matches(name, _TIME)


def one_digit(rows: Rows, name: str) -> Mask:
    """Not one digit from 1 to 9."""
    return rows.filled(name) & ~rows.matches(name, r"\A[1-9]\z")


def postcode_characters(rows: Rows, name: str) -> Mask:
    """Holds a character that nobody writes in or around a postcode; geography judges the rest."""
    return rows.filled(name) & ~rows.matches(name, _AROUND_POSTCODE)


def dangerous_text(rows: Rows, name: str) -> Mask:
    """Hidden characters, or a beginning that a spreadsheet would run as a formula."""
    return rows.matches(name, f"{_HIDDEN}|{_FORMULA}")


def leading_hyphen(rows: Rows, name: str) -> Mask:
    """Begins with a hyphen, which a spreadsheet would run as a formula."""
    return rows.matches(name, r"\A-")


def temporary_name(rows: Rows, name: str) -> Mask:
    """A stand-in for a name, as `pipeline.temporary_names` knows them; a blank is none."""
    return rows.filled(name) & rows.matches(name, _TEMPORARY[name])


def digit_in_name(rows: Rows, name: str) -> Mask:
    """Has a digit, of whatever script."""
    return rows.matches(name, r"\p{Nd}")


def too_long(rows: Rows, name: str) -> Mask:
    """Longer, in characters, than the column allows."""
    length = pc.utf8_length(rows.column(name)).to_numpy()
    return np.asarray(length > rows.contract.column(name).max_length)


def due_too_far(rows: Rows, name: str) -> Mask:
    """More than 300 days after the day on which the extract was signed."""
    return np.asarray(rows.dates[name] > rows.latest + agreeing.LONGEST_WAIT)


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
    return rows.filled(name) & ~rows.matches(name, _WHOLE_POSTCODE)


def nothing_to_compare(rows: Rows, name: str) -> Mask:
    """Neither a letter nor a digit, so that no two spellings could meet."""
    return rows.filled(name) & ~rows.matches(name, r"[0-9A-Za-z]")


Check = Callable[[Rows, str], Mask]

# The implementations that the contract may name.
CHECKS: dict[str, Check] = {
    "blank_row": row_blank,
    "blank": blank,
    "ten_digits": ten_digits,
    "check_digit": check_digit,
    "repeated_digit": repeated_digit,
    "not_issued": not_issued,
    "date_format": date_format,
    "date_impossible": date_impossible,
    "date_future": date_future,
    "time_format": time_format,
    "one_digit": one_digit,
    "postcode_characters": postcode_characters,
    "dangerous_text": dangerous_text,
    "leading_hyphen": leading_hyphen,
    "temporary_name": temporary_name,
    "digit_in_name": digit_in_name,
    "too_long": too_long,
    "due_too_far": due_too_far,
    "subject_unnamed": subject_unnamed,
    "foreign_to_subject": foreign_to_subject,
    "partial_postcode": partial_postcode,
    "nothing_to_compare": nothing_to_compare,
    **agreeing.CHECKS,
    **beside.CHECKS,
    **counts.CHECKS,
}
# These look at rows that other rules have set aside, and so come after them.
CHECKS_AFTERWARDS = beside.CHECKS_AFTERWARDS


def broken(rows: Rows) -> Masks:
    """For every rule of severity error and each of its fields, which rows break it.

    A rule about the row as a whole has the field "". Raises SettingsError where the contract names a
    check that does not exist here.
    """
    _check_implemented(rows.contract)
    masks = _masks(rows, ERROR)
    failed = any_of(masks, len(rows.text))
    for rule in rows.contract.rules:
        if rule.check in CHECKS_AFTERWARDS:
            for name in rule.fields:
                masks[rule.id, name] = CHECKS_AFTERWARDS[rule.check](rows, name, failed)
    return masks


def warnings(rows: Rows) -> Masks:
    """The same for every rule of severity warning."""
    return _masks(rows, WARNING)


def _masks(rows: Rows, severity: str) -> Masks:
    return {
        (rule.id, name): CHECKS[rule.check](rows, name)
        for rule in rows.contract.rules
        if rule.severity == severity and rule.check in CHECKS
        for name in rule.fields or ("",)
    }


def _check_implemented(contract: Contract) -> None:
    unknown = {rule.check for rule in contract.rules} - set(CHECKS) - set(CHECKS_AFTERWARDS)
    if unknown:
        raise SettingsError(f"The contract names checks that do not exist: {', '.join(sorted(unknown))}")
