"""A list as an Excel workbook, for an administrator with an ordinary Windows PC.

The bytes depend on nothing but the arguments, so that two renderings can be compared. Nothing is
written to disk on the way: openpyxl's own writer would leave each sheet in a temporary file.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from pipeline.agreements.model import Agreement, Shares
from pipeline.agreements.words import on_day
from pipeline.lists.compile import REFERENCE, FamilyList
from pipeline.lists.conditions import conditions, destroy_by, subjects
from pipeline.lists.fields import SEPARATOR

HEADINGS = {
    "addressed_to": "Addressed to",
    "children": "Children",
    "parent": "Parent or carer",
    **{f"address_line_{line}": f"Address line {line}" for line in range(1, 6)},
    "postcode": "Postcode",
    "date_of_birth": "Date of birth",
    "language": "Language",
    "nhs_number": "NHS number",
    "expected_date_of_delivery": "Baby expected on",
    "ward": "Ward code",
    "ward_name": "Ward",
    "lsoa21": "Small area (LSOA 2021)",
    "deprivation_decile": "Deprivation decile",
    "pseudonym": "Pseudonym",
    "month_of_birth": "Month of birth",
    "sex": "Sex",
    REFERENCE: "Reference",
}
# NHS data dictionary, PERSON PHENOTYPIC SEX; a code that is not here is shown as it is.
_SEXES = {"1": "Male", "2": "Female", "9": "Indeterminate", "X": "Not known"}

_CONDITIONS = "Conditions of use"
_A4 = 9
_NARROWEST, _WIDEST = 11, 34  # column widths, in characters
_LINE_HEIGHT, _PADDING = 15, 4  # in points
_BLUE, _PALE, _GREY = "1D70B8", "F3F6F9", "B1B4B6"
_FAMILY_STYLES = ("Family", "Family, shaded")
_LINE = Border(bottom=Side(style="thin", color=_GREY))
_LINE_ABOVE = Border(top=Side(style="thin", color=_GREY))
_TOP = Alignment(vertical="top", wrap_text=True)

# What XML or Excel cannot hold, and marks that turn the direction of writing round.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def render_workbook(
    family_list: FamilyList, *, recipient_name: str, authority_name: str, made_on: date
) -> bytes:
    """The workbook, not yet sealed: "Families" or "Children", "Conditions of use" and "Your numbers".

    Where an agreement shares numbers alone, the first of them is not there.
    """
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    if family_list.agreement.shares is not Shares.TOTALS:
        for style in _family_styles():
            workbook.add_named_style(style)
        first = workbook.create_sheet(subjects(family_list.agreement))
        _write_families(first, family_list, recipient_name, made_on)
    _write_conditions(
        workbook.create_sheet(_CONDITIONS),
        conditions(
            family_list.agreement,
            family_list.month,
            fields=family_list.fields,
            recipient_name=recipient_name,
            authority_name=authority_name,
            made_on=made_on,
        ),
    )
    _write_numbers(workbook.create_sheet("Your numbers"), family_list)
    _set_properties(workbook, family_list, made_on)
    return _saved(workbook)


def count_rows(rendered: bytes) -> int:
    """How many families or children a finished workbook holds a row of, read back from its bytes."""
    first = load_workbook(io.BytesIO(rendered), read_only=True).worksheets[0]
    return 0 if first.title == _CONDITIONS else sum(1 for _ in first.iter_rows(min_row=2))


def _write_families(sheet: Worksheet, family_list: FamilyList, recipient_name: str, made_on: date) -> None:
    """One heading row and a row for each household or child, nothing else: ready for a mail merge."""
    shown = _for_people(family_list.rows)
    headings = _headings(shown, family_list.agreement)
    widths = [_width([heading, *shown.iloc[:, place]]) for place, heading in enumerate(headings)]
    for column, (heading, width) in enumerate(zip(headings, widths, strict=True), start=1):
        _write_heading(sheet, column, heading)
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, values in enumerate(shown.itertuples(index=False, name=None), start=2):
        for column, value in enumerate(values, start=1):
            _write_text(sheet, row, column, value).style = _FAMILY_STYLES[row % 2]
        _set_height(sheet, row, zip(values, widths, strict=True))
    sheet.row_dimensions[1].height = 24
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    month, last_day = family_list.month.in_full, destroy_by(family_list.agreement, made_on)
    header = f"{_about(family_list.agreement)} for {recipient_name[:100]}, {month}"  # 255 characters at most
    _set_print(sheet, landscape=True, header=header, footer=f"Confidential. Destroy by {on_day(last_day)}.")


def _headings(shown: pd.DataFrame, agreement: Agreement) -> list[str]:
    headings = HEADINGS | ({"children": "Child"} if agreement.household == "each_child" else {})
    return [headings[str(name)] for name in shown]


def _about(agreement: Agreement) -> str:
    """The list in a few words, before "for" and its recipient."""
    if agreement.cohort.of == "expected_births":
        return f"{subjects(agreement)} expecting a baby,"
    return subjects(agreement)


def _for_people(rows: pd.DataFrame) -> pd.DataFrame:
    shown = rows.copy()
    for name in {"date_of_birth", "expected_date_of_delivery"} & set(shown.columns):
        shown[name] = [_days_in_full(days) for days in shown[name]]
    if "sex" in shown:
        shown["sex"] = [_SEXES.get(code, code) for code in shown["sex"]]
    if "nhs_number" in shown:
        shown["nhs_number"] = shown["nhs_number"].str.replace(SEPARATOR, " and ", regex=False)
    return shown


def _days_in_full(days: str) -> str:
    return " and ".join(on_day(date.fromisoformat(day)) for day in days.split(SEPARATOR) if day)


def _write_conditions(sheet: Worksheet, terms: Sequence[tuple[str, Sequence[str]]]) -> None:
    _write_title(sheet, _CONDITIONS, widths=(20, 80))
    notes = [
        (heading if first else "", sentence)
        for heading, sentences in terms
        for first, sentence in zip([True, *[False] * len(sentences)], sentences, strict=False)
    ]
    for row, (heading, sentence) in enumerate(notes, start=3):
        label = _write_text(sheet, row, 1, heading)
        note = _write_text(sheet, row, 2, sentence)
        label.font, label.alignment, note.alignment = _font(bold=True), _TOP, _TOP
        label.border = note.border = _LINE_ABOVE if heading else Border()
        _set_height(sheet, row, [(sentence, 80)])
    _set_print(sheet, landscape=False)


def _write_numbers(sheet: Worksheet, family_list: FamilyList) -> None:
    month, births = family_list.month.in_full, family_list.totals.births
    _write_title(sheet, f"Your numbers, {month}", widths=(85, 12))
    lines = _numbers_on_the_list(family_list)
    if births is not None:
        lines.append((f"Babies born in your area in {month} (rounded)", births))
    for row, (label, number) in enumerate(lines, start=3):
        _write_text(sheet, row, 1, label).border = _LINE
        figure = sheet.cell(row, 2, number)
        figure.font, figure.border, figure.alignment = _font(bold=True), _LINE, Alignment(horizontal="right")
        _set_height(sheet, row, [(label, 85)])
    for row, sentence in enumerate(_about_numbers(family_list), start=len(lines) + 4):
        _write_text(sheet, row, 1, sentence).alignment = _TOP
        _set_height(sheet, row, [(sentence, 85)])
    _set_print(sheet, landscape=False)


def _numbers_on_the_list(family_list: FamilyList) -> list[tuple[str, int]]:
    if family_list.agreement.shares is Shares.TOTALS:
        return []
    return [(f"{subjects(family_list.agreement)} on this list", len(family_list.rows))]


def _about_numbers(family_list: FamilyList) -> list[str]:
    numbers_alone = family_list.agreement.shares is Shares.TOTALS
    who = "child" if subjects(family_list.agreement) == "Children" else "family"
    nobody = [f"There is no {who} for you on this month's list."]
    sentences = [] if numbers_alone or len(family_list.rows) else nobody
    if family_list.totals.births is None:
        return sentences
    on_this_list = "" if numbers_alone else ", whether or not the family is on this list"
    not_everybody = "" if numbers_alone else ": not every family is asked to be on a list"
    return [
        *sentences,
        f"The number of babies counts every live birth in your area, twins as two{on_this_list}. It is"
        " rounded so that no single family can be worked out from it: 5 stands for any number from 1 to 7,"
        " and larger numbers go to the nearest 5.",
        "Compare it, over several months, with the families who registered with you, to see how many you do"
        f" not reach yet. Do not use it to look for a family{not_everybody}.",
    ]


def _write_title(sheet: Worksheet, title: str, *, widths: tuple[int, int]) -> None:
    _write_text(sheet, 1, 1, title).font = _font(bold=True, size=16)
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = widths
    sheet.sheet_view.showGridLines = False


def _family_styles() -> list[NamedStyle]:
    """Styles by name: openpyxl is slow where each cell brings its own."""
    fills = (PatternFill(), PatternFill("solid", fgColor=_PALE))
    return [
        NamedStyle(name, _font(bold=False), fill, _LINE, _TOP, number_format="@")
        for name, fill in zip(_FAMILY_STYLES, fills, strict=True)
    ]


def _write_heading(sheet: Worksheet, column: int, heading: str) -> None:
    cell = _write_text(sheet, 1, column, heading)
    cell.font = _font(bold=True, color="FFFFFF")
    cell.fill = PatternFill("solid", fgColor=_BLUE)
    cell.alignment = Alignment(vertical="center", wrap_text=True)


def _write_text(sheet: Worksheet, row: int, column: int, text: str) -> Cell:
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


def _width(values: Sequence[str]) -> int:
    return min(max(_NARROWEST, *(len(value) + 2 for value in values)), _WIDEST)


def _set_print(sheet: Worksheet, *, landscape: bool, header: str = "", footer: str = "") -> None:
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins.left = sheet.page_margins.right = 0.5
    sheet.oddHeader = HeaderFooterItem(left=_in_margin(header))
    sheet.oddFooter = HeaderFooterItem(left=_in_margin(footer), right=_HeaderFooterPart("Page &P of &N"))


def _font(*, bold: bool, size: int = 11, color: str = "000000") -> Font:
    return Font(name="Calibri", bold=bold, size=size, color=color)


def _set_height(sheet: Worksheet, row: int, wrapped: Iterable[tuple[str, int]]) -> None:
    """Room for the texts wrapped in columns of those widths; not every program finds it by itself."""
    lines = max(len(textwrap.wrap(text, width - 1)) for text, width in wrapped)
    sheet.row_dimensions[row].height = max(lines, 1) * _LINE_HEIGHT + _PADDING


def _in_margin(text: str) -> _HeaderFooterPart:
    """Text for a page's header or footer, where "&" begins a command."""
    return _HeaderFooterPart(_printable(text).replace("&", "&&") or None)


def _set_properties(workbook: Workbook, family_list: FamilyList, made_on: date) -> None:
    properties = workbook.properties
    properties.creator = "Birthshare"
    numbers_alone = family_list.agreement.shares is Shares.TOTALS
    about = "Numbers" if numbers_alone else subjects(family_list.agreement)
    properties.title = f"{about}, {family_list.month.in_full}"
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


def _saved(workbook: Workbook) -> bytes:
    content = io.BytesIO()
    _MemoryWriter(workbook, _TimelessZip(content, "w")).save()
    return content.getvalue()
