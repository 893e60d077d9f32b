"""Evidence of retention: what is kept, what went, and who holds a list longer than they may."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from month_authority import Answer, CommandLine
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.keeping import retention
from pipeline.ledger.entries import (
    Body,
    DestructionAttested,
    Entry,
    FamilyErased,
    FileRemoved,
    KeptDestroyed,
    Kind,
    RetentionChecked,
)
from pipeline.ledger.ledger import Ledger
from pipeline.questions.keeping import report
from pipeline.records import Month, Permit
from preview.past import new_home
from questions import past

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MONTH = Month(2026, 6)  # its lists may be held until 3 September 2026
LAST = date(2026, 9, 3)
REPORT = "outbox/months/2024-01.html"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with opened_ledger(home) as opened:
        yield opened


@pytest.fixture
def command(home: Home) -> Callable[..., Answer]:
    """`birthshare report retention` on this home."""
    line = CommandLine(type("Here", (), {"home": home})())
    return lambda *arguments: line("report", "retention", *arguments)


@pytest.fixture
def old_report(home: Home) -> Path:
    """A month's page that is older than it may be."""
    file = home.path / REPORT
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("page")
    at = (NOW - timedelta(days=800)).timestamp()
    os.utime(file, (at, at))
    return file


@pytest.fixture
def lists(ledger: Ledger) -> list[Permit]:
    """Five centres' lists."""
    past.begin(ledger, MONTH)
    return [past.send(ledger, MONTH, f"centre-{number}", 3) for number in range(1, 6)]


def found(
    home: Home, ledger: Ledger, since: date | None = None, until: date | None = None, now: datetime = NOW
) -> dict[str, Any]:
    return report(home, ledger, since=since, until=until, now=now)


def of_class(answer: dict[str, Any], name: str) -> dict[str, Any]:
    [one] = [one for one in answer["classes"] if one["class"] == name]
    return dict(one)


