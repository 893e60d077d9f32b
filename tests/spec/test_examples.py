"""Every example of the decision table, decided by the engine and by the interpreter."""

from __future__ import annotations

import pytest

from pipeline.reasons import Reason, ReasonClass
from spec.examples import EXAMPLES, REASONS_SHOWN, Example
from spec.interpreter import interpret
from spec.world import Decision, elsewhere, plain, together


def _without_places(decided: dict[int, Decision]) -> dict[int, tuple[str, frozenset[str]]]:
    return {reference: (decision.outcome, decision.reasons) for reference, decision in decided.items()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.story)
def test_example(example: Example) -> None:
    assert _without_places(plain(example.world.decide())) == example.decided


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.story)
def test_the_interpreter_reads_the_example_alike(example: Example) -> None:
    assert _without_places(interpret(example.world)) == example.decided


def test_all_examples_of_one_agreement_are_decided_together_as_they_are_apart() -> None:
    for alike in _under_one_agreement():
        apart = {offset: elsewhere(example.world, offset) for offset, example in alike.items()}
        decided = _without_places(plain(together([*apart.values()]).decide()))
        assert decided == {
            reference + offset: expected
            for offset, example in alike.items()
            for reference, expected in example.decided.items()
        }


def _under_one_agreement() -> list[dict[int, Example]]:
    """Examples that one decision can be about, each with a distance between its references and others'."""
    groups: dict[str, dict[int, Example]] = {}
    for place, example in enumerate(EXAMPLES):
        world = example.world
        key = f"{world.agreement.model_dump_json()} {world.moment} {world.demonstration}"
        groups.setdefault(key, {})[place * 10] = example
    return list(groups.values())


def test_every_reason_has_an_example() -> None:
    decided = {str(reason) for reason in Reason if reason.reason_class is not ReasonClass.RUN}
    assert decided == REASONS_SHOWN
