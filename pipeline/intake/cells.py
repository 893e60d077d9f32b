"""What a cell of an Excel workbook holds, as the text that it is without any doubt.

A cell's number says nothing of what it is; its number format does, and is followed as Excel follows it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

_ACCURATE = 15  # digits that a number of Excel keeps
_COUNT = re.compile(r"[0-9]{1,9}\Z")
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{0,40})?(E[+-]?[0-9]{1,3})?\Z", re.IGNORECASE)


class Kind(StrEnum):
    """What a cell holds that is not text."""

    NUMBER = "number"  # a whole number, as its digits
    DATE = "date"  # YYYY-MM-DD
    MOMENT = "moment"  # YYYY-MM-DDTHH:MM:SS
    TIME = "time"  # HH:MM:SS
    INEXACT = "inexact"  # a number with decimals or too long to be kept, or a day or time that cannot be
    BOOLEAN = "boolean"
    ERROR = "error"  # such as #N/A


class Typed(NamedTuple):
    """A cell that is not text: what it is, and its text; "" where that is in doubt."""

    kind: Kind
    text: str = ""


Cell = str | Typed


# What a number is in the number formats that Excel knows by number alone.
_BUILT_IN = {
    **dict.fromkeys((*range(14, 18), *range(27, 32), 36, *range(50, 59)), Kind.DATE),
    **dict.fromkeys((*range(18, 22), *range(32, 36), *range(45, 48)), Kind.TIME),
    22: Kind.MOMENT,
}
# What a format shows as it stands: quoted or escaped, spaces, colours and conditions. [h] counts hours.
_AS_IT_STANDS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)


def kind_of_format(number: str, codes: dict[str, str]) -> Kind:
    """What a number is in the format of that number; `codes` are the workbook's own formats."""
    if number not in codes:
        return _BUILT_IN.get(count(number), Kind.NUMBER)
    shown = _AS_IT_STANDS.sub("", codes[number]).partition(";")[0].lower()
    has_time = bool(re.search("[hs]", shown))
    has_day = bool(re.search("[dy]", shown)) or ("m" in shown and not has_time)  # m: months, or minutes
    if shown == "general" or not (has_day or has_time):
        return Kind.NUMBER
    if has_day:
        return Kind.MOMENT if has_time else Kind.DATE
    return Kind.TIME


def count(written: str) -> int:
    """A place in a list, or a row, as the file writes it; -1 for what is none."""
    return int(written) if _COUNT.match(written) else -1


def number_in(written: str) -> Decimal | None:
    """A number as the file writes it; None for what is none."""
    return Decimal(written) if _NUMBER.match(written) else None


def whole(number: Decimal) -> Typed:
    """A whole number as its digits; beyond what Excel keeps, its last digits would be invented."""
    if number and not 0 <= number.adjusted() < _ACCURATE:
        return Typed(Kind.INEXACT)
    return Typed(Kind.NUMBER, str(int(number))) if number == int(number) else Typed(Kind.INEXACT)


# In days. Before 1 March 1900 Excel counts one too many; after 2170 nobody here was born.
_FIRST, _LAST = 61, 99_000


def day_or_time(number: Decimal, kind: Kind, first_day: datetime) -> Typed:
    """What a number is in a format for days or times; only whole seconds count."""
    if kind is Kind.TIME:
        within = 0 <= number < 1
        return Typed(kind, f"{first_day + _seconds(number):%H:%M:%S}") if within else Typed(Kind.INEXACT)
    if not _FIRST <= number <= _LAST:
        return Typed(Kind.INEXACT)
    return _day(first_day + _seconds(number))


def iso_day(written: str) -> Typed:
    """A day or a moment that the file writes in ISO 8601, without a zone."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return Typed(Kind.INEXACT)
    return _day(moment.replace(microsecond=0)) if moment.tzinfo is None else Typed(Kind.INEXACT)


def _day(moment: datetime) -> Typed:
    at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    if at_midnight:
        return Typed(Kind.DATE, moment.date().isoformat())
    return Typed(Kind.MOMENT, moment.isoformat(timespec="seconds"))


def _seconds(days: Decimal) -> timedelta:
    return timedelta(seconds=round(days * 86_400))
