"""The gate looks once more before a list is sealed, and can only remove."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.consent.gate import gate
from pipeline.errors import IntegrityError
from pipeline.reasons import Outcome
from spec.effort import worlds_tried
from spec.world import Row, World, answer, birth, placed, plain, word
from spec.worlds import words, worlds


def gated(decisions: pd.DataFrame, world: World) -> pd.DataFrame:
    """The decisions, against a later world."""
    return gate(decisions, *world.frames, world.agreement, **world.setting)


@worlds_tried(25)
@given(worlds(), st.lists(words(), max_size=4), st.integers(0, 40))
def test_the_gate_only_removes(world: World, said: list[Row], days: int) -> None:
    before = world.decide()
    later = replace(world.with_words(*said), moment=world.moment + timedelta(days=days))
    after = gated(before, later)
    kept = after["outcome"] == Outcome.SHARE
    assert (before.loc[kept, "outcome"] == Outcome.SHARE).all()
    pd.testing.assert_frame_equal(after[kept], before[kept])
    settled = before["outcome"] != Outcome.SHARE
    pd.testing.assert_frame_equal(after[settled], before[settled])
    assert ((after["reasons"] == 0) == kept).all()


def test_nothing_new_removes_nothing() -> None:
    world = World.of(birth(1), birth(2, consent_status="refused"))
    pd.testing.assert_frame_equal(gated(world.decide(), world), world.decide())


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("child_died", "withhold"), ("consent_withdrawn", "withhold"), ("objected", "withhold"),
        ("restricted_record", "withhold"), ("suppressed", "withhold"), ("identity_superseded", "withhold"),
        ("in_hospital", "hold"),
    ],
)  # fmt: skip
def test_a_late_word_removes_the_family_and_says_why(said: str, outcome: str) -> None:
    world = World.of(birth(1), birth(2))
    after = plain(gated(world.decide(), world.with_words(word("child-1", said))))
    assert (after[1].outcome, after[1].reasons) == (outcome, {said})
    assert after[2].outcome == "share"


def test_a_late_death_of_one_twin_removes_the_other() -> None:
    family = {"parent": "parent-1", "dwelling": "dwelling-1", "number_of_births": 2}
    world = World.of(birth(1, **family), birth(2, birth_order=2, **family))
    after = plain(gated(world.decide(), world.with_words(word("child-2", "child_died"))))
    assert after[1].reasons == {"sibling_died_or_missing"}
    assert after[2].reasons == {"child_died"}


def test_nothing_is_a_demonstration_that_does_not_say_so() -> None:
    world = World.of(birth(nhs_number="9990000026"), demonstration=True)
    setting = {name: said for name, said in world.setting.items() if name != "demonstration"}
    after = plain(gate(world.decide(), *world.frames, world.agreement, **setting))
    assert after[1].reasons == {"test_record"}


def test_a_demonstration_stays_one_at_the_gate() -> None:
    world = World.of(birth(nhs_number="9990000026"), demonstration=True)
    assert plain(gated(world.decide(), world))[1].outcome == "share"
    after = plain(gated(world.decide(), replace(world, demonstration=False)))
    assert after[1].reasons == {"test_record"}


def test_a_late_answer_in_the_companion_file_removes_the_family() -> None:
    world = World.of(birth(1), birth(2))
    later = replace(world, answers=(answer("child-1", person="mother", answer="withdrawn"),))
    after = plain(gated(world.decide(), later))
    assert (after[1].outcome, after[1].reasons) == ("withhold", {"consent_withdrawn"})
    assert after[2].outcome == "share"


def test_what_was_held_stays_held_even_where_its_reason_has_gone() -> None:
    world = World.of(birth(1)).with_words(word("child-1", "in_hospital"))
    after = plain(gated(world.decide(), replace(world, suppressions=())))
    assert after[1].outcome == "hold"


def test_one_list_of_several_is_gated_beside_all_births() -> None:
    world = World.of(birth(1), birth(2), placements=(placed(1), placed(2, recipient="elm")))
    decided = world.decide()
    after = gated(decided[decided["recipient"] == "elm"], world.with_words(word("child-2", "child_died")))
    assert after["reference"].tolist() == [2]
    assert after["outcome"].tolist() == [Outcome.WITHHOLD]


@pytest.mark.parametrize(
    "later",
    [
        World.of(birth(1)),
        World.of(birth(1), birth(2, child="child-9")),
        World.of(birth(1), birth(2), placements=(placed(1), placed(2, recipient="elm"))),
    ],
    ids=["a birth is gone", "another child", "another recipient"],
)
def test_other_births_than_those_decided_are_refused(later: World) -> None:
    decided = World.of(birth(1), birth(2)).decide()
    with pytest.raises(IntegrityError):
        gated(decided, later)
