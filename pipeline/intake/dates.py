"""Ways of writing dates, such as DD/MM/YYYY, and how they are turned into the contract's, YYYY-MM-DD.

A way of writing is exact: DD is two digits and D one or two; MMM is a month's name in three letters.
Two-digit years are refused, since nobody could say of which century they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PART = re.compile(r"YYYY|MMM|MM|M|DD|D|HH|SS|[/. :T-]|.", re.DOTALL)
_MEANING = {
    "YYYY": ("year", "[0-9]{4}"),
    "MMM": ("month", "[A-Za-z]{3}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "DD": ("day", "[0-9]{2}"),
    "D": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{2}"),
    "SS": ("second", "[0-9]{2}"),
}
_SEPARATORS = "/. :T-"
_DAYS = (
    *("YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "YYYYMMDD", "DDMMYYYY"),
    *("YYYY/MM/DD", "DD-MMM-YYYY", "DD MMM YYYY", "DDMMMYYYY", "D/M/YYYY", "M/D/YYYY", "D-MMM-YYYY"),
)
# What suppliers write; the one of them that fits all values is proposed.
USUAL = (
    *(day + time for time in ("", " HH:MM", " HH:MM:SS") for day in _DAYS),
    *("YYYY-MM-DDTHH:MM", "YYYY-MM-DDTHH:MM:SS"),
)


@dataclass(frozen=True)
class Writing:
    """One way of writing a day, or a day and a time of day."""

    regex: str  # RE2, from \\A to \\z, with the names of the parts
    parts: frozenset[str]
    in_letters: bool  # the month is a name

    @property
    def timed(self) -> bool:
        """Whether it says the time of day."""
        return "hour" in self.parts

    def fits(self, value: str) -> bool:
        """Whether one value is so written; for many at once see `as_iso`."""
        return bool(re.match(self.regex.replace(r"\z", r"\Z"), value))


def way_of_writing(pattern: str) -> Writing:
    """What a pattern such as DD/MM/YYYY means; raises ValueError, in words, where it says no whole day."""
    regex, found = "", []
    for part in _PART.findall(pattern):
        if part in _SEPARATORS:
            regex += re.escape(part)
            continue
        if part not in _MEANING:
            raise ValueError(_wrong(pattern))
        name, digits = _MEANING[part]
        if name == "month" and "hour" in found:
            name = "minute"
        found.append(name)
        regex += f"(?P<{name}>{digits})"
    day, time = sorted(name for name in found if name in ("year", "month", "day")), found[3:]
    if day != ["day", "month", "year"] or time not in ([], ["hour", "minute"], ["hour", "minute", "second"]):
        raise ValueError(_wrong(pattern))
    return Writing(rf"\A{regex}\z", frozenset(found), "MMM" in pattern)


def _wrong(pattern: str) -> str:
    if "YY" in pattern.replace("YYYY", ""):
        return "a year has four digits (YYYY): of two, nobody can say the century"
    return (
        "a way of writing dates is made of DD, MM (or MMM) and YYYY, and perhaps HH:MM or HH:MM:SS after them"
    )


def as_iso(values: pd.Series, pattern: str, *, timed: bool) -> pd.Series:
    """Text so written as YYYY-MM-DD, or with `timed` as YYYY-MM-DDTHH:MM:SS where the time is given.

    Whatever is written in another way stays as it is; whether there is such a day is not looked at.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    writing = way_of_writing(pattern)
    text = pa.chunked_array(pa.array(values))
    parts = pc.extract_regex(text, writing.regex)
    day = [_digits(parts, name, in_letters=writing.in_letters) for name in ("year", "month", "day")]
    iso = _joined(*day, "-")
    if timed and writing.timed:
        second = _digits(parts, "second") if "second" in writing.parts else "00"
        iso = _joined(iso, _joined(_digits(parts, "hour"), _digits(parts, "minute"), second, ":"), "T")
    written: pd.Series = pc.coalesce(iso, text).to_pandas()
    return pd.Series(written.array, index=values.index, dtype="str")


def _joined(*parts: Any) -> Any:
    """Text by text, with the last of them in between; null where any part is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = parts[0].type
    alike = [pa.scalar(part, kind) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*alike)


def _digits(parts: pa.ChunkedArray, name: str, *, in_letters: bool = False) -> Any:
    """One part of each date, in two digits or more; null where a date is written in another way."""
    import pyarrow as pa
    import pyarrow.compute as pc

    part = pc.struct_field(parts, name)
    if in_letters and name == "month":
        place = pc.index_in(pc.utf8_lower(part), value_set=pa.array(_MONTHS, part.type))
        return pc.take(pa.array([f"{number:02}" for number in range(1, 13)], part.type), place)
    return pc.utf8_lpad(part, 2, "0")
