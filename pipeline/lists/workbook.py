"""A list as an Excel workbook, for an administrator with an ordinary Windows PC.

The bytes depend on nothing but the arguments, so that two renderings can be compared.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date

import pandas as pd
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, NamedStyle, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.agreements.model import Agreement, Rounding, Shares
from pipeline.agreements.words import on_day
from pipeline.lists.columns import HEADINGS
from pipeline.lists.compile import FamilyList
from pipeline.lists.conditions import conditions, destroy_by, subjects
from pipeline.lists.fields import SEPARATOR
from pipeline.lists.sheets import (
    LINE,
    PALE,
    TOP,
    font,
    saved,
    set_height,
    set_print,
    set_properties,
    write_heading,
    write_terms,
    write_text,
    write_title,
)
from pipeline.lists.telling import Told, in_words

# NHS data dictionary, PERSON PHENOTYPIC SEX; a code that is not here is shown as it is.
_SEXES = {"1": "Male", "2": "Female", "9": "Indeterminate", "X": "Not known"}

_CONDITIONS = "Conditions of use"
_NARROWEST, _WIDEST = 11, 34  # column widths, in characters
_FAMILY_STYLES = ("Family", "Family, shaded")


def render_workbook(
    family_list: FamilyList, *, recipient_name: str, authority_name: str, made_on: date, file_name: str
) -> bytes:
    """The workbook, not yet sealed: "Families" or "Children", "Conditions of use" and "Your numbers".

    Where an agreement shares numbers alone, the first of them is not there. `file_name` is that of the
    sealed file, which receipts name.
    """
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    if family_list.agreement.shares is not Shares.TOTALS:
        for style in _family_styles():
            workbook.add_named_style(style)
        first = workbook.create_sheet(subjects(family_list.agreement))
        _write_families(first, family_list, recipient_name, made_on)
    write_terms(
        workbook.create_sheet(_CONDITIONS),
        _CONDITIONS,
        conditions(
            family_list,
            recipient_name=recipient_name,
            authority_name=authority_name,
            made_on=made_on,
            file_name=file_name,
        ),
    )
    _write_numbers(workbook.create_sheet("Your numbers"), family_list)
    numbers_alone = family_list.agreement.shares is Shares.TOTALS
    about = "Numbers" if numbers_alone else subjects(family_list.agreement)
    set_properties(workbook, f"{about}, {family_list.month.in_full}", made_on)
    return saved(workbook)


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
        write_heading(sheet, column, heading)
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, values in enumerate(shown.itertuples(index=False, name=None), start=2):
        for column, value in enumerate(values, start=1):
            write_text(sheet, row, column, value).style = _FAMILY_STYLES[row % 2]
        set_height(sheet, row, zip(values, widths, strict=True))
    sheet.row_dimensions[1].height = 24
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    month, last_day = family_list.month.in_full, destroy_by(family_list.agreement, made_on)
    header = f"{_about(family_list.agreement)} for {recipient_name[:100]}, {month}"  # 255 characters at most
    set_print(sheet, landscape=True, header=header, footer=f"Confidential. Destroy by {on_day(last_day)}.")


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


def _write_numbers(sheet: Worksheet, family_list: FamilyList) -> None:
    month, births = family_list.month.in_full, family_list.totals.births
    write_title(sheet, f"Your numbers, {month}", widths=(85, 20))
    lines: list[tuple[str, int | str]] = [*_numbers_on_the_list(family_list)]
    if births is not None:
        said = str(births) if births.rounded is None else births.rounded
        lines.append((f"Babies born in your area in {month}{_how(births)}", said))
    for row, (label, number) in enumerate(lines, start=3):
        write_text(sheet, row, 1, label).border = LINE
        figure = sheet.cell(row, 2, number)
        figure.font, figure.border, figure.alignment = font(bold=True), LINE, Alignment(horizontal="right")
        set_height(sheet, row, [(label, 85)])
    for row, sentence in enumerate(_about_numbers(family_list), start=len(lines) + 4):
        write_text(sheet, row, 1, sentence).alignment = TOP
        set_height(sheet, row, [(sentence, 85)])
    set_print(sheet, landscape=False)


def _how(births: Told) -> str:
    exact = births.rounded is None or births.rounding is Rounding.NONE
    return "" if exact else " (rounded)"


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
        f"The number of babies counts every live birth in your area, twins as two{on_this_list}."
        f" {in_words(family_list.totals.births)}",
        "Compare it, over several months, with the families who registered with you, to see how many you do"
        f" not reach yet. Do not use it to look for a family{not_everybody}.",
    ]


def _family_styles() -> list[NamedStyle]:
    """Styles by name: openpyxl is slow where each cell brings its own."""
    fills = (PatternFill(), PatternFill("solid", fgColor=PALE))
    return [
        NamedStyle(name, font(bold=False), fill, LINE, TOP, number_format="@")
        for name, fill in zip(_FAMILY_STYLES, fills, strict=True)
    ]


def _width(values: Sequence[str]) -> int:
    return min(max(_NARROWEST, *(len(value) + 2 for value in values)), _WIDEST)
