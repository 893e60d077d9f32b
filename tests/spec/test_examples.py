"""Every example of the decision table, decided by the engine and by the interpreter."""

from __future__ import annotations

import pytest

from pipeline.reasons import Reason, ReasonClass
from spec.examples import EXAMPLES, REASONS_SHOWN, Example
from spec.interpreter import interpret
from spec.world import Decision, plain


def _without_places(decided: dict[int, Decision]) -> dict[int, tuple[str, frozenset[str]]]:
    return {reference: (decision.outcome, decision.reasons) for reference, decision in decided.items()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.story)
def test_example(example: Example) -> None:
    assert _without_places(plain(example.world.decide())) == example.decided


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.story)
def test_the_interpreter_reads_the_example_alike(example: Example) -> None:
    assert _without_places(interpret(example.world)) == example.decided


def test_every_reason_has_an_example() -> None:
    decided = {str(reason) for reason in Reason if reason.reason_class is not ReasonClass.RUN}
    assert decided == REASONS_SHOWN
