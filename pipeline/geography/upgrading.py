"""Lists of LSOAs of 2011 as lists of LSOAs of 2021, by the lookup that is published for that.

The lookup says of each LSOA of 2011 which of 2021 it became: the same one (U), several (S), together
with others one (M), or nothing that compares (X). A line is upgraded where the same ground is described
by whole LSOAs of 2021 alone, and no other ground with it. Where that cannot be said the line stays, and
is named: which families a centre may know of is never guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.geography.areas import Area, Kind, csv_rows, read_areas
from pipeline.geography.tables import read_table

CHANGES = {"U": "unchanged", "S": "split", "M": "merged", "X": "irregular"}
_WANTED = {"lsoa11cd": r"[EW]01[0-9]{6}", "lsoa21cd": r"[EW]01[0-9]{6}", "chgind": r"[USMX]"}
_LEAST_ROWS = 30_000  # the whole of England and Wales has 35,796
_ADVICE = (
    "Use the exact fit lookup of LSOA (2011) to LSOA (2021) for England and Wales, with the change "
    "indicator CHGIND, as the Office for National Statistics publishes it: CSV."
)


@dataclass(frozen=True)
class Lookup:
    """What became of each LSOA of 2011."""

    became: Mapping[str, Set[str]]  # of 2011: those of 2021 that hold a part of it
    made_of: Mapping[str, Set[str]]  # of 2021: those of 2011 that it holds a part of
    change: Mapping[str, str]  # of 2011: one of CHANGES


@dataclass(frozen=True)
class Left:
    """A line that stays as it is, and why."""

    line: int
    code: str
    why: str


@dataclass
class Upgraded:
    """A list of reach areas after the upgrade."""

    content: bytes = b""
    lines: dict[str, int] = field(default_factory=lambda: dict.fromkeys("USM", 0))  # upgraded, by change
    left: list[Left] = field(default_factory=list)


def read_lookup(file: Path, *, part: bool = False) -> Lookup:
    """The published lookup; `part` says that it is a part of it.

    Raises SettingsError where the file is something else, holds a code or change that cannot be, or is
    shorter than the whole and not said to be a part: a line that is cut off would make a merger look
    like less than it is.
    """
    rows = _lookup_rows(file)
    became: dict[str, set[str]] = defaultdict(set)
    made_of: dict[str, set[str]] = defaultdict(set)
    change: dict[str, str] = {}
    for old, new, indicator in rows:
        became[old].add(new)
        made_of[new].add(old)
        if change.setdefault(old, indicator) != indicator:
            change[old] = "X"
    if len(rows) < _LEAST_ROWS and not part:
        raise SettingsError(
            f"The lookup has {len(rows):,} rows; the whole has over {_LEAST_ROWS:,}",
            where=str(file),
            do="Download it again; or say --part, if it is a part that holds all of your authority.",
        )
    return Lookup(became, made_of, change)


def _lookup_rows(file: Path) -> list[tuple[str, str, str]]:
    """LSOA of 2011, LSOA of 2021 and change, row by row."""
    header, rows = read_table(file, "the lookup", _ADVICE)
    for name in _WANTED:
        if header.count(name) != 1:
            how = "more than one column" if name in header else "no column"
            raise SettingsError(f"The lookup has {how} {name.upper()}", where=str(file), do=_ADVICE)
    return [_row(dict(zip(header, cells, strict=True)), f"{file}, line {line}") for line, cells in rows]


def _row(cells: Mapping[str, str], where: str) -> tuple[str, str, str]:
    if not all(re.fullmatch(pattern, cells.get(name, "")) for name, pattern in _WANTED.items()):
        raise SettingsError("A row of the lookup is not as it is published", where=where, do=_ADVICE)
    return cells["lsoa11cd"], cells["lsoa21cd"], cells["chgind"]


def upgraded(file: Path, content: bytes, lookup: Lookup) -> Upgraded:
    """The list with its LSOAs of 2011 as LSOAs of 2021; dates, priorities, and the order of lines stay.

    All other lines are as they were. Raises SettingsError where the list cannot be read.
    """
    areas = {area.line: area for area in read_areas([file], [content])}
    listed: dict[object, set[str]] = defaultdict(set)
    present: set[tuple[object, str]] = set()
    for area in areas.values():
        if area.kind is Kind.LSOA11:
            listed[_terms(area)].add(area.code)
        elif area.kind is Kind.LSOA21:
            present.add((_terms(area), area.code))
    result, text = Upgraded(), io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n" if b"\r\n" in content else "\n")
    rows = csv_rows(file, content)
    header = [name.lower() for name in rows[0][1]]
    writer.writerow(rows[0][1])
    for line, cells in rows[1:]:
        found = areas.get(line)
        if found is None or found.kind is not Kind.LSOA11:
            writer.writerows([cells] if any(cells) else [])
            continue
        why = _why_not(found.code, listed[_terms(found)], lookup)
        if why:
            result.left.append(Left(line, found.code, why))
            writer.writerow(cells)
            continue
        result.lines[lookup.change[found.code]] += 1
        for code in sorted(lookup.became[found.code]):
            if (_terms(found), code) not in present:
                present.add((_terms(found), code))
                writer.writerow(_cells(header, cells, code))
    result.content = text.getvalue().encode()
    return result


def _terms(area: Area) -> object:
    """What two lines must share to be one: whose area it is, when, and how much it counts."""
    return area.network, area.recipient, area.starts, area.ends, area.priority


def _cells(header: list[str], cells: list[str], code: str) -> Iterator[str]:
    new = {"kind": str(Kind.LSOA21), "code": code}
    return (new.get(name, cell) for name, cell in zip(header, cells, strict=True))


def _why_not(code: str, listed: Collection[str], lookup: Lookup) -> str:
    """Why an LSOA of 2011 cannot be said in LSOAs of 2021; "" where it can."""
    if code not in lookup.became:
        return "the lookup does not name it"
    if lookup.change[code] == "X":
        return "its ground was divided anew, and no LSOA of 2021 compares with it"
    parts = lookup.became[code]
    if lookup.change[code] == "M" and any(len(lookup.made_of[part]) < 2 for part in parts):
        return "it was merged, and the lookup does not name what with"
    missing = sorted({whole for part in parts for whole in lookup.made_of[part]} - set(listed))
    if missing:
        return (
            f"it was merged with {', '.join(missing)}, which the list does not give to the same recipient"
            " for the same days and with the same priority"
        )
    return ""
