"""Registers as files for a spreadsheet: CSV, and a workbook whose rows are an Excel table.

Cells are text, whole numbers, days or moments; a moment is written in London's time.
"""

from __future__ import annotations

import csv
import io
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pipeline.errors import SettingsError

Cell = str | int | date | datetime | None

LONDON = ZoneInfo("Europe/London")
MOST_ROWS = 1_048_575  # of a sheet, less its headings

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for more than text in a CSV file
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_FORMATS = {"text": "@", "number": "#,##0", "day": "d mmm yyyy", "moment": "d mmm yyyy hh:mm:ss"}
_BLUE = "1D70B8"
_LINE_HEIGHT = 15  # in points
_LINES = 200  # of a CSV file, in one part of it
_FITS = 12  # columns that can be read on a page's width; more go over several


@dataclass(frozen=True)
class Column:
    """A column: its heading, what its cells are, and its width in characters."""

    heading: str
    kind: Literal["text", "number", "day", "moment"] = "text"
    width: int = 16


def as_csv(columns: Sequence[Column], rows: Iterable[Iterable[Cell]]) -> bytes:
    """UTF-8, RFC 4180; days and moments as ISO 8601, and no text that a spreadsheet would calculate."""
    return b"".join(csv_parts(columns, rows))


def csv_parts(columns: Sequence[Column], rows: Iterable[Iterable[Cell]]) -> Iterator[bytes]:
    """The same, part by part, as rows come; the first part has the headings."""
    part = io.StringIO()
    writer = csv.writer(part, lineterminator="\r\n")
    writer.writerow([column.heading for column in columns])
    for place, row in enumerate(rows):
        if place % _LINES == 0:
            yield part.getvalue().encode()
            part.seek(0)
            part.truncate()
        writer.writerow([_plain(cell) for cell in row])
    yield part.getvalue().encode()


@dataclass(frozen=True)
class Sheet:
    """A sheet whose first row has the headings, which differ from one another, and every other row a line."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Iterable[Cell]]
    is_table: bool = True  # can be filtered and sorted under its headings
    of_sentences: bool = False  # rows are made as high as their text needs; not every program does that


def as_workbook(
    title: str, columns: Sequence[Column], rows: Iterable[Iterable[Cell]], *, notes: Sequence[tuple[str, str]]
) -> bytes:
    """A workbook of two sheets: the table named `title`, and what its reader should know (`notes`).

    Raises SettingsError as `workbook_of` does.
    """
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    _write(workbook, Sheet(title, columns, rows), "Register")
    about = workbook.create_sheet("About")
    about.column_dimensions["A"].width, about.column_dimensions["B"].width = 28, 90
    text = _styled(about, [Column(""), Column("")])
    for note in notes:
        about.append([style(cell) for style, cell in zip(text, note, strict=True)])
    return _saved(workbook)


def workbook_of(*sheets: Sheet) -> bytes:
    """A workbook of these sheets, in their order.

    Raises SettingsError where there are more rows than a sheet holds. Rows wait in a temporary file of the
    library's, which is no place for a personal value.
    """
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    for sheet in sheets:
        _write(workbook, sheet, sheet.title.replace(" ", "_"))
    return _saved(workbook)


def _write(workbook: Any, one: Sheet, table: str) -> None:
    sheet = workbook.create_sheet(one.title)
    _lay_out(sheet, one.columns)
    last, headings = 1, [column.heading for column in one.columns]
    if one.of_sentences:
        sheet.row_dimensions[1].height = _LINE_HEIGHT * _lines(headings, one.columns)
    sheet.append(_headings(sheet, one.columns))
    styled = _styled(sheet, one.columns)
    for last, row in enumerate(one.rows, start=2):
        if last > MOST_ROWS + 1:
            raise SettingsError("There are more rows than a sheet can hold", do="Ask for fewer days.")
        cells = list(row)
        if one.of_sentences:
            sheet.row_dimensions[last].height = _LINE_HEIGHT * _lines(cells, one.columns)
        sheet.append([style(cell) for style, cell in zip(styled, cells, strict=True)])
    if one.is_table:
        _make_table(sheet, one.columns, max(last, 2), table)


def _lines(cells: Sequence[Cell], columns: Sequence[Column]) -> int:
    """How many lines the longest text of a row takes in its column."""
    wide = (
        _lines_of(cell, column.width + 2) if isinstance(cell, str) else 1
        for cell, column in zip(cells, columns, strict=True)
    )
    return max(1, *wide)


@lru_cache(maxsize=4096)  # the same sentences stand in many rows
def _lines_of(text: str, width: int) -> int:
    return len(textwrap.wrap(text, width))


def _saved(workbook: Any) -> bytes:
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def _lay_out(sheet: Any, columns: Sequence[Column]) -> None:
    """Widths, headings that stay, and how it is printed; before the first row, as the library asks."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.properties import PageSetupProperties

    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    sheet.freeze_panes, sheet.print_title_rows = "A2", "1:1"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.oddFooter.right.text = "Page &P of &N"
    if len(columns) <= _FITS:
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _headings(sheet: Any, columns: Sequence[Column]) -> list[Any]:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill

    cells = [WriteOnlyCell(sheet, _printable(column.heading)) for column in columns]
    for cell in cells:
        cell.font = Font(name="Calibri", bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor=_BLUE)
        cell.alignment = Alignment(vertical="center", wrap_text=True)
    return cells


def _styled(sheet: Any, columns: Sequence[Column]) -> list[Any]:
    """For each column what makes a cell of a value: the same cell again and again, its style made once."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment

    def styled(column: Column) -> Any:
        cell = WriteOnlyCell(sheet)
        cell.number_format = _FORMATS[column.kind]
        cell.alignment = Alignment(vertical="top", wrap_text=True)

        def of(value: Cell) -> Any:
            if value is None or value == "":
                return None
            if isinstance(value, datetime):
                value = value.astimezone(LONDON).replace(tzinfo=None)
            kept = cell.number_format
            cell.value = _printable(value) if isinstance(value, str) else value
            cell.number_format = kept  # the library puts its own for days
            if isinstance(value, str):
                cell.data_type = "s"  # a leading "=" is no formula
            return cell

        return of

    return [styled(column) for column in columns]


def _make_table(sheet: Any, columns: Sequence[Column], last: int, name: str) -> None:
    """The rows as a table: they can be filtered, sorted and added up under their headings."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.filters import AutoFilter
    from openpyxl.worksheet.table import Table, TableColumn, TableStyleInfo

    span = f"A1:{get_column_letter(len(columns))}{last}"
    named = [TableColumn(id=number, name=column.heading) for number, column in enumerate(columns, start=1)]
    table = Table(displayName=name, ref=span, tableColumns=named, autoFilter=AutoFilter(ref=span))
    table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that columns must be named by hand: they are
        sheet.add_table(table)


def _plain(cell: Cell) -> str | int:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(LONDON).isoformat(timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


def _printable(text: str) -> str:
    """What XML and Excel can hold."""
    return _LOOKS_ESCAPED.sub("_x005F_", _UNPRINTABLE.sub("\ufffd", text))
