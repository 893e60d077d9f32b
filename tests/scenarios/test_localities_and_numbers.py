"""Hubs whose lists name localities, beside centres that are told numbers alone: a whole month of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from month_authority import NOW
from pipeline import doctor
from pipeline.home import SETTINGS_FILE, Home
from scenarios.arrangement import (
    EARLIER,
    EAST,
    EAST_WARD,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    Ground,
    arranged,
    born,
    child,
    day,
    sign_agreement,
)

TOLD = {"notice_date": day(-28), "date_of_birth": born(EARLIER)}
WARDS = {"north": NORTH_WARD, "south": SOUTH_WARD, "east": EAST_WARD}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    """The hubs' fields with the locality; north and south are one of two localities."""
    with arranged(
        ground,
        tmp_path,
        "family-hub-notice",
        "area-totals",
        areas=[
            *(("family_hubs", f"{name}-hub", ward) for name, ward in WARDS.items()),
            *(("childrens_centres", f"{name}-centre", ward) for name, ward in WARDS.items()),
            ("districts", "upper", NORTH_WARD),
            ("districts", "upper", SOUTH_WARD),
            ("districts", "lower", EAST_WARD),
        ],
        recipients=dict.fromkeys((f"{name}-hub" for name in WARDS), "family_hub")
        | dict.fromkeys((f"{name}-centre" for name in WARDS), "childrens_centre"),
    ) as made:
        _with_localities(made)
        yield replace(made, home=Home.open(made.home.path))


def _with_localities(made: Arrangement) -> None:
    home = made.home.path
    [file] = home.glob("agreements/family-hub-notice*.yaml")
    file.write_text(file.read_text().replace("deprivation_decile]", "deprivation_decile, locality]"))
    for role in made.agreements[0].approvers:
        sign_agreement(made.ground, file, role)
    (home / "reference" / "localities.csv").write_text("code,name\nupper,Upper District\n")
    settings = home / SETTINGS_FILE
    named = '[geography]\nlocalities = "districts"\nlocality_names = "reference/localities.csv"\n'
    settings.write_text(settings.read_text().replace("[geography]\n", named))


def test_lists_name_localities_and_only_one_agreement_tells_numbers(council: Arrangement) -> None:
    rows = [child("Ada", **TOLD), child("Bea", postcode=SOUTH, **TOLD), child("Cleo", postcode=EAST, **TOLD)]
    refused = [child(f"No{number}", objection_date=day(-1), **TOLD) for number in range(8)]
    council.sends("chis", [*rows, *refused], EARLIER)
    council.runs(EARLIER)

    assert council.headings("north-hub", EARLIER)[-4:-2] == ["Locality code", "Locality"]
    seen = {
        name: [(row["Locality code"], row["Locality"]) for row in council.rows(f"{name}-hub", EARLIER)]
        for name in WARDS
    }
    assert seen == {
        "north": [("upper", "Upper District")],
        "south": [("upper", "Upper District")],
        "east": [("lower", "lower")],
    }
    told = {name: council.babies_in_area(f"{name}-centre", EARLIER) for name in WARDS}
    assert told == {"north": 10, "south": "fewer than 8", "east": "fewer than 8"}  # nine, one and one
    assert {council.babies_in_area(f"{name}-hub", EARLIER) for name in WARDS} == {"not told this month"}


def test_localities_need_nobody_in_the_register(council: Arrangement) -> None:
    found = [one for one in doctor.examine(council.home, now=NOW) if "reach areas" in one.what]
    assert [one.well for one in found] == [True, True], found


def test_a_network_of_localities_without_areas_is_found_before_the_month(council: Arrangement) -> None:
    settings = council.home.path / SETTINGS_FILE
    settings.write_text(settings.read_text().replace('"districts"', '"parishes"'))
    found = [one for one in doctor.examine(Home.open(settings.parent), now=NOW) if "reach areas" in one.what]
    assert sorted(one.well for one in found) == [False, True]
    assert any("network parishes" in one.advice for one in found)
