"""Every rule by example: what breaks it, and what only looks as if it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import nhs_number
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract import Contract
from pipeline.errors import SettingsError
from pipeline.validation import rules
from pipeline.validation.checks import Validated

Validate = Callable[..., Validated]
Row = Mapping[str, str]

# field, value, the rules it breaks
BREAKING = [
    ("nhs_number", "", ["value_missing"]),
    ("nhs_number", "999 476 5914", ["nhs_number_format"]),
    ("nhs_number", "999476591", ["nhs_number_format"]),
    ("nhs_number", "99947659140", ["nhs_number_format"]),
    ("nhs_number", "9994765914\n", ["nhs_number_format"]),
    ("nhs_number", "999476591X", ["nhs_number_format"]),
    ("nhs_number", "٩٩٩٤٧٦٥٩١٤", ["nhs_number_format"]),  # digits, but of another script
    ("nhs_number", "9994765918", ["nhs_number_check_digit"]),
    ("nhs_number", "9991234560", ["nhs_number_check_digit"]),  # widely copied; its check would be 10
    ("nhs_number", "4444444444", ["nhs_number_repeated"]),
    ("nhs_number", "0000000000", ["nhs_number_repeated"]),
    ("nhs_number", "5551645037", ["nhs_number_not_issued"]),  # sound, and nobody's
    ("nhs_number", "3111645036", ["nhs_number_check_digit"]),
    ("nhs_number", "9431645033", ["nhs_number_not_issued"]),  # not to be issued, and not for tests here
    ("nhs_number", "5551645038", ["nhs_number_check_digit"]),  # one slip, one rule
    ("parent_nhs_number", "999 476 5876", ["nhs_number_format"]),
    ("parent_nhs_number", "9994765871", ["nhs_number_check_digit"]),
    ("parent_nhs_number", "1111111111", ["nhs_number_repeated"]),
    ("date_of_birth", "", ["value_missing"]),
    ("date_of_birth", "05/10/2026", ["date_format"]),
    ("date_of_birth", "20261005", ["date_format"]),
    ("date_of_birth", "5 Oct 2026", ["date_format"]),
    ("date_of_birth", "2026-10-05T00:00:00", ["date_format"]),
    ("date_of_birth", "2026-10-05\n", ["date_format"]),
    ("date_of_birth", "2026-02-29", ["date_impossible"]),
    ("date_of_birth", "2026-13-01", ["date_impossible"]),
    ("date_of_birth", "0000-00-00", ["date_impossible"]),
    ("date_of_birth", "2026-11-01", ["born_after_month"]),
    ("date_of_birth", "2026-11-04", ["date_future", "born_after_month"]),
    ("date_of_birth", "9999-12-31", ["date_future", "born_after_month"]),
    ("date_of_birth", "2025-09-30", ["born_too_long_ago"]),  # where twelve months may be looked back
    ("date_of_death", "2026-10-04", ["death_before_birth"]),
    ("date_of_death", "2099-01-01", ["date_future"]),
    ("parent_date_of_birth", "29/02/1996", ["date_format"]),
    ("parent_date_of_birth", "2099-01-01", ["date_future"]),
    ("address_since", "2026-1-1", ["date_format"]),
    ("address_since", "2026-12-01", ["date_future"]),
    ("consent_date", "12.10.2026", ["date_format"]),
    ("notice_date", "2026-09-31", ["date_impossible"]),
    ("notice_date", "2025-12-08", ["notice_too_early"]),  # 301 days before the birth
    ("notice_date", "1900-01-01", ["notice_too_early"]),
    ("objection_date", "yes", ["date_format"]),
    ("consent_status", "", ["answer_lost"]),
    ("consent_status", "not_asked", ["answer_lost"]),
    ("last_updated", "2026-11-01 08:30:00", ["date_format"]),
    ("last_updated", "2026-11-01T25:30:00", ["date_impossible"]),
    ("last_updated", "2026-11-04T00:00:00", ["date_future"]),
    ("last_updated", "2026-10-04T23:59:59", ["updated_before_birth"]),
    ("time_of_birth", "24:00", ["time_format"]),
    ("time_of_birth", "9:15", ["time_format"]),
    ("time_of_birth", "09:15:60", ["time_format"]),
    ("number_of_births", "1.0", ["number_format"]),
    ("number_of_births", "two", ["number_format"]),
    ("number_of_births", "0", ["number_format"]),
    ("number_of_births", "10", ["number_format"]),
    ("birth_order", "first", ["number_format"]),
    ("birth_order", "3", ["birth_order_too_high"]),
    ("postcode", "CV32*5AA", ["postcode_characters"]),
    ("postcode", "CV32 5A?", ["postcode_characters"]),
    ("postcode", "CV32\u200b5AA", ["postcode_characters"]),
    ("postcode", "=CV32", ["postcode_characters"]),
    ("postcode", "CV32 5AA where she lives, or so she said it", ["text_too_long"]),
    ("given_name", "=1+1", ["text_dangerous"]),
    ("given_name", "  =1+1", ["text_dangerous"]),
    ("family_name", "+44", ["text_dangerous"]),
    ("parent_given_name", "@SUM(A1)", ["text_dangerous"]),
    ("given_name", "\tZebedee", ["text_dangerous"]),
    ("given_name", "Zebe\ndee", ["text_dangerous"]),
    ("given_name", "Zebe\u202edee", ["text_dangerous"]),
    ("given_name", "Zebe\ufffddee", ["text_dangerous"]),
    ("given_name", "-2+3", ["name_begins_with_hyphen"]),
    ("address_line_1", "=HYPERLINK()", ["text_dangerous"]),
    ("address_line_5", "Flat\x0b", ["text_dangerous"]),
    ("consent_wording", "form\x00", ["text_dangerous"]),
    ("family_name", "é" * 101, ["text_too_long"]),
    ("consent_scope", "x" * 201, ["text_too_long"]),
    ("language", "=" + "x" * 40, ["text_dangerous", "text_too_long"]),
]

HARMLESS = [
    ("nhs_number", " 9990000026 "),  # spaces around a value are taken off
    ("nhs_number", "9990000018"),  # a number for tests is for consent to refuse
    ("parent_nhs_number", "0101645007"),  # another country's number
    ("parent_nhs_number", ""),
    ("date_of_birth", "2026-10-31"),  # the month's last day
    ("date_of_birth", "2025-10-01"),  # as late as agreed; too old for a card is for consent to say
    ("parent_date_of_birth", "2026-11-03"),  # the day of signing itself
    ("notice_date", "2025-12-09"),
    ("last_updated", "2026-10-05"),
    ("date_of_death", "2026-10-05"),
    ("consent_date", "2099-01-01"),  # consent withholds it as consent_date_invalid
    ("objection_date", "2099-01-01"),  # an objection is always honoured
    ("last_updated", "2026-11-01"),
    ("last_updated", "2026-11-03T23:59:59"),
    ("time_of_birth", "00:00:00"),
    ("time_of_birth", ""),
    ("number_of_births", "9"),
    ("number_of_births", ""),
    ("birth_order", "2"),
    ("birth_order", "8"),
    ("birth_order", "9"),
    ("postcode", "cv325aa"),
    ("postcode", "ZZ99 3VZ"),
    ("postcode", "CV32\u00a05AA"),
    ("postcode", "nonsense"),  # formats are geography's
    ("postcode", "CV32-5AA"),
    ("postcode", "CV32\t5AA"),
    ("postcode", "Postcode: 'CV32 5AA' (temp)"),
    ("postcode", "\uff23\uff3632 5AA"),
    ("given_name", "BABY"),
    ("given_name", "Anne-Marie"),
    ("family_name", "O'Neill = née Płońska"),
    ("family_name", "é" * 100),
    ("address_line_3", "-"),
    ("address_line_1", "Flat 2, 17 Canary Row (rear)"),
]


def nhs_numbers_in_the_test_range() -> Iterator[str]:
    """Valid NHS numbers, one for each example, so that no two examples speak of one child."""
    for stem in range(999_100_000, 999_200_000):
        check = nhs_number.calculate_checksum(str(stem))
        if check != 10:
            yield f"{stem}{check}"


@pytest.fixture(scope="module")
def broken_by(validated: Validate, good: Row) -> Callable[[str, str], list[tuple[str, str]]]:
    """The fields and rules that an example breaks; all examples are validated as one extract."""
    examples = [(field, value) for field, value, _ in BREAKING] + HARMLESS
    numbers = nhs_numbers_in_the_test_range()
    base = good | {"last_updated": ""}
    rows = [base | {"nhs_number": next(numbers)} | {field: value} for field, value in examples]
    result = validated(*rows, look_back_months=12)

    def look_up(field: str, value: str) -> list[tuple[str, str]]:
        lines = result.quarantine[result.quarantine["row"] == examples.index((field, value)) + 1]
        return list(lines[["field", "rule"]].itertuples(index=False, name=None))

    return look_up


@pytest.mark.parametrize(("field", "value", "rules_broken"), BREAKING)
def test_what_breaks_a_rule(
    broken_by: Callable[[str, str], object], field: str, value: str, rules_broken: list[str]
) -> None:
    assert broken_by(field, value) == [(field, rule) for rule in rules_broken]


@pytest.mark.parametrize(("field", "value"), HARMLESS)
def test_what_breaks_no_rule(broken_by: Callable[[str, str], object], field: str, value: str) -> None:
    assert broken_by(field, value) == []


def test_every_rule_that_sets_rows_aside_is_broken_by_an_example(contract: Contract) -> None:
    shown = {rule for *_, expected in BREAKING for rule in expected}
    elsewhere = {"row_blank", "other_row_unusable", "version_tied", "parent_is_child"}
    assert shown | elsewhere == {rule.id for rule in contract.rules if rule.sets_aside}


def test_a_row_of_commas_breaks_one_rule_only(validated: Validate, good: Row) -> None:
    result = validated(good, dict.fromkeys(good, ""), dict.fromkeys(good, "  "))
    assert result.quarantine.to_dict("records") == [
        {"supplier": "chis", "row": row, "field": "", "rule": "row_blank"} for row in (2, 3)
    ]


def test_every_broken_rule_of_a_row_is_reported(validated: Validate, good: Row) -> None:
    bad = good | {"nhs_number": "12", "date_of_birth": "1/1/26", "postcode": "?", "birth_order": "x"}
    result = validated(good, bad)
    assert sorted(result.quarantine["field"]) == ["birth_order", "date_of_birth", "nhs_number", "postcode"]
    assert result.quarantined_rows == 1


def test_another_row_of_a_child_is_not_trusted_alone(validated: Validate, good: Row) -> None:
    """The row that cannot be used might say that the child died."""
    died = good | {"nhs_number": "999 476 5914", "death_status": "1", "date_of_death": "12/10/2026"}
    stranger = good | {"nhs_number": "9990000018"}
    result = validated(good, died, stranger)
    assert result.births["row"].tolist() == [3]
    assert result.quarantine[["row", "rule"]].to_records(index=False).tolist() == [
        (1, "other_row_unusable"),
        (2, "nhs_number_format"),
        (2, "date_format"),
    ]


def test_rows_without_an_nhs_number_are_not_taken_for_one_child(validated: Validate, good: Row) -> None:
    nameless = good | {"nhs_number": ""}
    result = validated(good, nameless, nameless)
    assert result.quarantine["rule"].tolist() == ["value_missing", "value_missing"]


def test_the_parent_is_not_the_child(validated: Validate, good: Row) -> None:
    result = validated(good | {"parent_nhs_number": good["nhs_number"]}, good | {"nhs_number": "9990000018"})
    assert result.quarantine.to_dict("records") == [
        {"supplier": "chis", "row": 1, "field": "parent_nhs_number", "rule": "parent_is_child"}
    ]


NUMBER_RULES = ("nhs_number_format", "nhs_number_check_digit", "nhs_number_repeated", "nhs_number_not_issued")
DIGITS = st.text("0123456789", min_size=10, max_size=10)
# About one in eleven is sound by chance; these are, but for stems that no number begins with.
SOUND = st.text("0123456789", min_size=9, max_size=9).map(
    lambda stem: f"{stem}{(nhs_number.calculate_checksum(stem) or 0) % 10}"
)


@settings(max_examples=60)
@given(st.lists(DIGITS | SOUND | st.sampled_from("0123456789").map(lambda digit: digit * 10), min_size=1))
def test_ten_digits_are_a_number_where_the_nhs_number_package_says_so(
    contract: Contract, numbers: list[str]
) -> None:
    text = pd.DataFrame({"nhs_number": pd.Series(numbers, dtype="str")})
    rows = rules.Rows(text, {}, contract, np.datetime64("2026-11-03", "s"))
    checks = [rule.check for rule in contract.rules if rule.id in NUMBER_RULES]
    broken = np.any([rules.CHECKS[check](rows, "nhs_number") for check in checks], axis=0)
    assert (~broken).tolist() == [_is_somebodys(number) for number in numbers]


def _is_somebodys(number: str) -> bool:
    """By the package; but 300 to 319, which it takes for Scotland's, and 999, which is for tests, count."""
    sound = nhs_number.calculate_checksum(number[:9]) == int(number[9]) and len(set(number)) > 1
    if number[:3] == "999" or "300" <= number[:3] < "320":
        return sound
    ours = (nhs_number.REGION_ENGLAND_WALES_IOM, nhs_number.REGION_NORTHERN_IRELAND)
    return sound and any(nhs_number.is_valid(number, for_region=region) for region in ours)


@pytest.mark.parametrize("written", ["999 476 5914", "999-476-5914", "٩٩٩٤٧٦٥٩١٤", "９９９４７６５９１４"])
def test_what_the_package_reads_kindly_is_no_number_here(
    validated: Validate, good: Row, written: str
) -> None:
    assert validated(good | {"nhs_number": written}).by_rule == {"nhs_number_format": 1}


def test_a_check_that_does_not_exist_is_a_fault_of_the_contract(contract: Contract) -> None:
    invented = replace(contract, rules=(replace(contract.rules[0], check="looks_fine"),))
    text = pd.DataFrame({name: pd.Series(["x"], dtype="str") for name in contract.names})
    with pytest.raises(SettingsError, match="looks_fine"):
        rules.broken(rules.Rows(text, {}, invented, np.datetime64("2026-11-03", "s")))
