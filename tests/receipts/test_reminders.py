"""Recipients are reminded of what is late, and not too often."""

from __future__ import annotations

from pipeline.afterwards import receipts
from pipeline.ledger.entries import Kind, NoticeBody
from receipts.centres import Town
from scenarios.arrangement import EARLIER, MONTH


def reminders(town: Town, code: str) -> list[NoticeBody]:
    bodies = [body for body in town.recorded(Kind.NOTICE) if isinstance(body, NoticeBody)]
    return [body for body in bodies if body.recipient == code]


def reminded(town: Town) -> int:
    """How many were reminded now."""
    brought = receipts.remind(town.home, now=town.now)
    brought.check()
    return brought.delivered


def test_nobody_is_reminded_of_what_is_not_late(town: Town) -> None:
    town.days_pass(5)
    town.looks()
    assert reminded(town) == 0


def test_one_notice_reminds_of_all_lists_that_are_late(town: Town) -> None:
    south = town["south"]
    for month in (EARLIER, MONTH):
        south.says("received", south.list_of(month))
    town.days_pass(6)
    town.looks()
    assert reminded(town) == 2
    [notice] = reminders(town, "north")
    assert notice.about == "receipt"
    assert set(notice.entries) == {town.row("north", month).entry for month in (EARLIER, MONTH)}
    words = town["north"].words_in(town["north"].folder / notice.file_name)
    assert all(town["north"].list_of(month).name in words for month in (EARLIER, MONTH))
    assert reminders(town, "south") == []


def test_the_next_reminder_waits_its_days(town: Town) -> None:
    town.days_pass(6)
    town.looks()
    assert reminded(town) == 3
    town.days_pass(6)
    assert reminded(town) == 0
    town.days_pass(1)
    assert reminded(town) == 3


def test_a_list_past_its_last_day_is_asked_to_be_destroyed(town: Town) -> None:
    north = town["north"]
    north.says("received", north.list_of(MONTH))
    town.days_pass(91)
    town.looks()
    assert reminded(town)
    [notice] = reminders(town, "north")
    assert (notice.about, notice.entries) == ("destruction", (town.row("north").entry,))


def test_a_reminder_is_not_itself_waited_for(town: Town) -> None:
    town.days_pass(6)
    town.looks()
    assert reminded(town)
    town.days_pass(1)
    assert town.looks().recorded.total() == 0
    assert not [row for row in town.rows() if row.what == "receipt" and row.open]
