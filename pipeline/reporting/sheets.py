"""Registers as files for a spreadsheet: CSV, and a workbook whose rows are an Excel table.

Cells are text, whole numbers, days or moments; a moment is written in London's time. The workbook is
written as the parts that ECMA-376 asks for, row by row: a library keeps an object for each cell, and a
register has millions of them. The bytes depend on nothing but what is written.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from pipeline.errors import SettingsError

Cell = str | int | date | datetime | None

LONDON = ZoneInfo("Europe/London")
MOST_ROWS = 1_048_575  # of a sheet, less its headings

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for more than text in a CSV file
_FIRST_DAY = date(1899, 12, 30)  # day 0 of a workbook
_QUOTES = {'"': "&quot;"}
_SECONDS = 24 * 60 * 60
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_STYLES = {"text": 2, "number": 3, "day": 4, "moment": 5}  # places in `_STYLE_SHEET`; 1 is a heading's


@dataclass(frozen=True)
class Column:
    """A column: its heading, what its cells are, and its width in characters."""

    heading: str
    kind: Literal["text", "number", "day", "moment"] = "text"
    width: int = 16


def as_csv(columns: Sequence[Column], rows: Iterable[Iterable[Cell]]) -> bytes:
    """UTF-8, RFC 4180; days and moments as ISO 8601, and no text that a spreadsheet would calculate."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\r\n")
    writer.writerow([column.heading for column in columns])
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return content.getvalue().encode()


