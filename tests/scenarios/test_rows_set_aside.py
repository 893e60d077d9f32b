"""No rule loses what a row says against sharing: whatever the row breaks, its child is on no list.

Under an agreement that shares every child of whom nothing is said against it. For each rule that sets rows
aside there are families with two rows: one that speaks for them, and one that breaks the rule and says that
a parent refused, or that the child died; from the same hospital, or from another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pipeline.contract import contract_of
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Kind, Validated
from scenarios.arrangement import (
    EARLIER,
    MONTH,
    NORTH_WARD,
    Arrangement,
    Ground,
    Row,
    arranged,
    born,
    child,
    day,
)

TOLD = {"notice_date": day(-28), "date_of_birth": born(EARLIER), "consent_status": "", "consent_date": ""}
TIED = {"last_updated": born(EARLIER, on=20)}

# What a row has that breaks each rule.
SPOILT: dict[str, Row] = {
    "value_missing": {"nhs_number": ""},
    "nhs_number_format": {"nhs_number": "12345"},
    "nhs_number_check_digit": {"nhs_number": "9990000019"},
    "nhs_number_repeated": {"nhs_number": "1111111111"},
    "nhs_number_not_issued": {"nhs_number": "5551645037"},
    "parent_is_child": {"parent_nhs_number": "the child's"},
    "date_format": {"parent_date_of_birth": "1 May 1990"},
    "date_impossible": {"address_since": "2026-02-30"},
    "date_future": {"last_updated": "2099-01-01"},
    "death_before_birth": {"date_of_death": "2026-01-01"},
    "updated_before_birth": {"last_updated": "2026-01-01"},
    "born_after_month": {"date_of_birth": born(MONTH, on=1)},
    "born_too_long_ago": {"date_of_birth": "2020-01-01"},
    "notice_too_early": {"notice_date": "1900-01-01"},
    "time_format": {"time_of_birth": "noon"},
    "number_format": {"number_of_births": "one"},
    "birth_order_too_high": {"birth_order": "2"},
    "postcode_characters": {"postcode": "QA1*1AA"},
    "text_dangerous": {"language": "=1+1"},
    "name_begins_with_hyphen": {"given_name": "-"},
    "text_too_long": {"record_id": "x" * 51},
    "answer_lost": {"consent_status": "", "consent_date": born(EARLIER, on=9)},
    "version_tied": TIED,
    "other_row_unusable": TIED | {"language": "pl"},
}
AGAINST: dict[str, Row] = {
    "refused": {"consent_status": "refused"},
    "died": {"death_status": "2", "date_of_death": born(EARLIER, on=9)},
}
NAMES_NOBODY = {"row_blank"}  # of whom should it be kept in mind?


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "register-every-child",
        areas=[("childrens_centres", "north", NORTH_WARD)],
        recipients={"north": "childrens_centre"},
    ) as made:
        yield made


def test_a_row_that_breaks_any_rule_and_speaks_against_sharing_is_never_lost(council: Arrangement) -> None:
    rules = [rule.id for rule in contract_of("births").rules if rule.sets_aside]
    assert set(SPOILT) | NAMES_NOBODY == set(rules)
    ada = child("Ada", **TOLD, time_of_birth="09:15") | {"given_name": "BABY"}
    here, there = [ada], [ada | {"record_id": "Ada again"}]
    families = iter(nhs_numbers(np.random.default_rng(41), 2 * 4 * len(SPOILT)).reshape(-1, 2).tolist())
    for rule, said, elsewhere in product(SPOILT, AGAINST, (False, True)):
        name = f"{rule} {said} {'there' if elsewhere else 'here'}"
        number, parent = next(families)
        good = ada | {"record_id": name, "nhs_number": number, "parent_nhs_number": parent}
        good |= {"address_line_1": name, "family_name": name.replace("_", " "), **TIED}
        bad = good | AGAINST[said] | SPOILT[rule] | {"record_id": f"{name}, spoilt"}
        if rule == "parent_is_child":
            bad["parent_nhs_number"] = number
        if rule == "text_too_long":
            bad["record_id"] = SPOILT[rule]["record_id"]
        here.append(good)
        (there if elsewhere else here).append(bad)
        if rule in ("version_tied", "other_row_unusable") and elsewhere:  # these rules look at one file
            there.append(bad | {"language": "pl"} | ({} if rule == "version_tied" else {"birth_order": "2"}))
    council.sends("chis", here, EARLIER)
    council.sends("second_trust", there, EARLIER)
    council.asks(EARLIER)
    decided = council.decided(EARLIER)
    assert [name for name, outcome in decided.items() if outcome == "share"] == ["Ada"]
    checked = _checked(council)
    assert {rule for one in checked.values() for rule in one.quarantined} == set(rules) - NAMES_NOBODY
    assert checked["chis"].warned["name_temporary"] == checked["chis"].accepted


def _checked(council: Arrangement) -> dict[str, Validated]:
    """By supplier what the ledger keeps of the rules."""
    with opened_ledger(council.home) as ledger:
        bodies = [entry.body for entry in ledger.entries(kinds={Kind.VALIDATED})]
    return {body.supplier: body for body in bodies if isinstance(body, Validated)}
