"""`birthshare run` and `status`: what is said, and how it ends, at each point of a month."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline.delivery.problems import in_words
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger


@pytest.fixture
def waiting(birthshare: CommandLine) -> CommandLine:
    """A month that waits for its approval."""
    assert birthshare.run().code == 6
    return birthshare


def test_a_month_waits_for_its_approval_with_6(birthshare: CommandLine) -> None:
    answer = birthshare.run()
    assert answer.code == 6
    assert answer.json["state"] == "open"
    assert answer.json["waiting_for"].startswith("approval of release ")
    answer.says("waits for approval", "data lead", f"birthshare release show {MONTH}")


def test_a_person_sees_the_numbers_before_deciding(birthshare: CommandLine) -> None:
    answer = birthshare("run", str(MONTH))
    assert answer.code == 6
    for words in (
        "received",
        "150",
        "held: not now",
        "the child has died",
        "[child_died]",
        "Waiting for: approval",
    ):
        assert words in answer.out


def test_a_month_without_its_extract_waits_with_6(authority: Authority, birthshare: CommandLine) -> None:
    authority.sealed.unlink()
    answer = birthshare.run()
    assert answer.code == 6
    answer.says("has not arrived", str(authority.inbox))
    assert answer.json["received"] == 0


def test_until_stops_after_that_stage(birthshare: CommandLine) -> None:
    state = birthshare.run("--until", "validation").json
    assert state["received"] == 150
    assert state["agreements"] == {}


def test_as_of_decides_as_of_another_moment(birthshare: CommandLine) -> None:
    day = f"{NOW - timedelta(days=1):%Y-%m-%d}"
    assert birthshare.run("--as-of", day).code == 6
    assert birthshare("release", "show", str(MONTH), "--json").json["decided_at"].startswith(day)


def test_status_says_the_same_as_run(waiting: CommandLine) -> None:
    ran, looked = waiting.run().json, waiting("status", str(MONTH), "--json").json
    assert looked | {"seconds": {}} == ran | {"seconds": {}}
    assert waiting("status", "--json").json["months"] == [looked | {"seconds": {}}]
    table = waiting("status")
    assert str(MONTH) in table.out
    assert "approval of release" in table.out


def test_status_says_of_months_closed_long_ago_that_they_are(
    authority: Authority, birthshare: CommandLine
) -> None:
    with closing(Ledger.open(authority.home.database_url)) as ledger:
        for month in (MONTH.plus(-1), MONTH):
            ledger.append(Entry(MonthClosed(), str(month)), at=NOW)
    older, newest = birthshare("status", "--json").json["months"]
    assert older == {"month": str(MONTH.plus(-1)), "state": "closed", "waiting_for": ""}
    assert newest == birthshare("status", str(MONTH), "--json").json


def test_status_of_an_empty_home_says_how_to_begin(birthshare: CommandLine) -> None:
    answer = birthshare("status", "2020-01")
    assert answer.code == 0
    assert "the suppliers' files" in answer.out
    assert birthshare("status", "--json").json["months"] == []
    assert "birthshare run MONTH" in birthshare("status").out


def test_a_refused_release_stops_the_month_with_3(authority: Authority, waiting: CommandLine) -> None:
    assert waiting(*_decision(authority, "refuse"), "--note", "far fewer births than usual").code == 0
    answer = waiting.run()
    assert answer.code == 3
    answer.says("refused", "data.lead@example.org", "far fewer births than usual")
    state = waiting("status", str(MONTH), "--json").json
    assert "far fewer births than usual" in state["waiting_for"]
    assert answer.json["error"]["exit_code"] == 3
    assert authority.files() == {}


def test_a_centre_that_cannot_be_served_makes_it_5(authority: Authority, waiting: CommandLine) -> None:
    waiting.approve()
    account = authority.received / "centre-01"
    closed = account.rename(authority.received / "closed")
    try:
        answer = waiting.run()
    finally:
        closed.rename(account)
    assert answer.code == 5
    answer.says("1 of 4 lists", "centre-01", f"run {MONTH} again")
    states = {row["code"]: row["state"] for row in answer.json["recipients"]}
    assert states.pop("centre-01") == "failed"
    assert set(states.values()) == {"delivered"}
    assert answer.json["waiting_for"] == "delivery to centre-01"
    [failed] = [row for row in waiting("status", str(MONTH), "--json").json["recipients"] if "problem" in row]
    code, said = failed["problem"], waiting("status", str(MONTH)).out
    assert f"failed: {in_words(code)[:3]}" in said and f"failed: {code}" not in said
    assert in_words(code) != code
    assert waiting.run().code == 0


def test_a_damaged_ledger_is_4_and_named_as_damaged(authority: Authority, waiting: CommandLine) -> None:
    _alter_an_entry(authority)
    for command in (("status", str(MONTH)), ("ledger", "verify"), ("ledger", "checkpoint"), ("status",)):
        answer = waiting(*command)
        assert answer.code == 4, command
        answer.says("damaged")
    assert waiting("status", str(MONTH), "--json").json["ledger"]["verified"] is False
    doctor = waiting("doctor", "--json").json
    assert [one["what"] for one in doctor["findings"] if not one["well"]] == ["the ledger's database"]


def _decision(authority: Authority, word: str) -> tuple[str, ...]:
    key = authority.demo.approver_keys["data_lead"]
    return ("release", word, str(MONTH), "--as", "data.lead@example.org", "--key", str(key))


def _alter_an_entry(authority: Authority) -> None:
    """As somebody with the database in their hands could."""
    with closing(sqlite3.connect(authority.home.state / "birthshare.db")) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (trigger,) in triggers:
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE entries SET body = replace(body, ':150', ':151') WHERE kind = 'validated'")
        database.commit()
