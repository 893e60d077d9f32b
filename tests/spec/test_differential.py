"""The engine and the reference interpreter agree, row by row and reason by reason."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from pipeline.reasons import Reason, ReasonClass
from spec.effort import LONG, worlds_tried
from spec.interpreter import interpret
from spec.world import World, plain
from spec.worlds import worlds

DECIDED = {str(reason) for reason in Reason if reason.reason_class is not ReasonClass.RUN}

OUTCOMES = ("share", "hold", "withhold")
ENOUGH = 100_000 if LONG else 1_000  # births

reached: Counter[str] = Counter()


@pytest.mark.timeout(2 * 60 * 60)
@worlds_tried(130, at_length=6_000)
@given(worlds())
def test_engine_and_interpreter_agree(world: World) -> None:
    decided = plain(world.decide())
    assert decided == interpret(world)
    for decision in decided.values():
        reached.update([decision.outcome, *decision.reasons])


def test_every_reason_was_reached() -> None:
    if not reached:
        pytest.skip("needs the comparison above in the same run")
    assert (DECIDED | set(OUTCOMES)) - set(reached) == set()


def test_enough_births_were_compared() -> None:
    if not reached:
        pytest.skip("needs the comparison above in the same run")
    assert sum(reached[outcome] for outcome in OUTCOMES) >= ENOUGH
