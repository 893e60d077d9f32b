"""The gate is asked for each list against the ledger's newest words, however many lists there are."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from month_authority import MONTH, NOW, Authority
from pipeline import month as months
from pipeline.reasons import Outcome, Reason, having
from pipeline.records import SUPPRESSIONS, declared
from pipeline.steps.approval import approved
from pipeline.steps.desk import Desk
from pipeline.steps.dispatch import Gate


@pytest.fixture
def desk(authority: Authority) -> Iterator[Desk]:
    authority.prepare_and_approve()
    with months.opened(authority.home, MONTH, NOW) as opened:
        yield opened


def test_a_word_that_comes_between_two_lists_counts_for_the_second(desk: Desk) -> None:
    [one], gate = desk.agreements, Gate(desk, approved(desk))
    first = gate.decisions(one)
    shared = first[first["outcome"] == Outcome.SHARE].iloc[:1]
    word = pd.DataFrame(
        {"subject": shared["child"], "word": "child_died", "since": pd.Timestamp(MONTH.last_day)}
    )
    desk.ledger.suppress(declared(word, SUPPRESSIONS), NOW)
    second = gate.decisions(one)
    row = second[second["reference"].isin(shared["reference"])]
    assert row["outcome"].tolist() == [Outcome.WITHHOLD]
    assert having(row["reasons"].to_numpy(), Reason.CHILD_DIED).all()


def test_while_nothing_new_is_said_every_list_gets_the_same_answer(desk: Desk) -> None:
    [one], gate = desk.agreements, Gate(desk, approved(desk))
    assert gate.decisions(one) is gate.decisions(one)


def test_what_was_ever_shared_is_not_read_again_for_every_list(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a long past that would take seconds for each."""
    read = []
    disclosures = desk.ledger.disclosures
    monkeypatch.setattr(
        desk.ledger, "disclosures", lambda **asked: read.append(asked) or disclosures(**asked)
    )
    [one], gate = desk.agreements, Gate(desk, approved(desk))
    for _ in range(3):
        gate.decisions(one)
    assert len(read) == 1
