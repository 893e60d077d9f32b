"""Can a record like this ever be shared? Each question answered as the agreement answers it."""

from __future__ import annotations

from typing import Any

import pytest

from checking.worlds import AGES, EXPECTED, TOLD, answered, tables
from pipeline.checking.asking import Example, ask
from pipeline.checking.properties import FIRST, NEVER, PROPERTIES, properties, understand
from pipeline.errors import SettingsError

LIFTED = {"exclusions": dict.fromkeys(
    ("looked_after", "adoption", "safeguarding", "parent_died", "in_hospital", "parent_under_16"), False
)}  # fmt: skip
TOTALS = {
    "confidentiality": {"permission": "not_needed", "wordings": [], "scope": None, "max_age_days": None},
    "shares": "totals", "fields": [], "totals": {"source": "extract", "rounding": "nhs_england_5"},
}  # fmt: skip


def record(example: Example) -> dict[str, str]:
    return {fact.name: fact.code for fact in example.facts}


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("a stillbirth", "not_a_live_birth"),
        ("a death that nobody took back", "child_died"),
        ("a death reported later", "child_died"),
        ("a refused parent", "consent_refused"),
        ("a second parent who refused", "consent_refused"),
        ("two parents who disagree", "consent_conflict"),
        ("a withdrawn consent", "consent_withdrawn"),
        ("no answer", "consent_not_recorded"),
        ("parents who were not asked", "consent_not_asked"),
        ("consent without a date", "consent_date_invalid"),
        ("consent dated in the future", "consent_date_invalid"),
        ("consent from too long before the birth", "consent_date_invalid"),
        ("consent to something else", "consent_scope_missing"),
        ("consent on another form", "consent_wording_not_accepted"),
        ("consent older than 60 days", "consent_expired"),
        ("an objection", "objected"),
        ("a suppressed address", "suppressed"),
        ("looked after", "looked_after"),
        ("parent under 16", "parent_under_16"),
        ("in hospital", "in_hospital"),
        ("a recent move", "recent_move"),
        ("a twin whose sibling died", "sibling_died_or_missing"),
        ("a twin who was refused", "consent_refused"),
        ("an unknown postcode", "postcode_unknown"),
        ("no address", "address_incomplete"),
        ("another authority", "not_resident"),
        ("shared before", "already_shared"),
        ("older than 120 days", "age_outside_window"),
        ("younger than 14 days", "age_outside_window"),
    ],
)
def test_under_consent_never(question: str, reason: str) -> None:
    answer = answered(question)
    assert not answer.ever
    assert reason in answer.stopped_by
    assert answer.example.outcome in ("hold", "withhold")


@pytest.mark.parametrize(
    "question",
    [
        "a twin", "parents who were not told", "consent older than 59 days", "older than 119 days",
        "younger than 15 days", "a removed notice of death",
    ],
)  # fmt: skip
def test_under_consent_yes_with_an_example(question: str) -> None:
    answer = answered(question)
    assert answer.ever
    assert (answer.example.outcome, answer.example.reasons) == ("share", ())
    assert answer.stopped_by == ()


def test_a_death_status_can_be_shared_only_when_a_newer_word_took_it_back() -> None:
    answer = answered("a death status")
    assert answer.ever
    assert record(answer.example)["said_of_death"] in ("removed", "died_then_removed")


@pytest.mark.parametrize("flag", ["looked after", "adoption", "safeguarding flag", "in hospital",
                                  "a parent who died", "parent under 16"])  # fmt: skip
def test_what_an_agreement_lifts_can_be_shared(flag: str) -> None:
    assert answered(flag, confidentiality=TOLD, **LIFTED).ever
    assert not answered(flag, confidentiality=TOLD).ever


@pytest.mark.parametrize(
    ("question", "ever"),
    [
        ("no answer", True),
        ("consent without a date", True),
        ("a refused parent", False),
        ("parents who were not told", False),
        ("parents told today", False),
        ("an objection", False),
        ("a national opt-out", False),
    ],
)
def test_under_notice(question: str, ever: bool) -> None:
    assert answered(question, confidentiality=TOLD).ever is ever


def test_totals_share_no_family_at_all() -> None:
    made = tables(*AGES, **TOTALS)
    found = {name: understand(name, made.setting, made.variables) for name in properties(made.setting)}
    for answer in ask(made, {name: wanted for name, wanted in found.items() if wanted}):
        assert not answer.ever
        assert "no_family_shared" in answer.stopped_by


@pytest.mark.parametrize(
    ("question", "ever"),
    [("a loss before birth", False), ("a pregnancy not said to continue", False),
     ("a mother who died", False), ("a refused parent", False), ("date_of_birth=2026-06-30", True)],
)  # fmt: skip
def test_of_expected_births(question: str, ever: bool) -> None:
    assert answered(question, **EXPECTED).ever is ever


# --- how questions are put --------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["A STILLBIRTH", "stillbirth", "the stillbirth", " a  stillbirth "])
def test_articles_and_capitals_do_not_matter(question: str) -> None:
    assert not answered(question).ever


@pytest.mark.parametrize("question", ["a child with a death status", "A record with a death status"])
def test_a_question_may_be_put_as_it_is_spoken(question: str) -> None:
    assert answered(question).ever


@pytest.mark.parametrize(
    ("question", "ever"),
    [("death_status=2", True), ("death_status=", True), ("live_or_still_birth=2", False),
     ("consent_status=blank", True), ("placement=missing", False), ("sibling=none", True)],
)  # fmt: skip
def test_any_choice_of_any_variable_can_be_asked_about(question: str, ever: bool) -> None:
    """A blank answer can be shared: another person may have agreed in the companion file."""
    assert answered(question).ever is ever


@pytest.mark.parametrize(
    "question", ["a purple dragon 9434765919", "colour=9434765919", "death_status=9434765919", "older than"]
)
def test_what_is_not_understood_is_refused_and_never_repeated(question: str) -> None:
    with pytest.raises(SettingsError) as refused:
        answered(question)
    assert "9434765919" not in str(refused.value)
    assert refused.value.do or "values that rules tell apart" in refused.value.what


def test_what_no_rule_reads_is_said() -> None:
    with pytest.raises(SettingsError, match="No rule of this agreement looks at that"):
        answered("a national opt-out", confidentiality={"national_opt_out": False})


def test_every_question_can_be_put_under_every_kind_of_agreement() -> None:
    """Each name is of choices that exist; what fits no record of one agreement fits those of another."""
    made = [tables(*AGES), tables(*AGES, confidentiality=TOLD)]
    for name in {
        **PROPERTIES,
        **dict.fromkeys(FIRST),
        **dict.fromkeys(n for ns in NEVER.values() for n in ns),
    }:
        assert any(understand(name, one.setting, one.variables) for one in made), name


def test_an_example_names_everything_that_a_rule_reads() -> None:
    answer = answered("a refused parent")
    shown: dict[str, Any] = record(answer.example)
    assert shown.keys() == tables(*AGES).variables.keys()
    assert shown["consent_status"] == "refused"
    assert next(fact for fact in answer.example.facts if fact.name == "consent_status").notable
