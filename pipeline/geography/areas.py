"""The file of reach areas: which places each recipient serves, and from when to when."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from pipeline.agreements.model import DIRECTORY_ALONE
from pipeline.errors import SettingsError

HEADER = ("network", "recipient", "kind", "code", "from", "to")
_SHOWN = 10  # problems named in one message
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")


class Kind(StrEnum):
    """What a line names; the smaller place wins, whatever the order of the lines."""

    precedence: int
    pattern: str
    wording: str

    def __new__(cls, code: str, precedence: int, pattern: str, wording: str) -> Kind:
        member = str.__new__(cls, code)
        member._value_ = code
        member.precedence, member.pattern, member.wording = precedence, pattern, wording
        return member

    POSTCODE = "postcode", 1, r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", "its postcode"
    LSOA11 = "lsoa11", 2, r"E01[0-9]{6}", "its small area (LSOA 2011)"
    LSOA21 = "lsoa21", 2, r"E01[0-9]{6}", "its small area (LSOA 2021)"
    SECTOR = "sector", 3, r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9]", "its postcode sector"
    WARD = "ward", 4, r"E05[0-9]{6}", "its ward"


@dataclass(frozen=True)
class Area:
    """One line: in this network, this recipient serves this place."""

    line: int  # in the file; the header is line 1
    network: str
    recipient: str
    kind: Kind
    code: str  # upper case, without spaces
    starts: date
    ends: date | None  # the last day; None while open

    def in_force(self, on: date) -> bool:
        """Whether the line counts on that day."""
        return self.starts <= on and (self.ends is None or on <= self.ends)


class Problems:
    """What is wrong in a file, by line, so that one reading names everything."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Note a problem. The text names no postcode."""
        self._found.append((line, text))

    def stop_if_any(self) -> None:
        """Raise SettingsError for what was found."""
        if not self._found:
            return
        shown = "; ".join(f"line {line}: {text}" for line, text in sorted(self._found)[:_SHOWN])
        more = f"; and {len(self._found) - _SHOWN} more" if len(self._found) > _SHOWN else ""
        raise SettingsError(
            f"The reach areas cannot be used: {shown}{more}", where=str(self._file), do="Correct these lines."
        )


def content_of(file: Path) -> bytes:
    """The file of reach areas as it is now; raises SettingsError where it cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise SettingsError("The file of reach areas is missing", where=str(file)) from None
    except OSError:
        raise _unreadable(file) from None


def read_areas(file: Path, content: bytes | None = None) -> list[Area]:
    """Every line of the file, in force or not; raises SettingsError that names each bad line.

    `content` is what was read of the file already.
    """
    rows = _rows(file, content_of(file) if content is None else content)
    header = tuple(name.strip().lower() for name in rows[0][1]) if rows else ()
    if header != HEADER:
        raise SettingsError(
            f"The reach areas have the columns {','.join(header) or '(none)'}",
            where=str(file),
            do=f"They must be: {','.join(HEADER)}",
        )
    problems = Problems(file)
    areas = [area for line, cells in rows[1:] if any(cells) and (area := _area(line, cells, problems))]
    problems.stop_if_any()
    if not areas:
        raise SettingsError("The file of reach areas holds no line", where=str(file))
    return areas


def _rows(file: Path, content: bytes) -> list[tuple[int, list[str]]]:
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (UnicodeDecodeError, csv.Error):
        raise _unreadable(file) from None


def _unreadable(file: Path) -> SettingsError:
    return SettingsError(
        "The file of reach areas cannot be read", where=str(file), do="Save it as CSV UTF-8."
    )


def _area(line: int, cells: list[str], problems: Problems) -> Area | None:
    """One line as an area; None, and a noted problem, where it cannot be one."""
    if len(cells) != len(HEADER):
        problems.add(line, f"has {len(cells)} cells and not {len(HEADER)}")
        return None
    network, recipient, kind_name, code, starts_text, ends_text = cells
    if not (_CODE.fullmatch(network) and _CODE.fullmatch(recipient)):
        problems.add(line, "network and recipient must be codes of letters, digits, - and _")
        return None
    if network == DIRECTORY_ALONE:
        problems.add(line, f"no network may be called {DIRECTORY_ALONE}")
        return None
    if kind_name not in set(Kind):
        problems.add(line, f"the kind must be one of {', '.join(Kind)}")
        return None
    starts, ends = _day(starts_text), _day(ends_text)
    if starts is None or (ends is None and ends_text) or (ends is not None and ends < starts):
        problems.add(line, "needs a first day as YYYY-MM-DD, and a last day that is blank or not before it")
        return None
    return _checked(
        Area(line, network, recipient, Kind[kind_name.upper()], code.upper(), starts, ends), problems
    )


def _checked(area: Area, problems: Problems) -> Area | None:
    if not re.fullmatch(area.kind.pattern, area.code):
        problems.add(area.line, f"the code is not written as a {area.kind} is")
        return None
    return replace(area, code=area.code.replace(" ", ""))


def _day(text: str) -> date | None:
    """An ISO day, or None for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