def as_workbook(
    title: str, columns: Sequence[Column], rows: Iterable[Iterable[Cell]], *, notes: Sequence[tuple[str, str]]
) -> bytes:
    """A workbook of two sheets: the table named `title`, and what its reader should know (`notes`).

    Headings differ from one another. Raises SettingsError where there are more rows than a sheet holds.
    """
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(_member("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            last = 1
            sheet.write(_table_head(columns).encode())
            for last, row in enumerate(rows, start=2):
                sheet.write(_row(last, columns, row).encode())
            if last > MOST_ROWS + 1:
                raise SettingsError("There are more rows than a sheet can hold", do="Ask for fewer days.")
            sheet.write(_TABLE_TAIL.encode())
        for name, part in _small_parts(title, columns, max(last, 2), notes).items():
            archive.writestr(_member(name), part.encode())
    return content.getvalue()


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


def _row(number: int, columns: Sequence[Column], row: Iterable[Cell]) -> str:
    cells = [
        _cell(f"{_letters(place)}{number}", _STYLES[column.kind], cell)
        for place, (column, cell) in enumerate(zip(columns, row, strict=True))
        if cell is not None and cell != ""
    ]
    return f'<row r="{number}">{"".join(cells)}</row>'


def _cell(place: str, style: int, cell: Cell) -> str:
    if isinstance(cell, str):
        text = f'<is><t xml:space="preserve">{_text(cell)}</t></is>'
        return f'<c r="{place}" s="{style}" t="inlineStr">{text}</c>'
    return f'<c r="{place}" s="{style}"><v>{_number(cell)}</v></c>'


def _number(cell: int | date | datetime | None) -> str:
    """A number as a workbook has it: days since its first one, a moment's hours as part of a day."""
    if isinstance(cell, datetime):
        local = cell.astimezone(LONDON)
        seconds = local.hour * 3600 + local.minute * 60 + local.second
        return f"{(local.date() - _FIRST_DAY).days + seconds / _SECONDS:.8f}"
    return str((cell - _FIRST_DAY).days if isinstance(cell, date) else cell)


def _text(text: str) -> str:
    return escape(_printable(text))


def _attribute(text: str) -> str:
    return f'"{escape(_printable(text), _QUOTES)}"'


def _printable(text: str) -> str:
    """What XML and Excel can hold."""
    return _LOOKS_ESCAPED.sub("_x005F_", _UNPRINTABLE.sub("\ufffd", text))


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_COLUMNS: list[str] = [*_ALPHABET, *(f"{first}{second}" for first in _ALPHABET for second in _ALPHABET)]


def _letters(place: int) -> str:
    """What the column at that place, from 0, is called."""
    return _COLUMNS[place]


def _member(name: str) -> ZipInfo:
    """A file of the archive, at the first moment that the format knows."""
    member = ZipInfo(name)
    member.compress_type = ZIP_DEFLATED
    return member


# --- the parts of a workbook ----------------------------------------------------------------------

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_APPLICATION = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_TABLE_TAIL = (
    "</sheetData>"
    '<pageMargins left="0.4" right="0.4" top="0.6" bottom="0.6" header="0.3" footer="0.3"/>'
    '<pageSetup paperSize="9" orientation="landscape" fitToWidth="1" fitToHeight="0"/>'
    "<headerFooter><oddFooter>&amp;RPage &amp;P of &amp;N</oddFooter></headerFooter>"
    '<tableParts count="1"><tablePart r:id="rId1"/></tableParts></worksheet>'
)

_STYLE_SHEET = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="d\\ mmm\\ yyyy"/>'
    '<numFmt numFmtId="165" formatCode="d\\ mmm\\ yyyy\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><color rgb="FFFFFFFF"/><name val="Calibri"/></font></fonts>'
    '<fills count="3"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill>'
    '<fill><patternFill patternType="solid"><fgColor rgb="FF1D70B8"/></patternFill></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="6"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyFont="1" applyFill="1"'
    ' applyNumberFormat="1" applyAlignment="1"><alignment vertical="center" wrapText="1"/></xf>'
    + "".join(
        f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"'
        ' applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>'
        for number in (49, 3, 164, 165)
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


def _table_head(columns: Sequence[Column]) -> str:
    widths = "".join(
        f'<col min="{place}" max="{place}" width="{column.width}" customWidth="1"/>'
        for place, column in enumerate(columns, start=1)
    )
    headings = "".join(
        _cell(f"{_letters(place)}1", 1, column.heading) for place, column in enumerate(columns)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
        '<sheetViews><sheetView workbookViewId="0" tabSelected="1">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols>{widths}</cols><sheetData><row r="1" ht="32" customHeight="1">{headings}</row>'
    )


def _small_parts(
    title: str, columns: Sequence[Column], last: int, notes: Sequence[tuple[str, str]]
) -> dict[str, str]:
    return {
        "xl/tables/table1.xml": _table(columns, last),
        "xl/worksheets/sheet2.xml": _notes(notes),
        "xl/worksheets/_rels/sheet1.xml.rels": _relations([("table", "../tables/table1.xml")]),
        "xl/styles.xml": _STYLE_SHEET,
        "xl/workbook.xml": _workbook(title, len(columns), last),
        "xl/_rels/workbook.xml.rels": _relations(
            [
                ("worksheet", "worksheets/sheet1.xml"),
                ("worksheet", "worksheets/sheet2.xml"),
                ("styles", "styles.xml"),
            ]
        ),
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "[Content_Types].xml": _content_types(),
    }


def _table(columns: Sequence[Column], last: int) -> str:
    """The rows as a table: they can be filtered, sorted and added up under their headings."""
    span = f"A1:{_letters(len(columns) - 1)}{last}"
    named = "".join(
        f'<tableColumn id="{number}" name={_attribute(column.heading)}/>'
        for number, column in enumerate(columns, start=1)
    )
    return (
        f'{_XML}<table xmlns="{_MAIN}" id="1" name="Register" displayName="Register" ref="{span}">'
        f'<autoFilter ref="{span}"/><tableColumns count="{len(columns)}">{named}</tableColumns>'
        '<tableStyleInfo name="TableStyleLight1" showRowStripes="1"/></table>'
    )


def _notes(notes: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f'<row r="{number}">{_cell(f"A{number}", 2, label)}{_cell(f"B{number}", 2, text)}</row>'
        for number, (label, text) in enumerate(notes, start=1)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><cols><col min="1" max="1" width="28" customWidth="1"/>'
        f'<col min="2" max="2" width="90" customWidth="1"/></cols><sheetData>{rows}</sheetData></worksheet>'
    )


def _workbook(title: str, columns: int, last: int) -> str:
    """The sheets; the first one's headings stand on each printed page."""
    sheet = _attribute(title)
    titles = escape(f"'{title}'!$1:$1")
    return (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name={sheet} sheetId="1" r:id="rId1"/><sheet name="About" sheetId="2" r:id="rId2"/>'
        "</sheets><definedNames>"
        f'<definedName name="_xlnm.Print_Titles" localSheetId="0">{titles}</definedName>'
        "</definedNames></workbook>"
    )


def _relations(parts: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(parts, start=1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _content_types() -> str:
    parts = {
        "/xl/workbook.xml": "sheet.main",
        "/xl/worksheets/sheet1.xml": "worksheet",
        "/xl/worksheets/sheet2.xml": "worksheet",
        "/xl/tables/table1.xml": "table",
        "/xl/styles.xml": "styles",
    }
    overrides = "".join(
        f'<Override PartName="{name}" ContentType="{_APPLICATION}.{kind}+xml"/>'
        for name, kind in parts.items()
    )
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
