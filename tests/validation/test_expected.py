"""Expected births become births, so that one decision serves both; whatever ends a pregnancy shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd
import pytest

from pipeline.contract import Contract, contract_of
from pipeline.errors import IntegrityError
from pipeline.records import BIRTH_KEYS, Extract, keyed_references
from pipeline.validation.checks import Validated, validate

Row = Mapping[str, str]
KEY = bytes(32)
EXPECTED = contract_of("expected_births")
WOMAN: Row = MappingProxyType(
    dict.fromkeys(EXPECTED.names, "")
    | {
        "record_id": "R1",
        "pregnancy_id": "P-2026-17",
        "nhs_number": "9994765876",
        "expected_date_of_delivery": "2026-12-24",
        "booking_date": "2026-06-01",
        "pregnancy_status": "continuing",
        "parent_given_name": "Marjorie",
        "parent_family_name": "Quagmire",
        "parent_date_of_birth": "1996-02-29",
        "address_line_1": "17 Canary Row",
        "postcode": "CV32 5AA",
        "confidentiality": "U",
        "consent_status": "given",
        "consent_date": "2026-06-01",
        "consent_given_by": "mother",
        "last_updated": "2026-11-01T08:30:00",
    }
)


@pytest.fixture
def expected(extract_of: Callable[..., Extract]) -> Callable[..., Validated]:
    """Rows of an extract of expected births for October 2026, signed on 3 November, validated."""

    def run(*rows: Row) -> Validated:
        return validate(extract_of(*rows), contract=EXPECTED, reference_key=KEY)

    return run


Expected = Callable[..., Validated]


def test_they_have_the_columns_and_types_of_births(expected: Expected, contract: Contract) -> None:
    columns = contract.dtypes | BIRTH_KEYS
    for found in (expected(WOMAN), expected(WOMAN | {"nhs_number": "x"})):
        assert {name: str(dtype) for name, dtype in found.births.dtypes.items()} == columns


def test_the_woman_is_the_parent_and_the_birth_is_expected(expected: Expected) -> None:
    birth = expected(WOMAN).births.iloc[0]
    assert birth["date_of_birth"] == pd.Timestamp("2026-12-24")
    assert (birth["number_of_births"], birth["birth_order"]) == (1, 0)
    assert (birth["nhs_number"], birth["parent_nhs_number"]) == ("9994765876", "9994765876")
    assert (birth["parent_given_name"], birth["given_name"], birth["family_name"]) == ("Marjorie", "", "")
    assert (birth["address_line_1"], birth["consent_status"]) == ("17 Canary Row", "given")


def test_the_reference_is_the_pregnancys_and_the_womans_is_the_one_that_births_give_a_parent(
    expected: Expected,
) -> None:
    births = expected(WOMAN, WOMAN | {"pregnancy_id": "P-2026-18"}).births
    assert births["child"].iloc[0] == keyed_references(KEY, "pregnancy", ["9994765876"], ["P-2026-17"])[0]
    assert births["child"].nunique() == 2
    assert set(births["parent"]) == set(keyed_references(KEY, "parent", ["9994765876"]))
    assert births["dwelling"].iloc[0] != ""


@pytest.mark.parametrize(
    ("status", "live"),
    [("continuing", "1"), ("", ""), *((ended, "2") for ended in ("ended", "delivered", "transferred"))],
)
def test_only_a_pregnancy_that_is_known_to_go_on_counts_as_live(
    expected: Expected, status: str, live: str
) -> None:
    assert expected(WOMAN | {"pregnancy_status": status}).births["live_or_still_birth"].tolist() == [live]


def test_every_status_of_the_contract_was_thought_of() -> None:
    codes = set(EXPECTED.column("pregnancy_status").codes)
    assert codes == {"continuing", "ended", "delivered", "transferred"}


@pytest.mark.parametrize("status", ["1", "2"])
def test_the_death_of_the_woman_is_told_of_her_and_of_the_birth(expected: Expected, status: str) -> None:
    birth = expected(WOMAN | {"parent_death_status": status}).births.iloc[0]
    assert (birth["parent_death_status"], birth["death_status"]) == (status, status)


def test_that_her_death_was_a_mistake_takes_back_no_loss_of_the_pregnancy(expected: Expected) -> None:
    birth = expected(WOMAN | {"parent_death_status": "U"}).births.iloc[0]
    assert (birth["parent_death_status"], birth["death_status"]) == ("U", "")


def test_columns_that_expected_births_do_not_have_are_blank(expected: Expected) -> None:
    birth = expected(WOMAN).births.iloc[0]
    assert birth["looked_after"] == birth["time_of_birth"] == ""
    assert pd.isna(birth["date_of_death"])


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"pregnancy_id": ""}, "pregnancy_id", "value_missing"),
        ({"expected_date_of_delivery": ""}, "expected_date_of_delivery", "value_missing"),
        ({"expected_date_of_delivery": "24/12/2026"}, "expected_date_of_delivery", "date_format"),
        ({"expected_date_of_delivery": "2027-08-31"}, "expected_date_of_delivery", "due_date_too_far"),
        ({"booking_date": "2026-11-04"}, "booking_date", "date_future"),
        ({"nhs_number": "9994765871"}, "nhs_number", "nhs_number_check_digit"),
        ({"parent_family_name": "-Quagmire"}, "parent_family_name", "name_begins_with_hyphen"),
        ({"pregnancy_id": "=P"}, "pregnancy_id", "text_dangerous"),
        ({"postcode": "CV32 5A?"}, "postcode", "postcode_characters"),
        ({"nhs_number": "5551645037"}, "nhs_number", "nhs_number_not_issued"),
        ({"notice_date": "1900-01-01"}, "notice_date", "notice_too_early"),
        ({"consent_status": ""}, "consent_status", "answer_lost"),
    ],
)
def test_a_row_that_breaks_a_rule_is_set_aside(
    expected: Expected, changes: Row, field: str, rule: str
) -> None:
    other = WOMAN | {"nhs_number": "9994765914"}
    found = expected(other, WOMAN | changes)
    assert found.quarantine[["row", "field", "rule"]].to_numpy().tolist() == [[2, field, rule]]
    assert len(found.births) == 1


def test_the_day_before_three_hundred_days_have_passed_is_not_too_far(expected: Expected) -> None:
    other = WOMAN | {"nhs_number": "9994765914", "expected_date_of_delivery": "2027-08-30"}
    assert expected(WOMAN, other).quarantine.empty


def test_another_row_about_the_same_woman_is_not_trusted_without_the_one_that_was_set_aside(
    expected: Expected,
) -> None:
    ended = WOMAN | {"pregnancy_status": "ended", "pregnancy_id": ""}
    found = expected(WOMAN, ended)
    assert found.births.empty
    assert set(found.quarantine["rule"]) == {"value_missing", "other_row_unusable"}


@pytest.mark.parametrize(
    ("dates", "stops"),
    [
        (["2026-10-01", "2027-07-31"], False),
        (["2026-09-30", "2026-10-05"], False),  # an older one comes along
        (["2026-09-30", "2026-08-01"], True),
        (["2027-08-01", "2027-08-02", "2027-07-31"], True),
    ],
)
def test_a_file_of_another_month_is_stopped(expected: Expected, dates: list[str], stops: bool) -> None:
    rows = [WOMAN | {"expected_date_of_delivery": day} for day in dates]
    if not stops:
        expected(*rows)
        return
    with pytest.raises(
        IntegrityError, match="not an extract for 2026-10.*the month or the 9 after it"
    ) as told:
        expected(*rows)
    assert "expected_date_of_delivery" in str(told.value)


def test_a_status_that_nobody_agreed_stops_the_file(expected: Expected) -> None:
    with pytest.raises(IntegrityError, match="column pregnancy_status, record 1") as told:
        expected(WOMAN | {"pregnancy_status": "miscarried"})
    assert "miscarried" not in str(told.value)


def test_two_pregnancies_of_one_woman_are_no_tie(expected: Expected) -> None:
    """Of one pregnancy two rows are, where they differ and neither is newer."""
    other = WOMAN | {"pregnancy_id": "P-2026-18"}
    assert expected(WOMAN, other).quarantine.empty
    found = expected(WOMAN, WOMAN | {"pregnancy_status": "ended"}, other | {"nhs_number": "9994765914"})
    assert found.by_rule == {"version_tied": 2}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"booking_date": "2026-10-31", "expected_date_of_delivery": "2026-10-30"}, "booking_after_due"),
        ({"parent_date_of_birth": "1900-01-01"}, "parent_age_implausible"),
        ({"postcode": "CV32"}, "postcode_not_whole"),
        ({"consent_given_by": ""}, "answer_by_nobody"),
    ],
)
def test_what_is_odd_goes_on_and_the_supplier_is_told(expected: Expected, changes: Row, rule: str) -> None:
    found = expected(WOMAN | {"nhs_number": "9994765914"}, WOMAN | changes)
    assert (len(found.births), found.warned) == (2, {rule: 1})
