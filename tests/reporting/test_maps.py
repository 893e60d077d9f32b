"""A map shows each area where it is, can be read by everybody, in colour or not, and shows no postcode."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import combinations, product
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from pipeline.networks import NOBODY, SEVERAL
from pipeline.reporting.maps import SHADES, Tile, area_map, licence

LABELS = {"oak": "Oak House", "elm": "Elm House", "ash": "Ash House"}
TILES = {
    place: "oak" if place[0] < 10 else "elm" if place[1] < 10 else NOBODY
    for place in product(range(20), repeat=2)
} | {(19, 19): SEVERAL}
grids = st.dictionaries(
    st.tuples(st.integers(0, 12), st.integers(0, 12)), st.sampled_from([*LABELS, NOBODY, SEVERAL]), min_size=1
)

unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def drawn(tiles: Mapping[Tile, str] = TILES, labels: Mapping[str, str] = LABELS, **more: object) -> Markup:
    return area_map("areas", "Areas", "Who is where.", tiles, labels, side=200, year=2026, **more)  # type: ignore[arg-type]


def svg(chart: Markup) -> ElementTree.Element:
    [found] = ElementTree.fromstring(f"<div>{chart}</div>").iter("svg")
    return found


def areas(chart: Markup) -> list[ElementTree.Element]:
    """The paths of areas and hatchings: those with a fill and an ink line around."""
    return [one for one in svg(chart).iter("path") if one.get("stroke") and one.get("fill", "none") != "none"]


def numbers(chart: Markup) -> dict[str, tuple[float, float]]:
    return {
        one.text or "": (float(one.attrib["x"]), float(one.attrib["y"]))
        for one in svg(chart).iter("text")
        if one.get("font-weight")
    }


def corners(path: str) -> list[list[tuple[float, float]]]:
    """The closed ways of a path."""
    loops = []
    for way in path.split("M")[1:]:
        start, *steps = re.findall(r"^[-\d.]+ [-\d.]+|[hv][-\d.]+", way)
        loop = [tuple(map(float, start.split()))]
        for step in steps:
            x, y = loop[-1]
            by = float(step[1:])
            loop.append((x + by, y) if step[0] == "h" else (x, y + by))
        loops.append(loop)
    return loops  # type: ignore[return-value]


def enclosed(path: str) -> float:
    """How much a path encloses; holes count less."""
    return abs(
        sum(
            a[0] * b[1] - b[0] * a[1]
            for loop in corners(path)
            for a, b in zip(loop, [*loop[1:], loop[0]], strict=True)
        )
        / 2
    )


@unhurried
@given(grids)
def test_what_is_drawn_of_an_area_is_as_large_as_its_tiles(tiles: dict[Tile, str]) -> None:
    chart = drawn(tiles)
    across = max(column for column, _ in tiles) + 1, max(row for _, row in tiles) + 1
    unit = int(2 * min(360 / across[0], 420 / across[1])) / 2
    present = [code for code in [*LABELS, NOBODY, SEVERAL] if code in tiles.values()]
    sizes = [enclosed(one.attrib["d"]) for one in areas(chart)]
    assert sizes == [unit**2 * list(tiles.values()).count(code) for code in present]


@unhurried
@given(grids)
def test_every_way_closes_and_all_stays_in_the_picture(tiles: dict[Tile, str]) -> None:
    chart = drawn(tiles)
    _, _, wide, tall = map(float, svg(chart).attrib["viewBox"].split())
    for one in areas(chart):
        for loop in corners(one.attrib["d"]):
            assert loop[0] == pytest.approx(loop[-1])
            assert all(-0.01 <= x <= wide + 0.01 and 0 <= y <= tall for x, y in loop)


def test_north_is_up_and_east_is_right() -> None:
    found = numbers(drawn({(0, 0): "oak", (9, 0): "elm", (0, 9): "ash"}))
    south_west, south_east, north_west = found["1"], found["2"], found["3"]
    assert south_east[0] > south_west[0]
    assert north_west[1] < south_west[1]


def test_a_number_stands_in_the_largest_piece_of_its_area() -> None:
    small = {(0, 0): "oak"}
    large = dict.fromkeys(product(range(10, 16), range(4)), "oak")
    x, _ = numbers(drawn(small | large, {"oak": "Oak House"}))["1"]
    assert x > 360 / 16 * 10


@unhurried
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=80, unique=True))
def test_numbers_do_not_cover_one_another_and_who_has_none_is_named(places: list[Tile]) -> None:
    codes = {place: f"area-{place[0]}-{place[1]}" for place in places}
    chart = drawn(codes, {code: code for code in codes.values()})
    found = numbers(chart)
    for (one, a), (other, b) in combinations(found.items(), 2):
        wide = 0.6 * 11 * (len(one) + len(other)) / 2
        assert abs(a[0] - b[0]) > wide or abs(a[1] - b[1]) > 11
    assert chart.count("not numbered on the map") == len(codes) - len(found)


def test_areas_that_touch_have_different_fills_and_an_outline() -> None:
    oak, elm, *_ = areas(drawn())
    assert oak.attrib["fill"] != elm.attrib["fill"]
    assert oak.attrib["stroke"] == elm.attrib["stroke"] == "#0b0c0c"


def test_there_are_fills_enough_for_all_that_touch_one_another() -> None:
    codes = ["a", "b", "c", "d", "e", "f"]
    ring = {(0, 0): "a", (0, 1): "b", (0, 2): "c", (1, 2): "d", (1, 1): "e", (1, 0): "f"}
    fills = [one.attrib["fill"] for one in areas(drawn(ring, dict.fromkeys(codes, "")))]
    assert all(fills[place] != fills[place - 1] for place in range(6))  # the last one touches the first


def test_what_is_nobodys_is_hatched_and_the_key_says_so() -> None:
    chart = drawn()
    said = [one.text for one in svg(chart).iter("text")]
    assert "mostly in nobody's area" in said
    assert "mostly in several areas at once" in said
    assert {one.attrib["id"] for one in svg(chart).iter("pattern")} == {"areas-gap", "areas-several"}


def test_values_are_shades_in_order_and_stand_in_the_table() -> None:
    chart = drawn(values={"oak": 10, "elm": 90, "ash": None}, of="births")
    oak, elm, *_ = areas(chart)
    assert SHADES.index(oak.attrib["fill"]) < SHADES.index(elm.attrib["fill"])
    assert re.findall(r'<td class="number">([^<]*)</td></tr>', chart) == ["10", "90", "not known"]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_shades_can_be_told_in_grey() -> None:
    light = [luminance(shade) for shade in SHADES]
    assert light == sorted(light, reverse=True)
    assert all((a + 0.05) / (b + 0.05) > 1.2 for a, b in zip(light, light[1:], strict=False))


@unhurried
@given(
    st.dictionaries(
        st.sampled_from([*LABELS]), st.none() | st.integers(0, 10**7) | st.floats(0, 1e6), min_size=1
    )
)
def test_every_value_has_a_shade_whose_end_it_does_not_pass(values: dict[str, float | None]) -> None:
    chart = drawn({(place, 0): code for place, code in enumerate(values)}, LABELS, values=values, of="births")
    ends = [float(one.replace(",", "")) for one in re.findall(r">to ([\d,]+)<", chart)]
    fills = [one.attrib["fill"] for one in areas(chart)]
    for fill, code in zip(fills, (code for code in LABELS if code in values), strict=True):
        value = values[code]
        if value is not None:
            assert value <= ends[SHADES.index(fill)]


def test_a_negative_value_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 upward"):
        drawn(values={"oak": -1})


def test_who_cannot_see_the_map_is_told_all_of_it() -> None:
    chart = drawn(beside={"Postcodes": {"oak": 1234, "elm": 5, "ash": 0}})
    found = svg(chart)
    assert found.attrib["role"] == "img"
    assert found.attrib["aria-labelledby"] == "areas-title areas-says"
    assert [one.text for one in found if one.tag in ("title", "desc")] == ["Areas", "Who is where."]
    rows = re.findall(
        r'<th scope="row">([^<]*)(?:<span.*?</span>)?</th><td class="number">([^<]*)</td>', chart
    )
    assert [(name.strip(), number) for name, number in rows] == [
        ("Oak House", "1,234"), ("Elm House", "5"), ("Ash House", "0"),
    ]  # fmt: skip


def test_a_name_cannot_break_out() -> None:
    assert "<script" not in drawn(labels={"oak": "<script>alert(1)</script>"})


def test_the_licences_are_named_with_their_year() -> None:
    assert licence(2026) in drawn()
    for what in (
        "OS data © Crown copyright and database right 2026",
        "Royal Mail",
        "Open Government Licence",
    ):
        assert what in licence(2026)


def many(count: int) -> Collection[str]:
    return [f"centre-{number:02}" for number in range(count)]


def test_a_large_authority_stays_small_on_the_page() -> None:
    codes = list(many(82))
    tiles = {(x, y): codes[(x * 7 + y * 13 + x * y) % 82] for x, y in product(range(0, 61), repeat=2)}
    blocks = {(x, y): codes[(x // 7 * 9 + y // 7) % 82] for x, y in product(range(0, 61), repeat=2)}
    labels = {code: f"The {code} Family Hub" for code in codes}
    assert len(drawn(blocks, labels).encode()) < 40_000
    assert len(svg(drawn(tiles, labels))) > 82  # in the worst case, tiles all mixed, it is drawn all the same
