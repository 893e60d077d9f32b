"""Read an opened Excel workbook into text columns, or say exactly which cell is in the way.

A workbook is the most common way in which data is changed without anybody wanting it: leading zeros go,
long numbers are rounded, what looks like a date becomes one. So a cell counts only where what it is fits
what the contract says of its column; nothing is turned back into what it may have been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.contract import Column, Contract, in_words
from pipeline.errors import IntegrityError
from pipeline.intake.cells import Cell, Kind, Typed
from pipeline.intake.headings import contract_names
from pipeline.intake.parts import ASK, WorkbookUnusable, open_package
from pipeline.intake.profiles import Layout
from pipeline.intake.sheets import MOST_CELLS, Sheet, letters, read_sheet
from pipeline.intake.translating import translated

_NHS_NUMBER_DIGITS = 10

# Why a cell of a kind stops the file, where its column is not of that kind.
_MISFITS = {
    Kind.NUMBER: "a number where a date or a time belongs",
    Kind.INEXACT: "a number with decimals, a number too long to be kept, or a date or time that cannot be",
    Kind.DATE: "a date where none belongs; the program that wrote it may have taken a text for one",
    Kind.MOMENT: "a date where none belongs; the program that wrote it may have taken a text for one",
    Kind.TIME: "a time of day where none belongs; the program that wrote it may have taken a text for one",
    Kind.BOOLEAN: "TRUE or FALSE, which no column of the contract has",
    Kind.ERROR: "an error such as #N/A",
}
_AS_TEXT = (
    "Nothing was used. Ask the supplier to write this column as text, so that no program changes what "
    "stands in it, and to write the file again."
)


def read_workbook(content: bytes, *, contract: Contract, layout: Layout, where: str) -> pd.DataFrame:
    """The sheet's columns under the contract's names, as text, and `row`: the record number from 1.

    A cell of text is as received; a whole number is its digits; a date is YYYY-MM-DD, with a time of day
    YYYY-MM-DDTHH:MM:SS; a time is HH:MM:SS; blank is "". Blank rows at the end do not count. Raises
    IntegrityError, with the place and no value, for a file that is no workbook, for one that hides or
    computes anything, whose columns are not the contract's, or in which a cell does not fit its column.
    """
    package = open_package(content, where=where)
    sheet = read_sheet(package, name=layout.sheet, rows_above_header=layout.rows_above_header)
    headings = [_heading(cell) for cell in sheet.rows.get(0, [])]
    if not sheet.rows:
        raise IntegrityError("The file is empty: it has not even a header", where=where, do=ASK)
    _check_shown(sheet, headings, where)
    names = contract_names(headings, contract, layout, where=where)
    records = max(sheet.rows)
    _check_size(sheet, len(names), records, where)
    frame = _table(sheet.rows, names, records, contract, layout, where)
    return translated(frame, contract, layout, where=where)


def _heading(cell: Cell) -> str:
    return cell.text if isinstance(cell, Typed) else cell


def _check_shown(sheet: Sheet, headings: Sequence[str], where: str) -> None:
    """A hidden column may be what nobody meant to send; one to the right of the table is as good as none."""
    hidden = [
        letters(column)
        for column in range(1, len(headings) + 1)
        if any(first <= column <= last for first, last in sheet.hidden)
    ]
    if hidden:
        raise WorkbookUnusable(
            "The sheet has hidden columns",
            where=f"{where}, column{'s' if len(hidden) > 1 else ''} {', '.join(hidden[:5])}",
            do="Nothing was used. Somebody may have hidden what was not meant to be sent: ask the supplier "
            "to delete them, or to show them.",
        )


def _check_size(sheet: Sheet, width: int, records: int, where: str) -> None:
    wide = [record for record, line in sorted(sheet.rows.items()) if len(line) > width]
    if wide:
        raise IntegrityError(
            f"{len(wide)} of {records} rows have more fields than the header's {width}",
            where=f"{where}, {in_words(wide)}",
            do=ASK,
        )
    if records * width > MOST_CELLS:
        raise WorkbookUnusable(
            "A row stands so far below the others that the sheet has more cells than any month",
            where=f"{where}, record {records}",
            do=ASK,
        )


def _table(
    rows: Mapping[int, list[Cell]],
    names: Sequence[str],
    records: int,
    contract: Contract,
    layout: Layout,
    where: str,
) -> pd.DataFrame:
    """The contract's columns as text; a column that is known and not used is left where it is."""
    found: dict[str, pd.Series] = {}
    lines = [rows.get(record, []) for record in range(1, records + 1)]
    for place, name in enumerate(names):
        if name in contract.names:
            cells = [line[place] if place < len(line) else "" for line in lines]
            found[name] = pd.Series(_texts(cells, contract.column(name), layout, where), dtype="str")
    return pd.DataFrame(found).assign(row=np.arange(1, records + 1, dtype=np.int64))


def _texts(cells: Sequence[Cell], column: Column, layout: Layout, where: str) -> list[str]:
    """The cells as text; raises IntegrityError where one does not fit the column."""
    fitting = _fitting(column, layout)
    misfits: dict[Kind, list[int]] = {}
    for record, cell in enumerate(cells, start=1):
        if isinstance(cell, Typed) and cell.kind not in fitting:
            misfits.setdefault(cell.kind, []).append(record)
    for kind, records in misfits.items():
        raise _misfit(_MISFITS[kind], records, column, where)
    if column.is_nhs_number:
        _check_digits(cells, column, where)
    return [cell.text if isinstance(cell, Typed) else cell for cell in cells]


def _fitting(column: Column, layout: Layout) -> frozenset[Kind]:
    """What a cell of this column may be besides text."""
    if column.logical_type in ("date", "timestamp"):
        as_digits = {column.name, "*"} & set(layout.dates)  # such as 20261003, where that was agreed
        return frozenset({Kind.DATE, Kind.MOMENT, *([Kind.NUMBER] if as_digits else [])})
    return frozenset({Kind.TIME if column.logical_type == "time" else Kind.NUMBER})


def _check_digits(cells: Sequence[Cell], column: Column, where: str) -> None:
    """A number that lost a digit stops the file: of the others, nobody knows what was lost."""
    lost = [
        record
        for record, cell in enumerate(cells, start=1)
        if isinstance(cell, Typed) and not (len(cell.text) == _NHS_NUMBER_DIGITS and cell.text.isdecimal())
    ]
    if lost:
        raise _misfit("an NHS number that was kept as a number and has not ten digits", lost, column, where)


def _misfit(what: str, records: Sequence[int], column: Column, where: str) -> IntegrityError:
    holding = f"{len(records)} cells hold" if len(records) > 1 else "A cell holds"
    return WorkbookUnusable(
        f"{holding} {what}",
        where=f"{where}, column {column.name}, {in_words(records)}",
        do=_AS_TEXT,
    )
