"""The cells of one sheet of an Excel workbook, each with what it is: text, a number, a date, a time.

What only a person at a screen would miss or mistake is refused: formulas, which another program may
work out to something else, hidden rows and sheets, filters, cells that are merged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, NoReturn, TypeVar

from pipeline.intake.cells import (
    Cell,
    Kind,
    Typed,
    count,
    day_or_time,
    iso_day,
    kind_of_format,
    number_in,
    whole,
)
from pipeline.intake.parts import ASK, Attributes, Package, WorkbookUnusable

MOST_COLUMNS = 500
MOST_CELLS = 4_000_000
Value = TypeVar("Value")

_LAST_ROW = 1_048_576  # of any sheet

_MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_IDENTITY = " id"  # the end of r:id, whatever the namespace
_LETTERS = re.compile(r"[A-Z]{1,3}\Z")
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})\Z")
_ESCAPED = re.compile(r"_x(?!D[89A-F])([0-9A-F]{4})_", re.IGNORECASE)
_VALUES_ALONE = "Nothing was used. Ask the supplier to copy the values alone into a new workbook."


@dataclass(frozen=True)
class Sheet:
    """The filled cells of a sheet from its header on."""

    rows: Mapping[int, list[Cell]] = field(repr=False)  # by the record's number; 0 is the header
    hidden: tuple[tuple[int, int], ...]  # first and last of hidden columns, from 1


def read_sheet(package: Package, *, name: str, rows_above_header: int) -> Sheet:
    """The sheet of that name; with "" the only sheet of the workbook.

    Raises WorkbookUnusable, with the record, the column and no value.
    """
    book = _Book(package)
    reader = _Reader(book, rows_above_header + 1)
    package.walk(book.sheet(name), reader.start, reader.end, reader.text)
    return Sheet(reader.rows, tuple(reader.hidden))


def sheet_names(package: Package) -> list[str]:
    """The sheets of a workbook, in order."""
    return [sheet.name for sheet in _Book(package).sheets]


def letters(column: int) -> str:
    """A column's letters, as Excel shows them: 1 is A."""
    shown = ""
    while column:
        column, place = divmod(column - 1, 26)
        shown = chr(ord("A") + place) + shown
    return shown


@lru_cache(maxsize=2_000)
def _column(in_letters: str) -> int:
    """A column's number by its letters; 0 for what are none."""
    if not _LETTERS.match(in_letters):
        return 0
    return sum((ord(letter) - 64) * 26**place for place, letter in enumerate(reversed(in_letters)))


def _either(names: Mapping[str, Value]) -> dict[str, Value]:
    """The same by element of either namespace of workbooks; no other element says anything to us."""
    return {f"{main} {name}": value for main in _MAIN for name, value in names.items()}


def _at(**calls: Callable[[Attributes], None]) -> Callable[[str, Attributes], None]:
    """What to call as each element begins, by its name."""
    known = _either(calls)

    def start(tag: str, attributes: Attributes) -> None:
        if tag in known:
            known[tag](attributes)

    return start


def _true(said: str | None) -> bool:
    return said not in (None, "0", "false")


# --- the workbook ---------------------------------------------------------------------------------


class _Listed(NamedTuple):
    """A sheet in the workbook's list."""

    name: str
    part: str
    kind: str


