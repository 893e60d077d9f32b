"""The contract is whole, agrees with the design, and its page is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from nhs_number import is_valid

from pipeline.consent.words import DEATH_REMOVED, SAYABLE
from pipeline.contract import CONTRACT_FILE, CONTRACT_FILES, Contract, contract_of, in_words, load_contract
from pipeline.errors import SettingsError
from pipeline.reasons import Reason
from pipeline.records import SCHEMAS
from pipeline.validation.page import render_contract_page, render_rules_page
from pipeline.validation.rules import CHECKS, CHECKS_AFTERWARDS

MUST_EXIST = {
    "births": "nhs_number date_of_birth live_or_still_birth number_of_births death_status given_name "
    "family_name address_line_1 postcode confidentiality consent_status consent_date",
    "expected_births": "pregnancy_id nhs_number expected_date_of_delivery pregnancy_status parent_given_name "
    "parent_family_name parent_death_status address_line_1 postcode confidentiality consent_status "
    "consent_date",
    "answers": "nhs_number consent_status consent_date consent_given_by",
    "changes": "subject word",
    "totals": "area births",
}


@pytest.fixture(params=CONTRACT_FILES)
def contract(request: pytest.FixtureRequest) -> Contract:
    """Each contract that ships with Birthshare."""
    return contract_of(request.param)


@pytest.mark.parametrize("file", CONTRACT_FILES.values(), ids=lambda file: file.stem)
def test_it_is_an_open_data_contract(file: Path) -> None:
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert (raw["apiVersion"], raw["kind"], raw["status"]) == ("v3.1.0", "DataContract", "active")
    assert {rule["type"] for rule in raw["schema"][0]["quality"]} == {"custom"}


@pytest.mark.parametrize(("dataset", "columns"), MUST_EXIST.items())
def test_the_columns_that_must_exist(dataset: str, columns: str) -> None:
    assert contract_of(dataset).must_exist == tuple(columns.split())


@pytest.mark.parametrize("dataset", ["births", "expected_births"])
def test_consent_status_has_the_agreed_codes(dataset: str) -> None:
    codes = set(contract_of(dataset).column("consent_status").codes)
    assert codes == {"given", "refused", "withdrawn", "not_asked"}
    assert set(contract_of("answers").column("consent_status").codes) == codes - {"not_asked"}


def test_a_contract_says_what_kind_of_file_it_is_for(contract: Contract) -> None:
    assert contract == contract_of(contract.dataset)
    assert (contract.month_of is None) == (contract.dataset in ("answers", "changes", "totals"))


def test_a_change_can_say_every_word_that_is_heard_later() -> None:
    words = contract_of("changes").column("word").codes
    assert set(words) == {str(word) for word in SAYABLE} | {Reason.CHILD_DIED, DEATH_REMOVED}


def test_codes_and_their_meanings_are_text(contract: Contract) -> None:
    """An unquoted Y, N or 1 in YAML would be a truth value or a number."""
    said = [part for column in contract.columns for pair in column.codes.items() for part in pair]
    assert all(isinstance(part, str) for part in said)


def test_every_check_is_named_and_every_named_check_exists() -> None:
    named = {rule.check for dataset in CONTRACT_FILES for rule in contract_of(dataset).rules}
    assert named == set(CHECKS) | set(CHECKS_AFTERWARDS)


def test_every_free_text_column_is_checked_for_length_and_danger(contract: Contract) -> None:
    rules = {rule.id: set(rule.fields) for rule in contract.rules}
    judged_by_pattern = {"nhs_number", "parent_nhs_number", "area", "month"}
    free = {column.name for column in contract.columns if column.dtype == "str" and not column.codes}
    free -= judged_by_pattern | {"time_of_birth"}
    assert rules.get("text_too_long", set()) == free
    assert rules.get("text_dangerous", set()) == free - {"postcode"}
    assert all(contract.column(name).max_length for name in free)


def test_every_date_is_checked(contract: Contract) -> None:
    dates = set(contract.of_type("date", "timestamp"))
    rules = {rule.id: set(rule.fields) for rule in contract.rules}
    assert rules.get("date_format", set()) == rules.get("date_impossible", set()) == dates


def test_the_columns_that_must_be_filled_are_those_with_the_rule(contract: Contract) -> None:
    (rule,) = [rule for rule in contract.rules if rule.id == "value_missing"]
    assert set(rule.fields) == {column.name for column in contract.columns if column.required}


def test_the_page_is_current(contract: Contract) -> None:
    page = CONTRACT_FILES[contract.dataset]
    page = page.with_name(f"{page.stem.upper()}.md")
    assert page.read_text(encoding="utf-8") == render_contract_page(contract), "write it again"


def test_the_page_of_all_rules_is_current() -> None:
    page = SCHEMAS / "RULES.md"
    assert page.read_text(encoding="utf-8") == render_rules_page(), "write it again"


def test_every_rule_says_what_breaks_it_and_what_to_do(contract: Contract) -> None:
    page = render_rules_page().split(f"\n## {contract.name}\n")[1].split("\n## ")[0]
    for rule in contract.rules:
        assert f"| `{rule.id}` | {rule.severity} | {rule.description} | {rule.example} | {rule.fix} |" in page
        assert rule.fix.endswith(".") and rule.description.endswith(".") and rule.example


def test_no_example_holds_a_number_that_could_be_somebodys(contract: Contract) -> None:
    shown = [re.sub("[^0-9]", "", one) for rule in contract.rules for one in rule.example.split("`")[1::2]]
    numbers = [one for one in shown if len(one) == 10]
    assert not [one for one in numbers if is_valid(one) and len(set(one)) > 1]


def test_rules_of_one_name_are_one_check() -> None:
    checks: dict[str, set[tuple[str, str]]] = {}
    for dataset in CONTRACT_FILES:
        for rule in contract_of(dataset).rules:
            checks.setdefault(rule.id, set()).add((rule.check, rule.dimension))
    assert [name for name, found in checks.items() if len(found) > 1] == []


def test_the_page_names_every_column_code_and_rule(contract: Contract) -> None:
    page = render_contract_page(contract)
    codes = [code for column in contract.columns for code in column.codes]
    for name in [*contract.names, *codes, *[rule.id for rule in contract.rules]]:
        assert f"`{name}`" in page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("logicalType: time\n", "logicalType: hour\n", "time_of_birth has an unknown logicalType"),
        ("- name: nhs_number\n", "- name: postcode\n", "listed twice"),
        ("value: [time_of_birth]", "value: [hour_of_birth]", "do not exist: hour_of_birth"),
        ("severity: error", "severity: alarm", "row_blank: its severity is error or warning"),
        ("implementation: blank_row\n", "\n", "implementation"),
        ("schema:\n", "schema: [\n", "cannot be read"),
    ],
)
def test_a_contract_that_cannot_be_used_says_why(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = CONTRACT_FILE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "contract.yaml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError, match=message):
        load_contract(file)


def test_record_numbers_are_listed_up_to_five() -> None:
    assert in_words([3]) == "record 3"
    assert in_words([3, 4]) == "records 3, 4"
    assert in_words([1, 2, 3, 4, 5, 6]) == "records 1, 2, 3, 4, 5 and 1 more"
