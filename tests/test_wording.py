"""Whatever Birthshare can decide or record, it can also say in words."""

from __future__ import annotations

import pytest

from pipeline.delivery.problems import Problem
from pipeline.encryption.opening import SealProblem
from pipeline.geography.statuses import Status
from pipeline.ledger.entries import BODIES, Kind
from pipeline.ledger.replay import Damage
from pipeline.reasons import Outcome, Reason, ReasonClass, having, unpack


@pytest.mark.parametrize("vocabulary", [Reason, Kind, Status, Problem, SealProblem, Damage])
def test_every_code_has_a_wording_of_its_own(vocabulary: type) -> None:
    wordings = [member.wording for member in vocabulary]
    assert all(wordings)
    assert len(set(wordings)) == len(wordings)


def test_every_outcome_has_a_word() -> None:
    assert [outcome.word for outcome in sorted(Outcome)] == ["share", "hold", "withhold"]


def test_every_kind_of_entry_says_exactly_what_its_body_may_hold() -> None:
    assert set(BODIES) == set(Kind)


def test_no_reason_shares() -> None:
    assert all(reason.outcome > Outcome.SHARE for reason in Reason)
    assert {reason.reason_class for reason in Reason} == set(ReasonClass)


def test_a_packed_set_gives_back_its_reasons() -> None:
    import numpy as np

    for reason in Reason:
        assert unpack(reason.bit) == (reason,)
        assert having(np.array([reason.bit, 0], dtype=np.int64), reason).tolist() == [True, False]
