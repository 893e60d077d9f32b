"""A file that can be read and is no directory is refused: cut short, slipped by a column, or exchanged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from geography.town import ONSPD_2023, Town, published
from pipeline.errors import SettingsError
from pipeline.geography.building import build_directory
from pipeline.geography.content import check_content

COLUMNS = {
    "postcode": "pcds", "terminated": "doterm", "authority": "lad26cd", "ward": "wd26cd",
    "lsoa11": "lsoa11cd", "lsoa21": "lsoa21cd", "gridind": "gridind", "easting": "east1m",
    "northing": "north1m", "latitude": "lat", "longitude": "long",
}  # fmt: skip
MANY = 20_000  # of which one may be odd, and three may not


@dataclass(frozen=True)
class Row:
    """A row as it is built: Westminster's, unless said otherwise."""

    postcode: str = "SW1A1AA"
    terminated: str = ""
    authority: str = "E09000033"
    ward: str = "E05013806"
    lsoa11: str = "E01004736"
    lsoa21: str = "E01035716"
    gridind: int = 1
    easting: int = 529090
    northing: int = 179645
    latitude: float = 51.501009
    longitude: float = -0.141588


def wrong(*rows: Row, columns: dict[str, str] = COLUMNS, whole: bool = False) -> str:
    """What is said of a directory of these rows; "" where nothing is."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE postcode ({', '.join(COLUMNS)})")
    places = ", ".join("?" for _ in COLUMNS)
    connection.executemany(
        f"INSERT INTO postcode VALUES ({places})",
        [[getattr(row, name) for name in COLUMNS] for row in rows],
    )
    try:
        check_content(connection, columns, release="ONSPD_AUG_2026_UK.csv", whole=whole)
    except SettingsError as error:
        return str(error)
    finally:
        connection.close()
    return ""


REAL = [
    Row(),
    Row(
        "AB10AA", "199606", "S12000033", "S13002843", "S01006514", "S01013490", 1,
        385386, 801193, 57.1, -2.24,
    ),
    Row("CF101AA", "", "W06000015", "W05001276", "W01001939", "W01001939", 1, 318364, 176386, 51.48, -3.18),
    Row("BT999XX", "", "N09000003", "N08000301", "95GG01S1", "N21000001", 1, 333500, 374500, 54.6, -5.93),
    Row("IM11AD", "", "", "", "", "", 9, 0, 0, 0.0, 0.0),
    Row(
        "GIR0AA", "199201", "E08000011", "E05000935", "E01006503", "E01006503", 8,
        333300, 395400, 53.45, -3.0,
    ),
    Row(
        "NPT0AA", "198401", "W06000022", "W05001668", "W01001695", "W01001695", 8,
        330900, 188100, 51.59, -3.0,
    ),
    Row("ZE29XX", "", "S12000027", "S13003092", "S01012391", "S01016789", 1, 460500, 1205000, 60.73, -0.89),
    Row("TR210AA", "", "E06000053", "E05011090", "E01019077", "E01019077", 1, 90300, 10600, 49.914, -6.314),
]  # fmt: skip


@pytest.mark.parametrize("row", REAL, ids=lambda row: row.postcode)
def test_postcodes_of_every_kind_and_country_are_as_they_should_be(row: Row) -> None:
    assert wrong(row) == ""


WRONG = {
    "not written as postcodes (column pcds)": {"postcode": "E09000033"},
    "not written YYYYMM (column doterm)": {"terminated": "31/05/2021"},
    "a code that is no local authority's (column lad26cd)": {"authority": "E05013806"},
    "a code that is no ward's (column wd26cd)": {"ward": "E09000033"},
    "a code that is no small area's (column lsoa11cd)": {"lsoa11": "E02000977"},
    "a code that is no small area's (column lsoa21cd)": {"lsoa21": "E00023938"},
    "a positional quality other than 1 to 9 (column gridind)": {"gridind": 10},
    "a grid reference outside Great Britain (column east1m)": {"easting": 5290900},
    "lie elsewhere by latitude and longitude than by grid reference (column lat)": {"latitude": 52.501009},
}


@pytest.mark.parametrize("said", WRONG)
def test_a_column_that_holds_something_else_is_found(said: str) -> None:
    assert said in wrong(replace(Row(), **WRONG[said]))


@pytest.mark.parametrize(
    "exchanged",
    [("authority", "ward"), ("easting", "northing"), ("latitude", "longitude"), ("lsoa11", "authority")],
)
def test_two_columns_that_were_exchanged_are_found(exchanged: tuple[str, str]) -> None:
    one, two = exchanged
    assert wrong(replace(Row(), **{one: getattr(Row(), two), two: getattr(Row(), one)})) != ""


@pytest.mark.parametrize("axis", ["easting", "northing"])
def test_each_axis_must_lie_on_the_grid(axis: str) -> None:
    nowhere = replace(Row(), latitude=0.0, longitude=0.0)  # so that nothing else tells
    assert wrong(nowhere) == ""
    assert "outside Great Britain" in wrong(replace(nowhere, **{axis: 10 * getattr(nowhere, axis)}))


def test_a_month_that_does_not_exist_is_found() -> None:
    assert "not written YYYYMM" in wrong(replace(Row(), terminated="202113"))


def test_everything_that_is_wrong_is_said_at_once_and_no_postcode() -> None:
    said = wrong(*[replace(Row(), **change) for change in WRONG.values()])
    assert all(problem in said for problem in WRONG)
    assert "SW1A" not in said


def test_a_few_odd_rows_are_the_publishers_and_many_are_not() -> None:
    right, odd = Row(), replace(Row(), terminated="unknown")
    assert wrong(odd, *[right] * MANY) == ""
    assert "3 of 20,003" in wrong(*[odd] * 3, *[right] * MANY)


EMPTY: dict[str, Callable[[Row], Row]] = {
    "have no local authority": lambda row: replace(row, authority=""),
    "have no ward": lambda row: replace(row, ward=""),
    "have no small area of 2011": lambda row: replace(row, lsoa11=""),
    "have no small area of 2021": lambda row: replace(row, lsoa21=""),
    "have no latitude": lambda row: replace(row, latitude=0.0, longitude=0.0),
    "have no positional quality": lambda row: replace(row, gridind=0),
}


@pytest.mark.parametrize("said", EMPTY)
def test_a_column_of_the_whole_country_with_holes_is_found(said: str) -> None:
    rows = [Row(), EMPTY[said](Row())]
    assert f"1 of 2 live postcodes {said}" in wrong(*rows, whole=True)
    assert wrong(*rows) == ""  # of a part nobody knows how full it should be


@pytest.mark.parametrize("change", [{"terminated": "202401"}, {"gridind": 9, "easting": 0, "northing": 0}])
def test_what_is_withdrawn_or_nowhere_needs_no_small_area(change: dict[str, object]) -> None:
    assert "small area" not in wrong(replace(Row(), lsoa21="", **change), whole=True)


def test_a_release_without_the_older_small_areas_is_whole_without_them() -> None:
    columns = {ours: theirs for ours, theirs in COLUMNS.items() if ours != "lsoa11"}
    assert "2011" not in wrong(replace(Row(), lsoa11=""), columns=columns, whole=True)


def test_scottish_postcodes_need_no_small_area_of_england_and_wales() -> None:
    assert "small area" not in wrong(replace(REAL[1], terminated="", lsoa21=""), whole=True)


def test_a_part_of_the_country_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    source = tmp_path / "ONSPD_NOV_2023_UK_QA.csv"
    source.write_text(published(), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"holds 12 postcodes.*say --part"):
        build_directory(source, tmp_path / "d.sqlite")
    assert not (tmp_path / "d.sqlite").exists()
    assert build_directory(source, tmp_path / "d.sqlite", part=True).rows == 12


def test_the_directory_in_use_stands_where_the_content_of_a_newer_one_is_wrong(town: Town) -> None:
    before = town.directory.read_bytes()
    source = town.folder / "ONSPD_FEB_2024_UK.csv"
    exchanged = ONSPD_2023.replace("oslaua,osward", "osward,oslaua").split(",")
    rows = published().split("\r\n", 1)[1]
    source.write_text(f"{','.join(exchanged)}\r\n{rows}", encoding="utf-8")
    with pytest.raises(SettingsError, match="no local authority's"):
        build_directory(source, town.directory, part=True)
    assert town.directory.read_bytes() == before
