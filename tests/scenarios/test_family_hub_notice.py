"""Notice with a right to object, ward and deprivation for family hubs: whole months under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
    word,
)

# Nobody was asked: the parents were told four weeks ago, and did not object.
UNASKED = dict.fromkeys(
    ("consent_status", "consent_date", "consent_scope", "consent_wording", "consent_given_by"), ""
)
TOLD = UNASKED | {"notice_date": day(-28), "date_of_birth": born(EARLIER)}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    wards = {"north-hub": NORTH_WARD, "south-hub": SOUTH_WARD, "east-hub": EAST_WARD}
    with arranged(
        ground,
        tmp_path,
        "family-hub-notice",
        areas=[("family_hubs", hub, ward) for hub, ward in wards.items()],
        recipients=dict.fromkeys(wards, "family_hub"),
    ) as made:
        yield made


def test_hubs_see_ward_and_deprivation_of_the_area_and_a_blank_where_it_is_unknown(
    council: Arrangement,
) -> None:
    council.sends(
        "chis",
        [child("Ada", **TOLD), child("Bea", postcode=SOUTH, **TOLD), child("Cleo", postcode=EAST, **TOLD)],
        EARLIER,
    )
    council.runs(EARLIER)
    assert council.headings("north-hub", EARLIER)[-5:] == [
        "Date of birth", "Ward code", "Ward", "Deprivation decile", "Reference",
    ]  # fmt: skip
    decile = council.headings("north-hub", EARLIER)[-2]
    seen = {
        hub: [(row["Children"], row["Ward"], row[decile]) for row in council.rows(hub, EARLIER)]
        for hub in ("north-hub", "south-hub", "east-hub")
    }
    assert seen == {
        "north-hub": [("Ada", "Northfield", "2")],
        "south-hub": [("Bea", "Southgate", "9")],
        "east-hub": [("Cleo", "Eastway", "")],
    }


def test_whoever_objected_or_was_not_told_in_time_is_on_no_list(council: Arrangement) -> None:
    rows = {
        "share": child("Ada", **TOLD),
        "notice_not_sent": child("Untold", **TOLD | {"notice_date": ""}),
        "objection_window_open": child("Window", **TOLD | {"notice_date": day(-27)}),
        "objected": child("Objector", objection_date=day(-1), **TOLD),
        "national_opt_out": child("Optout", **TOLD),
    }
    refused = child("Refused", **TOLD | {"consent_status": "refused", "consent_given_by": "father"})
    council.sends("chis", [*rows.values(), refused], EARLIER)
    council.hears([word("child", "Optout", "national_opt_out")])
    council.asks(EARLIER)
    expected = {row["record_id"]: reasons for reasons, row in rows.items()}
    assert council.decided(EARLIER) == expected | {"Refused": "objected"}
    council.approves(month=EARLIER)
    council.delivers(EARLIER)
    assert council.children("north-hub", EARLIER) == ["Ada"]


def test_a_family_is_shared_when_its_four_weeks_are_over_and_then_once(council: Arrangement) -> None:
    rows = [child("Ada", **TOLD), child("Window", **TOLD | {"notice_date": day(-27)})]
    council.sends("chis", rows, EARLIER)
    council.runs(EARLIER)
    assert council.children("north-hub", EARLIER) == ["Ada"]
    council.days_pass(1)
    council.sends("chis", [*rows, child("New")])
    council.runs()
    assert council.children("north-hub") == ["Window"]


def test_an_objection_after_the_approval_still_counts(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", **TOLD), child("Bea", **TOLD)], EARLIER)
    council.asks(EARLIER)
    council.approves(month=EARLIER)
    council.hears([word("child", "Bea", "objected")])
    council.delivers(EARLIER)
    assert council.children("north-hub", EARLIER) == ["Ada"]
