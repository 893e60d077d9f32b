"""What is wrong with an agreement in itself: each finding is made where it should be, and nowhere else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from checking.worlds import EXPECTED, TEMPLATE_FILES, TOLD, tables, template
from pipeline.checking.findings import Finding, by_looking, findings
from spec.world import agreement

# An agreement of which nothing at all is found by looking.
WELL: dict[str, Any] = {
    "use": {"forbidden": ["Do not visit."]}, "approvers": ["caldicott guardian", "data lead"],
    "confidentiality": {"national_opt_out": False},
}  # fmt: skip
FACT = {"says": "9(2)(h)", "as_of": date(2026, 1, 1)}


def keys(found: list[Finding], level: str | None = None) -> set[str]:
    return {one.key for one in found if level in (None, one.level)}


def with_parts(**parts: Any) -> dict[str, Any]:
    together = {**WELL}
    for name, part in parts.items():
        together[name] = {**together.get(name, {}), **part} if isinstance(part, dict) else part
    return together


def test_nothing_is_found_of_a_good_agreement() -> None:
    assert by_looking(agreement(**WELL)) == []


@pytest.mark.parametrize(
    ("level", "key", "parts"),
    [
        ("error", "cohort.maximum_age_days", {"cohort": {"minimum_age_days": 130}}),
        ("warning", "cohort.minimum_age_days", {"cohort": {"months_back": 0}}),
        ("warning", "cohort.settling_days", {"cohort": {"settling_days": 90}}),
        ("warning", "confidentiality.objection_days",
         {"confidentiality": {**TOLD, "objection_days": 70}}),
        ("warning", "confidentiality.max_age_days", {"confidentiality": {"max_age_days": 10}}),
        ("warning", "confidentiality.max_age_days",
         {"confidentiality": {**TOLD, "max_age_days": 10}}),
        ("warning", "confidentiality.scope", {"confidentiality": {**TOLD, "scope": "library"}}),
        ("warning", "confidentiality.wordings", {"confidentiality": {**TOLD, "wordings": ["form"]}}),
        ("warning", "confidentiality.antenatal_days", {"confidentiality": {**TOLD, "antenatal_days": 9}}),
        ("warning", "confidentiality.scope", {"confidentiality": {"scope": "library"}}),
        ("warning", "confidentiality.scope",
         {"confidentiality": {"scope": None}, "recipients": {"kinds": ["childrens_centre", "library"]}}),
        ("warning", "exclusions.looked_after", {"exclusions": {"looked_after": False}}),
        ("warning", "exclusions.adoption", {"exclusions": {"adoption": False}}),
        ("warning", "exclusions.safeguarding", {"exclusions": {"safeguarding": False}}),
        ("warning", "exclusions.parent_died", {"exclusions": {"parent_died": False}}),
        ("warning", "exclusions.in_hospital", {"exclusions": {"in_hospital": False}}),
        ("warning", "exclusions.parent_under_16", {"exclusions": {"parent_under_16": False}}),
        ("warning", "deaths_feed_max_age_days", {"deaths_feed_max_age_days": 32}),
        ("error", "approvers", {"approvers": ["siro", "data lead", "siro"]}),
        ("warning", "approvers", {"approvers": ["siro"]}),
        ("warning", "dates", {"dates": {"review_by": date(2026, 1, 9), "expires": date(2026, 1, 10)}}),
        ("warning", "dates.review_by",
         {"dates": {"review_by": date(2029, 1, 1), "expires": date(2029, 1, 1)}}),
        ("warning", "dates.review_grace_days", {"dates": {"review_grace_days": 100}}),
        ("warning", "kept_months", {"kept_months": 0}),
        ("warning", "retention_days", {"retention_days": 400}),
        ("warning", "fields", {"fields": ["child_name"]}),
        ("warning", "fields", {"shares": "pseudonyms", "household": "each_child",
                               "fields": ["pseudonym", "lsoa", "month_of_birth", "sex"]}),
        ("warning", "use.forbidden", {"use": {"forbidden": []}}),
        ("warning", "confidentiality.antenatal_days",
         {**EXPECTED, "confidentiality": {"antenatal_days": 30, "max_age_days": None}}),
        ("warning", "lawful_basis.article_9", EXPECTED),
    ],
)  # fmt: skip
def test_each_finding_has_an_agreement_that_makes_it(level: str, key: str, parts: dict[str, Any]) -> None:
    assert key in keys(by_looking(agreement(**with_parts(**parts))), level)


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("cohort.minimum_age_days", {"cohort": {"months_back": 1}}),
        ("confidentiality.objection_days", {"confidentiality": {**TOLD, "objection_days": 50}}),
        ("confidentiality.max_age_days", {"confidentiality": {"max_age_days": 14}}),
        ("confidentiality.scope", {"confidentiality": {"scope": None}}),
        ("deaths_feed_max_age_days", {"deaths_feed_max_age_days": 31}),
        ("dates.review_grace_days", {"dates": {"review_grace_days": 92}}),
        ("kept_months", {"kept_months": 1}),
        ("retention_days", {"retention_days": 366}),
        ("fields", {"shares": "pseudonyms", "household": "each_child", "fields": ["pseudonym", "sex"]}),
        ("confidentiality.antenatal_days", EXPECTED),
        ("lawful_basis.article_9", {**EXPECTED, "lawful_basis": {"article_9": FACT}}),
    ],
)
def test_and_at_its_boundary_none_is_made(key: str, parts: dict[str, Any]) -> None:
    assert key not in keys(by_looking(agreement(**with_parts(**parts))))


# --- found by search --------------------------------------------------------------------------------


def searched(**parts: Any) -> list[Finding]:
    return findings(agreement(**parts), tables(**parts))


def test_an_agreement_under_which_nobody_can_be_shared_is_an_error() -> None:
    [finding] = [one for one in searched(cohort={"minimum_age_days": 130}) if "Nobody" in one.says]
    assert (finding.level, finding.key) == ("error", "cohort")
    assert "age_outside_window" in finding.says


def test_expected_births_whose_consent_counts_on_the_expected_day_alone_are_warned_of() -> None:
    late = {**EXPECTED, "confidentiality": {"antenatal_days": 0, "max_age_days": None}}
    assert "confidentiality.antenatal_days" in keys(searched(**late), "warning")


def test_a_national_opt_out_under_consent_is_known_to_stop_nobody() -> None:
    assert "confidentiality.national_opt_out" in keys(searched())
    assert "confidentiality.national_opt_out" not in keys(searched(confidentiality=TOLD))


def test_a_consent_that_never_expires_within_the_window_is_known_to() -> None:
    assert "confidentiality.max_age_days" in keys(searched(confidentiality={"max_age_days": 500}))
    assert "confidentiality.max_age_days" not in keys(searched())


def test_an_oldest_age_that_no_child_of_the_window_reaches_is_known_to() -> None:
    assert "cohort.maximum_age_days" in keys(searched(cohort={"maximum_age_days": 500}, confidentiality=TOLD))
    assert "cohort.maximum_age_days" not in keys(searched(confidentiality=TOLD))


@pytest.mark.parametrize("file", TEMPLATE_FILES, ids=lambda file: file.name)
def test_no_template_has_an_error(file: Any) -> None:
    made = template(file.name)
    assert keys(findings(made.setting.agreement, made), "error") == set()
