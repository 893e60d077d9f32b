"""What a person decided for a postcode counts where geography cannot say, and moves no other postcode."""

from __future__ import annotations

import pytest

from geography.test_place import AREAS, EXAMPLES
from geography.town import OURS, THEIRS, Line, Town, published
from pipeline.geography.building import build_directory
from pipeline.geography.directory import Directory
from pipeline.geography.neighbours import neighbours
from pipeline.geography.place import Decided, Status, explain, place_each
from pipeline.geography.postcodes import compact
from pipeline.geography.reach import Reach

NEW, CLAIMED = "QA9 9ZZ", "QA1 1AD"  # one that the directory does not know, and one that two centres claim
SOUTH = Decided("south", OURS)
BETWEEN = Decided("south", THEIRS, ("north", "south"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The town with its reach index, for tests that do not change it."""
    folder = tmp_path_factory.mktemp("town")
    source = folder / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(), encoding="utf-8", newline="")
    build_directory(source, folder / "postcodes.sqlite", part=True)
    town = Town(folder)
    town.compile(*AREAS)
    return town


def placed(town: Town, postcode: str, decided: Decided | None) -> tuple[str, ...]:
    """Status, recipient, kind of place and authority, after a person's decision about the postcode."""
    by_person = {compact(postcode): decided} if decided else {}
    with Directory(town.directory) as places, Reach(town.reach, places.facts) as reach:
        return place_each([postcode], places, reach, "centres", by_person)[postcode][:4]


@pytest.mark.parametrize("written", ["QA9 9ZZ", "qa99zz", " QA9  9ZZ"])
def test_a_postcode_that_the_directory_does_not_know_goes_where_the_person_said(
    built: Town, written: str
) -> None:
    assert placed(built, written, SOUTH) == (Status.PLACED_REVIEWED, "south", "review", OURS)


def test_between_two_who_claim_a_postcode_the_person_decides_and_the_authority_is_the_directory_s(
    built: Town,
) -> None:
    assert placed(built, CLAIMED, BETWEEN) == (Status.PLACED_REVIEWED, "south", "review", OURS)


@pytest.mark.parametrize("postcode", sorted(set(EXAMPLES) - {NEW, CLAIMED}))
@pytest.mark.parametrize("decided", [SOUTH, BETWEEN], ids=["unknown", "ambiguous"])
def test_a_decision_moves_no_postcode_that_geography_places_or_knows_to_be_no_place(
    built: Town, postcode: str, decided: Decided
) -> None:
    without = placed(built, postcode, None)
    if without[0] is Status.UNKNOWN and decided is SOUTH and compact(postcode):
        return  # another one that the directory does not know: it is asked about as any other
    assert placed(built, postcode, decided) == without


@pytest.mark.parametrize(
    "areas",
    [
        [*AREAS, ("centres", "east", "postcode", CLAIMED)],
        [AREAS[0], AREAS[1], ("centres", "east", "postcode", CLAIMED)],
    ],
    ids=["a third claims it", "another claims it"],
)
def test_a_decision_ends_when_the_claims_change(town: Town, areas: list[Line]) -> None:
    town.compile(*areas)
    assert placed(town, CLAIMED, BETWEEN)[0] is Status.AMBIGUOUS


def test_a_decision_ends_when_the_areas_place_the_postcode_themselves(town: Town) -> None:
    town.compile(AREAS[0], AREAS[1])
    assert placed(town, CLAIMED, BETWEEN)[:2] == (Status.PLACED, "north")


@pytest.mark.parametrize(
    ("postcode", "decided"),
    [
        (CLAIMED, SOUTH),  # the directory has come to know it since, and two claim it
        (CLAIMED, Decided("east", OURS, ("north", "south"))),  # who does not claim it
        (NEW, BETWEEN),  # the directory has lost it
    ],
)
def test_a_decision_about_another_state_of_things_is_none(
    built: Town, postcode: str, decided: Decided
) -> None:
    assert placed(built, postcode, decided)[0] in (Status.UNKNOWN, Status.AMBIGUOUS)


def test_the_placement_is_put_into_words() -> None:
    assert explain("placed_reviewed", "review", "centres").endswith("as a person decided for this postcode")


# --- hints ----------------------------------------------------------------------------------------


def near(town: Town, postcode: str) -> tuple[str, dict[str, int], dict[str, int]]:
    with Directory(town.directory) as places, Reach(town.reach, places.facts) as reach:
        found = neighbours(postcode, places, reach, "centres")
    return found.around, dict(found.recipients), dict(found.authorities)


def test_neighbours_are_the_live_postcodes_of_the_sector(built: Town) -> None:
    # QA1 1AA, 1AB, 1AD; 1ZZ is withdrawn. Two claim 1AD, so nobody serves it.
    assert near(built, "QA11XX") == ("sector", {"north": 2, "": 1}, {OURS: 3})


def test_without_any_in_its_sector_they_are_those_of_the_district_and_of_no_longer_one(built: Town) -> None:
    assert near(built, "QA19XX") == ("district", {"north": 2, "": 2}, {OURS: 4})
    assert near(built, "QA111XX") == ("", {}, {})  # QA11 is not QA1


def test_a_postcode_far_from_all_others_has_none(built: Town) -> None:
    assert near(built, "QX19QX") == ("", {}, {})
