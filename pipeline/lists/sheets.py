"""What the sheets of every workbook of ours share: text cells, titles, headings, print set-up, and saving.

The bytes depend on nothing but what is written. Nothing goes to disk on the way: openpyxl's own writer
would leave each sheet in a temporary file.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

_A4 = 9
_LINE_HEIGHT, _PADDING = 15, 4  # in points
_BLUE, PALE, _GREY = "1D70B8", "F3F6F9", "B1B4B6"
LINE = Border(bottom=Side(style="thin", color=_GREY))
_LINE_ABOVE = Border(top=Side(style="thin", color=_GREY))
TOP = Alignment(vertical="top", wrap_text=True)

# What XML or Excel cannot hold, and marks that turn the direction of writing round.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def write_title(sheet: Worksheet, title: str, *, widths: tuple[int, int]) -> None:
    """A title above two columns of those widths, in characters; rows begin with the third."""
    write_text(sheet, 1, 1, title).font = font(bold=True, size=16)
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = widths
    sheet.sheet_view.showGridLines = False


def write_terms(sheet: Worksheet, title: str, terms: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Headings, each with its sentences, under a title, on one page's width."""
    write_title(sheet, title, widths=(20, 80))
    notes = [
        (heading if first else "", sentence)
        for heading, sentences in terms
        for first, sentence in zip([True, *[False] * len(sentences)], sentences, strict=False)
    ]
    for row, (heading, sentence) in enumerate(notes, start=3):
        label = write_text(sheet, row, 1, heading)
        note = write_text(sheet, row, 2, sentence)
        label.font, label.alignment, note.alignment = font(bold=True), TOP, TOP
        label.border = note.border = _LINE_ABOVE if heading else Border()
        set_height(sheet, row, [(sentence, 80)])
    set_print(sheet, landscape=False)


def write_heading(sheet: Worksheet, column: int, heading: str) -> None:
    """A heading in the first row."""
    cell = write_text(sheet, 1, column, heading)
    cell.font = font(bold=True, color="FFFFFF")
    cell.fill = PatternFill("solid", fgColor=_BLUE)
    cell.alignment = Alignment(vertical="center", wrap_text=True)


def write_text(sheet: Worksheet, row: int, column: int, text: str) -> Cell:
    """Put `text` in a cell as text, whatever it begins with."""
    cell = cast(Cell, sheet.cell(row, column))  # no cell of ours is merged
    cell.number_format = "@"
    if text:
        cell.value = _printable(text)
        cell.data_type = "s"  # openpyxl would take a leading "=" for a formula
    return cell


def _printable(text: str) -> str:
    one_line = re.sub(r"[\t\r\n]+", " ", text)
    return _LOOKS_ESCAPED.sub("_x005F_", _UNPRINTABLE.sub("\ufffd", one_line))


def set_print(sheet: Worksheet, *, landscape: bool, header: str = "", footer: str = "") -> None:
    """A4, as wide as one page, its pages numbered."""
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins.left = sheet.page_margins.right = 0.5
    sheet.oddHeader = HeaderFooterItem(left=_in_margin(header))
    sheet.oddFooter = HeaderFooterItem(left=_in_margin(footer), right=_HeaderFooterPart("Page &P of &N"))


def font(*, bold: bool, size: int = 11, color: str = "000000") -> Font:
    """The letters of every cell of ours."""
    return Font(name="Calibri", bold=bold, size=size, color=color)


def set_height(sheet: Worksheet, row: int, wrapped: Iterable[tuple[str, int]]) -> None:
    """Room for the texts wrapped in columns of those widths; not every program finds it by itself."""
    lines = max(len(textwrap.wrap(text, width - 1)) for text, width in wrapped)
    sheet.row_dimensions[row].height = max(lines, 1) * _LINE_HEIGHT + _PADDING


def _in_margin(text: str) -> _HeaderFooterPart:
    """Text for a page's header or footer, where "&" begins a command."""
    return _HeaderFooterPart(_printable(text).replace("&", "&&") or None)


def set_properties(workbook: Workbook, title: str, made_on: date) -> None:
    """What the file says of itself: nothing of persons or machines."""
    properties = workbook.properties
    properties.creator, properties.title = "Birthshare", title
    properties.created = properties.modified = datetime.combine(made_on, time())


class _TimelessZip(ZipFile):
    """A zip whose members all bear the first moment that the format knows."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any) -> None:
        member = ZipInfo(str(zinfo_or_arcname))
        member.compress_type = ZIP_DEFLATED
        super().writestr(member, data)


class _MemoryWriter(ExcelWriter):
    """openpyxl's writer, but each sheet goes from memory into the archive."""

    def write_worksheet(self, ws: Any) -> None:
        writer = WorksheetWriter(ws, io.BytesIO())
        writer.write()
        # The stubs leave the archive out.
        self._archive.writestr(ws.path[1:], writer.read())  # type: ignore[attr-defined]
        self.manifest.append(ws)


def saved(workbook: Workbook) -> bytes:
    """The finished file."""
    content = io.BytesIO()
    _MemoryWriter(workbook, _TimelessZip(content, "w")).save()
    return content.getvalue()
