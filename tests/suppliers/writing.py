"""The demonstration's extract, written as other suppliers would write it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime

import openpyxl
import pandas as pd

from pipeline.contract import contract_of
from pipeline.intake.profiles import Layout

_CONTRACT = contract_of("births")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2})?\Z")

# How Python writes what a profile calls so.
STRFTIME = {
    "DD/MM/YYYY": "%d/%m/%Y",
    "YYYYMMDD": "%Y%m%d",
    "DD-MMM-YYYY": "%d-%b-%Y",
    "DD/MM/YYYY HH:MM:SS": "%d/%m/%Y %H:%M:%S",
    "DD-MMM-YYYY HH:MM:SS": "%d-%b-%Y %H:%M:%S",
    "YYYY-MM-DD HH:MM:SS": "%Y-%m-%d %H:%M:%S",
}


def in_its_words(extract: pd.DataFrame, layout: Layout) -> list[list[str]]:
    """The header and the rows of `extract`, in the headings, codes, dates and numbers of a layout.

    Columns that are not used hold a word that would be seen, were it ever used.
    """
    headings = {column: heading for heading, column in layout.columns.items()}
    columns = {headings[name]: _values(extract[name], name, layout) for name in headings if name in extract}
    columns |= {heading: ["Unused Canary"] * len(extract) for heading in layout.not_used}
    # Headings are in no order of ours.
    named = sorted(columns)
    return [named, *map(list, zip(*(columns[name] for name in named), strict=True))]


def _values(values: pd.Series, name: str, layout: Layout) -> list[str]:
    if name in layout.codes:
        own = {code: theirs for theirs, code in layout.codes[name].items()}
        return [own.get(value, value) for value in values]
    if name in _CONTRACT.of_type("date", "timestamp") and layout.format == "csv":
        return [_dated(value, layout.dates.get(name) or layout.dates["*"]) for value in values]
    if name.endswith("nhs_number") and layout.nhs_numbers == "spaced":
        return [_spaced(value) for value in values]
    return list(values)


def _dated(value: str, pattern: str) -> str:
    """A day as the supplier writes it; what was no day before is none now."""
    if not _MOMENT.match(value):
        return f"{value}?" if value else ""
    try:
        return datetime.fromisoformat(value).strftime(STRFTIME[pattern])
    except ValueError:  # well written, and not in the calendar
        return "31-Feb-2026"


def _spaced(value: str) -> str:
    """Ten digits in groups; what was no number before is none now."""
    digits = re.fullmatch("[0-9]{10}", value)
    return f"{value[:3]} {value[3:6]} {value[6:]}" if digits else value.replace(" ", "-")


def as_text(rows: Sequence[Sequence[str]], layout: Layout, *, above: Sequence[str] = ()) -> bytes:
    """A CSV file as that supplier's system writes it."""
    text = io.StringIO(newline="")
    text.write("".join(f"{line}\r\n" for line in above))
    csv.writer(text, delimiter=layout.delimiter).writerows(rows)
    if layout.trailer:
        text.write(layout.trailer.replace("{rows}", str(len(rows) - 1)) + "\r\n")
    return text.getvalue().encode(layout.encoding, errors="replace")


def as_workbook(rows: Sequence[Sequence[str]], layout: Layout, *, above: Sequence[str]) -> bytes:
    """A workbook whose days are cells of dates, with another sheet in front."""
    book = openpyxl.Workbook()
    book.active.title = "About"
    sheet = book.create_sheet(layout.sheet)
    for line in above:
        sheet.append([line])
    for row in rows:
        sheet.append([_cell(value) for value in row])
    for cell in (cell for line in sheet.iter_rows() for cell in line if cell.data_type == "f"):
        cell.data_type = "s"  # a text that begins with =, which is no formula
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _cell(value: str) -> str | date:
    try:
        return date.fromisoformat(value) if _DAY.match(value) else value
    except ValueError:
        return value
