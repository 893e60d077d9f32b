"""The number of births in an area, rounded so that nobody can work out who said no."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.agreements.model import Agreement
from pipeline.lists.totals import area_numbers, area_total, round_to_5


@pytest.mark.parametrize(
    ("counted", "shown"),
    [(0, 0), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5), (6, 5), (7, 5), (8, 10), (10, 10), (12, 10), (13, 15),
     (17, 15), (18, 20), (102, 100), (103, 105)],
)  # fmt: skip
def test_rounding(counted: int, shown: int) -> None:
    assert round_to_5(counted) == shown


def total(make: Any, births: Any, *placed: dict[str, Any]) -> int:
    return area_total(births, make.placements(births, *placed), make.agreement, "centre-1", make.month)


def eight(make: Any, **last: Any) -> Any:
    """Eight births, one more than rounds to five, of which the last has something special."""
    return make.births(*({} for _ in range(7)), last)


def test_every_live_birth_in_the_area_counts(make: Any) -> None:
    assert total(make, eight(make)) == 10


@pytest.mark.parametrize(
    "special",
    [
        {"live_or_still_birth": "2"},
        {"live_or_still_birth": ""},
        {"date_of_birth": "2026-09-30"},
        {"date_of_birth": "2026-11-01"},
        {"child": "child-1"},
    ],
    ids=["stillborn", "not stated", "the month before", "the month after", "a second version of a row"],
)
def test_nothing_else_counts(make: Any, special: dict[str, Any]) -> None:
    assert total(make, eight(make, **special)) == 5


@pytest.mark.parametrize(
    "placed",
    [
        {"recipient": "centre-2"},
        {"recipient": "", "reason": "no_reach_area"},
        {"reason": "postcode_imprecise"},
        {"network": "libraries"},
        {"authority": "E07000221"},
    ],
    ids=["another area", "no area", "not placed", "another network", "another authority"],
)
def test_births_elsewhere_do_not_count(make: Any, placed: dict[str, Any]) -> None:
    assert total(make, eight(make), *({} for _ in range(7)), placed) == 5


def test_families_who_said_no_and_children_who_died_count_as_births(make: Any) -> None:
    assert total(make, eight(make, consent_status="refused", death_status="2")) == 10


@pytest.mark.parametrize(("updated", "shown"), [("2026-11-02", 10), ("2026-10-20", 5)])
def test_a_child_counts_where_the_newest_version_lives(make: Any, updated: str, shown: int) -> None:
    births = make.births(*({} for _ in range(8)), {"child": "child-8", "last_updated": updated})
    elsewhere = {"recipient": "centre-2"}

    assert total(make, births, *({} for _ in range(7)), elsewhere, {}) == shown


def test_the_area_of_a_recipient_by_name_is_wherever_residents_live(make: Any) -> None:
    named = make.with_terms(recipients={"kinds": ["data_office"], "named": "office"})
    births = eight(make)
    alone = {"network": "directory", "recipient": "", "matched": ""}
    placed = make.placements(births, *[alone] * 7, alone | {"authority": "E07000221"})

    assert area_total(births, placed, named, "office", make.month) == 5
    assert area_total(births, placed, named, "somebody-else", make.month) == 0


def test_numbers_alone_count_as_any_other_totals(make: Any) -> None:
    agreement = make.with_terms(**make.totals)
    births = eight(make, consent_status="refused")

    assert area_numbers(births, make.placements(births), agreement, "centre-1", make.month).births == 10


def test_a_recipient_without_births_is_told_nought(make: Any) -> None:
    births = eight(make)

    assert area_total(births, make.placements(births), make.agreement, "centre-9", make.month) == 0


def test_no_births_is_nought_and_no_totals_is_nothing(make: Any) -> None:
    births = make.births({}).head(0)
    silent = Agreement.model_validate(make.agreement.model_dump() | {"totals": None})

    assert total(make, births) == 0
    assert area_numbers(births, make.placements(births), silent, "centre-1", make.month).births is None
