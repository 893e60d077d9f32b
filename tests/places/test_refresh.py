"""A newer directory is used by itself only where no home changes hands; else a person looks first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from geography.town import LAYOUTS, TOWN, Line, published
from pipeline.errors import SettingsError, WaitingForPerson
from pipeline.facts import opened_ledger
from pipeline.geography.directory import Directory
from pipeline.home import Home
from pipeline.keeping.limits import class_of
from pipeline.ledger.entries import DirectoryBuilt
from pipeline.places.refresh import INCOMING, Refreshed, refresh
from places.conftest import Village
from preview.past import NOW

LayDown = Callable[..., Path]
BEFORE, NEWER = "ONSPD_NOV_2023_UK.csv", "ONSPD_FEB_2024_UK.csv"

A_NEW_STREET: Line = ("QA1 1AE", "", *TOWN[0][2:])
A_STREET_AWAY = TOWN[1:]  # QA1 1AA, which the oak serves


@pytest.fixture
def lay_down(village: Village) -> LayDown:
    """Puts a published release where the home's people put it."""

    def write(rows: list[Line], name: str = NEWER) -> Path:
        folder = village.home.at(INCOMING)
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_text(published(*LAYOUTS["ONSPD 2023"], rows), encoding="utf-8", newline="")
        return file

    return write


def in_use(home: Home) -> str:
    with Directory(home.at(home.settings.geography.directory)) as directory:
        return directory.facts.release


def recorded(home: Home) -> int:
    with opened_ledger(home) as ledger:
        return len(list(ledger.entries(kinds={DirectoryBuilt.kind})))


def look(village: Village) -> Refreshed:
    return refresh(village.home, now=NOW)


def test_a_release_that_only_adds_streets_is_used_by_itself_and_once(
    village: Village, lay_down: LayDown
) -> None:
    village.town.areas(("centres", "oak", "ward", TOWN[0][3])).rename(village.home.reach_areas[0])
    lay_down([*TOWN, A_NEW_STREET])
    refreshed = look(village)
    assert refreshed.counts["directories"] == 1
    assert refreshed.used is not None
    assert refreshed.used.difference is not None
    assert [one.after for one in refreshed.used.difference.moves] == ["oak"], "it is served at once"
    assert (in_use(village.home), recorded(village.home)) == (NEWER, 1)
    again = look(village)
    assert (again.used, recorded(village.home)) == (None, 1)


def test_one_that_takes_a_home_from_a_centre_waits_for_a_person_however_often_it_is_tried(
    village: Village, lay_down: LayDown
) -> None:
    village.town.areas(("centres", "oak", "ward", TOWN[0][3])).rename(village.home.reach_areas[0])
    lay_down(A_STREET_AWAY)
    for _ in range(2):
        with pytest.raises(WaitingForPerson, match="1 live postcode goes to another recipient") as stopped:
            look(village)
        assert "birthshare geography build" in stopped.value.do
        assert "--preview" in stopped.value.do
        assert (in_use(village.home), recorded(village.home)) == (BEFORE, 0)


def test_as_many_as_the_settings_allow_may_move(village: Village, lay_down: LayDown) -> None:
    village.town.areas(("centres", "oak", "ward", TOWN[0][3])).rename(village.home.reach_areas[0])
    lay_down(A_STREET_AWAY)
    settings = village.home.path / "birthshare.toml"
    settings.write_text(settings.read_text() + "\n[geography]\nrefresh_moves = 1\n")
    assert refresh(Home.open(village.home.path), now=NOW).counts["directories"] == 1
    assert in_use(village.home) == NEWER


def test_one_under_which_the_reach_areas_do_not_hold_any_more_waits_even_where_moves_are_allowed(
    village: Village, lay_down: LayDown
) -> None:
    settings = village.home.path / "birthshare.toml"
    settings.write_text(settings.read_text() + "\n[geography]\nrefresh_moves = 1000\n")
    lay_down(A_STREET_AWAY)  # a line of the reach areas names that postcode
    with pytest.raises(WaitingForPerson, match="names a place in the reach areas that it does not know"):
        refresh(Home.open(village.home.path), now=NOW)
    assert in_use(village.home) == BEFORE


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["latest.csv"], "does not say of which month"),
        ([NEWER, "ONSPD_FEB_2024_UK_2.csv"], "2 files are of February 2024"),
        (["NSPL_FEB_2024_UK.csv"], "The directory in use is an ONSPD and this is an NSPL"),
    ],
)
def test_what_is_not_plainly_the_next_release_waits_for_a_person(
    village: Village, lay_down: LayDown, names: list[str], why: str
) -> None:
    for name in names:
        lay_down([*TOWN, A_NEW_STREET], name)
    with pytest.raises(WaitingForPerson, match=why):
        look(village)
    assert (in_use(village.home), recorded(village.home)) == (BEFORE, 0)


def test_the_first_directory_is_never_chosen_by_itself(village: Village, lay_down: LayDown) -> None:
    lay_down(TOWN)
    directory = village.home.at(village.home.settings.geography.directory)
    directory.unlink()
    with pytest.raises((WaitingForPerson, SettingsError)):
        look(village)
    assert not directory.exists()


def test_an_older_release_that_lies_there_is_passed_over(village: Village, lay_down: LayDown) -> None:
    lay_down(A_STREET_AWAY, "ONSPD_AUG_2023_UK.csv")
    assert look(village).used is None
    assert in_use(village.home) == BEFORE


def test_a_download_that_broke_off_leaves_the_one_in_use(village: Village, lay_down: LayDown) -> None:
    file = lay_down(TOWN, "ONSPD_FEB_2024_UK.zip")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SettingsError):
        look(village)
    assert in_use(village.home) == BEFORE


def test_an_old_directory_and_faults_of_the_areas_are_said_and_stop_nothing(village: Village) -> None:
    found = look(village)
    assert found.counts["warnings"] == len(found.warnings) > 0
    assert any("The postcode directory is of November 2023" in one for one in found.warnings)
    assert any("birthshare geography check" in one for one in found.warnings)


def test_retention_knows_the_files_that_lie_there(village: Village, lay_down: LayDown) -> None:
    file = lay_down(TOWN)
    assert class_of(village.home, file.relative_to(village.home.path)) is not None