class _Book:
    """What is said of all sheets: their names, the texts, the number formats and the first day."""

    def __init__(self, package: Package) -> None:
        self.where, self.sheets = package.where, list[_Listed]()
        self.first_day = datetime(1899, 12, 30)
        main = [part for kind, part in package.related("").values() if kind == "officeDocument"]
        if len(main) != 1:
            self.refuse("The workbook is damaged: it does not say where it begins", ASK)
        self._related = package.related(main[0])
        package.walk(main[0], _at(workbookPr=self._properties, sheet=self._listed))
        self.texts = _texts(package, self._one("sharedStrings"))
        self.formats = _formats(package, self._one("styles"))

    def refuse(self, what: str, do: str) -> NoReturn:
        """Stop at something about the workbook as a whole."""
        raise WorkbookUnusable(what, where=self.where, do=do)

    def sheet(self, name: str) -> str:
        """The part that holds the sheet of that name, or the only one."""
        wanted = [sheet for sheet in self.sheets if not name or sheet.name == name]
        if not wanted and name:
            self.refuse(
                "The workbook has no sheet of the agreed name",
                "Nothing was used. Ask the supplier what changed, and agree it before this file is run.",
            )
        if len(wanted) != 1:
            self.refuse(
                f"The workbook has {len(wanted)} sheets, and nobody agreed which one counts",
                "Nothing was used. Name it as `sheet` in this supplier's profile.",
            )
        if wanted[0].kind != "worksheet":
            self.refuse("The sheet is no worksheet", _VALUES_ALONE)
        return wanted[0].part

    def _properties(self, attributes: Attributes) -> None:
        if _true(attributes.get("date1904")):
            self.first_day = datetime(1904, 1, 1)

    def _listed(self, attributes: Attributes) -> None:
        if attributes.get("state", "visible") != "visible":
            self.refuse(
                "The workbook has a hidden sheet",
                "Nothing was used. Ask the supplier to delete it, or to show it and say what it is for.",
            )
        reference = next((value for name, value in attributes.items() if name.endswith(_IDENTITY)), "")
        kind, part = self._related.get(reference, ("", ""))
        self.sheets.append(_Listed(attributes.get("name", ""), part, kind))

    def _one(self, kind: str) -> str:
        return next((part for found, part in self._related.values() if found == kind), "")


def _texts(package: Package, part: str) -> list[str]:
    """The texts that cells refer to by number."""
    texts, pieces, known = list[str](), _Pieces(), _either({name: name for name in ("si", *_PIECES)})

    def start(tag: str, _: Attributes) -> None:
        pieces.start(known.get(tag, ""))

    def end(tag: str) -> None:
        pieces.end(known.get(tag, ""))
        if known.get(tag) == "si":
            texts.append(pieces.taken())

    package.walk(part, start, end, pieces.text)
    return texts


_PIECES = ("t", "v", "rPh")


class _Pieces:
    """A text in its pieces, without what is written above it in small signs (furigana)."""

    def __init__(self) -> None:
        self.found, self.open, self.above = list[str](), False, 0

    def start(self, name: str) -> None:
        self.above += name == "rPh"
        self.open = self.open or (name in ("t", "v") and not self.above)

    def end(self, name: str) -> None:
        self.above -= name == "rPh"
        self.open = self.open and name not in ("t", "v")

    def text(self, text: str) -> None:
        if self.open:
            self.found.append(text)

    def taken(self) -> str:
        """The text so far, as Excel shows it; a new one begins."""
        text = "".join(self.found)
        self.found.clear()
        return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), text) if "_x" in text else text


def _formats(package: Package, part: str) -> list[Kind]:
    """For each style of cells, what a number in it is."""
    codes, numbers, inside = dict[str, str](), list[str](), list[bool]()

    def code(attributes: Attributes) -> None:
        codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")

    def begin(_: Attributes) -> None:
        inside.append(True)

    def style(attributes: Attributes) -> None:
        if inside:
            numbers.append(attributes.get("numFmtId", "0"))

    def end(tag: str) -> None:
        if tag.endswith(" cellXfs"):
            inside.clear()

    package.walk(part, _at(numFmt=code, cellXfs=begin, xf=style), end)
    return [kind_of_format(number, codes) for number in numbers]


# --- the sheet ------------------------------------------------------------------------------------


