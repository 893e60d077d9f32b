"""Checks of facts of one row that must agree: numbers, dates, deaths and answers.

What only doubts a permission that consent judges by itself is for a rule of severity warning to name; see
the contracts for which rule sets a row aside.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.validation.rows import Mask, Rows

_SINGLE = 1
_NOT_A_COUNT = 8  # birth order 8 means not applicable, 9 not known; number of births 9 means not known
_NOT_KNOWN = 9
LONGEST_WAIT = np.timedelta64(300, "D")  # a pregnancy lasts about 280 days
# Between these ages, in days, somebody is a parent; a day outside is more likely a stand-in or a slip.
_YOUNGEST, _OLDEST = (np.timedelta64(round(years * 365.25), "D") for years in (10, 70))

GIVEN, REFUSED, WITHDRAWN = "given", "refused", "withdrawn"
_STILLBORN = ("2", "3", "4")
_DIED_LATER = "5"
_NOTICES_OF_DEATH = ("1", "2")


def _birth(rows: Rows) -> npt.NDArray[np.datetime64]:
    """The day of birth, or the day on which it is expected."""
    return rows.days(rows.contract.month_of or "date_of_birth")


# --- numbers --------------------------------------------------------------------------------------


def parent_is_child(rows: Rows, name: str) -> Mask:
    """The same NHS number as the child's."""
    return rows.filled(name) & np.asarray(rows.text[name] == rows.text["nhs_number"], dtype=np.bool_)


def order_above_number(rows: Rows, name: str) -> Mask:
    """The child's place in the delivery is beyond the number of babies, where both are known."""
    order, number = rows.digit(name), rows.digit("number_of_births")
    return np.asarray((order < _NOT_A_COUNT) & (number > 0) & (order > number))


def order_unknown(rows: Rows, name: str) -> Mask:
    """Several babies, and no place in the delivery; a column that the file leaves out is not asked for."""
    if name in rows.left_out:
        return rows.nothing
    order, number = rows.digit(name), rows.digit("number_of_births")
    several = (number > _SINGLE) & (number < _NOT_KNOWN)
    return np.asarray(several & ((order == 0) | (order >= _NOT_A_COUNT)))


def number_unknown(rows: Rows, name: str) -> Mask:
    """Blank, or said not to be known."""
    return np.asarray(~rows.filled(name) | (rows.digit(name) == _NOT_KNOWN))


# --- dates ----------------------------------------------------------------------------------------


def before_birth(rows: Rows, name: str) -> Mask:
    """Before the child's date of birth."""
    return rows.days(name) < rows.days("date_of_birth")


def born_after_month(rows: Rows, name: str) -> Mask:
    """After the last day of the file's month."""
    if rows.month is None:
        return rows.nothing
    return rows.days(name) > np.datetime64(rows.month.last_day)


def born_long_before_month(rows: Rows, name: str) -> Mask:
    """Before the earliest month that the supplier may still report."""
    if rows.month is None or rows.look_back_months is None:
        return rows.nothing
    return rows.days(name) < np.datetime64(rows.month.plus(-rows.look_back_months).first_day)


def parent_age(rows: Rows, name: str) -> Mask:
    """The parent would have been younger than 10 or older than 70 at the birth."""
    age = _birth(rows) - rows.days(name)
    return (age < _YOUNGEST) | (age > _OLDEST)


def before_pregnancy(rows: Rows, name: str) -> Mask:
    """More than 300 days before the birth."""
    return rows.days(name) < _birth(rows) - LONGEST_WAIT


def booked_after_birth(rows: Rows, name: str) -> Mask:
    """After the day on which the birth is expected."""
    return rows.days(name) > _birth(rows)


# --- deaths ---------------------------------------------------------------------------------------


def death_without_notice(rows: Rows, name: str) -> Mask:
    """A date of death, and no notice of it, or one that was removed."""
    return rows.filled("date_of_death") & ~rows.holds(name, _NOTICES_OF_DEATH)


def death_not_told(rows: Rows, name: str) -> Mask:
    """Born alive and died later, yet neither a notice of death nor its date."""
    told = rows.filled("date_of_death") | rows.holds(name, _NOTICES_OF_DEATH)
    return rows.holds("live_or_still_birth", [_DIED_LATER]) & ~told


def given_for_stillbirth(rows: Rows, name: str) -> Mask:
    """Agreed, for a child who was stillborn."""
    return rows.holds(name, [GIVEN]) & rows.holds("live_or_still_birth", _STILLBORN)


# --- answers --------------------------------------------------------------------------------------


def answer_lost(rows: Rows, name: str) -> Mask:
    """The day of an answer, and no answer."""
    return rows.filled("consent_date") & ~rows.holds(name, [GIVEN, REFUSED, WITHDRAWN])


def answer_undated(rows: Rows, name: str) -> Mask:
    """An answer, and not its day."""
    return ~rows.filled(name) & rows.holds("consent_status", [GIVEN, REFUSED, WITHDRAWN])


def answer_by_nobody(rows: Rows, name: str) -> Mask:
    """Agreed, and not who did; a column that the file leaves out is not asked for."""
    if name in rows.left_out:
        return rows.nothing
    return ~rows.filled(name) & rows.holds("consent_status", [GIVEN])


def refusal_as_if_given(rows: Rows, name: str) -> Mask:
    """Refused, and filled as for a permission."""
    return rows.filled(name) & rows.holds("consent_status", [REFUSED])


def objected_before_notice(rows: Rows, name: str) -> Mask:
    """Objected before the parents were told."""
    return rows.days(name) < rows.days("notice_date")


CHECKS: dict[str, Callable[[Rows, str], Mask]] = {
    check.__name__: check
    for check in (
        parent_is_child, order_above_number, order_unknown, number_unknown, before_birth, born_after_month,
        born_long_before_month, parent_age, before_pregnancy, booked_after_birth, death_without_notice,
        death_not_told, given_for_stillbirth, answer_lost, answer_undated, answer_by_nobody,
        refusal_as_if_given, objected_before_notice,
    )
}  # fmt: skip
