"""The demonstration's places are real, allowed, and show every outcome whatever the number of centres."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from geography.town import Town
from pipeline.demo.places import AUTHORITY, SAMPLE, centre_codes, reach_areas, sample_postcodes
from pipeline.errors import SettingsError
from pipeline.geography.building import build_directory
from pipeline.geography.compiling import build_reach
from pipeline.geography.directory import Directory

OUTCOMES = {
    "live": "placed",
    "terminated": "placed_terminated",
    "imprecise": "imprecise",
    "gap": "gap",
    "ambiguous": "ambiguous",
    "neighbour": "out_of_area",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The sample as a directory."""
    folder = tmp_path_factory.mktemp("sample")
    build_directory(SAMPLE, folder / "postcodes.sqlite", part=True)
    return Town(folder)


def rows() -> pd.DataFrame:
    return pd.read_csv(SAMPLE, dtype="str", keep_default_na=False)


def test_the_sample_is_english_and_holds_no_northern_irish_postcode() -> None:
    assert set(rows()["ctry"]) == {"E92000001"}
    assert not rows()["pcds"].str.startswith("BT").any()


def test_the_sample_is_small_and_holds_a_whole_authority() -> None:
    every = rows()
    own = every[every["oslaua"].eq(AUTHORITY) & every["doterm"].eq("")]
    assert SAMPLE.stat().st_size < 1_000_000
    assert len(own) > 4000
    assert own["lsoa11"].nunique() == 86
    assert own["osward"].replace("", pd.NA).nunique() == 17


@pytest.mark.parametrize(
    "line",
    [
        "Open Government Licence v3.0",
        "Contains OS data",
        "Contains Royal Mail data",
        "Contains National Statistics data",
    ],
)
def test_the_licence_lies_beside_the_sample(line: str) -> None:
    assert line in SAMPLE.with_name("LICENCE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("centres", [2, 3, 12, 25, 60])
def test_each_group_of_postcodes_has_its_outcome(sample: Town, centres: int) -> None:
    write(sample, reach_areas(sample.directory, centres, "centres"))
    grouped = sample_postcodes(sample.directory)
    placed = sample.place(grouped["postcode"])
    assert placed["status"].tolist() == grouped["group"].map(OUTCOMES).tolist()
    assert set(placed["recipient"]) - {""} == set(centre_codes(centres))


def test_twelve_centres_use_every_kind_of_place_that_the_sample_knows(sample: Town) -> None:
    lines = reach_areas(sample.directory, 12, "centres")
    assert {line["kind"] for line in lines} == {"postcode", "lsoa11", "sector", "ward"}


def test_the_same_arguments_give_the_same_lines(sample: Town) -> None:
    assert reach_areas(sample.directory, 12, "centres") == reach_areas(sample.directory, 12, "centres")


def test_every_group_has_postcodes_as_people_write_them(sample: Town) -> None:
    grouped = sample_postcodes(sample.directory)
    assert set(grouped["group"]) == set(OUTCOMES)
    assert grouped["postcode"].str.fullmatch(r"[A-Z]{1,2}[0-9]{1,2} [0-9][A-Z]{2}").all()
    with Directory(sample.directory) as directory:
        assert directory.lookup(grouped["postcode"])["known"].all()


@pytest.mark.parametrize("centres", [0, 1, 61])
def test_more_centres_than_the_sample_can_serve_is_a_plain_message(sample: Town, centres: int) -> None:
    with pytest.raises(SettingsError, match="2 to 60 centres"):
        reach_areas(sample.directory, centres, "centres")


def write(sample: Town, lines: list[dict[str, str]]) -> None:
    file: Path = sample.folder / "reach_areas.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    build_reach([file], sample.directory, sample.reach, on=date(2026, 10, 31))
