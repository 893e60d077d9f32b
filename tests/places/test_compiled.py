"""The compiled places of a home are those of their day and of the files as they are."""

from __future__ import annotations

from datetime import date

from pipeline.geography.directory import Directory
from pipeline.geography.reach import Reach
from pipeline.places.compiled import compiled_places
from places.conftest import Village

BEFORE, AFTER = date(2026, 10, 31), date(2026, 11, 1)


def recipient(village: Village, on: date) -> str:
    places = compiled_places(village.home, on=on)
    with Directory(places.directory) as directory, Reach(places.reach, directory.facts) as reach:
        assert reach.facts.on == on.isoformat()
        return reach.find(["QA11AA"], "centres")["QA11AA"].recipient


def test_each_day_has_the_lines_that_are_in_force_on_it(village: Village) -> None:
    lines = (
        ("centres", "oak", "postcode", "QA1 1AA", "2020-04-01", str(BEFORE)),
        ("centres", "elm", "postcode", "QA1 1AA", str(AFTER), ""),
    )
    village.proposed(*lines).replace(village.home.reach_areas[0])
    assert [recipient(village, on) for on in (BEFORE, AFTER, BEFORE)] == ["oak", "elm", "oak"]


def test_files_that_changed_are_compiled_again(village: Village) -> None:
    assert recipient(village, AFTER) == "oak"
    village.proposed(("centres", "elm", "postcode", "QA1 1AA")).replace(village.home.reach_areas[0])
    assert recipient(village, AFTER) == "elm"