class _Reader:
    """Takes the cells from a sheet's XML as it is read."""

    def __init__(self, book: _Book, header: int) -> None:
        self.book, self.header = book, header
        self.rows = dict[int, list[Cell]]()
        self.hidden = list[tuple[int, int]]()
        self.row, self.column, self.cells = 0, 0, 0
        self.row_hidden = self.in_row = self.in_cell = False
        self.type, self.style, self.line = "n", "0", list[Cell]()
        self.pieces = _Pieces()
        self.begins = _at(
            row=self._row, c=self._cell, f=self._formula, col=self._columns, mergeCell=self._merged,
            filterColumn=self._filtered,
        )  # fmt: skip
        self.known = _either({name: name for name in ("row", "c", *_PIECES)})

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element begins."""
        if self.in_cell:
            self.pieces.start(self.known.get(tag, ""))
        self.begins(tag, attributes)

    def end(self, tag: str) -> None:
        """An element ends."""
        name = self.known.get(tag, "")
        self.pieces.end(name)
        if name == "c":
            self._cell_ends()
        elif name == "row":
            self.in_row = False

    def text(self, text: str) -> None:
        """Text between elements."""
        self.pieces.text(text)

    # Elements as they begin.

    def _row(self, attributes: Attributes) -> None:
        written = attributes.get("r")
        row = self.row + 1 if written is None else count(written)
        if self.in_row or not self.row < row <= _LAST_ROW:
            self._refuse("The rows of the sheet are not in order", ASK)
        self.row, self.column, self.in_row = row, 0, True
        self.row_hidden = _true(attributes.get("hidden")) or _nothing(attributes.get("ht"))
        self.line = []

    def _cell(self, attributes: Attributes) -> None:
        column = self._column_of(attributes.get("r"))
        self.cells += 1
        if self.in_cell or not self.in_row or column <= self.column:
            self._refuse("The cells of the sheet are not in order", ASK)
        if self.cells > MOST_CELLS:
            self._refuse(f"The sheet has more than {MOST_CELLS:,} cells", ASK)
        self.column, self.in_cell = column, True
        self.type, self.style = attributes.get("t", "n"), attributes.get("s", "0")

    def _column_of(self, written: str | None) -> int:
        if written is None:
            return self.column + 1
        in_letters = written.removesuffix(str(self.row))
        column = _column(in_letters)
        if not column or in_letters == written:
            self._refuse("The cells of the sheet are not in order", ASK)
        return column

    def _formula(self, _: Attributes) -> None:
        if self.row >= self.header:
            self._refuse("A cell holds a formula", _VALUES_ALONE, cell=True)

    def _columns(self, attributes: Attributes) -> None:
        first, last = count(attributes.get("min", "")), count(attributes.get("max", ""))
        if not 0 < first <= last:
            self._refuse("The workbook is damaged", ASK)
        if _true(attributes.get("hidden")) or _nothing(attributes.get("width")):
            self.hidden.append((first, last))

    def _merged(self, attributes: Attributes) -> None:
        match = _CELL.match(attributes.get("ref", "").rpartition(":")[2])
        if not match or int(match[2]) >= self.header:
            self._refuse("Cells of the sheet are merged", _VALUES_ALONE)

    def _filtered(self, _: Attributes) -> None:
        self._refuse(
            "A filter is set on the sheet",
            "Nothing was used. Ask the supplier to send what the filter leaves, in a new workbook.",
        )

    # A cell when it ends.

    def _cell_ends(self) -> None:
        self.in_cell = False
        written = self.pieces.taken()
        if not written or self.row < self.header:
            return
        cell = self._value(written)
        if not cell:
            return
        if self.row_hidden:
            self._refuse(
                "The sheet has a hidden row",
                "Nothing was used. Somebody may have hidden what was not meant to be sent: ask the supplier "
                "to delete it, or to show it.",
            )
        if self.column > MOST_COLUMNS:
            self._refuse(f"The sheet has more than {MOST_COLUMNS} columns", ASK)
        if not self.line:
            self.rows[self.row - self.header] = self.line
        self.line.extend([""] * (self.column - 1 - len(self.line)))
        self.line.append(cell)

    def _value(self, written: str) -> Cell:
        kind = self.type
        if kind in ("inlineStr", "str"):
            return written
        if kind == "s" and 0 <= (place := count(written)) < len(self.book.texts):
            return self.book.texts[place]
        if kind == "b":
            return Typed(Kind.BOOLEAN)
        if kind == "e":
            return Typed(Kind.ERROR)
        if kind == "d":
            return iso_day(written)
        number = number_in(written) if kind == "n" else None
        style, formats = count(self.style), self.book.formats
        if number is None or not 0 <= style < max(len(formats), 1):
            self._refuse("A cell is not written as workbooks are", ASK, cell=True)
        means = formats[style] if formats else Kind.NUMBER
        return whole(number) if means is Kind.NUMBER else day_or_time(number, means, self.book.first_day)

    def _refuse(self, what: str, do: str, *, cell: bool = False) -> NoReturn:
        place = f", record {self.row - self.header}" if self.row >= self.header else ""
        place += f", column {letters(self.column)}" if cell else ""
        raise WorkbookUnusable(what, where=f"{self.book.where}{place}", do=do)


def _nothing(size: str | None) -> bool:
    """Whether a height or a width is nothing, which hides as well."""
    number = number_in(size) if size is not None else None
    return number is not None and number <= 0
