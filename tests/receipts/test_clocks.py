"""What is late, when, and who is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import month as months
from pipeline.agreements.words import on_day
from pipeline.delivery.sftp import FarSide
from pipeline.ledger.entries import Kind, Overdue
from receipts.centres import Town
from scenarios.arrangement import EARLIER, MONTH, TODAY


def late(town: Town, code: str) -> list[str]:
    """What was recorded as overdue of a centre's list of the month."""
    bodies = [body for body in town.recorded(Kind.OVERDUE) if isinstance(body, Overdue)]
    return [body.what for body in bodies if body.of == town.row(code).entry]


@pytest.mark.parametrize(
    ("days", "what"),
    [
        (5, []),
        (6, ["collection"]),
        (10, ["collection"]),
        (11, ["collection", "acknowledgement"]),
        (90, ["collection", "acknowledgement"]),
    ],
)
def test_a_list_that_nobody_takes_is_late_the_day_after_each_last_day(
    town: Town, days: int, what: list[str]
) -> None:
    town.days_pass(days)
    town.looks()
    assert late(town, "north") == what


def test_what_is_late_is_recorded_once_and_told_until_it_is_done(town: Town) -> None:
    town.days_pass(6)
    assert town.looks().recorded == {"overdue": 6}
    town.days_pass(1)
    assert town.looks().recorded.total() == 0
    [warning] = [one for one in town.warnings() if "(north): " in one]
    assert f"2 lists not known to have been collected, due {on_day(TODAY + timedelta(days=5))}" in warning
    for month in (EARLIER, MONTH):
        town["north"].takes(town["north"].list_of(month))
    town.looks()
    assert not [one for one in town.warnings() if "(north): " in one]


def test_the_alarm_names_whom_to_call(town: Town) -> None:
    town.change_recipient("north", contact="Reception, 01926 000000")
    town.days_pass(6)
    town.looks()
    assert [one for one in town.warnings() if "(north): " in one and "Call Reception, 01926 000000." in one]


def test_a_list_must_be_said_to_be_destroyed_by_the_day_that_stands_on_it(town: Town) -> None:
    centre = town["north"]
    centre.says("received", centre.list_of(MONTH))
    words = centre.words_in(centre.list_of(MONTH))
    last = TODAY + timedelta(days=90)
    assert f"by {last.day} {last:%B %Y}" in words
    assert town.row("north").due == last
    centre.takes(centre.list_of(MONTH))
    town.days_pass(90)
    town.looks()
    assert late(town, "north") == []
    town.days_pass(1)
    town.looks()
    assert late(town, "north") == ["destruction"]


def test_a_centre_that_cannot_be_looked_at_is_not_said_to_be_late(town: Town) -> None:
    away = town["north"].folder.rename(town["north"].folder.with_name("away"))
    try:
        town.days_pass(6)
        town.looks()
    finally:
        away.rename(town["north"].folder)
    assert late(town, "north") == []
    assert late(town, "south") == ["collection"]


def test_days_are_those_of_london(town: Town) -> None:
    row = town.row("north")
    assert row.delivered is not None
    limits = town.home.settings.receipts
    assert row.clocks(limits)["collection"] == TODAY + timedelta(days=limits.collected_days)


def test_a_closed_month_s_status_shows_where_its_lists_stand_now(town: Town) -> None:
    town["north"].says("received", town["north"].list_of(MONTH))
    town.days_pass(6)
    town.looks()
    state = months.status(town.home, MONTH, now=town.now)
    rows = {row["code"]: row for row in state["recipients"]}
    assert {row["state"] for row in rows.values()} == {"delivered"}
    assert rows["north"]["receipt"]["state"] == "acknowledged"
    assert rows["south"]["receipt"]["overdue"] == ["collection"]
    assert any("(south): " in one for one in state["warnings"])


# --- lists past their last day --------------------------------------------------------------------


def test_a_list_that_nobody_took_is_taken_away_after_its_last_day(town: Town) -> None:
    lists = [town["south"].list_of(month) for month in (EARLIER, MONTH)]
    town.days_pass(90)
    town.looks()
    assert all(file.exists() for file in lists)
    town.days_pass(1)
    assert town.looks().recorded["file_removed"] == 6
    assert list(town["south"].folder.iterdir()) == []
    assert town.row("south").state == "removed"
    assert town.looks().recorded.total() == 0


def test_a_list_that_was_acknowledged_and_left_lying_is_taken_away_and_still_to_be_attested(
    town: Town,
) -> None:
    centre = town["north"]
    centre.says("received", centre.list_of(MONTH))
    town.days_pass(91)
    town.looks()
    row = town.row("north")
    assert row.removed and row.state == "acknowledged" and row.open
    assert late(town, "north") == ["destruction"]


def test_something_else_under_the_list_s_name_is_left_alone_and_told(town: Town) -> None:
    file = town["north"].list_of(MONTH)
    file.write_bytes(b"the centre's own")
    town.days_pass(91)
    looked = town.looks()
    assert file.read_bytes() == b"the centre's own"
    assert "something else stands under the name" in " ".join(looked.remarks)
    assert town.row("north").removed is None


def too_large(manifest: Path) -> None:
    manifest.write_bytes(b"{" + b" " * 70_000)


@pytest.mark.parametrize("spoil", [too_large, Path.unlink], ids=["too large", "vanished"])
def test_a_manifest_that_cannot_be_read_ends_no_look(
    town: Town, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    names = FarSide.names
    spoiled = town["north"].list_of(EARLIER).name + ".manifest.json"

    def spoilt_meanwhile(far: FarSide, wanted: re.Pattern[str]) -> list[str]:
        found = names(far, wanted)
        if spoiled in found:
            spoil(town["north"].folder / spoiled)
        return found

    monkeypatch.setattr(FarSide, "names", spoilt_meanwhile)
    town.days_pass(200)
    looked = town.looks()
    assert looked.not_looked_at == {}
    assert town.row("north", EARLIER).removed and town.row("north", MONTH).removed
    left = [file.name for file in town["north"].folder.iterdir()]
    assert left == ([spoiled] if spoil is too_large else [])


def test_a_look_that_was_killed_while_it_took_a_list_away_does_not_call_it_collected(town: Town) -> None:
    file = town["north"].list_of(MONTH)
    file.rename(file.with_name(f".{file.name}.removing"))
    town.days_pass(91)
    town.looks()
    assert town.row("north").removed
    assert town.row("north").collected is None
    assert list(town["north"].folder.iterdir()) == []


def test_nor_does_it_where_the_server_lists_no_name_that_begins_with_a_dot(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = FarSide.names
    monkeypatch.setattr(
        FarSide, "names", lambda far, wanted: [one for one in names(far, wanted) if one[0] != "."]
    )
    file = town["north"].list_of(MONTH)
    file.rename(file.with_name(f".{file.name}.removing"))
    town.days_pass(91)
    town.looks()
    assert town.row("north").removed
    assert town.row("north").collected is None
    assert list(town["north"].folder.iterdir()) == []


def test_what_is_left_of_a_list_that_was_taken_away_goes_with_the_next_look(town: Town) -> None:
    centre = town["north"]
    centre.says("received", centre.list_of(MONTH))
    file = centre.list_of(MONTH)
    content = file.read_bytes()
    town.days_pass(91)
    town.looks()
    left = file.with_name(f".{file.name}.removing")
    left.write_bytes(content)
    town.looks()
    assert not left.exists()
