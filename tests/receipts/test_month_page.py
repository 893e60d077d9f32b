"""A closed month's page is written again when more is heard of its lists."""

from __future__ import annotations

from pathlib import Path

from pipeline.afterwards import receipts
from receipts.centres import LEAD, Town
from receipts.test_recalls_answered import call_back
from scenarios.arrangement import EARLIER, MONTH


def page(town: Town, month: object = MONTH) -> Path:
    return town.home.outbox / "months" / f"{month}.html"


def test_a_month_s_page_says_what_became_of_each_list(town: Town) -> None:
    earlier = page(town, EARLIER).read_bytes()
    north = town["north"]
    north.says("received", north.list_of(MONTH))
    town.looks()
    text = page(town).read_text()
    assert "After sending" in text
    assert f"<td>{town.now.day} {town.now:%B %Y}</td>" in text
    assert page(town, EARLIER).read_bytes() == earlier


def test_a_page_is_not_touched_while_nothing_new_is_heard(town: Town) -> None:
    before = page(town).stat().st_mtime_ns
    town.looks()
    assert page(town).stat().st_mtime_ns == before


def test_what_is_overdue_and_what_a_person_was_told_is_on_the_page(town: Town) -> None:
    town.days_pass(6)
    town.looks()
    assert "Overdue: was due by" in page(town).read_text()
    for code in ("north", "south", "east"):
        receipts.record(town.home, town.row(code).file, "destroyed", principal=LEAD, now=town.now)
    assert "Overdue: was due by" not in page(town).read_text()


def test_a_page_that_a_killed_look_left_behind_is_renewed_by_the_next(town: Town) -> None:
    before = page(town).read_bytes()
    town["north"].says("received", town["north"].list_of(MONTH))
    town.looks()
    renewed = page(town).read_text()
    page(town).write_bytes(before)
    town.looks()
    assert "After sending" in page(town).read_text()
    assert page(town).read_text().count("receipts-to") == renewed.count("receipts-to") == 1
    assert page(town).read_bytes() != before


def test_a_page_whose_time_is_over_does_not_come_back(town: Town) -> None:
    page(town).unlink()
    town["north"].says("received", town["north"].list_of(MONTH))
    town.looks()
    assert not page(town).exists()


def test_what_was_called_back_from_a_list_is_on_the_page_until_it_is_done(town: Town) -> None:
    town.looks()
    assert "Called back" not in page(town).read_text()
    notice = call_back(town, "north")
    town.looks()
    assert "1 family, due by " in page(town).read_text()
    town.days_pass(3)
    town.looks()
    text = page(town).read_text()
    assert "<strong>Overdue: 1 family, was due by " in text
    assert "1 of 3 lists are overdue" in " ".join(text.split())
    town["north"].says("done", town["north"].folder / notice)
    town.looks()
    assert "1 family, off the list" in page(town).read_text()


def test_what_was_called_back_is_not_on_the_page_of_another_month(town: Town) -> None:
    earlier = page(town, EARLIER).read_bytes()
    call_back(town, "north")
    town.looks()
    assert page(town, EARLIER).read_bytes() == earlier
