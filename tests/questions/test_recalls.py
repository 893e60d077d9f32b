"""How fast recalls were: every step from the word to the answer, and nobody named."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from month_authority import Answer, CommandLine
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Disclosure, Entry, FileRemoved, Kind, RecallRaised
from pipeline.ledger.ledger import Ledger
from pipeline.questions.recalls import report
from pipeline.records import Month, OnList, Permit
from preview.past import new_home
from questions import past

MONTH = Month(2026, 9)
SAID = past.after(MONTH, 12)  # 12 October 2026, a Monday
NOW = SAID + timedelta(days=20)


def hours(number: float) -> datetime:
    """So many hours after the word."""
    return SAID + timedelta(hours=number)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with opened_ledger(home) as opened:
        past.begin(opened, MONTH)
        yield opened


@pytest.fixture
def lists(ledger: Ledger) -> list[Permit]:
    """Three centres' lists of ten families each."""
    return [past.send(ledger, MONTH, f"centre-{number}", 10) for number in (1, 2, 3)]


@pytest.fixture
def command(home: Home) -> Callable[..., Answer]:
    """`birthshare report recalls` on this home."""
    line = CommandLine(type("Here", (), {"home": home})())
    return lambda *arguments: line("report", "recalls", *arguments)


def found(ledger: Ledger, since: date | None = None, until: date | None = None) -> dict[str, Any]:
    return report(ledger, since=since, until=until, now=NOW)


def three(ledger: Ledger, lists: list[Permit]) -> None:
    """One done in a day, one done late, one that nobody has answered."""
    past.called_back(ledger, lists[0], 1, said=hours(0), raised=hours(1), told=hours(2), done=hours(20))
    past.called_back(
        ledger,
        lists[1],
        2,
        said=hours(0),
        raised=hours(3),
        told=hours(30),
        done=hours(120),
        word="consent_withdrawn",
    )
    past.called_back(ledger, lists[2], 3, said=hours(0), raised=hours(5), told=hours(6), word="objected")


def test_each_step_is_counted_from_the_word(ledger: Ledger, lists: list[Permit]) -> None:
    three(ledger, lists)

    answer = found(ledger)

    assert [one["hours"] for one in answer["recalls"]] == [
        {"raised": 1, "told": 2, "collected": 20, "done": 20},
        {"raised": 3, "told": 30, "collected": 120, "done": 120},
        {"raised": 5, "told": 6, "collected": None, "done": None},
    ]
    assert answer["steps"]["raised"] == {"known": 3, "median": 3, "worst": 5}
    assert answer["steps"]["done"] == {"known": 2, "median": 70, "worst": 120}


def test_open_and_late_ones_are_said_by_word_recipient_and_agreement(
    ledger: Ledger, lists: list[Permit]
) -> None:
    three(ledger, lists)

    answer = found(ledger)

    assert [(one["state"], one["late"]) for one in answer["recalls"]] == [
        ("done", False),
        ("done", True),
        ("open", True),
    ]
    assert (answer["done"], answer["open"], answer["late"]) == (2, 1, 2)
    assert {one["code"]: (one["rows"], one["open"], one["late"]) for one in answer["by_word"]} == {
        "child_died": (1, 0, 0),
        "consent_withdrawn": (1, 0, 1),
        "objected": (1, 1, 1),
    }
    assert [one["worst"] for one in answer["by_recipient"]] == [20, 120, None]
    assert [(one["code"], one["rows"]) for one in answer["by_agreement"]] == [(past.AGREEMENT, 3)]


def test_what_is_due_today_is_not_late(ledger: Ledger, lists: list[Permit]) -> None:
    past.called_back(ledger, lists[0], 1, said=hours(0), raised=hours(1), told=hours(2))
    [one] = found(ledger)["recalls"]
    last = datetime.combine(date.fromisoformat(one["due"]), SAID.time(), SAID.tzinfo)

    def late(now: datetime) -> bool:
        [only] = report(ledger, since=None, until=None, now=now)["recalls"]
        return bool(only["late"])

    assert not late(last)
    assert late(last + timedelta(days=1))


def test_one_that_nobody_was_told_of_yet_is_open(ledger: Ledger, lists: list[Permit]) -> None:
    past.called_back(ledger, lists[0], 1, said=hours(0), raised=hours(1))

    [one] = found(ledger)["recalls"]

    assert (one["state"], one["told_at"], one["hours"]["told"]) == ("open", "", None)


def test_a_notice_that_was_taken_back_unread_is_given_up(ledger: Ledger, lists: list[Permit]) -> None:
    past.called_back(ledger, lists[0], 1, said=hours(0), raised=hours(1), told=hours(2))
    [notice] = ledger.entries(kinds={Kind.NOTICE})
    ledger.append(Entry(FileRemoved(of=notice.seq)), at=hours(200))

    answer = found(ledger)

    assert (answer["given_up"], answer["open"], answer["late"]) == (1, 0, 1)


