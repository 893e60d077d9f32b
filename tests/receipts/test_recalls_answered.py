"""A recall is done when its recipient says so with the code of the notice, and is late when it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.afterwards import notices, receipts
from pipeline.ledger.entries import Disclosure, Kind, RecallRaised
from pipeline.steps.desk import Desk
from receipts.centres import LEAD, Town
from scenarios.arrangement import MONTH, TODAY


def call_back(town: Town, code: str, *, told: bool = True) -> str:
    """Call the month's only family at a centre back, by the day after tomorrow; the notice's file name."""
    [child] = [
        body
        for body in town.recorded(Kind.DISCLOSURE)
        if isinstance(body, Disclosure) and body.permit == town.row(code).entry
    ]
    due = TODAY + timedelta(days=2)
    recall = RecallRaised(
        permit=child.permit, reference=child.reference, child=child.child, agreement=child.agreement,
        recipient=code, word="consent_withdrawn", due=due,
    )  # fmt: skip
    desk = Desk(town.home, MONTH, town.now)
    try:
        entries = tuple(desk.ledger.call_back([recall], at=desk.clock))
        if told:
            notices.send(desk, [notices.Draft("recall", child.agreement, code, entries, due)])
    finally:
        desk.close()
    return next((row.file for row in town.rows() if row.what == "recall"), "")


def open_recalls(town: Town) -> list[dict[str, object]]:
    return list(receipts.shown(town.home, now=town.now)["recalls"])


@pytest.mark.parametrize("code", ["north", "east"])
def test_a_recall_is_done_when_its_notice_is_answered(town: Town, code: str) -> None:
    notice = call_back(town, code)
    [waiting] = open_recalls(town)
    assert (waiting["recipient"], waiting["told"], waiting["rows"]) == (code, True, 1)
    town[code].says("done", town[code].folder / notice)
    assert town.looks().recorded == {"acknowledged": 1}
    assert open_recalls(town) == []


def test_the_list_s_own_code_does_not_answer_the_notice(town: Town) -> None:
    notice = call_back(town, "north")
    north = town["north"]
    north.says("done", north.folder / notice, north.code_in(north.list_of(MONTH)))
    assert "does not count" in " ".join(town.looks().remarks)
    assert open_recalls(town)


@pytest.mark.parametrize("told", [True, False], ids=["told", "nobody could be told"])
def test_a_recall_that_is_not_done_in_time_is_an_alarm_said_once(town: Town, told: bool) -> None:
    call_back(town, "north", told=told)
    town.days_pass(2)
    assert town.looks().recorded.total() == 0
    town.days_pass(1)
    assert town.looks().recorded == {"overdue": 1}
    assert town.looks().recorded.total() == 0
    assert "1 family not said to be off its list" in " ".join(town.warnings())


def test_what_a_centre_says_on_the_telephone_counts_too(town: Town) -> None:
    notice = call_back(town, "north")
    assert receipts.record(town.home, notice, "done", principal=LEAD, now=town.now)
    assert open_recalls(town) == []
