"""Families that move, as numbers that may be shown: somebody who knows the rules finds out nothing more."""

from __future__ import annotations

from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.looking_back.small_numbers import Shown
from pipeline.networks import NOBODY, SEVERAL
from pipeline.places.moved import networks, shown, shown_part, total

HIDDEN = {"least": 0, "most": 7}
Part = tuple[str, str, int, int]  # from, to, families, of these on lists


def exactly(count: int) -> dict[str, int]:
    return {"least": count, "most": count}


def told(*parts: Part, postcodes: int = 3) -> dict[str, Any]:
    """What is told of one network with these parts in one authority."""
    families = [
        {"network": "centres", "authority": "E1", "then": then, "now": now, "shared": place < shared}
        for then, now, count, shared in parts
        for place in range(count)
    ]
    places = [
        {"place": f"{then}{now}{n}", "network": "centres", "authority": "E1", "then": then, "now": now}
        for then, now, _, _ in parts
        for n in range(postcodes)
    ]
    columns = ["network", "authority", "then", "now", "shared"]
    [network] = networks(pd.DataFrame(families, columns=columns), pd.DataFrame(places))
    return network


def test_moves_are_counted_with_their_postcodes() -> None:
    network = told(("oak", "elm", 20, 9), ("oak", "oak", 30, 0), ("elm", "elm", 40, 0))
    [move] = network["moves"]
    assert (move["then"], move["now"], move["postcodes"]) == ("oak", "elm", 3)
    assert (move["families"], move["shared"]) == (exactly(20), exactly(9))
    assert (network["moved"], network["families"]) == (exactly(20), exactly(90))
    assert network["recipients"] == [
        {"code": "elm", "then": exactly(40), "now": exactly(60)},
        {"code": "oak", "then": exactly(50), "now": exactly(30)},
    ]


def test_each_kind_of_move_has_its_own_number() -> None:
    moves = (("oak", "elm", 8, 0), ("oak", NOBODY, 9, 0), (NOBODY, "elm", 10, 0), ("oak", SEVERAL, 11, 0))
    assert told(*moves)["kinds"] == {
        "another": exactly(8), "nobody": exactly(9), "somebody": exactly(10), "several": exactly(11),
    }  # fmt: skip


@pytest.mark.parametrize("families", range(8))
def test_whether_a_few_families_move_or_none_cannot_be_told(families: int) -> None:
    """Somebody who proposes to move one postcode must not learn whether a family lives there."""
    assert told(("oak", "elm", families, 0), ("oak", "oak", 30, 0)) == told(
        ("oak", "elm", 0, 0), ("oak", "oak", 30, 0)
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.data())
def test_neither_those_on_lists_nor_the_others_are_told_where_they_are_few(whole: int, data: Any) -> None:
    """Who knows both counts of a row cannot tell fewer than 8 of either from none."""
    part = data.draw(st.integers(0, whole))
    known = shown(whole)
    possible = {
        (p, w) for w in range(known.least, known.most + 1) for p in range(w + 1)
        if shown_part(p, w) == shown_part(part, whole)
    }  # fmt: skip
    if part < 8:
        assert {p for p, _ in possible} >= set(range(min(8, whole + 1)))
    if whole - part < 8:
        assert {w - p for p, w in possible} >= set(range(min(8, whole + 1)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=3))
def test_the_sum_of_all_moves_gives_no_hidden_count_away(counts: list[int]) -> None:
    """Every way to fill the hidden counts that gives what is shown: none of them is known by it."""
    said, cells = total(counts), [shown(count) for count in counts]
    ways = [
        way
        for way in product(*(range(cell.least, cell.most + 1) for cell in cells))
        if (total(way), [shown(count) for count in way]) == (said, cells)
    ]
    for place, cell in enumerate(cells):
        if not cell.exact:
            assert len({way[place] for way in ways}) >= 3


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=2))
def test_every_other_sum_says_nothing_that_its_parts_do_not_say(counts: list[tuple[int, int]]) -> None:
    """What is shown of a recipient before and after is worked out from the parts as they are shown."""
    (stay, leave), (other, come) = counts
    network = told(
        ("oak", "oak", stay, 0), ("oak", "elm", leave, 0), ("elm", "elm", other, 0), ("elm", "oak", come, 0)
    )
    oak = next(one for one in network["recipients"] if one["code"] == "oak")
    then, now = (shown(stay), shown(leave)), (shown(stay), shown(come))
    for said, parts in ((oak["then"], then), (oak["now"], now)):
        assert said == {"least": sum(one.least for one in parts), "most": sum(one.most for one in parts)}


def test_a_hidden_count_reads_the_same_with_nobody_or_with_a_few() -> None:
    assert str(Shown(0, 7)) == str(Shown(1, 7)) == "fewer than 8"
