"""Whoever asks for one postcode does not wait for the libraries that a whole month needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from geography.test_place import AREAS
from geography.town import Town
from pipeline.geography.directory import Directory
from pipeline.home import Geography as HomesGeography
from pipeline.home import Home, Settings
from pipeline.premises import OTHERS, SECTIONS, Geography, premises

HEAVY = {"numpy", "pandas", "pyarrow", "pydantic", "shapely", "yaml", "rich", "sqlalchemy"}
SLOW = {
    "dataclasses",
    "pathlib",
    "hashlib",
    "csv",
    "tempfile",
}  # a look-up takes no longer than to load these
HOME = """
[authority]
name = "Yorkton"
code = "E06000014"

[suppliers]
"""
FILES = """
[geography]
directory = "postcodes.sqlite"
reach_areas = "reach_areas.csv"
hospital_postcodes = "hospitals.csv"
"""


def loaded_by(code: str) -> set[str]:
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(said.stderr.split())


def test_looking_up_loads_neither_heavy_nor_slow() -> None:
    loaded = loaded_by(
        "import sys, pipeline.geography.place, pipeline.geography.reach; print(*sys.modules, file=sys.stderr)"
    )
    assert "sqlite3" in loaded
    assert not (HEAVY | SLOW) & loaded


@pytest.mark.parametrize("postcode", ["QA1 1AA", "QA1 2AA", "ZZ99 3VZ"])
def test_a_command_that_looks_up_loads_nothing_heavy(town: Town, postcode: str) -> None:
    town.compile(*AREAS)
    (town.folder / "hospitals.csv").write_text("postcode\nQA1 1AA\n", encoding="utf-8")
    written(town.folder, HOME + FILES)
    loaded = loaded_by(
        f"import io, sys; from pipeline.cli import run; sys.stdin = io.StringIO({postcode!r})\n"
        f"assert run(['geography', 'place', '--home', {str(town.folder)!r}]) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    assert "pipeline.geography.why" in loaded
    assert not HEAVY & loaded


def written(folder: Path, settings: str) -> Path:
    (folder / "birthshare.toml").write_text(settings, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "geography",
    [
        "",
        '[geography]\nreach_areas = "reference/places.csv"',
        '[geography]\nreach_areas = ["a.csv", "b.geojson"]\ndirectory = "codes.sqlite"',
        '[geography]\nhospital_postcodes = "hospitals.csv"\nward_names = "wards.csv"',
    ],
)
def test_premises_are_the_home_s_own_settings(tmp_path: Path, geography: str) -> None:
    found = premises(written(tmp_path, HOME + geography))
    home = Home.open(tmp_path)
    assert found is not None
    for of in (home, found):
        assert of.state == tmp_path.resolve() / "state"
    assert found.reach_areas == home.reach_areas
    for name in found.settings.geography._fields:
        assert getattr(found.settings.geography, name) == getattr(home.settings.geography, name)
    assert found.settings.authority.code == home.settings.authority.code
    assert found.settings.authority.name == home.settings.authority.name


@pytest.mark.parametrize(
    "settings",
    [
        "", "[authority", "authority = 3", HOME.replace("name", "nom"), HOME + "[geography]\ndirectory = 3",
        HOME + "[geography]\nreach_areas = []", HOME + '[geography]\nreach_areas = ["a.csv", "a.csv"]',
        HOME + "[geography]\nreach_areas = [3]", HOME + '[geography]\nreach_areas = {a = "b"}',
        HOME + '[geography]\ndirectory = ""', HOME + '[geography]\nreach_areas = " a.csv"',
        HOME + '[geography]\ndirectry = "a.sqlite"', HOME + '[geograpy]\ndirectory = "a.sqlite"',
        "geography = 1\n" + HOME,
    ],
)  # fmt: skip
def test_settings_that_are_wrong_are_left_to_who_can_say_why(tmp_path: Path, settings: str) -> None:
    assert premises(written(tmp_path, settings)) is None
    assert premises(tmp_path / "nowhere") is None


def test_every_setting_there_is_may_stand_there() -> None:
    assert Settings.model_fields.keys() == SECTIONS
    assert {*Geography._fields, *OTHERS} == HomesGeography.model_fields.keys()
    assert {*Geography._fields} & OTHERS == set()


@pytest.mark.parametrize("name", ["100% ours", "what?", "a#b", "50%3f", "\u00e9t\u00e9"])
def test_a_file_is_opened_whatever_its_folder_is_called(town: Town, name: str) -> None:
    folder = town.folder / name
    folder.mkdir()
    moved = town.directory.rename(folder / "postcodes.sqlite")
    with Directory(moved) as places:
        assert places.find(["QA11AA"])
