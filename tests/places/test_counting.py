"""Births by area: who counts, what counts as permission, and that nothing leaves unrounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.ledger.entries import AreasCounted
from pipeline.places.counting import NO_PERMISSION, count_areas, is_counted, permitted
from pipeline.reasons import Reason
from spec.world import MONTH, NUMBERS, World, agreement, birth, placed

ABOUT_PERMISSION = {reason for reason in Reason if reason.startswith(("consent_", "notice_", "object"))}


def counted(world: World) -> AreasCounted:
    births, placements, _, _ = world.frames
    return count_areas(births, placements, world.decide(), world.agreement, MONTH)


def many(count: int, first: int = 1, **changes: Any) -> list[dict[str, Any]]:
    return [
        birth(
            number, child=f"child-{number}", parent=f"parent-{number}", dwelling=f"home-{number}", **changes
        )
        for number in range(first, first + count)
    ]


def test_births_permitted_and_shared_are_counted_by_area() -> None:
    births = [*many(12), *many(9, 13, consent_status="refused"), *many(8, 22, in_hospital="Y"), *many(9, 30)]
    places = [placed(one["reference"], recipient="oak" if one["reference"] < 30 else "elm") for one in births]
    found = counted(World.of(*births, placements=tuple(places)))
    assert found.births == {"elm": 10, "oak": 30}  # 9 and 29
    assert found.consented == {"elm": 10, "oak": 20}  # who is in hospital said yes all the same
    assert found.shared == {"elm": 10, "oak": 10}


@pytest.mark.parametrize("count", range(1, 8))
def test_a_small_number_is_not_told_from_another(count: int) -> None:
    assert counted(World.of(*many(count))).births == {"oak": 5}


@pytest.mark.parametrize(
    "changes",
    [
        {"live_or_still_birth": "2"},
        {"date_of_birth": "2026-09-30"},
        {"date_of_birth": "2026-11-01"},
        {"child": "child-1"},
    ],
    ids=["stillborn", "the month before", "the month after", "another row about a child"],
)
def test_only_the_month_s_live_births_count_and_each_child_once(changes: dict[str, Any]) -> None:
    births = [*many(7), birth(8, **{"child": "child-8", **changes})]
    assert counted(World.of(*births)).births == {"oak": 5}


def test_what_an_older_row_said_of_a_child_is_no_permission() -> None:
    older, newer = {"last_updated": "2026-10-20T10:00:00"}, {"last_updated": "2026-10-28T10:00:00"}
    refused = birth(9, child="child-8", consent_status="refused", **newer)
    found = counted(World.of(*many(7), birth(8, child="child-8", **older), refused))
    assert (found.births, found.consented) == ({"oak": 10}, {"oak": 5})  # 8 and 7


@pytest.mark.parametrize(
    "place",
    [{"recipient": "", "reason": "no_reach_area"}, {"network": "hubs"}, {"authority": "E07000222"}],
    ids=["in no area", "in another network", "in another authority"],
)
def test_only_births_in_the_areas_count(place: dict[str, Any]) -> None:
    births = many(8)
    places = [placed(number) for number in range(1, 8)] + [placed(8, **place)]
    assert counted(World.of(*births, placements=tuple(places))).births == {"oak": 5}


def test_permission_is_what_the_parents_said_and_nothing_else() -> None:
    others = {Reason.OBJECTED, Reason.NATIONAL_OPT_OUT, Reason.NO_FAMILY_SHARED}
    assert set(NO_PERMISSION) == ABOUT_PERMISSION | others
    for reason in Reason:
        alone = permitted(np.array([0, reason.bit], dtype="int64")).tolist()
        assert alone == [True, reason not in NO_PERMISSION]


def test_numbers_alone_are_counted_and_nobody_permits_more() -> None:
    found = counted(World.of(*many(9), agreement=agreement(**NUMBERS)))
    assert (found.births, found.consented, found.shared) == ({"oak": 10}, {"oak": 0}, {"oak": 0})


def test_only_agreements_that_share_births_out_by_areas_are_counted() -> None:
    assert is_counted(agreement())
    assert is_counted(agreement(**NUMBERS))
    assert not is_counted(agreement(recipients={"kinds": ["library"], "named": "library", "network": None}))
