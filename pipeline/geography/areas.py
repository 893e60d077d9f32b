"""The reach areas: which places each recipient serves, from when to when, and who comes first.

They stand in one file or in several: lists of codes as CSV, drawn areas as GeoJSON. What two people
sign is all of them together, by one digest (`areas_sha256`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.geography.geojson import Note, Shape, read_features
from pipeline.networks import DIRECTORY_ALONE

HEADER = ("network", "recipient", "kind", "code", "from", "to")
PRIORITY = "priority"  # a column that may be left out; a property of drawn areas
GEOJSON = (".geojson", ".json")
MOST_BYTES = 32 << 20  # of one file; to compile drawn areas takes ten times as much memory
_SHOWN = 10  # problems named in one message
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_PRIORITY = re.compile(r"[1-9][0-9]{0,2}")
_RANKS, _NO_PRIORITY = 1_000_000, 999_999


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
    POLYGON = "polygon", 2, r".{1,80}", "an area drawn around it"
    LSOA11 = "lsoa11", 3, r"E01[0-9]{6}", "its small area (LSOA 2011)"
    LSOA21 = "lsoa21", 3, r"E01[0-9]{6}", "its small area (LSOA 2021)"
    SECTOR = "sector", 4, r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9]", "its postcode sector"
    WARD = "ward", 5, r"E05[0-9]{6}", "its ward"


LISTED = tuple(kind for kind in Kind if kind is not Kind.POLYGON)  # kinds that a line of a CSV can name


@dataclass(frozen=True)
class Area:
    """One line, or one drawn area: in this network, this recipient serves this place."""

    file: Path
    line: int  # of a CSV, whose header is line 1; of GeoJSON the number of the feature, from 1
    network: str
    recipient: str
    kind: Kind
    code: str  # upper case, without spaces; the name of a drawn area as it stands there
    starts: date
    ends: date | None  # the last day; None while open
    priority: int | None = None  # 1 comes before 2, none comes last; among places of the same size alone
    shape: Shape | None = field(default=None, repr=False, compare=False)  # of a drawn area

    def in_force(self, on: date) -> bool:
        """Whether the line counts on that day."""
        return self.starts <= on and (self.ends is None or on <= self.ends)

    @property
    def rank(self) -> int:
        """Its place in the order in which lines count: by the size of what they name, then by priority.

        Of all lines in force that name a postcode those of the least rank count; two recipients of one
        rank leave it ambiguous.
        """
        return self.kind.precedence * _RANKS + (_NO_PRIORITY if self.priority is None else self.priority)

    @property
    def where(self) -> str:
        """Where it stands in its file."""
        return where_in(self.file, self.line)


class Problems:
    """What is wrong in the files, by line, so that one reading names everything."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        self._found: list[tuple[int, int, str]] = []

    def add(self, file: Path, line: int, text: str) -> None:
        """Note a problem. The text names no postcode."""
        self._found.append((self._files.index(file), line, text))

    @property
    def found(self) -> list[tuple[Path, int, str]]:
        """What was noted, in the order of files and lines; line 0 for a file as a whole."""
        return [(self._files[number], line, text) for number, line, text in sorted(self._found)]

    def stop_if_any(self) -> None:
        """Raise SettingsError for what was found."""
        if not self._found:
            return
        shown = "; ".join(self._sentence(*one) for one in sorted(self._found)[:_SHOWN])
        more = f"; and {len(self._found) - _SHOWN} more" if len(self._found) > _SHOWN else ""
        raise SettingsError(
            f"The reach areas cannot be used: {shown}{more}",
            where=named(self._files),
            do="Correct these lines; `birthshare geography check` names everything that is wrong.",
        )

    def _sentence(self, number: int, line: int, text: str) -> str:
        file = self._files[number]
        place = where_in(file, line) or "the file"
        return f"{file.name} {place}: {text}" if len(self._files) > 1 else f"{place}: {text}"


def named(files: Sequence[Path]) -> str:
    """The files, as a message says where."""
    return ", ".join(map(str, files))


def contents_of(files: Sequence[Path]) -> list[bytes]:
    """The files of reach areas as they are now; raises SettingsError where one cannot be used."""
    return [_content(file) for file in files]


def areas_sha256(files: Sequence[Path]) -> str:
    """One digest for all files of reach areas, in any order; that of the content where there is one file.

    Raises SettingsError where a file cannot be read.
    """
    return digest_of(contents_of(files))


def digest_of(contents: Sequence[bytes]) -> str:
    """The digest of files that were read already: of one its SHA-256, of several that of all of theirs."""
    digests = sorted(hashlib.sha256(content).hexdigest() for content in contents)
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def read_areas(
    files: Sequence[Path], contents: Sequence[bytes] | None = None, *, problems: Problems | None = None
) -> list[Area]:
    """Every line of the files, in force or not; raises SettingsError that names each bad line.

    `contents` is what was read of the files already. Who gives `problems` finds the bad lines there, and
    gets the others, if there are any.
    """
    wanted, problems = problems, Problems(files) if problems is None else problems
    areas: list[Area] = []
    for file, content in zip(files, contents or contents_of(files), strict=True):
        read = _drawn if file.suffix.lower() in GEOJSON else _listed
        areas += read(file, content, problems)
    if wanted is not None:
        return areas
    problems.stop_if_any()
    if not areas:
        raise SettingsError("The file of reach areas holds no line", where=named(files))
    return areas


