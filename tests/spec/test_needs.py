"""A column that an agreement's rules cannot do without must be in the extract."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.consent.needs import columns_needed
from spec.world import EXPECTING, NOTICE, NUMBERS, agreement

LIFTED = {
    "exclusions": dict.fromkeys(
        ["looked_after", "adoption", "safeguarding", "parent_died", "in_hospital", "parent_under_16"], False
    ),
    "cohort": {"settling_days": 0},
}  # fmt: skip


@pytest.mark.parametrize(
    ("exclusion", "column"),
    [
        ("looked_after", "looked_after"), ("adoption", "adoption"), ("safeguarding", "safeguarding"),
        ("parent_died", "parent_death_status"), ("in_hospital", "in_hospital"),
        ("parent_under_16", "parent_date_of_birth"),
    ],
)  # fmt: skip
def test_an_exclusion_needs_its_column(exclusion: str, column: str) -> None:
    lifted = LIFTED["exclusions"] | {exclusion: True}
    assert columns_needed(agreement(**LIFTED | {"exclusions": lifted})) == {column}


@pytest.mark.parametrize(
    ("terms", "columns"),
    [
        ({}, set()),
        ({"cohort": {"settling_days": 1}}, {"address_since"}),
        ({"confidentiality": NOTICE}, {"objection_date"}),
    ],
)  # fmt: skip
def test_a_rule_needs_its_column(terms: dict[str, Any], columns: set[str]) -> None:
    assert columns_needed(agreement(**LIFTED | terms)) == columns


def test_numbers_alone_need_no_flag_of_any_family() -> None:
    assert columns_needed(agreement(**NUMBERS)) == set()


def test_nobody_is_looked_after_before_the_birth() -> None:
    every = {"looked_after", "adoption", "safeguarding", "parent_death_status", "in_hospital",
             "parent_date_of_birth", "address_since"}  # fmt: skip
    assert columns_needed(agreement()) == every
    assert columns_needed(agreement(**EXPECTING)) == every - {"looked_after"}
