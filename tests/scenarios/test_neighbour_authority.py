"""Families across the border, with both authorities' signatures: whole months under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import NotAllDelivered, Refused
from scenarios.arrangement import ACROSS, FAR_WARD, NORTH_WARD, Arrangement, Ground, arranged, child

OURS, THEIRS = "welcome-card-first-visit", "neighbour-authority"


@pytest.fixture
def border(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    """Our own arrangement and the neighbour's, side by side, on the same births."""
    with arranged(
        ground,
        tmp_path,
        OURS,
        THEIRS,
        areas=[("childrens_centres", "ours", NORTH_WARD), ("neighbour_centres", "theirs", FAR_WARD)],
        recipients={"ours": "childrens_centre", "theirs": "childrens_centre"},
    ) as made:
        made.sends("chis", [child("Ada"), child("Bea", postcode=ACROSS)])
        yield made


def test_each_family_is_on_the_list_of_its_own_side_and_on_no_other(border: Arrangement) -> None:
    border.asks()
    assert border.decided(agreement=OURS) == {"Ada": "share", "Bea": "not_resident no_reach_area"}
    assert border.decided(agreement=THEIRS) == {"Ada": "not_resident no_reach_area", "Bea": "share"}
    border.approves()
    border.delivers()
    assert border.children("ours") == ["Ada"]
    assert border.children("theirs") == ["Bea"]
    assert {place: len(files) for place, files in border.everything_sent().items()} == {
        "ours": 1,
        "theirs": 1,
    }


def test_a_yes_on_the_form_that_does_not_speak_of_the_next_authority_stays_at_home(
    border: Arrangement,
) -> None:
    older = {"consent_wording": "first-visit-form-2025"}
    border.sends("chis", [child("Ada", **older), child("Bea", postcode=ACROSS, **older)])
    border.asks()
    assert border.decided(agreement=OURS)["Ada"] == "share"
    assert border.decided(agreement=THEIRS)["Bea"] == "consent_wording_not_accepted"


def test_one_side_alone_cannot_release_a_month(border: Arrangement) -> None:
    border.asks()
    border.approves("data_lead")
    assert "approval" in border.waits_for()
    border.approves("neighbour_data_lead")
    assert border.delivers()["state"] == "closed"


@pytest.mark.parametrize(
    "role", ["caldicott_guardian", "neighbour_caldicott_guardian", "neighbour_data_lead"]
)
def test_without_every_signature_of_both_sides_nothing_crosses_the_border(
    border: Arrangement, role: str
) -> None:
    (border.home.agreements / f"{THEIRS}.v1.{role}.sig").unlink()
    border.asks()
    border.approves("data_lead")
    border.delivers()
    assert border.children("ours") == ["Ada"]
    assert border.everything_sent().keys() == {"ours"}


def test_the_neighbours_suspension_stops_a_month_that_was_approved(border: Arrangement) -> None:
    border.asks()
    border.approves()
    border.suspends("neighbour_data_protection_officer", border.agreements[1])
    assert "approval" in border.waits_for()
    border.approves("data_lead")
    border.delivers()
    assert border.everything_sent().keys() == {"ours"}


def test_the_neighbours_suspension_stops_its_lists_in_the_middle_of_a_delivery(border: Arrangement) -> None:
    border.asks()
    border.approves()
    account = border.received / "theirs"
    away = account.rename(account.with_name("away"))
    with pytest.raises(NotAllDelivered):
        border.delivers()
    away.rename(account)
    border.suspends("neighbour_caldicott_guardian", border.agreements[1])
    with pytest.raises(Refused, match="suspen"):
        border.delivers()
    assert border.everything_sent().keys() == {"ours"}