def where_in(file: Path, line: int) -> str:
    """The line of a CSV, or the feature of a GeoJSON file, as a message names it; "" for the whole file."""
    unit = "feature" if file.suffix.lower() in GEOJSON else "line"
    return f"{unit} {line}" if line else ""


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SettingsError(
                f"The file of reach areas is larger than {MOST_BYTES >> 20} MB",
                where=str(file),
                do="Keep only the areas of your own recipients.",
            )
        return file.read_bytes()
    except FileNotFoundError:
        raise SettingsError("The file of reach areas is missing", where=str(file)) from None
    except OSError:
        raise _unreadable(file) from None


def _unreadable(file: Path) -> SettingsError:
    return SettingsError(
        "The file of reach areas cannot be read", where=str(file), do="Save it as CSV UTF-8."
    )


# --- lists of codes -------------------------------------------------------------------------------


def _listed(file: Path, content: bytes, problems: Problems) -> Iterator[Area]:
    """The lines of a CSV; those that cannot be areas are noted."""
    rows = csv_rows(file, content)
    header = tuple(name.strip().lower() for name in rows[0][1]) if rows else ()
    if tuple(name for name in header if name != PRIORITY) != HEADER or header.count(PRIORITY) > 1:
        raise SettingsError(
            f"The reach areas have the columns {','.join(header) or '(none)'}",
            where=str(file),
            do=f"They must be: {','.join(HEADER)}; {PRIORITY} may be added",
        )
    for line, cells in rows[1:]:
        if not any(cells):
            continue
        if len(cells) != len(header):
            problems.add(file, line, f"has {len(cells)} cells and not {len(header)}")
            continue
        given = dict(zip(header, cells, strict=True))
        if given["kind"] not in LISTED:
            problems.add(file, line, f"the kind must be one of {', '.join(LISTED)}{_drawn_areas(given)}")
            continue
        area = _area(file, line, given, problems)
        if area is not None:
            yield area


def csv_rows(file: Path, content: bytes) -> list[tuple[int, list[str]]]:
    """The rows of a CSV with the number of their line; raises SettingsError where it cannot be read."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (UnicodeDecodeError, csv.Error):
        raise _unreadable(file) from None


def _drawn_areas(given: Mapping[str, str]) -> str:
    return "; drawn areas stand in a GeoJSON file" if given["kind"] == Kind.POLYGON else ""


# --- drawn areas ----------------------------------------------------------------------------------


def _drawn(file: Path, content: bytes, problems: Problems) -> Iterator[Area]:
    """The features of a GeoJSON file; those that cannot be areas are noted."""

    def note(number: int, text: str) -> None:
        problems.add(file, number, text)

    for number, properties, shape in read_features(content, note, where=str(file)):
        given = _of_properties(number, properties, note)
        area = given and _area(file, number, given, problems, shape)
        if area:
            yield area


def _of_properties(number: int, properties: Mapping[str, object], note: Note) -> dict[str, str] | None:
    """The properties that count, as the cells of a line; None, and a noted problem, where one is no text."""
    given = {"network": "", "recipient": "", "from": "", "to": "", PRIORITY: ""}
    for name in (*given, "name", "code"):
        value = properties.get(name)
        if name == PRIORITY and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            note(number, f"its property {name} must be {'a whole number' if name == PRIORITY else 'text'}")
            return None
        given[name] = (value or "").strip()
    missing = [name for name in ("network", "recipient", "from") if not given[name]]
    if missing:
        note(number, f"has no property {' and no '.join(missing)}")
        return None
    return {**given, "kind": Kind.POLYGON, "code": given["code"] or given["name"] or f"feature {number}"}


# --- both -----------------------------------------------------------------------------------------


def _area(
    file: Path, line: int, given: Mapping[str, str], problems: Problems, shape: Shape | None = None
) -> Area | None:
    """One line as an area; None, and a noted problem, where it cannot be one."""
    kind, starts, ends = Kind[given["kind"].upper()], _day(given["from"]), _day(given["to"])
    code = given["code"] if shape else given["code"].upper()
    problem = _problem(given, kind, code, starts, ends)
    if problem or starts is None:
        problems.add(file, line, problem)
        return None
    priority = given.get(PRIORITY, "")
    return Area(
        file=file,
        line=line,
        network=given["network"],
        recipient=given["recipient"],
        kind=kind,
        code=code if shape else code.replace(" ", ""),
        starts=starts,
        ends=ends,
        priority=int(priority) if priority else None,
        shape=shape,
    )


def _problem(given: Mapping[str, str], kind: Kind, code: str, starts: date | None, ends: date | None) -> str:
    """What keeps a line from being an area; "" where nothing does."""
    if not (_CODE.fullmatch(given["network"]) and _CODE.fullmatch(given["recipient"])):
        return "network and recipient must be codes of letters, digits, - and _"
    if given["network"] == DIRECTORY_ALONE:
        return f"no network may be called {DIRECTORY_ALONE}"
    if starts is None or (ends is None and given["to"]) or (ends is not None and ends < starts):
        return "needs a first day as YYYY-MM-DD, and a last day that is blank or not before it"
    if given.get(PRIORITY) and not _PRIORITY.fullmatch(given[PRIORITY]):
        return "the priority must be blank or a number from 1 to 999"
    if not re.fullmatch(kind.pattern, code) or not code.isprintable():
        return f"the code is not written as a {kind} is"
    return ""


def _day(text: str) -> date | None:
    """An ISO day, or None for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
