"""The compiled index says of every postcode what one gets who reads all lines for it, one after another."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geography.plan import HOUSES, ON, Corner, House, Plan, box, collection, feature
from pipeline.errors import SettingsError
from pipeline.geography.areas import Area, read_areas

SIZES = ("postcode", "polygon", ("lsoa11", "lsoa21"), "sector", "ward")  # the smallest first


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan.build(tmp_path_factory.mktemp("slow"))


# --- the slow way ---------------------------------------------------------------------------------


def claim(house: House, areas: list[Area], network: str) -> tuple[str, set[str]] | None:
    """Who serves a house, "" where nobody can say, and who claims it; None where nobody does."""
    naming = [area for area in areas if area.network == network and in_force(area, ON) and names(area, house)]
    for size in SIZES:
        of_this_size = [area for area in naming if area.kind == size or area.kind in size]
        if of_this_size:
            return first_of(of_this_size)
    return None


def in_force(area: Area, day: date) -> bool:
    return area.starts <= day and (area.ends is None or day <= area.ends)


def first_of(areas: list[Area]) -> tuple[str, set[str]]:
    """Those with the lowest number come first; those without one come last."""
    numbers = sorted(area.priority for area in areas if area.priority is not None)
    first = [area for area in areas if area.priority == numbers[0]] if numbers else areas
    claimants = {area.recipient for area in first}
    return (claimants.pop(), {first[0].recipient}) if len(claimants) == 1 else ("", claimants)


def names(area: Area, house: House) -> bool:
    if area.shape is not None:
        return any(holds(rings[0], rings[1:], house.grid) for rings in area.shape.polygons)
    places = {
        "postcode": house.postcode, "lsoa11": house.lsoa11, "lsoa21": house.lsoa21, "ward": house.ward,
        "sector": house.sector,
    }  # fmt: skip
    return area.code == places[area.kind].replace(" ", "")


def holds(outer: list[Corner], holes: list[list[Corner]], at: Corner) -> bool:
    """Whether a place lies in a ring or on it, and not within a hole; the border of a hole is no hole."""
    if on_ring(outer, at) or any(on_ring(hole, at) for hole in holes):
        return True
    return crossings(outer, at) % 2 == 1 and not any(crossings(hole, at) % 2 for hole in holes)


def on_ring(ring: list[Corner], at: Corner) -> bool:
    return any(
        cross(a, b, at) == 0
        and all(min(a[axis], b[axis]) <= at[axis] <= max(a[axis], b[axis]) for axis in (0, 1))
        for a, b in zip(ring, ring[1:], strict=False)
    )


def crossings(ring: list[Corner], at: Corner) -> int:
    """How often a line from a place to the east meets the ring."""
    return sum(
        (a[1] > at[1]) != (b[1] > at[1]) and (cross(a, b, at) > 0) == (b[1] > a[1])
        for a, b in zip(ring, ring[1:], strict=False)
    )


def cross(a: Corner, b: Corner, at: Corner) -> float:
    return (b[0] - a[0]) * (at[1] - a[1]) - (b[1] - a[1]) * (at[0] - a[0])


# --- any lines ------------------------------------------------------------------------------------

networks, recipients = st.sampled_from(["centres", "hubs"]), st.sampled_from(["one", "two", "three"])
priorities = st.sampled_from(["", "", "1", "2", "10"])
dates = st.sampled_from(
    [("2020-04-01", ""), ("2026-10-31", ""), ("2026-11-01", ""), ("2020-04-01", "2026-10-30"),
     ("2020-04-01", "2026-10-31")]
)  # fmt: skip
places = st.sampled_from(
    [(kind, str(getattr(house, kind))) for house in HOUSES[::3] for kind in
     ("postcode", "lsoa11", "lsoa21", "sector", "ward")]
)  # fmt: skip
lines = st.builds(
    lambda network, recipient, place, priority, days: (network, recipient, *place, priority, *days),
    networks, recipients, places, priorities, dates,
)  # fmt: skip
halves = st.integers(-1, 17).map(lambda number: number / 2)


@st.composite
def drawn(draw: st.DrawFn) -> dict[str, object]:
    """A box, perhaps with a hole, or a triangle; its corners lie on postcodes or between them."""
    west, south = draw(halves), draw(halves)
    east, north = west + draw(st.sampled_from([1.5, 3, 5])), south + draw(st.sampled_from([1.5, 3, 5]))
    ring, holes = box(west, south, east, north), []
    if draw(st.booleans()):
        del ring[draw(st.sampled_from([1, 2, 3]))]
    elif draw(st.booleans()):
        holes = [box(west + 0.5, south + 0.5, east - 0.5, north - 0.5)]
    starts, ends = draw(dates)
    more = {"to": ends, "priority": draw(priorities)}
    return feature(draw(recipients), ring, *holes, network=draw(networks), starts=starts, **more)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=st.lists(lines, max_size=12), shapes=st.lists(drawn(), max_size=4))
def test_the_compiled_index_agrees(plan: Plan, listed: list[tuple[str, ...]], shapes: list[object]) -> None:
    always = ("always", "one", "ward", HOUSES[0].ward)  # so that something is in force
    files = [plan.listed(always, *listed), *([plan.drawn(collection(*shapes))] if shapes else [])]
    areas = read_areas(files)
    try:
        facts = plan.compile(*files)
    except SettingsError as stop:
        assert_in_nothing(str(stop), areas, files)
        return
    for network in facts.recipients:
        served = {postcode: (one.recipient, one.claimants) for postcode, one in plan.served(network).items()}
        expected = {}
        for house in HOUSES:
            found = claim(house, areas, network)
            if found is not None:
                expected[house.postcode.replace(" ", "")] = (found[0], ",".join(sorted(found[1])))
        assert served == expected


def assert_in_nothing(message: str, areas: list[Area], files: list[Path]) -> None:
    """What was refused are drawn areas without a postcode, and all of these."""
    empty = [
        area.line
        for area in areas
        if in_force(area, ON) and area.shape is not None and not any(names(area, house) for house in HOUSES)
    ]
    named = re.findall(r"feature ([0-9]+): no postcode", message)
    assert empty == [int(number) for number in named]
    assert message.count(": no ") == len(empty) > 0
    assert len(files) == 2