def test_between_two_days_are_those_raised_then_and_those_still_open(
    ledger: Ledger, lists: list[Permit]
) -> None:
    three(ledger, lists)
    day = hours(0).date()

    def recipients(since: date | None, until: date | None) -> list[str]:
        return [one["recipient"] for one in found(ledger, since, until)["recalls"]]

    assert recipients(day, day) == ["centre-1", "centre-2", "centre-3"]
    assert recipients(day + timedelta(days=1), None) == ["centre-3"]
    assert recipients(None, day - timedelta(days=1)) == []


def test_twins_are_one_row_and_the_word_about_one_is_the_word_about_both(ledger: Ledger) -> None:
    reference, parent, home = "AAAAA-22222", "b" * 32, "d" * 32
    twins = [OnList(letter * 32, parent, home, reference) for letter in "ef"]
    body = past.permit_body(MONTH, "centre-1", 1).model_copy(update={"children": 2})
    ledger.permit(body, twins, month=str(MONTH), at=past.after(MONTH, 5))
    [permit] = ledger.standing_permits(str(MONTH))
    past.delivered(ledger, MONTH, permit)

    ledger.suppress(past.said_of("e" * 32, "child_died", SAID), SAID)
    for one in ledger.words_since().itertuples():
        word = "child_died" if one.said else "sibling_died_or_missing"
        past.call_back_now(ledger, one, word=word, at=hours(4))

    assert len(list(ledger.entries(kinds={Kind.RECALL_RAISED}))) == 2
    [row] = found(ledger)["recalls"]
    assert row["hours"]["raised"] == 4


def test_a_word_about_the_parent_or_the_home_is_found_too(ledger: Ledger) -> None:
    for number, whose in enumerate(("b" * 32, "d" * 32), start=1):
        family = OnList(f"{number:032x}", "b" * 32, "d" * 32, f"AAAAA-{number:05d}")
        body = past.permit_body(MONTH, f"centre-{number}", 1)
        ledger.permit(body, [family], month=str(MONTH), at=past.after(MONTH, 5))
        past.delivered(ledger, MONTH, ledger.standing_permits(str(MONTH))[-1])
        ledger.suppress(past.said_of(whose, "suppressed", SAID), SAID)
        for one in ledger.words_since().itertuples():
            past.call_back_now(ledger, one, word=one.word, at=hours(number))

    assert [one["hours"]["raised"] is not None for one in found(ledger)["recalls"]] == [True, True]


def test_a_row_whose_family_was_destroyed_keeps_its_days_and_loses_the_word_s(
    ledger: Ledger, lists: list[Permit]
) -> None:
    three(ledger, lists)
    disclosed = [
        one.seq
        for one in ledger.entries(kinds={Kind.DISCLOSURE})
        if isinstance(one.body, Disclosure) and one.body.permit == lists[0].entry
    ]
    ledger.destroy_openings(disclosed, because="retention", at=hours(300))

    answer = found(ledger)

    first = answer["recalls"][0]
    assert (first["state"], first["said_at"], first["hours"]["done"]) == ("done", "", None)
    assert first["done_at"].startswith("2026-10-13")
    assert (len(answer["recalls"]), answer["steps"]["done"]["known"]) == (3, 1)


@pytest.mark.parametrize("kind", ["html", "csv", "xlsx", "json"])
def test_no_family_and_no_reference_is_in_any_form(
    ledger: Ledger, lists: list[Permit], command: Callable[..., Answer], tmp_path: Path, kind: str
) -> None:
    three(ledger, lists)

    answer = command("--out", tmp_path / f"recalls.{kind}")

    assert answer.code == 0, answer.err
    content = (tmp_path / f"recalls.{kind}").read_bytes()
    if kind == "xlsx":
        book = load_workbook(io.BytesIO(content))
        content = "\n".join(str(row) for sheet in book for row in sheet.values).encode()
    assert b"consent was withdrawn" in content.lower()
    secret = {
        one.body.child
        for one in ledger.entries(kinds={Kind.RECALL_RAISED})
        if isinstance(one.body, RecallRaised)
    }
    secret |= {past.on_list(MONTH, "centre-1", 1).reference}
    assert not [one for one in secret if one.encode() in content or one in answer.out]
    assert not re.search(rb"\b[0-9a-f]{32}\b", content)


def test_the_screen_and_the_page_say_how_fast(
    ledger: Ledger, lists: list[Permit], command: Callable[..., Answer], tmp_path: Path
) -> None:
    three(ledger, lists)

    answer = command("--out", tmp_path / "recalls.html")

    page = (tmp_path / "recalls.html").read_text()
    assert "off the list: median 2.9 days, worst 5.0 days, of 2" in answer.out
    assert "2 off their lists, 1 open," in page and "<svg" in page and "<script" not in page


def test_without_recalls_that_is_the_answer(
    ledger: Ledger, command: Callable[..., Answer], tmp_path: Path
) -> None:
    answer = command("--out", tmp_path / "recalls.html")

    assert "No row was called back" in answer.out
    assert "No row was called back" in (tmp_path / "recalls.html").read_text()
    assert json.loads(command("--json").out)["recalls"] == []
