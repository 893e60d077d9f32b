"""Inputs that cannot be what they should be stop the decision, and no value is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.consent.decide import check, decide
from pipeline.errors import IntegrityError
from pipeline.reasons import Outcome, Reason
from spec.world import World, answer, birth, placed

UNUSABLE = {
    "one reference twice": World(births=(birth(1), birth(1)), placements=(placed(1),)),
    "no reference of the child": World.of(birth(1, child="")),
    "a supplier that the agreement does not name": World.of(birth(1, supplier="another")),
    "an answer about nobody": World.of(birth(), answers=(answer(""),)),
    "an answer that nobody agreed": World.of(birth(), answers=(answer("child-1", answer="perhaps"),)),
    "placed twice": World(births=(birth(1),), placements=(placed(1), placed(1, recipient="elm"))),
}


@pytest.mark.parametrize("world", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_inputs_are_refused(world: World) -> None:
    with pytest.raises(IntegrityError) as refused:
        world.decide()
    assert birth()["nhs_number"] not in str(refused.value)


def test_a_missing_column_is_named() -> None:
    world = World.of(birth())
    births, *others = world.frames
    with pytest.raises(IntegrityError, match="confidentiality"):
        decide(births.drop(columns="confidentiality"), *others, world.agreement, **world.setting)


@pytest.mark.parametrize(
    "wrong",
    [{"reasons": Reason.CHILD_DIED.bit}, {"recipient": ""}, {"outcome": int(Outcome.HOLD)}],
    ids=["shared with a reason", "shared with nobody", "held without a reason"],
)
def test_decisions_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    decided = World.of(birth()).decide()
    with pytest.raises(IntegrityError):
        check(decided.assign(**wrong))


def test_births_are_not_changed_by_deciding() -> None:
    world = World.of(birth(2), birth(1, consent_status="refused"))
    frames = world.frames
    before = [table.copy() for table in frames]
    decide(*frames, world.agreement, **world.setting)
    assert all(table.equals(copy) for table, copy in zip(frames, before, strict=True))


def test_other_networks_do_not_matter() -> None:
    world = World.of(birth(1), placements=(placed(1), placed(1, network="hubs", recipient="hub")))
    assert world.decide()["recipient"].tolist() == ["oak"]
    assert replace(world, placements=world.placements[::-1]).decide().equals(world.decide())
