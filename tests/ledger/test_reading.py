"""What is read of many entries at once is all of them, in order, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.ledger.entries import Collected, Entry, Kind, MonthClosed, PermitAnnulled, Publishing
from pipeline.ledger.ledger import Ledger
from pipeline.records import OnList


def test_entries_of_several_kinds_come_whole_and_in_order_over_pages_that_grow(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ledger.ledger._PAGE", 2)
    monkeypatch.setattr("pipeline.ledger.ledger._LARGEST_PAGE", 5)
    bodies = [Collected(of=number + 1) if number % 3 else MonthClosed() for number in range(40)]
    ledger.append(*(Entry(body, MONTH) for body in bodies), at=now)
    for kinds in ({Kind.COLLECTED, Kind.MONTH_CLOSED}, {Kind.COLLECTED}, None):
        wanted = [seq for seq, body in enumerate(bodies, start=1) if kinds is None or body.kind in kinds]
        assert [entry.seq for entry in ledger.entries(kinds=kinds)] == wanted


def test_who_is_on_lists_is_read_list_by_list(
    ledger: Ledger, now: datetime, later: Callable[[], datetime]
) -> None:
    ledger.append(APPROVED, at=now)
    on_lists = {
        code: [OnList(child(10 * place + one), child(900 + one), reference="AAAAA-BBBBB") for one in (1, 2)]
        for place, code in enumerate(("centre-1", "centre-2", "centre-3", "centre-4", "centre-5"))
    }
    permits = {
        code: ledger.permit(permit_body(code), children, month=MONTH, at=later())
        for code, children in on_lists.items()
    }
    ledger.annul(permits["centre-2"], at=later())
    ledger.append(Entry(Publishing(permit=permits["centre-3"].entry), MONTH), at=later())
    ledger.annul(permits["centre-3"], at=later())
    ledger.destroy_openings([permits["centre-4"].entry + 1], because="retention", at=later())
    asked = [permits[code].entry for code in list(permits)[:4]]
    found = list(ledger.on_permits([*asked, *asked]))
    listed = {
        code: [(one.child, one.parent, one.reference) for one in children]
        for code, children in on_lists.items()
    }
    assert found == [listed["centre-1"], [], listed["centre-3"], listed["centre-4"][1:]]
    assert PermitAnnulled(permit=asked[1]) in [one.body for one in ledger.entries()]


def test_checkpoints_are_told_by_their_sizes(
    ledger: Ledger, now: datetime, sign: Callable[[str], str]
) -> None:
    assert ledger.checkpoint_sizes() == []
    for _ in range(2):
        ledger.append(Entry(MonthClosed(), MONTH), at=now)
        ledger.checkpoint(sign, origin="birthshare.example.org/test")
    assert ledger.checkpoint_sizes() == [1, 2]
