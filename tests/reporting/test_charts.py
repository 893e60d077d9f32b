"""A chart shows its numbers where they belong, and can be read by everybody, in colour or not."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reporting.charts import WIDE, Number, bars, lines, nested, span
from reporting.drawing import Drawing

MONTHS = [
    f"{name} {year}"
    for year in (25, 26)
    for name in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
]

counts = st.integers(0, 10**6) | st.floats(0, 10**6, allow_subnormal=False).map(lambda one: round(one, 1))
maybe = st.none() | counts


@settings(max_examples=60, deadline=None)
@given(st.lists(maybe, min_size=1, max_size=24))
def test_bars_of_up_to_24_months_are_inside_and_labelled(numbers: list[Number]) -> None:
    rows = list(zip(MONTHS, numbers, strict=False))

    drawing = Drawing(bars("births", "Births", "Births in each month.", rows, of="births"))

    drawing.check_readable()
    bar = {place: float(one.attrib["width"]) for place, one in enumerate(drawing.all("rect"))}
    for a, b in combinations(range(len(numbers)), 2):
        assert (bar[a] <= bar[b] + 0.1) or (numbers[a] or 0) >= (numbers[b] or 0)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 24), st.integers(1, 4))
def test_lines_of_up_to_24_months_are_inside_and_labelled(
    data: st.DataObject, months: int, many: int
) -> None:
    names = ["shared", "held", "withheld", "quarantined"][:many]
    series = {name: data.draw(st.lists(maybe, min_size=months, max_size=months)) for name in names}

    drawing = Drawing(lines("what", "What became of them", "Counts.", MONTHS[:months], series))

    drawing.check_readable()
    assert len(drawing.all("polyline")) >= sum(
        any(one is not None for one in numbers) for numbers in series.values()
    )
    assert drawing.rows()[0] == ["", *names]
    assert len(drawing.rows()) == months + 1


@settings(max_examples=60, deadline=None)
@given(maybe, maybe, maybe, maybe, counts)
def test_a_span_is_inside(low: Number, middle: Number, high: Number, now: Number, most: float) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low

    svg = ElementTree.fromstring(span(low, middle, high, now, most=most))

    for one in svg:
        assert 0 <= float(one.get("x", one.get("cx", one.get("x1", "0")))) <= 120


@pytest.mark.parametrize("ends", [[0, 0, 0, 0], [90, 90, 90, 90], [0, 1, 89, 90], [45, 45, 45, 90]])
def test_labels_that_would_lie_on_one_another_make_room(ends: list[int]) -> None:
    series = {name: [end] for name, end in zip(["a", "b", "c", "d"], ends, strict=True)}

    Drawing(lines("a", "A", "A.", MONTHS[:1], series)).check_readable()


def test_a_label_stands_where_its_line_ends_as_near_as_may_be() -> None:
    drawing = Drawing(
        lines("a", "A", "A.", MONTHS[:3], {"held": [1, 2, 20], "withheld": [1, 2, 21], "none": [0, 0, 90]})
    )

    drawing.check_readable()
    assert [one.text for one in drawing.labels()][-3:] == ["held 20", "withheld 21", "none 90"]


def test_a_month_of_which_nothing_is_known_breaks_the_line_and_is_said() -> None:
    drawing = Drawing(lines("a", "A", "A.", MONTHS[:5], {"shared": [4, 5, None, 6, 7]}))

    assert len(drawing.all("polyline")) == 2
    assert len(drawing.all("circle")) == 4
    assert drawing.rows()[3] == ["Mar 25", "not known"]


def test_lines_are_told_apart_without_colour() -> None:
    series = {"a": [1, 2], "b": [2, 3], "c": [3, 4], "d": [4, 5]}

    drawing = Drawing(lines("a", "A", "A.", MONTHS[:2], series))

    dashes = [one.attrib["stroke-dasharray"] for one in drawing.all("polyline")]
    assert len(set(dashes)) == len(series)
    assert {one.attrib["stroke"] for one in drawing.all("polyline")} == {"#0b0c0c"}


def test_who_cannot_see_it_hears_what_it_is_and_finds_the_numbers_in_a_table() -> None:
    drawing = Drawing(
        bars("births", "Births", "Births in two months.", [("Jan", 3), ("Feb", 1200)], of="births")
    )

    said = {one.get("id"): one.text for one in drawing.svg if one.tag in ("title", "desc")}
    assert drawing.svg.attrib["role"] == "img"
    assert [said[one] for one in drawing.svg.attrib["aria-labelledby"].split()] == [
        "Births",
        "Births in two months.",
    ]
    assert drawing.rows() == [["", "births"], ["Jan", "3"], ["Feb", "1,200"]]


def test_whatever_is_in_a_name_stays_text() -> None:
    hostile = "<script>&\"'"

    chart = bars("a", hostile, hostile, [(hostile, 1)], of=hostile)

    assert "<script" not in chart
    assert Drawing(chart).labels()[0].text == hostile


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf")])
def test_what_is_no_count_is_not_drawn(number: float) -> None:
    with pytest.raises(ValueError, match="from 0 upward"):
        bars("a", "A", "A.", [("Jan", number)], of="births")


def test_a_long_name_is_shortened_in_the_drawing_and_whole_in_the_table() -> None:
    name = "Nuthatch House Children's Centre and Library"

    drawing = Drawing(bars("a", "A", "A.", [(name, 7)], of="households"))

    drawing.check_readable()
    assert drawing.rows()[1] == [name, "7"]
    assert drawing.labels()[0].right < WIDE / 2 and drawing.labels()[0].text.endswith("…")


@given(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)), st.integers(0, 600))
def test_bars_in_one_another_are_inside_and_in_order(numbers: tuple[int, int, int], most: int) -> None:
    whole, part, core = sorted(numbers, reverse=True)
    svg = ElementTree.fromstring(nested(whole, part, core, most=most))
    wide = [float(one.attrib["width"]) for one in svg]
    assert len(wide) == sum(map(bool, numbers))
    assert wide == sorted(wide, reverse=True) and all(0 < one <= 116 for one in wide)