def on(day: date) -> datetime:
    """Noon of a day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def say(ledger: Ledger, day: date, *bodies: Body) -> None:
    ledger.append(*map(Entry, bodies), at=on(day))


def attested(permit: Permit) -> DestructionAttested:
    return DestructionAttested(of=permit.entry, way="person", principal=past.LEAD)


# --- here -----------------------------------------------------------------------------------------


def test_every_class_stands_with_its_limit_and_why(home: Home, ledger: Ledger) -> None:
    answer = found(home, ledger)

    assert [one["class"] for one in answer["classes"]] == [one["class"] for one in retention.limits_of(home)]
    assert of_class(answer, "ledger")["kept"] is None


def test_what_is_overdue_is_said_and_left_alone(home: Home, ledger: Ledger, old_report: Path) -> None:
    answer = found(home, ledger)

    assert (of_class(answer, "reports")["kept"], of_class(answer, "reports")["overdue"]) == (1, 1)
    assert old_report.exists()
    assert not list(ledger.entries(kinds={Kind.DATA_DESTROYED, Kind.RETENTION_CHECKED}))


def test_what_retention_destroyed_is_there_with_day_and_rule(
    home: Home, ledger: Ledger, old_report: Path
) -> None:
    retention.run(home, now=NOW)

    answer = found(home, ledger)

    assert not old_report.exists()
    assert answer["destroyed"] == [{"day": "2026-11-20", "class": "reports", "number": 1, "limit_days": 730}]
    assert of_class(answer, "reports")["overdue"] == 0
    assert found(home, ledger, since=date(2026, 11, 21))["destroyed"] == []


def test_a_file_that_nobody_knows_is_counted(home: Home, ledger: Ledger) -> None:
    (home.path / "families.csv").write_text("x")

    assert found(home, ledger)["unknown"] == 1


def test_months_previews_and_erasures_are_there(home: Home, ledger: Ledger) -> None:
    past.closed(ledger, MONTH, {"centre-1": 3})
    ledger.append(
        Entry(KeptDestroyed(agreement=past.AGREEMENT), str(MONTH)),
        Entry(FamilyErased(subject="a" * 32, principal=past.LEAD, purpose="they asked", parts=2)),
        at=on(LAST),
    )

    answer = found(home, ledger)

    assert [one["month"] for one in answer["months"]] == ["2026-06"]
    assert answer["previews"] == [{"day": "2026-09-03", "month": "2026-06", "agreement": past.AGREEMENT}]
    assert answer["erasures"] == [{"day": "2026-09-03", "parts": 2}]


def test_destroyed_openings_are_there_with_the_reason(
    home: Home, ledger: Ledger, lists: list[Permit]
) -> None:
    disclosed = [one.seq for one in ledger.entries(kinds={Kind.DISCLOSURE})]
    ledger.destroy_openings(disclosed, because="retention", at=on(LAST))

    [one] = found(home, ledger)["openings"]

    assert (one["day"], one["because"]) == ("2026-09-03", "retention")


# --- the daily look -------------------------------------------------------------------------------


def test_days_on_which_nobody_looked_are_seen(home: Home, ledger: Ledger) -> None:
    nothing = RetentionChecked(kept={}, overdue={}, unknown=0)
    for day in (1, 2, 3, 9, 10):
        say(ledger, date(2026, 11, day), nothing)
    say(ledger, date(2026, 11, 11), nothing.model_copy(update={"unknown": 1}))

    checks = found(home, ledger, date(2026, 11, 1), date(2026, 11, 12))["checks"]

    assert checks == {"days": 6, "of_days": 12, "longest_gap": 5, "with_overdue": 1, "last": "2026-11-11"}


def test_where_nobody_ever_looked_that_is_said(
    home: Home, ledger: Ledger, command: Callable[..., Answer]
) -> None:
    assert found(home, ledger, since=date(2026, 11, 1))["checks"]["longest_gap"] == 20
    assert "Nobody looked" in command().out


# --- lists at recipients --------------------------------------------------------------------------


def test_each_list_is_in_time_late_taken_back_overdue_or_not_due(
    home: Home, ledger: Ledger, lists: list[Permit]
) -> None:
    say(ledger, LAST, attested(lists[0]))
    say(ledger, LAST + timedelta(days=4), attested(lists[1]))
    say(ledger, LAST, FileRemoved(of=lists[2].entry))

    answer = found(home, ledger)

    fates = {
        one["recipient"]: [key for key, value in one.items() if value == 1][1:] for one in answer["lists"]
    }
    assert fates == {
        "centre-1": ["in_time"],
        "centre-2": ["after_its_day"],
        "centre-3": ["removed"],
        "centre-4": ["overdue"],
        "centre-5": ["overdue"],
    }
    assert {one["recipient"]: one["days_late"] for one in answer["late_lists"]} == {
        "centre-2": 4,
        "centre-4": 78,
        "centre-5": 78,
    }


@pytest.mark.parametrize(("days", "fate"), [(0, "not_due"), (1, "overdue")])
def test_a_list_may_be_held_to_the_end_of_its_last_day(
    home: Home, ledger: Ledger, lists: list[Permit], days: int, fate: str
) -> None:
    answer = found(home, ledger, now=on(LAST + timedelta(days=days)))

    assert {one[fate] for one in answer["lists"]} == {1}


def test_between_two_days_are_the_lists_that_were_due_then(
    home: Home, ledger: Ledger, lists: list[Permit]
) -> None:
    assert len(found(home, ledger, LAST, LAST)["lists"]) == 5
    assert found(home, ledger, LAST + timedelta(days=1), None)["lists"] == []


def test_reminders_are_counted(home: Home, ledger: Ledger, lists: list[Permit]) -> None:
    past.reminded(ledger, lists[3], at=on(LAST + timedelta(days=2)))

    assert {one["recipient"]: one["reminders"] for one in found(home, ledger)["lists"]}["centre-4"] == 1


# --- the command ----------------------------------------------------------------------------------


def test_the_page_and_the_tables_say_the_same(
    home: Home,
    ledger: Ledger,
    lists: list[Permit],
    old_report: Path,
    command: Callable[..., Answer],
    tmp_path: Path,
) -> None:
    retention.run(home, now=NOW)
    say(ledger, LAST, attested(lists[0]))

    for kind in ("html", "csv", "xlsx", "json"):
        answer = command("--out", tmp_path / f"kept.{kind}")
        assert answer.code == 0, answer.err

    page = (tmp_path / "kept.html").read_text()
    [head, *rows] = csv.reader(io.StringIO((tmp_path / "kept.csv").read_text()))
    assert head == ["Day", "What went", "How many", "By which rule"]
    assert ["2026-11-20", "reports", "1", "730 days"] in rows
    assert "730 days" in page and "4 lists not said to be destroyed" in " ".join(page.split())
    assert "<svg" in page and "<script" not in page
    assert json.loads((tmp_path / "kept.json").read_text())["destroyed"][0]["number"] == 1


def test_nobody_is_in_the_evidence(
    home: Home, ledger: Ledger, lists: list[Permit], command: Callable[..., Answer], tmp_path: Path
) -> None:
    say(ledger, LAST, FamilyErased(subject="a" * 32, principal=past.LEAD, purpose="they asked", parts=2))

    answer = command("--out", tmp_path / "kept.html")

    assert "a" * 32 not in answer.out + (tmp_path / "kept.html").read_text()
    assert "Families that asked to be forgotten: 1" in answer.out
