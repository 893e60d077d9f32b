"""What must hold of every decision, whatever the births, the words and the agreement."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.consent.decide import decide
from pipeline.reasons import Outcome, Reason, ReasonClass
from pipeline.records import DECISIONS
from spec.effort import worlds_tried
from spec.world import Row, World, agreement, answer, birth, elsewhere, plain, together, word
from spec.worlds import words, worlds

NEVER = {str(reason) for reason in Reason if reason.reason_class is ReasonClass.NEVER}

# For each flag a value that speaks against the family; none of them may ever let a family through.
FLAGS = {
    "live_or_still_birth": "", "confidentiality": "R", "looked_after": "Y", "adoption": "Y",
        "safeguarding": "Y",
    "in_hospital": "Y", "parent_death_status": "1", "consent_status": "refused",
    "objection_date": birth()["notice_date"], "date_of_death": birth()["notice_date"],
}  # fmt: skip


def shared(world: World) -> set[int]:
    """References of the births that are shared."""
    return {reference for reference, decision in plain(world.decide()).items() if decision.outcome == "share"}


@worlds_tried(20)
@given(worlds())
def test_shared_means_no_reason_and_everything_else_has_one(world: World) -> None:
    for decision in plain(world.decide()).values():
        assert (decision.outcome == "share") == (not decision.reasons)
        assert decision.recipient or decision.reasons


@worlds_tried(20)
@given(worlds())
def test_no_agreement_lifts_a_reason_of_class_n(world: World) -> None:
    lenient = agreement(
        confidentiality={
            "permission": "notice",
            "objection_days": 0,
            "wordings": [],
            "national_opt_out": False,
        },
        cohort={"months_back": 60, "minimum_age_days": 0, "maximum_age_days": None, "settling_days": 0},
        exclusions=dict.fromkeys(type(world.agreement.exclusions).model_fields, False),
    )
    found = plain(world.decide())
    under_lenient = plain(replace(world, agreement=lenient).decide())
    for reference, decision in found.items():
        assert decision.reasons & NEVER == under_lenient[reference].reasons & NEVER
        assert not (decision.reasons & NEVER and decision.outcome == "share")


@worlds_tried(25)
@given(worlds(), words().filter(lambda said: said["word"] != "death_removed"))
def test_a_later_word_never_shares_more(world: World, said: dict[str, object]) -> None:
    assert shared(world.with_words(said)) <= shared(world)


@worlds_tried(25)
@given(worlds(), st.sampled_from(sorted(FLAGS)), st.randoms(use_true_random=True))
def test_a_flag_never_shares_more(world: World, column: str, random: Random) -> None:
    flagged = random.choice(world.births)
    births = tuple({**row, column: FLAGS[column]} if row is flagged else row for row in world.births)
    assert shared(replace(world, births=births)) <= shared(world)


@worlds_tried(25)
@given(worlds(), st.sampled_from(["refused", "withdrawn"]), st.integers(0, 14), st.booleans())
def test_an_answer_against_sharing_in_the_companion_file_never_shares_more(
    world: World, said: str, child: int, dated: bool
) -> None:
    date = {} if dated else {"date": None}
    refusal = answer(f"child-{child + 1}", person="carer", answer=said, **date)
    without_their_yes = [one for one in world.answers if one["person"] != "carer"]
    before = replace(world, answers=tuple(without_their_yes))
    assert shared(replace(before, answers=(*before.answers, refusal))) <= shared(before)


@worlds_tried(20)
@given(worlds(), st.integers(0, 14))
def test_nobody_is_shared_whose_refusal_stands(world: World, child: int) -> None:
    """Whatever anybody else answered, wherever and whenever."""
    name = f"child-{child + 1}"
    refusal = answer(name, person="somebody else", answer="refused")
    decided = plain(replace(world, answers=(*world.answers, refusal)).decide())
    permission = world.agreement.confidentiality.permission
    said = {"consent": "consent_refused", "notice": "objected", "not_needed": "no_family_shared"}[permission]
    rows: list[Row] = [row for row in world.births if row["child"] == name]
    assert all(said in decided[row["reference"]].reasons for row in rows)


@worlds_tried(20)
@given(worlds(), st.randoms(use_true_random=True))
def test_the_order_of_rows_never_matters(world: World, random: Random) -> None:
    births, placements, suppressions, disclosures, answers = (
        table.sample(frac=1, random_state=random.randrange(2**32))
        for table in (*world.frames, world.setting["answers"])
    )
    setting = world.setting | {"answers": answers}
    shuffled = decide(births, placements, suppressions, disclosures, world.agreement, **setting)
    pd.testing.assert_frame_equal(shuffled, world.decide())


@worlds_tried(15)
@given(worlds(), worlds())
def test_families_decided_apart_are_decided_alike(one: World, other: World) -> None:
    """Two sets of families with nobody in common come to the same in one run as in two."""
    theirs = replace(other, agreement=one.agreement, moment=one.moment, demonstration=one.demonstration)
    apart = [elsewhere(one, 0), elsewhere(theirs, 100)]
    assert plain(together(apart).decide()) == plain(apart[0].decide()) | plain(apart[1].decide())


def test_no_births_make_no_decisions() -> None:
    decided = World.of().decide()
    assert decided.empty
    assert decided.dtypes.astype(str).to_dict() == DECISIONS


def test_decisions_have_the_declared_columns_and_order() -> None:
    decided = World.of(birth(7), birth(3), birth(5)).decide()
    assert decided.dtypes.astype(str).to_dict() == DECISIONS
    assert decided["reference"].tolist() == [3, 5, 7]


@pytest.mark.parametrize("count", [2, 3])
def test_a_delivery_at_one_dwelling_is_one_household(count: int) -> None:
    family = {"parent": "parent-1", "dwelling": "dwelling-1", "number_of_births": count}
    children = [birth(number, birth_order=number, **family) for number in range(1, count + 1)]
    decided = World.of(*children, birth(9)).decide()
    assert decided["household"].tolist() == [1] * count + [9]
    assert (decided["outcome"] == Outcome.SHARE).all()


def test_siblings_at_two_dwellings_are_two_households() -> None:
    family = {"parent": "parent-1", "number_of_births": 2}
    decided = World.of(birth(1, **family), birth(2, birth_order=2, **family)).decide()
    assert decided["household"].tolist() == [1, 2]


def test_a_word_about_the_dwelling_reaches_everyone_there() -> None:
    world = World.of(birth(1), birth(2, dwelling="dwelling-1")).with_words(word("dwelling-1", "suppressed"))
    assert shared(world) == set()
