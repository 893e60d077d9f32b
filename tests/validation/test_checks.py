"""From extract to births: types, keys, whole-file gates, and the books of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from pipeline.contract import Contract
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.errors import IntegrityError
from pipeline.records import BIRTH_KEYS, QUARANTINE, Extract, Month, keyed_references
from pipeline.validation.checks import Validated, validate

Validate = Callable[..., Validated]
Row = Mapping[str, str]
KEY = bytes(32)


def test_births_have_the_declared_columns_and_types(
    validated: Validate, good: Row, contract: Contract
) -> None:
    births = validated(good).births
    assert {name: str(dtype) for name, dtype in births.dtypes.items()} == contract.dtypes | BIRTH_KEYS


def test_values_become_what_they_mean(validated: Validate, good: Row) -> None:
    birth = validated(good | {"given_name": "  Zebedee "}).births.iloc[0]
    assert birth["date_of_birth"] == pd.Timestamp("2026-10-05")
    assert birth["last_updated"] == pd.Timestamp("2026-11-01 08:30")
    assert (birth["number_of_births"], birth["birth_order"]) == (2, 1)
    assert birth["given_name"] == "Zebedee"
    assert birth["postcode"] == "CV32 5AA"


def test_blank_is_empty_text_no_date_and_zero(validated: Validate, good: Row) -> None:
    blank = dict.fromkeys(good, "") | {"nhs_number": good["nhs_number"], "date_of_birth": "2026-10-31"}
    birth = validated(blank).births.iloc[0]
    assert birth["family_name"] == ""
    assert pd.isna(birth["consent_date"])
    assert birth["number_of_births"] == 0


def test_a_column_that_was_left_out_is_blank(validated: Validate, good: Row, contract: Contract) -> None:
    short = {name: good[name] for name in contract.must_exist}
    births = validated(short).births
    assert list(births) == [*contract.names, *BIRTH_KEYS]
    assert births["language"].tolist() == [""]
    assert births["last_updated"].isna().all()
    assert births["parent"].tolist() == [""]


def test_keys_are_references_of_the_authoritys_own(validated: Validate, good: Row) -> None:
    other_spelling = good | {"address_line_1": "17, canary row", "postcode": "cv325aa"}
    births = validated(good, other_spelling | {"nhs_number": "9990000018", "parent_nhs_number": ""}).births
    assert births["child"].iloc[0] == keyed_references(KEY, "child", ["9994765914"])[0]
    assert births["parent"].iloc[0] == keyed_references(KEY, "parent", ["9994765876"])[0]
    assert births["parent"].iloc[1] == ""
    assert births["dwelling"].nunique() == 1
    assert births["child"].nunique() == 2


def test_births_are_numbered_on_from_the_supplier_before(
    extract_of: Callable[..., Extract], good: Row, contract: Contract
) -> None:
    extract = extract_of(good, good | {"nhs_number": "x"}, good | {"nhs_number": "9990000018"})
    births = validate(extract, contract=contract, reference_key=KEY, first_reference=41).births
    assert births[["reference", "row"]].to_numpy().tolist() == [[41, 1], [42, 3]]


def test_every_row_is_in_the_births_or_in_quarantine_once(validated: Validate, good: Row) -> None:
    twice_bad = good | {"nhs_number": "x", "postcode": "?", "given_name": "=1"}
    result = validated(good, twice_bad, good | {"nhs_number": "9990000018"}, dict.fromkeys(good, ""))
    assert (len(result.births), result.quarantined_rows, len(result.quarantine)) == (2, 2, 4)
    assert set(result.births["row"]) | set(result.quarantine["row"]) == {1, 2, 3, 4}
    assert set(result.births["row"]) & set(result.quarantine["row"]) == set()
    assert {name: str(dtype) for name, dtype in result.quarantine.dtypes.items()} == QUARANTINE


def test_rows_that_break_no_rule_leave_the_quarantine_empty_but_typed(validated: Validate, good: Row) -> None:
    quarantine = validated(good).quarantine
    assert quarantine.empty
    assert {name: str(dtype) for name, dtype in quarantine.dtypes.items()} == QUARANTINE


def test_a_month_without_births_is_valid(
    extract_of: Callable[..., Extract], good: Row, contract: Contract
) -> None:
    extract = extract_of(good)
    nothing = Extract(
        extract.supplier, extract.month, extract.frame.iloc[:0], "", extract.signer, extract.signed_at
    )
    result = validate(nothing, contract=contract, reference_key=KEY)
    assert (len(result.births), len(result.quarantine), result.quarantined_rows) == (0, 0, 0)
    assert {name: str(dtype) for name, dtype in result.births.dtypes.items()} == contract.dtypes | BIRTH_KEYS
    assert all(rule.passed for rule in result.results)


def test_the_summary_is_counts_and_they_add_up(validated: Validate, good: Row, contract: Contract) -> None:
    summary = validated(good, good | {"nhs_number": "x"}, dict.fromkeys(good, "")).summary
    assert (summary["rows"], summary["accepted"], summary["quarantined"]) == (3, 1, 2)
    assert summary["warned"] == 0
    broken = {rule["rule"]: rule["failed"] for rule in summary["rules"] if rule["failed"]}
    assert broken == {"row_blank": 1, "nhs_number_format": 1}
    assert [rule["rule"] for rule in summary["rules"]] == [rule.id for rule in contract.rules]


def test_the_order_of_rows_does_not_matter(validated: Validate, good: Row) -> None:
    rows = [good | {"record_id": f"R{i}", "given_name": "=" * (i % 2) + "a"} for i in range(6)]
    rows = [row | {"nhs_number": f"999000{i}"} if i == 3 else row for i, row in enumerate(rows)]
    forward, backward = validated(*rows), validated(*reversed(rows))
    assert forward.by_rule == backward.by_rule
    assert set(forward.births["record_id"]) == set(backward.births["record_id"])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("consent_status", "Given"),
        ("consent_status", "yes"),
        ("death_status", "3"),
        ("confidentiality", "X"),
        ("live_or_still_birth", "L"),
        ("live_or_still_birth", "1\n"),
        ("looked_after", "y"),
        ("in_hospital", "1"),
        ("sex", "Zebedee"),
    ],
)
def test_a_code_that_nobody_agreed_stops_the_file(
    validated: Validate, good: Row, column: str, value: str
) -> None:
    rows = [good, good | {column: value}, good, *[good | {column: value}] * 6]
    with pytest.raises(IntegrityError) as caught:
        validated(*rows)
    assert caught.value.exit_code == 4
    assert str(caught.value).startswith("7 rows hold codes that the contract does not know")
    assert f"(extract of chis for 2026-10, column {column}, records 2, 4, 5, 6, 7 and 2 more)" in str(
        caught.value
    )
    assert "Zebedee" not in str(caught.value)


def test_every_code_of_the_contract_is_known(validated: Validate, good: Row, contract: Contract) -> None:
    cases = [
        (column.name, code) for column in contract.columns if column.codes for code in ("", *column.codes)
    ]
    numbers = nhs_numbers(np.random.default_rng(1), len(cases))
    unanswered = {"consent_date": ""}  # so that no answer is lost
    rows = [
        good | unanswered | {"nhs_number": number, column: code}
        for number, (column, code) in zip(numbers.tolist(), cases, strict=True)
    ]
    assert len(validated(*rows).births) == len(rows)


@pytest.mark.parametrize(
    ("dates", "stops"),
    [
        (["2026-10-01", "2026-10-31"], False),
        (["2026-10-31", "2026-09-01", "2026-08-01", "2026-07-01"], False),  # looks back
        (["2026-10-31", "2026-11-01"], False),  # written a few days later
        (["2026-09-30", "2026-08-01"], True),  # an older month's file
        (["2026-10-31", "2026-11-01", "2026-11-02"], True),  # the next month's, looking back
        (["05/10/2026", "06/10/2026"], False),  # every row is set aside, with its reason
        (["05/10/2026", "2026-09-30"], True),
    ],
)
def test_births_of_another_month_stop_the_file(
    validated: Validate, good: Row, dates: list[str], stops: bool
) -> None:
    rows = [good | {"date_of_birth": day} for day in dates]
    if not stops:
        validated(*rows)
        return
    with pytest.raises(IntegrityError, match="not an extract for 2026-10.*column date_of_birth") as caught:
        validated(*rows)
    assert caught.value.exit_code == 4


def test_a_file_under_the_next_months_name_is_stopped(validated: Validate, good: Row) -> None:
    with pytest.raises(IntegrityError, match="not an extract for 2026-11: 0 of its 2 births"):
        validated(good, good, month=Month(2026, 11))


def test_a_hundred_thousand_rows_go_through_columns_at_a_time(
    extract_of: Callable[..., Extract], good: Row, contract: Contract
) -> None:
    """Rules work on columns; an extract of this size would take minutes row by row."""
    count = 100_000
    frame = pd.DataFrame(
        {name: pd.Series([value], dtype="str").repeat(count) for name, value in good.items()}
    )
    frame["row"] = np.arange(1, count + 1)
    small = extract_of(good)
    extract = Extract("chis", small.month, frame, "", "", small.signed_at)
    result = validate(extract, contract=contract, reference_key=KEY)
    assert len(result.births) == count
    assert result.births["reference"].is_unique
