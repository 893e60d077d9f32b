"""What an authority's home lacks for an agreement: each finding beside the home that has nothing to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from month_authority import NOW, Authority
from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement
from pipeline.checking.findings import Finding
from pipeline.checking.in_home import findings_in

TWO = {"approvals": 2, "roles": ["data_lead"]}


@pytest.fixture
def found(authority: Authority) -> Callable[..., list[Finding]]:
    """What is found of the demonstration's agreement, with values replaced, in the test's own home."""

    def look(**changes: Any) -> list[Finding]:
        signed = read_agreement(authority.agreement_file())[0]
        changed = {
            name: {**getattr(signed, name).model_dump(), **part} if isinstance(part, dict) else part
            for name, part in changes.items()
        }
        agreement = Agreement.model_validate(signed.model_dump() | changed)
        return findings_in(authority.reopened(), agreement, on=NOW.date())

    return look


def test_a_home_in_which_all_is_there_has_only_columns_to_learn_of(found: Any) -> None:
    [finding] = found()
    assert (finding.level, finding.key) == ("warning", "suppliers")
    assert "looked_after" in finding.says


def test_what_a_closed_month_lacked_is_an_error(authority: Authority, found: Any) -> None:
    authority.prepare_and_approve()
    authority.run()
    assert found() == []


@pytest.mark.parametrize(
    ("key", "word", "changes"),
    [
        ("suppliers", "not a supplier", {"suppliers": ["elsewhere"]}),
        ("fields", "ward_names", {"fields": ["address", "ward"]}),
        ("approvers", "holds the role mayor", {"approvers": ["caldicott_guardian", "mayor"]}),
        ("release.approvals", "needs 2", {"release": TWO}),
        ("release.roles", "mayor", {"release": {"roles": ["data_lead", "mayor"]}}),
        ("replaces", "no version 1", {"version": 3, "replaces": 2}),
        ("recipients.network", "No reach area", {"recipients": {"network": "nowhere"}}),
        ("recipients.named", "Not in the register", {"recipients": {"network": None, "named": "nobody"}}),
        ("recipients.kinds", "not among the kinds", {"recipients": {"kinds": ["library"]}}),
        ("recipients.kinds", "No libraries", {"recipients": {"kinds": ["childrens_centre", "library"]}}),
    ],
)
def test_each_lack_is_found(found: Any, key: str, word: str, changes: dict[str, Any]) -> None:
    word = word.replace("no version 1", "no version 2")
    assert any(one.key == key and word in one.says for one in found(**changes))


def test_a_supplier_of_expected_births_does_not_fit(authority: Authority, found: Any) -> None:
    extra = f'[suppliers.extra]\nname = "x"\nsigning_key = "x"\nsigning_fingerprint = "{"0" * 40}"\n'
    authority.setting("[suppliers.", f'{extra}dataset = "expected_births"\n\n[suppliers.')
    assert any(one.key == "cohort.of" for one in found(suppliers=["extra"]))


def test_areas_that_cannot_be_read_are_said(authority: Authority, found: Any) -> None:
    authority.home.reach_areas[0].unlink()
    assert any(one.key == "recipients.network" and "missing" in one.says for one in found())
