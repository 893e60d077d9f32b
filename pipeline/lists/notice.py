"""A notice to a recipient about lists that it was sent: what to do by when, and no name, address or reason.

A recall names a list's file and what the row is called on it: whoever has the list knows whom to take
off, and nobody else does. Why is never said: a centre must not learn of a death or a refusal from us.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from openpyxl import Workbook, load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.agreements.words import on_day
from pipeline.lists import sheets
from pipeline.lists.conditions import Term

About = Literal["recall", "receipt", "destruction"]

_WHAT_TO_DO = "What to do"
_TITLES = {
    "recall": "Take off the list",
    "receipt": "Receipts that are missing",
    "destruction": "Lists to destroy",
}
_HEADINGS = ("List", "Month", "Reference")
COLUMNS = (
    "notice", "action", "agreement", "list_file", "month", "list_reference", "do_by", "receipt_code",
    "answer_file",
)  # fmt: skip
_ACTIONS = {"recall": "remove", "receipt": "acknowledge", "destruction": "destroy"}


class Line(NamedTuple):
    """A list, and the row of it that is meant; "" for the list as a whole."""

    list_file: str
    month: str  # YYYY-MM
    reference: str = ""


@dataclass(frozen=True)
class Notice:
    """What one recipient is told about its lists under one agreement."""

    about: About
    file_name: str  # as the recipient finds it
    agreement: str
    title: str  # of the agreement
    recipient_name: str
    authority_name: str
    lines: tuple[Line, ...] = field(repr=False)
    due: date
    made_on: date
    code: str = field(repr=False)  # by which the recipient shows that it read the notice

    @property
    def answer_file(self) -> str:
        """What the recipient calls the file in which it says that a recall is done; "" for a reminder."""
        return f"{self.file_name}.done.txt" if self.about == "recall" else ""


def render_csv(notice: Notice) -> bytes:
    """A row for each line, columns as in COLUMNS: UTF-8, RFC 4180, days as YYYY-MM-DD."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    code = notice.code if notice.answer_file else ""
    for line in notice.lines:
        about = (notice.file_name, _ACTIONS[notice.about], notice.agreement)
        rows.writerow([*about, *line, notice.due.isoformat(), code, notice.answer_file])
    return text.getvalue().encode()


def render_workbook(notice: Notice) -> bytes:
    """Two sheets, not yet sealed: what to do, and the lists and references that are meant."""
    book = Workbook()
    book.remove(book.worksheets[0])
    sheets.write_terms(book.create_sheet(_WHAT_TO_DO), _TITLES[notice.about], terms(notice))
    _write_lines(book.create_sheet("References" if notice.about == "recall" else "Lists"), notice)
    sheets.set_properties(book, _TITLES[notice.about], notice.made_on)
    return sheets.saved(book)


def count_lines(rendered: bytes, *, is_csv: bool) -> int:
    """How many lines a finished notice holds, read back from its bytes."""
    if is_csv:
        return sum(1 for _ in csv.reader(io.StringIO(rendered.decode(), newline=""))) - 1
    second = load_workbook(io.BytesIO(rendered), read_only=True).worksheets[1]
    return sum(1 for _ in second.iter_rows(min_row=2))


def terms(notice: Notice) -> list[Term]:
    """Headings, each with its sentences, in plain words for whoever opens the notice."""
    whom, authority = notice.recipient_name, notice.authority_name
    return [
        ("For", (f"{whom}, from {authority}. Made on {on_day(notice.made_on)}.",)),
        ("Agreement", (notice.title,)),
        *_ASKING[notice.about](notice),
        ("By when", (f"By the end of {on_day(notice.due)}.",)),
        *_answering(notice),
        ("Questions", (f"Ask {authority}, by a way that you already know.",)),
    ]


def _recall(notice: Notice) -> list[Term]:
    return [
        (
            "What to do",
            (
                "Each reference on the next sheet stands for one row of a list that we sent you: it is in the"
                " list's last column. Take that row off the list and off everything made from it: labels,"
                " letters, your own records.",
                *_whole_lists(notice),
                "Send nothing there, and contact nobody there.",
                f"If something has gone there already, tell {notice.authority_name}. Do not write again, not"
                " even to apologise.",
            ),
        ),
        ("Why", ("We do not say why, and nobody should try to find out.",)),
    ]


def _whole_lists(notice: Notice) -> tuple[str, ...]:
    """Lists of older programs have no references: nobody can be named safely."""
    if all(line.reference for line in notice.lines):
        return ()
    return (f"Where no reference is given, use that list no more, and ask {notice.authority_name} about it.",)


def _receipt(notice: Notice) -> list[Term]:
    return [
        (
            "What to do",
            (
                "We have not heard from you that the lists on the next sheet arrived and open. Open each of"
                " them, and send us its receipt as its sheet Conditions of use says.",
                f"If you cannot find or open one of them, tell {notice.authority_name}.",
            ),
        )
    ]


def _destruction(notice: Notice) -> list[Term]:
    return [
        (
            "What to do",
            (
                "The time for which you may hold the lists on the next sheet is over. Destroy each of them"
                " and everything made from it, and tell us, as its sheet Conditions of use says.",
                f"If a list is destroyed already and you do not have its code any more, tell"
                f" {notice.authority_name}.",
            ),
        )
    ]


_ASKING = {"recall": _recall, "receipt": _receipt, "destruction": _destruction}


def _answering(notice: Notice) -> list[Term]:
    if not notice.answer_file:
        return []
    return [
        (
            "When it is done",
            (
                "Tell us: put a text file (Notepad will do) where you found this notice. Its name:",
                notice.answer_file,
                f"It holds the code {notice.code} and nothing else.",
                "Do the same where you have destroyed the list already and nothing made from it is left.",
                "Then destroy this notice.",
            ),
        )
    ]


def _write_lines(sheet: Worksheet, notice: Notice) -> None:
    """One heading row and a row for each line; a reminder has no references."""
    headings: Sequence[str] = _HEADINGS if notice.about == "recall" else _HEADINGS[:2]
    columns = list(zip(*(line[: len(headings)] for line in notice.lines), strict=True))
    for column, heading in enumerate(headings, start=1):
        sheets.write_heading(sheet, column, heading)
        width = max(len(value) for value in (heading, *columns[column - 1])) + 2
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, line in enumerate(notice.lines, start=2):
        for column, value in enumerate(line[: len(headings)], start=1):
            sheets.write_text(sheet, row, column, value)
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    footer = f"Confidential. To be done by {on_day(notice.due)}."
    sheets.set_print(sheet, landscape=False, header=_TITLES[notice.about], footer=footer)
