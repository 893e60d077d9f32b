"""What became of a few lists is found with all that was said of them, and nothing that was said of others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pandas as pd
import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.ledger.entries import (
    Acknowledged,
    Collected,
    Delivered,
    Entry,
    NoticeBody,
    PermitAnnulled,
    Publishing,
    RecallRaised,
)
from pipeline.ledger.ledger import Ledger
from pipeline.records import SUPPRESSIONS, OnList, Permit, declared

Later = Callable[[], datetime]


def listed(ledger: Ledger, recipient: str, later: Later, *children: str) -> Permit:
    body = permit_body(recipient, children=len(children))
    return ledger.permit(body, [OnList(one) for one in children], month=MONTH, at=later())


@pytest.fixture
def lists(ledger: Ledger, later: Later) -> tuple[Permit, Permit]:
    """Two lists of one month, each with two children."""
    ledger.append(APPROVED, at=later())
    first, second = (
        listed(ledger, f"centre-{place}", later, child(place), child(place + 10)) for place in (1, 2)
    )
    return first, second


def recall(permit: Permit, who: str) -> RecallRaised:
    return RecallRaised(
        permit=permit.entry, reference="CDFGH-34679", child=who, agreement="welcome-card",
        recipient=permit.recipient, word="suppressed", due=date(2026, 11, 5),
    )  # fmt: skip


def notice(*entries: int, name: str = "recall") -> NoticeBody:
    return NoticeBody(
        about="recall", agreement="welcome-card", recipient="centre-1", file_name=f"{name}.xlsx",
        sealed_sha256="a" * 64, entries=entries, due=date(2026, 11, 5),
    )  # fmt: skip


def test_all_that_was_said_of_a_list_is_found_and_nothing_else(
    ledger: Ledger, lists: tuple[Permit, Permit], later: Later
) -> None:
    mine, other = (one.entry for one in lists)
    arrived = Delivered(permit=mine, sha256="b" * 64, size=5, found_there=False)
    about = [
        Publishing(permit=mine),
        arrived,
        Collected(of=mine),
        Acknowledged(of=mine, way="person", principal="a"),
    ]
    like_it = [
        Publishing(permit=other),
        Delivered(permit=other, sha256="b" * 64, size=mine, found_there=False),  # the number is a size
        Collected(of=int(f"{mine}0")),  # the number begins another
        Collected(of=other),
    ]
    numbers = ledger.append(*(Entry(one, MONTH) for one in about), at=later())
    ledger.append(*(Entry(one, MONTH) for one in like_it), at=later())
    assert [one.seq for one in ledger.followed({mine}, ())] == [mine, *numbers]


def test_recalls_of_these_children_come_with_their_notices_and_what_was_answered(
    ledger: Ledger, lists: tuple[Permit, Permit], later: Later
) -> None:
    first, second = lists
    [mine] = ledger.call_back([recall(first, child(1))], at=later())
    [twin] = ledger.call_back([recall(first, child(11))], at=later())
    [far] = ledger.call_back([recall(second, child(2))], at=later())
    [withdrawn, told, *_] = ledger.append(
        Entry(notice(mine)), Entry(notice(mine, twin)), Entry(notice(far, name=f"recall_{mine}")), at=later()
    )
    said = ledger.append(
        Entry(PermitAnnulled(permit=withdrawn)),
        Entry(Acknowledged(of=told, way="person", principal="a")),
        at=later(),
    )
    found = [one.seq for one in ledger.followed({first.entry}, {child(1)})]
    assert found == [first.entry, mine, withdrawn, told, *said]


def test_of_no_list_nothing_is_found(ledger: Ledger, lists: tuple[Permit, Permit]) -> None:
    assert ledger.followed((), ()) == []


def test_words_about_somebody_come_in_their_order(ledger: Ledger, later: Later) -> None:
    words = pd.DataFrame(
        {
            "subject": [child(1), child(2), child(1)],
            "word": ["objected", "child_died", "suppressed"],
            "since": [pd.NaT, pd.NaT, pd.Timestamp(2026, 11, 1)],
        }
    )
    ledger.suppress(declared(words, SUPPRESSIONS), later())
    found = ledger.words_about([child(1), child(9), ""])
    assert [(one.word, one.since) for one in found] == [
        ("objected", ""),
        ("suppressed", "2026-11-01T00:00:00"),
    ]
