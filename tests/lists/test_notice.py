"""Notices, read as a centre reads them: what to do, by when, and how to say that it is done."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
from openpyxl import load_workbook

from pipeline.lists.notice import COLUMNS, Line, Notice, count_lines, render_csv, render_workbook, terms

LINES = (
    Line("welcome_2026-09_centre-01.xlsx", "2026-09", "K7Q3M-9XTCD"),
    Line("welcome_2026-10_centre-01.xlsx", "2026-10", "3XK7M-4DTCQ"),
)
RECALL = Notice(
    about="recall",
    file_name="recall_welcome_centre-01_2026-11-20_7.xlsx",
    agreement="welcome",
    title="Welcome cards",
    recipient_name="First Centre",
    authority_name="Example Council",
    lines=LINES,
    due=date(2026, 11, 24),
    made_on=date(2026, 11, 20),
    code="DGH47-TTWX9",
)


def said(notice: Notice) -> str:
    return "\n".join(sentence for _, sentences in terms(notice) for sentence in sentences)


def sheets(notice: Notice) -> dict[str, list[tuple[object, ...]]]:
    book = load_workbook(io.BytesIO(render_workbook(notice)))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def test_a_recall_says_what_to_do_by_when_and_how_to_answer() -> None:
    text = said(RECALL)
    for words in (
        "Send nothing there, and contact nobody there.",
        "We do not say why",
        "By the end of 24 November 2026.",
        "It holds the code DGH47-TTWX9 and nothing else",
        "recall_welcome_centre-01_2026-11-20_7.xlsx.done.txt",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("about", "words"), [("receipt", "send us its receipt"), ("destruction", "Destroy each")]
)
def test_a_reminder_asks_for_what_the_list_itself_asks_for(about: str, words: str) -> None:
    reminder = replace(RECALL, about=about, lines=tuple(line._replace(reference="") for line in LINES))  # type: ignore[arg-type]
    assert words in said(reminder)
    assert "done.txt" not in said(reminder)
    assert reminder.code not in said(reminder)
    assert sheets(reminder)["Lists"] == [("List", "Month"), *((line.list_file, line.month) for line in LINES)]


def test_the_workbook_has_what_to_do_first_and_then_the_references_as_text() -> None:
    found = sheets(RECALL)
    assert list(found) == ["What to do", "References"]
    assert found["References"] == [("List", "Month", "Reference"), *map(tuple, LINES)]


def test_the_same_notice_is_the_same_bytes() -> None:
    assert render_workbook(RECALL) == render_workbook(RECALL)


def test_a_system_reads_a_row_for_each_line() -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(RECALL).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["action"], row["list_file"], row["list_reference"]) for row in rows] == [
        ("remove", line.list_file, line.reference) for line in LINES
    ]
    assert {row["do_by"] for row in rows} == {"2026-11-24"}
    assert {row["answer_file"] for row in rows} == {RECALL.answer_file}


@pytest.mark.parametrize("is_csv", [True, False])
def test_the_lines_of_a_finished_notice_can_be_counted(is_csv: bool) -> None:
    rendered = render_csv(RECALL) if is_csv else render_workbook(RECALL)
    assert count_lines(rendered, is_csv=is_csv) == len(LINES)


def test_a_row_without_a_reference_stops_the_use_of_its_whole_list() -> None:
    older = replace(RECALL, lines=(LINES[0]._replace(reference=""),))
    assert "use that list no more" in said(older)
    assert "use that list no more" not in said(RECALL)


def test_the_answer_s_name_stands_alone_to_be_copied_whole() -> None:
    [told] = [sentences for heading, sentences in terms(RECALL) if heading == "When it is done"]
    assert RECALL.answer_file in told
