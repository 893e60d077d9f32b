"""Tiles of a map say who serves most of each, lie where the postcodes are, and leave no holes."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geography.plan import Plan
from pipeline.geography.tiles import ACROSS, Point, tiled, tiles
from pipeline.networks import NOBODY, SEVERAL

OURS, THEIRS = "E07000001", "E07000002"
places = st.builds(
    Point,
    st.integers(400_000, 440_000),
    st.integers(200_000, 240_000),
    st.just(OURS),
    st.sampled_from(["oak", "elm", NOBODY, SEVERAL]),
)


def at(column: int, row: int, served_by: str = "oak", authority: str = OURS) -> Point:
    """A point in a tile of a hundred metres."""
    return Point(400_000 + 100 * column, 200_000 + 100 * row, authority, served_by)


def test_a_tile_is_of_whoever_serves_most_of_it() -> None:
    points = [
        at(0, 0, "elm"),
        at(0, 0, "oak"),
        at(0, 0, "oak"),
        at(1, 0, "elm"),
        at(1, 0, NOBODY),
        at(1, 0, NOBODY),
    ]
    found = tiled(points)
    assert found.serving == {(0, 0): "oak", (1, 0): NOBODY}
    assert found.postcodes == {"oak": 2, "elm": 2, NOBODY: 2}


def test_of_equals_it_is_always_the_same() -> None:
    points = [at(0, 0, "oak"), at(0, 0, "elm")]
    assert tiled(points).serving == tiled(points[::-1]).serving == {(0, 0): "elm"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(places, min_size=1, max_size=20))
def test_every_postcode_is_in_a_tile_and_the_map_is_no_wider_than_it_may_be(points: list[Point]) -> None:
    found = tiled(points)
    assert sum(found.postcodes.values()) == len(points)
    if found.serving:
        across = max(max(place) for place in found.serving) + 1
        assert across <= ACROSS + 1
        assert found.side >= 100


def test_fields_between_houses_leave_no_hole() -> None:
    ring = [at(*place) for place in product(range(5), repeat=2) if 0 in place or 4 in place]
    assert set(tiled(ring).serving) == set(product(range(5), repeat=2))


def test_nothing_is_added_around_the_map() -> None:
    far = [at(0, 0), at(40, 40)]
    assert set(tiled(far).serving) == {(0, 0), (40, 40)}


def test_one_house_in_another_authority_does_not_make_the_map_small() -> None:
    home = [at(*place) for place in product(range(20), repeat=2)]
    found = tiled([*home, at(3_000, 3_000, authority=THEIRS)])
    assert (found.side, len(found.serving), found.postcodes["oak"]) == (100, 400, 401)


def test_a_network_that_serves_nobody_has_no_map() -> None:
    assert tiled([]).serving == {}
    assert tiled([at(0, 0, NOBODY)]).serving == {}


def test_the_map_of_a_compiled_index_has_its_areas_and_gaps(tmp_path: Path) -> None:
    plan = Plan.build(tmp_path)
    plan.compile(
        plan.listed(
            ("centres", "oak", "ward", "E05000001"),
            ("centres", "elm", "sector", "QC1 1"),
            ("centres", "ash", "sector", "QC1 1"),
        )
    )
    found = tiles(plan.directory, plan.reach, "centres")
    assert {found.serving[0, row] for row in range(1, 8)} == {"oak"}
    assert {found.serving[2, row] for row in range(8)} == {SEVERAL}
    assert {found.serving[5, row] for row in range(8)} == {NOBODY}
    assert max(column for column, _ in found.serving) == 5  # the neighbour authority is not on it
    assert found.postcodes == {"oak": 15, SEVERAL: 16, NOBODY: 16}
