"""The map of a month's page is of the places of that month, or there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import AreasCounted, Entry
from pipeline.places.drawn import maps_of
from pipeline.reporting.facts import MapFacts
from places.conftest import TODAY, Village
from preview.past import NOW
from spec.world import MONTH

LOCALITIES = (
    ("localities", "north", "postcode", "QA1 1AA"),
    ("localities", "south", "postcode", "QA1 1AB"),
    ("localities", "south", "postcode", "QA1 1AD"),
)
THIRD = ("centres", "oak", "postcode", "QA1 2AA")


def drawn(village: Village) -> MapFacts | None:
    with opened_ledger(village.home) as ledger:
        return maps_of(village.home, ledger, MONTH)["welcome-card"]


def count(village: Village) -> None:
    """A month whose births were placed and counted."""
    village.keep(*village.at("QA1 1AA", 9))
    body = AreasCounted(
        agreement="welcome-card",
        network="centres",
        births={"oak": 10},
        consented={"oak": 10},
        shared={"oak": 5},
    )
    with opened_ledger(village.home) as ledger:
        ledger.append(Entry(body, str(MONTH)), at=NOW)


def with_localities(village: Village, names: str = "") -> Village:
    """The same village, its settings naming a network of localities."""
    file = village.home.path / "birthshare.toml"
    file.write_text(f'{file.read_text()}\n[geography]\nlocalities = "localities"\n{names}')
    village.town.areas(*TODAY, THIRD, *LOCALITIES).replace(village.home.reach_areas[0])
    return replace(village, home=Home.open(village.home.path))


def test_the_map_has_the_areas_of_the_month_and_the_directory_s_year(village: Village) -> None:
    count(village)
    found = drawn(village)
    assert found is not None
    assert dict(found.tiles) == {(0, 0): "-"}  # all within a hundred metres, and mostly in no area
    assert (found.side, found.year, dict(found.within)) == (100, 2023, {})


def test_there_is_no_map_once_the_reach_areas_are_others(village: Village) -> None:
    count(village)
    village.town.areas(*TODAY[:2]).replace(village.home.reach_areas[0])
    assert drawn(village) is None


@pytest.mark.parametrize("lost", ["reach_areas", "directory"])
def test_there_is_no_map_and_no_trouble_where_a_file_is_gone(village: Village, lost: str) -> None:
    count(village)
    home = village.home
    (home.reach_areas[0] if lost == "reach_areas" else home.at(home.settings.geography.directory)).unlink()
    assert drawn(village) is None


def test_each_recipient_is_within_the_locality_of_most_of_its_postcodes(village: Village) -> None:
    """Of oak's three postcodes one is in the north, one in the south and one in no locality."""
    village = with_localities(village)
    village.town.areas(*TODAY, THIRD, *LOCALITIES, ("localities", "north", "postcode", "QA1 2AA")).replace(
        village.home.reach_areas[0]
    )
    count(village)
    found = drawn(village)
    assert found is not None and dict(found.within) == {"oak": "north", "elm": "south"}


def test_localities_are_named_as_the_authority_names_them(village: Village) -> None:
    (village.home.path / "reference" / "localities.csv").write_text(
        "code,name\nnorth,North End\nsouth,South End\n"
    )
    village = with_localities(village, 'locality_names = "reference/localities.csv"\n')
    count(village)
    found = drawn(village)
    assert found is not None and found.within["elm"] == "South End"
