"""What a newer release changes is counted: postcodes that came, went and moved, and whom they go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import pytest

from geography.town import LAYOUTS, OTHER_WARD, THEIRS, TOWN, Line, Town, published
from pipeline.geography.areas import Area
from pipeline.geography.building import build_directory
from pipeline.geography.comparing import GONE, NEW, Changes, Move, compare, moves
from pipeline.geography.compiling import build_reach
from pipeline.networks import NOBODY, SEVERAL

NOTHING = Changes(new=0, gone=0, terminated=0, live_again=0, authority=0, ward=0, lsoa11=0, lsoa21=0)
AREAS = (
    ("centres", "oak", "lsoa21", "E01000021"),
    ("centres", "elm", "ward", OTHER_WARD),
    ("centres", "ash", "postcode", "QA1 1AB"),
    ("libraries", "lib", "sector", "QA1 1"),
)
Newer = Callable[..., Path]


@pytest.fixture
def newer(tmp_path: Path) -> Newer:
    """Builds a newer directory in which some postcodes have changed."""

    def build(rows: Iterable[Line], layout: str = "ONSPD 2023") -> Path:
        header, names = LAYOUTS[layout]
        source = tmp_path / "ONSPD_FEB_2024_UK.csv"
        source.write_text(published(header, names, rows), encoding="utf-8", newline="")
        build_directory(source, tmp_path / "newer.sqlite", part=True)
        return tmp_path / "newer.sqlite"

    return build


def changed(postcode: str, **changes: str) -> list[Line]:
    """The town with one postcode changed."""
    names = ("postcode", "doterm", "authority", "ward", "lsoa11", "lsoa21", "quality", "easting", "northing")
    rows = {row[0]: dict(zip(names, row, strict=True)) for row in TOWN}
    rows[postcode].update(changes)
    return [tuple(row.values()) for row in rows.values()]


def without(postcode: str) -> list[Line]:
    return [row for row in TOWN if row[0] != postcode]


BORN = ("QA1 1AE", "", *TOWN[0][2:])

CHANGED = {
    "nothing": ([*TOWN], {}),
    "a street was built": ([*TOWN, BORN], {"new": 1}),
    "a postcode is no longer listed": (without("QA1 1AB"), {"gone": 1}),
    "a postcode was withdrawn": (changed("QA1 1AB", doterm="202401"), {"terminated": 1}),
    "a postcode is in use again": (changed("QA1 1ZZ", doterm=""), {"live_again": 1}),
    "a border was moved": (changed("QA1 1AB", authority=THEIRS), {"authority": 1}),
    "wards were drawn anew": (changed("QA1 1AB", ward="E05000077"), {"ward": 1}),
    "small areas of 2011": (changed("QA1 1AB", lsoa11="E01000013"), {"lsoa11": 1}),
    "small areas of 2021": (changed("QA1 1AB", lsoa21="E01000023"), {"lsoa21": 1}),
    "of what is withdrawn nobody is moved": (changed("QA1 1ZZ", ward="E05000077"), {}),
    "one for another": ([*without("QA1 1AB"), BORN], {"new": 1, "gone": 1}),
}


@pytest.mark.parametrize("what", CHANGED)
def test_each_change_is_counted_as_what_it_is(town: Town, newer: Newer, what: str) -> None:
    rows, counted = CHANGED[what]
    assert compare(town.directory, newer(rows)) == Changes(**{**vars(NOTHING), **counted})


def test_small_areas_that_only_one_of_the_two_knows_are_not_compared(town: Town, newer: Newer) -> None:
    found = compare(town.directory, newer(TOWN, "NSPL August 2026"))
    assert (found.lsoa11, found.lsoa21) == (None, 0)


MOVED = {
    "nothing": ([*TOWN], []),
    "to another recipient": (
        changed("QA1 1AA", lsoa21="E01000022", ward=OTHER_WARD),
        [("centres", "oak", "elm")],
    ),
    "into a gap": (changed("QA1 2AA", ward="E05000077"), [("centres", "elm", NOBODY)]),
    "out of a gap": (changed("QB1 1AA", ward=OTHER_WARD), [("centres", NOBODY, "elm")]),
    "a street was built": ([*TOWN, BORN], [("centres", NEW, "oak"), ("libraries", NEW, "lib")]),
    "no longer listed": (without("QA1 1AB"), [("centres", "ash", GONE), ("libraries", "lib", GONE)]),
    "withdrawn: nobody moves in there": (changed("QA1 1AD", doterm="202401", ward="E05000077"), []),
    "withdrawn long ago, and no longer listed": (without("QA1 1ZZ"), []),
}


@pytest.mark.parametrize("what", MOVED)
def test_who_serves_whom_is_compared_for_each_network(town: Town, newer: Newer, what: str) -> None:
    rows, expected = MOVED[what]
    assert served(town, newer(rows), AREAS) == [Move(*move, 1) for move in expected]


def test_what_becomes_ambiguous_and_what_is_no_longer_is_told(town: Town, newer: Newer) -> None:
    areas = [*AREAS, ("centres", "fir", "lsoa11", "E01000012")]
    one = changed("QA1 1AA", lsoa11="E01000012")  # oak and fir claim it by areas of one size
    assert served(town, newer(one), areas) == [Move("centres", "oak", SEVERAL, 1)]
    areas = [*AREAS, ("centres", "fir", "lsoa11", "E01000011")]
    assert served(town, newer(one), areas) == [Move("centres", SEVERAL, "oak", 1)]


def served(town: Town, directory: Path, areas: Iterable[Line]) -> list[Move]:
    """Whose postcodes change hands, the areas being the same."""
    files, on = [town.areas(*areas)], date(2026, 10, 31)
    was, now = town.folder / "was.sqlite", town.folder / "now.sqlite"
    build_reach(files, town.directory, was, on=on)
    build_reach(files, directory, now, on=on, lost=[])
    return moves(town.directory, directory, was, now)


def test_lines_whose_place_is_gone_are_named_and_the_others_compiled(town: Town, newer: Newer) -> None:
    wards = [tuple("E05000077" if cell == OTHER_WARD else cell for cell in row) for row in TOWN]
    lost: list[tuple[Area, str]] = []
    facts = build_reach(
        [town.areas(*AREAS)], newer(wards), town.folder / "now.sqlite", on=date(2026, 10, 31), lost=lost
    )
    assert [(area.line, why) for area, why in lost] == [(3, "no such ward in ONSPD_FEB_2024_UK.csv")]
    assert facts.recipients["centres"] == {"oak": 7, "elm": 0, "ash": 1}
