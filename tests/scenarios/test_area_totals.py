"""The number of births in each area, and nothing else: a whole month under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.arrangement import (
    EARLIER,
    EAST_WARD,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    Ground,
    arranged,
    born,
    child,
    twin,
)

SAID_NOTHING = {"consent_date": "", "consent_scope": "", "consent_wording": "", "consent_given_by": ""}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    wards = {"north": NORTH_WARD, "south": SOUTH_WARD, "east": EAST_WARD}
    with arranged(
        ground,
        tmp_path,
        "area-totals",
        areas=[("childrens_centres", centre, ward) for centre, ward in wards.items()],
        recipients=dict.fromkeys(wards, "childrens_centre"),
    ) as made:
        yield made


def test_centres_learn_rounded_numbers_and_no_family(council: Arrangement) -> None:
    bea = child("Bea", number_of_births="2")
    answered = [{"consent_status": answer} for answer in ("given", "refused", "withdrawn")]
    said = [*answered, {"consent_status": "not_asked"} | SAID_NOTHING, {"consent_status": ""} | SAID_NOTHING]
    others = [child(f"Of{number}", **said[number % 5]) for number in range(9)]
    rows = [
        bea,
        twin(bea, "Ben"),
        *others,
        child("Still", live_or_still_birth="2"),
        child("Older", date_of_birth=born(EARLIER)),
        child("Cleo", postcode=SOUTH),
    ]
    council.sends("chis", rows)
    state = council.runs()
    numbers = {centre: council.babies_in_area(centre) for centre in ("north", "south", "east")}
    assert numbers == {"north": 10, "south": 5, "east": 0}  # eleven, one and none
    [agreement] = state["agreements"].values()
    assert agreement["shared"] == agreement["held"] == 0
    for centre in numbers:
        sheets = council.sheets(centre)
        assert list(sheets) == ["Conditions of use", "Your numbers"]
        cells = {str(cell) for sheet in sheets.values() for line in sheet for cell in line}
        told = {value for row in rows for value in row.values() if len(value) > 3}
        assert not {cell for cell in cells if any(value in cell.split() for value in told)}


def test_nobody_has_to_say_yes_and_nobody_is_written_to(council: Arrangement) -> None:
    council.sends("chis", [child("Ada"), child("Refused", consent_status="refused")])
    council.asks()
    assert council.decided()["Ada"] == "no_family_shared"
    assert "no_family_shared" in council.decided()["Refused"].split()
