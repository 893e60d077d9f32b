"""Drawn areas: either system of coordinates, holes, borders; and what cannot be one is named, not used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geography.plan import HOUSES, ON, Corner, Plan, box, cells, collection, corner, feature, in_degrees
from geography.town import Town
from pipeline.errors import SettingsError
from pipeline.geography import areas as reach_areas
from pipeline.geography import polygons
from pipeline.geography.areas import read_areas
from pipeline.geography.compiling import build_reach
from pipeline.geography.geojson import Shape, System


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan.build(tmp_path_factory.mktemp("plan"))


def turned(ring: list[Corner]) -> list[Corner]:
    return [in_degrees(at) for at in ring]


def as_given(ring: list[Corner]) -> list[Corner]:
    return ring


WGS84 = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
GRID = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}}


@pytest.mark.parametrize(
    ("write", "more"),
    [
        (as_given, {}),
        (as_given, {"crs": GRID}),
        (as_given, {"crs": {"type": "name", "properties": {"name": "EPSG:27700"}}}),
        (turned, {}),
        (turned, {"crs": WGS84}),
        (turned, {"crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}),
    ],
)
def test_an_area_is_drawn_in_degrees_or_in_metres_of_the_national_grid(
    plan: Plan, write: Callable[[list[Corner]], list[Corner]], more: dict[str, Any]
) -> None:
    ring = write(box(0.5, 1.5, 3.5, 4.5))
    plan.compile(plan.drawn(collection(feature("one", ring), **more)))
    assert plan.of("one") == cells((1, 2, 3), (2, 3, 4))
    assert {served.matched for served in plan.served().values()} == {"polygon"}


def test_both_systems_stand_beside_each_other_in_files_of_their_own(plan: Plan) -> None:
    metres = plan.drawn(collection(feature("metres", box(-1, -1, 2.5, 9))), "metres.geojson")
    degrees = plan.drawn(collection(feature("degrees", turned(box(4.5, -1, 9, 9)))), "degrees.geojson")
    plan.compile(metres, degrees)
    assert plan.of("metres") == cells((0, 1, 2), range(8))
    assert plan.of("degrees") == cells((5, 6, 7), range(8))


def test_a_hole_is_outside_and_its_border_is_inside(plan: Plan) -> None:
    plan.compile(plan.drawn(collection(feature("one", box(-1, -1, 9, 9), box(2, 2, 5, 5)))))
    assert plan.of("one") == cells(range(8), range(8)) - cells((3, 4), (3, 4))


def test_an_area_of_several_parts_is_one_area(plan: Plan) -> None:
    parts = feature("one")
    parts["geometry"] = {
        "type": "MultiPolygon",
        "coordinates": [[box(-1, -1, 0.5, 0.5)], [box(6.5, 6.5, 9, 9)]],
    }
    facts = plan.compile(plan.drawn(collection(parts)))
    assert plan.of("one") == {(0, 0), (7, 7)}
    assert facts.lines == 1


# --- borders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [as_given, turned])
def test_a_postcode_on_the_border_of_two_areas_is_ambiguous(
    plan: Plan, write: Callable[[list[Corner]], list[Corner]]
) -> None:
    west, east = feature("west", write(box(-1, -1, 3, 9))), feature("east", write(box(3, -1, 9, 9)))
    facts = plan.compile(plan.drawn(collection(west, east)))
    assert plan.of("") == cells((3,), range(8))
    assert facts.ambiguous == {"centres": 8}
    assert plan.served()[HOUSES[24].postcode.replace(" ", "")].claimants == "east,west"


def test_a_priority_says_who_serves_a_border(plan: Plan) -> None:
    west = feature("west", box(-1, -1, 3, 9), priority=2)
    east = feature("east", box(3, -1, 9, 9), priority="1")
    plan.compile(plan.drawn(collection(west, east)))
    assert plan.of("east") == cells(range(3, 8), range(8))
    assert plan.of("west") == cells(range(3), range(8))


def test_a_drawn_area_is_smaller_than_any_code_but_a_postcode(plan: Plan) -> None:
    house = HOUSES[0]
    codes = [
        ("ward", house.ward),
        ("sector", house.sector),
        ("lsoa11", house.lsoa11),
        ("lsoa21", house.lsoa21),
    ]
    listed = plan.listed(
        *(("centres", "listed", *place) for place in codes), ("centres", "here", "postcode", house.postcode)
    )
    plan.compile(listed, plan.drawn(collection(feature("drawn", box(-1, -1, 1.5, 1.5)))))
    assert plan.of("here") == {(0, 0)}
    assert plan.of("drawn") == {(0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("write", [as_given, turned])
@pytest.mark.parametrize(("metres", "rows"), [(15, set()), (50, {2}), (100, {2, 3}), (150, {1, 2, 3})])
def test_live_postcodes_near_a_border_are_counted_on_both_sides(
    plan: Plan, write: Callable[[list[Corner]], list[Corner]], metres: float, rows: set[int]
) -> None:
    """The border is 25 m from row 2, 75 m from row 3, and 125 m from row 1."""
    areas = read_areas([plan.drawn(collection(feature("one", write(box(-9, 2.25, 19, 99)))))])
    ((area, near),) = polygons.near_borders(areas, plan.directory, metres)
    assert near == {house.postcode.replace(" ", "") for house in HOUSES if house.row in rows}
    assert area.recipient == "one"


def test_it_is_the_same_however_many_postcodes_are_looked_at_at_a_time(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = collection(feature("west", box(-1, -1, 3, 9)), feature("east", box(3, -1, 9, 9), priority=1))
    files = [plan.drawn(content), plan.drawn(collection(feature("in", turned(PLAIN))), "degrees.geojson")]
    found = []
    for at_a_time in (3, 50_000):
        monkeypatch.setattr(polygons, "_BATCH", at_a_time)
        plan.compile(*files)
        near = polygons.near_borders(read_areas(files), plan.directory, 60)
        found.append((plan.served(), near))
    assert found[0] == found[1]
    assert all(postcodes for _, postcodes in found[0][1])


def test_a_withdrawn_postcode_near_a_border_is_not_counted(plan: Plan) -> None:
    areas = read_areas([plan.drawn(collection(feature("one", box(-0.1, -0.1, 0.4, 0.4))))])
    assert polygons.near_borders(areas, plan.directory, 50)[0][1] == set()


@pytest.mark.parametrize("write", [as_given, turned])
def test_a_border_with_corners_far_apart_looks_generalised(
    write: Callable[[list[Corner]], list[Corner]],
) -> None:
    system = System.GRID if write is as_given else System.DEGREES
    coarse = Shape(system, [[write(circle(60))]])
    fine = Shape(system, [[write(circle(10))]])
    assert (polygons.looks_generalised(coarse), polygons.looks_generalised(fine)) == (True, False)
    assert polygons.spacing(coarse) == pytest.approx(60, rel=0.05)
    assert polygons.spacing(fine) == pytest.approx(10, rel=0.1)


def circle(step: float) -> list[Corner]:
    """A circle of 500 m with corners so many metres apart."""
    number = round(2 * math.pi * 500 / step)
    angles = [2 * math.pi * part / number for part in range(number)] + [0.0]
    return [corner(5 * math.cos(angle), 5 * math.sin(angle)) for angle in angles]


# --- what is no area ------------------------------------------------------------------------------

PLAIN = box(0.5, 0.5, 2.5, 2.5)


def with_properties(**changed: object) -> dict[str, Any]:
    made = feature("one", PLAIN)
    made["properties"] = {
        name: value for name, value in (made["properties"] | changed).items() if value != "-"
    }
    return made


def with_geometry(kind: object, coordinates: object) -> dict[str, Any]:
    return feature("one") | {"geometry": {"type": kind, "coordinates": coordinates}}


UNUSABLE = [
    ("feature", 7, "is no GeoJSON Feature"),
    ("another type", feature("one", PLAIN) | {"type": "feature"}, "is no GeoJSON Feature"),
    ("no properties", feature("one", PLAIN) | {"properties": None}, "has no properties"),
    ("no recipient", with_properties(recipient="-"), "has no property recipient"),
    ("blank network and day", with_properties(network=" ", **{"from": None}), "network and no from"),
    ("a number as recipient", with_properties(recipient=7), "its property recipient must be text"),
    ("a name with blanks", with_properties(recipient="centre one"), "must be codes of letters"),
    ("the directory's name", with_properties(network="directory"), "no network may be called directory"),
    ("a day of another form", with_properties(**{"from": "01/04/2020"}), "needs a first day"),
    ("dates turned", with_properties(to="2020-03-31"), "needs a first day"),
    ("priority nought", with_properties(priority=0), "the priority must be blank or a number"),
    ("priority yes", with_properties(priority=True), "its property priority must be a whole number"),
    ("priority 1.5", with_properties(priority=1.5), "its property priority must be a whole number"),
    ("twice", with_properties(TO="2026-12-31", to=""), "has the same property twice"),
    ("a name of two lines", with_properties(name="one\ntwo"), "not written as a polygon is"),
    ("a name that is not shown", with_properties(name="Old\u202eTown"), "not written as a polygon is"),
    ("half a letter", with_properties(name="\ud800"), "not written as a polygon is"),
    ("no geometry", feature("one") | {"geometry": None}, "has no geometry"),
    ("a point", with_geometry("Point", [1, 2]), "must be a Polygon or a MultiPolygon"),
    ("empty", with_geometry("Polygon", []), "its polygon is empty"),
    ("empty part", with_geometry("MultiPolygon", [[]]), "its polygon is empty"),
    ("empty multi", with_geometry("MultiPolygon", []), "its polygon is empty"),
    ("three positions", with_geometry("Polygon", [PLAIN[:2] + PLAIN[:1]]), "fewer than four positions"),
    ("not closed", with_geometry("Polygon", [PLAIN[:-1]]), "does not end where it begins"),
    ("text", with_geometry("Polygon", [[["400000", "200000"]] * 4]), "is not two numbers"),
    ("true", with_geometry("Polygon", [[[True, True]] * 4]), "is not two numbers"),
    ("one number", with_geometry("Polygon", [[[400000]] * 4]), "is not two numbers"),
    ("flat", feature("one", [corner(0, 0), corner(1, 1), corner(2, 2), corner(0, 0)]), "encloses nothing"),
    (
        "crossing itself",
        feature("one", [corner(0, 0), corner(2, 2), corner(2, 0), corner(0, 3), corner(0, 0)]),
        "not a simple one: self-intersection",
    ),
    ("hole outside", feature("one", PLAIN, box(5, 5, 6, 6)), "not a simple one: hole lies outside shell"),
    ("parked", feature("one", [(-50.0, -50.0), (50.0, -50.0), (50.0, 50.0), (-50.0, -50.0)]), "around 0,0"),
    ("abroad", feature("one", [(9e5, 8e5), (9.1e5, 8e5), (9e5, 8.1e5), (9e5, 8e5)]), "inside Great Britain"),
    ("in no postcode", feature("one", box(0.2, 0.2, 0.8, 0.8)), "no postcode of ONSPD_NOV_2023_UK.csv lies"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("unusable", "said"), [case[1:] for case in UNUSABLE], ids=[one[0] for one in UNUSABLE]
)
def test_what_cannot_be_an_area_is_named_by_the_number_of_its_feature(
    plan: Plan, unusable: object, said: str
) -> None:
    plan.reach.unlink(missing_ok=True)
    file = plan.drawn(collection(feature("good", box(3.5, 3.5, 9, 9)), unusable))
    with pytest.raises(SettingsError, match=f"feature 2: .*{said}") as stop:
        plan.compile(file)
    assert str(file) in str(stop.value)
    assert not plan.reach.exists()


@pytest.mark.parametrize(
    ("ring", "said"),
    [
        ([(lat, long) for long, lat in turned(PLAIN)], "gives latitude before longitude"),
        ([(0.0, 0.0), (0.01, 0.0), (0.01, 0.01), (0.0, 0.0)], "around 0,0"),
        ([(-74.0, 40.7), (-73.9, 40.7), (-73.9, 40.8), (-74.0, 40.7)], "not wholly inside Great Britain"),
        ([(-222_000.0, 6_740_000.0), (-221_000.0, 6_740_000.0), (-222_000.0, 6_741_000.0),
          (-222_000.0, 6_740_000.0)], "if its numbers are metres of the British National Grid"),
        ([(400_000.0, 1_100_000.0), (401_000.0, 1_200_000.0), (400_000.0, 1_301_000.0),
          (400_000.0, 1_100_000.0)], "inside Great Britain"),
        ([(1_100_000.0, 400_000.0), (1_101_000.0, 400_000.0), (1_100_000.0, 401_000.0),
          (1_100_000.0, 400_000.0)], "or gives northing before easting"),
    ],
)  # fmt: skip
def test_what_lies_nowhere_here_is_said_in_words(plan: Plan, ring: list[Corner], said: str) -> None:
    with pytest.raises(SettingsError, match=f"feature 1: .*{said}"):
        plan.compile(plan.drawn(collection(feature("one", ring))))


DEEP = b'{"type": "FeatureCollection", "features": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
NAN = json.dumps(collection(feature("one", [*PLAIN[:-1], (math.nan, 0.0)])))
ENDLESS = json.dumps(collection(feature("one", PLAIN))).replace("400250.0", "1e999")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as GeoJSON"),
        (b"\xff\xfe{", "cannot be read as GeoJSON"),
        (b"network,recipient,kind,code,from,to\n", "cannot be read as GeoJSON"),
        (b"[]", "cannot be read as GeoJSON"),
        (NAN, "cannot be read as GeoJSON"),
        (NAN.replace("NaN", "-Infinity"), "cannot be read as GeoJSON"),
        (DEEP, "cannot be read as GeoJSON"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "cannot be read as GeoJSON"),
        (ENDLESS, "feature 1: a position of its polygon is not two numbers"),
        (feature("one", PLAIN), "no GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection"}, "no GeoJSON FeatureCollection"),
        (collection(), "holds no line"),
        (collection(feature("one", PLAIN), crs={"type": "name", "properties": {"name": "EPSG:3857"}}),
         "names another system of coordinates"),
        (collection(feature("one", PLAIN), crs={"type": "name", "properties": {"name": "EPSG:127700"}}),
         "names another system of coordinates"),
        (collection(feature("one", PLAIN), crs="EPSG:27700"), "names another system of coordinates"),
        (collection(feature("one", PLAIN), crs=WGS84), "if its numbers are degrees"),
        ('{"type": "FeatureCollection", "features": [{"properties": {"to": "", "to": ""}}]}',
         "names a property of a feature twice"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_collection_of_areas_is_a_plain_message(
    plan: Plan, content: object, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        plan.compile(plan.drawn(content))


def test_a_file_that_is_too_large_is_not_read(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "large.geojson"
    with file.open("wb") as stream:
        stream.truncate(reach_areas.MOST_BYTES + 1)
    with pytest.raises(SettingsError, match="is larger than 32 MB"):
        plan.compile(file)


numbers = st.one_of(st.integers(-2, 6).map(lambda place: 400_000 + 50 * place), st.floats(0, 800_000))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["type", "name", "to"]), inner, max_size=3),
    ),
    max_leaves=8,
)
places = st.tuples(numbers, numbers.map(lambda number: number / 2)).map(list)
rings = st.one_of(anything, st.lists(places, min_size=3, max_size=6).map(lambda ring: [*ring, ring[0]]))
features = st.one_of(
    anything,
    st.builds(
        lambda kind, shape, more: feature("one", **more) | {"geometry": {"type": kind, "coordinates": shape}},
        st.sampled_from(["Polygon", "MultiPolygon"]),
        st.one_of(anything, st.lists(rings, max_size=3), st.lists(st.lists(rings, max_size=2), max_size=2)),
        st.dictionaries(st.sampled_from(["to", "TO", "name", "priority", "code"]), anything, max_size=2),
    ),
)


@settings(deadline=None, max_examples=150)
@given(st.one_of(anything, st.lists(features, max_size=3).map(lambda listed: collection(*listed))))
def test_whatever_stands_in_a_file_is_compiled_or_refused_in_words(plan: Plan, content: object) -> None:
    try:
        plan.compile(plan.drawn(json.dumps(content)))
    except SettingsError as stop:
        assert "drawn.geojson" in str(stop)


def test_a_drawn_area_needs_no_name_and_keeps_the_one_it_has(plan: Plan) -> None:
    more: list[dict[str, Any]] = [{}, {"name": "Old Town"}, {"code": "E3", "name": "Old Town"}]
    content = collection(*(feature("one", PLAIN, **each) for each in more))
    areas = read_areas([plan.drawn(content)])
    assert [area.code for area in areas] == ["feature 1", "Old Town", "E3"]
    assert [area.where for area in areas] == ["feature 1", "feature 2", "feature 3"]


def test_a_directory_without_degrees_says_so(town: Town) -> None:
    file = town.folder / "drawn.geojson"
    file.write_text(json.dumps(collection(feature("one", turned(PLAIN)))), encoding="utf-8")
    with pytest.raises(SettingsError, match="feature 1: no postcode .* no longitudes and latitudes, so draw"):
        build_reach([file], town.directory, town.reach, on=ON)


def test_a_line_of_a_list_cannot_be_a_drawn_area(plan: Plan) -> None:
    with pytest.raises(SettingsError, match="line 2: the kind must be .*drawn areas stand in a GeoJSON file"):
        plan.compile(plan.listed(("centres", "one", "polygon", "Old Town")))


def test_properties_may_be_in_capitals_and_positions_may_have_heights(plan: Plan) -> None:
    made = feature("one", [(*at, 55.0) for at in PLAIN])  # type: ignore[misc]
    made["properties"] = {name.upper(): value for name, value in made["properties"].items()} | {"FID": 3}
    plan.compile(plan.drawn(collection(made)))
    assert plan.of("one") == cells((1, 2), (1, 2))


def test_northern_irish_postcodes_lie_in_no_area_of_the_british_grid(plan: Plan) -> None:
    """Their grid references are Irish, and name other places there; their degrees are right."""
    (west, south), (east, north) = HOUSES[0].grid, HOUSES[0].degrees
    row = "BT11AA", west, south, east, north
    for ring, found in ((box(-1, -1, 1, 1), []), (turned(box(-1, -1, 1, 1)), [(0, "BT11AA")])):
        [drawn] = read_areas([plan.drawn(collection(feature("one", ring)))])
        outlines = polygons.outlines({0: drawn}, reach_areas.Problems([drawn.file]))
        assert list(polygons.inside(outlines, [row])) == found
