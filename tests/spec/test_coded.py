"""Births in stand-ins are decided as the births were, and tell of nobody."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.agreements.model import Agreement
from pipeline.consent.coded import coded
from pipeline.consent.decide import decide
from pipeline.consent.facts import COLUMNS
from pipeline.records import ANSWERS
from spec.effort import worlds_tried
from spec.world import COLUMNS as DTYPES
from spec.world import World, answer, birth, frame
from spec.worlds import agreements, worlds

PERSONAL = {
    "nhs_number": "4000000004", "given_name": "Zebedee", "family_name": "Quillfeather",
    "parent_given_name": "Persephone", "parent_family_name": "Quillfeather",
    "parent_nhs_number": "4000000012", "parent_date_of_birth": date(1993, 7, 19),
    "address_line_1": "17 Marmalade Row", "address_line_2": "Attic", "postcode": "QX9 7ZZ",
    "record_id": "R-55512", "consent_given_by": "Aunt Persephone", "language": "Cornish",
    "date_of_death": date(2026, 10, 29), "objection_date": date(2026, 10, 28),
}  # fmt: skip


@worlds_tried(30)
@given(worlds(), agreements(), st.integers(-40, 400), st.booleans(), st.randoms(use_true_random=True))
def test_any_agreement_decides_the_same_at_any_moment(
    world: World, agreed: Agreement, days: int, demonstration: bool, random: Random
) -> None:
    births, placements, words, shared = world.frames
    births = births.sample(frac=1, random_state=random.randrange(2**32))
    answers = frame(world.answers, ANSWERS)
    later = {"moment": world.moment + timedelta(days), "month": world.month, "demonstration": demonstration}
    stand_ins, people = coded(births, answers)
    for agreement in (world.agreement, agreed):
        pd.testing.assert_frame_equal(
            decide(stand_ins, placements, words, shared, agreement, answers=people, **later),
            decide(births, placements, words, shared, agreement, answers=answers, **later),
        )


@pytest.mark.parametrize("value", PERSONAL.values(), ids=PERSONAL.keys())
def test_no_personal_value_is_left(value: object) -> None:
    world = World.of(birth(**PERSONAL), answers=(answer("child-1", person="Uncle Zebedee"),))
    births, answers = coded(world.frames[0], world.setting["answers"])
    left = births.to_csv() + answers.to_csv()
    for part in str(value).split():
        assert part not in left
    assert "Uncle" not in left


def test_only_the_columns_that_decisions_rest_on_are_left() -> None:
    births, answers = coded(World.of(birth()).frames[0], frame((), ANSWERS))
    assert births.dtypes.astype(str).to_dict() == {column: DTYPES[column] for column in COLUMNS}
    assert answers.dtypes.astype(str).to_dict() == ANSWERS


def test_names_cannot_be_compared_across_dwellings() -> None:
    world = World.of(birth(1, family_name="Alpha"), birth(2, family_name="Beta"))
    births, _ = coded(world.frames[0], world.setting["answers"])
    assert births["family_name"].nunique() == 1


def test_coding_twice_changes_nothing_more() -> None:
    world = World.of(birth(1), birth(2, child="child-1"), answers=(answer("child-1"),))
    once = coded(world.frames[0], world.setting["answers"])
    for again, before in zip(coded(*once), once, strict=True):
        pd.testing.assert_frame_equal(again, before)


def test_an_answer_of_nobody_by_name_stays_one_that_nothing_overtakes() -> None:
    told = {"person": "", "answer": "refused", "date": date(2026, 10, 19)}
    later = {"person": "", "answer": "given", "date": date(2026, 10, 25)}
    _, people = coded(
        World.of(birth()).frames[0], frame((answer("child-1", **told), answer("child-1", **later)), ANSWERS)
    )
    assert people["person"].tolist() == ["", ""]


def test_homes_without_a_family_name_stay_without_one() -> None:
    births, _ = coded(World.of(birth(1, family_name=""), birth(2)).frames[0], frame((), ANSWERS))
    assert (births["family_name"] == "").tolist() == [True, False]


def test_a_number_of_no_range_leaves_nothing_behind() -> None:
    births, _ = coded(World.of(birth(nhs_number="1234567890")).frames[0], frame((), ANSWERS))
    assert births["nhs_number"].tolist() == [""]
