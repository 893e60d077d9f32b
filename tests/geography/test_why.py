"""Each step of why: what a person is told agrees with what a month does, and never holds the postcode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geography.plan import HOUSES, ON, Plan, collection
from geography.test_place import AREAS, EXAMPLES
from geography.test_reach_by_the_slow_way import drawn, lines
from geography.town import OURS, THEIRS, WARD, Line, Town, published
from pipeline.errors import SettingsError
from pipeline.geography.areas import Area, read_areas
from pipeline.geography.building import build_directory
from pipeline.geography.directory import Directory
from pipeline.geography.place import place_each
from pipeline.geography.reach import Reach, Served
from pipeline.geography.statuses import Status
from pipeline.geography.why import Claim, Why, claims, why

DAY = date(2026, 10, 31)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan.build(tmp_path_factory.mktemp("why"))


@contextmanager
def opened(town: Town) -> Iterator[tuple[Directory, Reach]]:
    with Directory(town.directory) as places, Reach(town.reach, places.facts) as areas:
        yield places, areas


def asked(
    town: Town,
    text: str,
    *areas: Line,
    networks: tuple[str, ...] = ("centres",),
    hospitals: frozenset[str] = frozenset(),
) -> Why:
    town.compile(*areas)
    listed = read_areas([town.folder / "reach_areas.csv"])
    with opened(town) as (places, reach):
        return why(text, places, reach, listed, networks, on=DAY, hospital_postcodes=hospitals, decided={})


def told(found: Why) -> list[tuple[int, str, str]]:
    """Each line that names the place: where it stands, whose it is, and what becomes of it."""
    return [(one.area.line, one.area.recipient, one.outcome) for one in found.networks[0].claims]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=st.lists(lines, max_size=12), shapes=st.lists(drawn(), max_size=3))
def test_the_lines_say_what_the_compiled_index_says(
    plan: Plan, listed: list[tuple[str, ...]], shapes: list[object]
) -> None:
    always = ("always", "one", "ward", HOUSES[0].ward)
    files = [plan.listed(always, *listed), *([plan.drawn(collection(*shapes))] if shapes else [])]
    try:
        facts = plan.compile(*files)
    except SettingsError:
        return  # a drawn area with nobody in it
    areas = read_areas(files)
    with Directory(plan.directory) as places:
        known = places.find(house.postcode.replace(" ", "") for house in HOUSES)
    for network in facts.recipients:
        served = plan.served(network)
        for postcode, place in known.items():
            found = claims(place, [area for area in areas if area.network == network], ON)
            first = [one for one in found if one.outcome in ("wins", "tied")]
            index = served.get(postcode)
            assert {one.area.recipient for one in first} == claimants(index)
            assert {one.outcome for one in first} == (
                {"wins" if index.recipient else "tied"} if index else set()
            )
            assert_in_order(found, ON)


def claimants(index: Served | None) -> set[str]:
    return set(index.claimants.split(",")) if index else set()


def assert_in_order(found: tuple[Claim, ...], on: date) -> None:
    """Those that are not in force come last, and no line wins after one that loses."""
    ranks = ["wins tied".count(one.outcome) or (3 if one.outcome == "not in force" else 2) for one in found]
    assert ranks == sorted(ranks)
    assert all((one.outcome == "not in force") is not in_force(one.area, on) for one in found)


def in_force(area: Area, on: date) -> bool:
    return area.starts <= on and (area.ends is None or on <= area.ends)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_answer_is_the_months_own(town: Town, text: str) -> None:
    found = asked(town, text, *AREAS)
    with opened(town) as (places, reach):
        assert found.networks[0].placement == place_each([text], places, reach, "centres")[text]
    assert found.networks[0].placement.status is EXAMPLES[text][0]


@pytest.mark.parametrize("text", [text for text in EXAMPLES if len(text) > 4])
def test_nothing_that_is_said_is_the_postcode(town: Town, text: str) -> None:
    found = asked(
        town, text, *AREAS, ("libraries", "one", "sector", "QA1 1"), networks=("centres", "libraries")
    )
    said = [found.read, repr(found), *(one.words + one.consequence for one in found.networks)]
    said += [claim.words for one in found.networks for claim in one.claims]
    closed = " ".join(said).upper().replace(" ", "")
    assert text.upper().replace(" ", "") not in closed
    assert "QA11AA" not in closed


def test_the_smallest_place_wins_and_the_others_are_told_why_not(town: Town) -> None:
    found = asked(
        town,
        "QA1 1AA",
        ("centres", "east", "ward", WARD),
        ("centres", "north", "postcode", "QA1 1AA"),
        ("centres", "south", "sector", "QA1 1"),
        ("centres", "elsewhere", "postcode", "QA1 1AB"),
        ("centres", "later", "postcode", "QA1 1AA", "2026-11-01", ""),
        ("centres", "before", "postcode", "QA1 1AA", "2020-04-01", "2026-10-30"),
        ("libraries", "library", "ward", WARD),
    )
    assert told(found) == [
        (3, "north", "wins"),
        (4, "south", "larger place"),
        (2, "east", "larger place"),
        (6, "later", "not in force"),
        (7, "before", "not in force"),
    ]
    assert "from 2026-11-01" in found.networks[0].claims[3].words
    assert "until 2026-10-30" in found.networks[0].claims[4].words


def test_two_of_one_size_are_tied(town: Town) -> None:
    found = asked(town, "QA1 1AD", *AREAS)
    assert told(found) == [(3, "north", "tied"), (4, "south", "tied")]
    assert "reach_area_ambiguous" in found.networks[0].consequence


def test_two_lines_of_one_recipient_both_win(town: Town) -> None:
    found = asked(
        town,
        "QA1 1AA",
        ("centres", "north", "lsoa11", "E01000011"),
        ("centres", "north", "lsoa21", "E01000021"),
    )
    assert told(found) == [(2, "north", "wins"), (3, "north", "wins")]


def test_a_priority_decides_and_is_told(town: Town) -> None:
    town.compile_with_priorities(
        ("centres", "north", "ward", WARD, "2"), ("centres", "south", "ward", WARD, "1")
    )
    with opened(town) as (places, reach):
        listed = read_areas([town.folder / "reach_areas.csv"])
        found = why("QA1 1AA", places, reach, listed, ["centres"], on=DAY, hospital_postcodes=(), decided={})
    assert told(found) == [(3, "south", "wins"), (2, "north", "comes later")]


READ = {
    "qa1 1aa": "known as it was written",
    "QA1 IAA": "look alike",
    "Postcode: QA1-1AA": "without the signs or words around it",
    "QA9 9ZZ": "has the form of a postcode, and the directory does not know it",
    "nonsense": "has not the form",
    "ZZ99 3CZ": "England",
    "ZZ99 3VZ": "no fixed abode",
    "ZZ99 4QZ": "abroad",
    "": "no postcode was given",
}


@pytest.mark.parametrize("text", READ)
def test_how_it_was_read_is_told(town: Town, text: str) -> None:
    assert READ[text] in asked(town, text, *AREAS).read


def test_a_part_of_the_country_says_that_it_repairs_nothing(town: Town, tmp_path: Path) -> None:
    found = asked(town, "QA9 9ZZ", *AREAS)
    assert "part of the country" not in found.read
    source = tmp_path / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(), encoding="utf-8", newline="")
    build_directory(source, town.directory, part=True)
    assert "part of the country" in asked(town, "QA1 IAA", *AREAS).read


def test_what_the_decision_rules_make_of_it_is_told(town: Town) -> None:
    assert "shared" in asked(town, "QA1 1AA", *AREAS).networks[0].consequence
    assert "held (postcode_unknown" in asked(town, "QA9 9ZZ", *AREAS).networks[0].consequence
    elsewhere = asked(town, "QB1 1AA", *AREAS).networks[0]
    assert elsewhere.placement.status is Status.OUT_OF_AREA
    assert elsewhere.placement.authority == THEIRS != OURS
    assert THEIRS in elsewhere.consequence


def test_a_hospital_is_known_however_it_is_written(town: Town) -> None:
    assert asked(town, "QA1 IAB", *AREAS, hospitals=frozenset(["qa1 1ab"])).hospital
    assert not asked(town, "", *AREAS, hospitals=frozenset([""])).hospital
