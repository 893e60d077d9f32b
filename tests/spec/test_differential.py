"""The engine and the reference interpreter agree, row by row and reason by reason."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from pipeline.reasons import Reason, ReasonClass
from spec.effort import worlds_tried
from spec.interpreter import interpret
from spec.world import World, plain
from spec.worlds import worlds

DECIDED = {str(reason) for reason in Reason if reason.reason_class is not ReasonClass.RUN}

reached: Counter[str] = Counter()


@worlds_tried(130)
@given(worlds())
def test_engine_and_interpreter_agree(world: World) -> None:
    decided = plain(world.decide())
    assert decided == interpret(world)
    for decision in decided.values():
        reached.update([decision.outcome, *decision.reasons])


def test_every_reason_was_reached() -> None:
    if not reached:
        pytest.skip("needs the comparison above in the same run")
    assert (DECIDED | {"share", "hold", "withhold"}) - set(reached) == set()
