"""Rules of severity warning: the row goes on, and the supplier is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract import Contract
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.temporary_names import is_temporary
from pipeline.validation import rules
from pipeline.validation.checks import Validated

Validate = Callable[..., Validated]
Row = Mapping[str, str]

NO_ANSWER = {"consent_date": "", "consent_scope": "", "consent_wording": "", "consent_given_by": ""}
REFUSED = {"consent_status": "refused", "consent_scope": "", "consent_wording": "", "consent_given_by": ""}
TWIN = {"number_of_births": "2", "birth_order": "1"}

# What differs from an ordinary single birth, and the fields and rules that warn of it.
WARNED: list[tuple[Row, list[tuple[str, str]]]] = [
    ({"parent_nhs_number": "0101645007"}, [("parent_nhs_number", "parent_number_not_issued")]),
    ({"parent_nhs_number": "8001645037"}, [("parent_nhs_number", "parent_number_not_issued")]),
    ({"parent_date_of_birth": "1900-01-01"}, [("parent_date_of_birth", "parent_age_implausible")]),
    ({"parent_date_of_birth": "2016-11-01"}, [("parent_date_of_birth", "parent_age_implausible")]),
    ({"parent_date_of_birth": "2026-10-05"}, [("parent_date_of_birth", "parent_age_implausible")]),
    ({"consent_date": "2026-11-04"}, [("consent_date", "date_to_come")]),
    ({"notice_date": "2099-01-01"}, [("notice_date", "date_to_come")]),
    ({"objection_date": "2026-11-04"}, [("objection_date", "date_to_come")]),
    ({"number_of_births": ""}, [("number_of_births", "number_of_births_unknown")]),
    ({"number_of_births": "9"}, [("number_of_births", "number_of_births_unknown")]),
    ({"number_of_births": "2", "birth_order": ""}, [("birth_order", "birth_order_unknown")]),
    ({"number_of_births": "3", "birth_order": "8"}, [("birth_order", "birth_order_unknown")]),
    ({"number_of_births": "2", "birth_order": "9"}, [("birth_order", "birth_order_unknown")]),
    ({"date_of_death": "2026-10-06"}, [("death_status", "death_without_notice")]),
    ({"date_of_death": "2026-10-06", "death_status": "U"}, [("death_status", "death_without_notice")]),
    ({"live_or_still_birth": "5"}, [("death_status", "death_not_told")]),
    ({"live_or_still_birth": "5", "death_status": "U"}, [("death_status", "death_not_told")]),
    ({"live_or_still_birth": "2"}, [("consent_status", "stillbirth_with_consent")]),
    ({"postcode": "CV32"}, [("postcode", "postcode_not_whole")]),
    ({"postcode": "nonsense"}, [("postcode", "postcode_not_whole")]),
    ({"given_name": "BABY"}, [("given_name", "name_temporary")]),
    ({"given_name": "Twin 1"}, [("given_name", "name_temporary")]),
    ({"given_name": "Infant of"}, [("given_name", "name_temporary")]),
    ({"given_name": "B"}, [("given_name", "name_temporary")]),
    ({"given_name": "-\u2019-".lstrip("-")}, [("given_name", "name_temporary")]),
    ({"family_name": "Unknown"}, [("family_name", "name_temporary")]),
    ({"family_name": "Sm1th"}, [("family_name", "name_temporary")]),
    ({"parent_given_name": "Mary2"}, [("parent_given_name", "name_with_digits")]),
    ({"parent_family_name": "٣"}, [("parent_family_name", "name_with_digits")]),
    ({"consent_date": ""}, [("consent_date", "answer_undated")]),
    (REFUSED | {"consent_date": ""}, [("consent_date", "answer_undated")]),
    ({"consent_status": "withdrawn", "consent_date": ""}, [("consent_date", "answer_undated")]),
    ({"consent_given_by": ""}, [("consent_given_by", "answer_by_nobody")]),
    (REFUSED | {"consent_scope": "library"}, [("consent_scope", "refusal_as_if_given")]),
    (REFUSED | {"consent_wording": "form"}, [("consent_wording", "refusal_as_if_given")]),
    (
        {"objection_date": "2026-10-07", "notice_date": "2026-10-08"},
        [("objection_date", "objection_before_notice")],
    ),
]

HARMLESS: list[Row] = [
    {},
    {"parent_nhs_number": "9990000018"},
    {"parent_nhs_number": ""},
    {"parent_date_of_birth": ""},
    {"parent_date_of_birth": "2016-10-03"},  # ten years old: a person must look, and the date is possible
    {"parent_date_of_birth": "1956-10-10"},
    {"consent_date": "2026-11-03", "notice_date": "2026-11-03"},
    TWIN,
    {"birth_order": "8"},
    {"birth_order": ""},
    {"date_of_death": "2026-10-06", "death_status": "2"},
    {"death_status": "1"},
    {"death_status": "U"},
    {"live_or_still_birth": "5", "date_of_death": "2026-10-06", "death_status": "1"},
    {"live_or_still_birth": "3", "consent_status": "not_asked"} | NO_ANSWER,
    *(
        {"postcode": one}
        for one in ("", "cv325aa", "CV32\u00a05AA", "ZZ99 3VZ", "BF1 0AX", "BFPO 61", "GIR 0AA", "W1A 0AX")
    ),
    *({"given_name": one} for one in ("", "Anne-Marie", "Tempany", "Noor", "李", "Babychand", "Åse")),
    {"family_name": "Child"},
    {"family_name": ""},
    REFUSED,
    {"consent_status": "withdrawn"},  # what was agreed to before may stand there still
    {"consent_status": ""} | NO_ANSWER,
    {"objection_date": "2026-10-09", "notice_date": "2026-10-08"},
]


def numbers() -> Iterator[str]:
    return iter(nhs_numbers(np.random.default_rng(1), 500).tolist())


@pytest.fixture(scope="module")
def warned(validated: Validate, good: Row) -> Callable[[Row], list[tuple[str, str]]]:
    """The fields and rules that warn of a row; all examples are validated as one extract."""
    examples, drawn = [changes for changes, _ in WARNED] + HARMLESS, numbers()
    single = good | {"number_of_births": "1"}
    rows = [
        single | {"nhs_number": next(drawn), "parent_nhs_number": next(drawn)} | changes
        for changes in examples
    ]
    result = validated(*rows, look_back_months=12)
    assert result.quarantine.empty
    assert len(result.births) == len(rows)

    def look_up(changes: Row) -> list[tuple[str, str]]:
        lines = result.warnings[result.warnings["row"] == examples.index(changes) + 1]
        return list(lines[["field", "rule"]].itertuples(index=False, name=None))

    return look_up


@pytest.mark.parametrize(("changes", "expected"), WARNED)
def test_what_is_warned_of(
    warned: Callable[[Row], object], changes: Row, expected: list[tuple[str, str]]
) -> None:
    assert warned(changes) == expected


@pytest.mark.parametrize("changes", HARMLESS)
def test_what_nobody_is_warned_of(warned: Callable[[Row], object], changes: Row) -> None:
    assert warned(changes) == []


def test_every_warning_of_the_contract_is_shown_by_an_example(contract: Contract) -> None:
    shown = {rule for _, lines in WARNED for _, rule in lines}
    of_several_rows = {"birth_order_twice", "number_of_births_differs", "versions_disagree"}
    assert shown | of_several_rows == {rule.id for rule in contract.rules if not rule.sets_aside}


def test_a_warned_row_is_counted_by_rule_and_is_a_birth_like_any_other(
    validated: Validate, good: Row
) -> None:
    result = validated(good | {"given_name": "Twin 1", "postcode": "CV32"})
    assert result.births["given_name"].tolist() == ["Twin 1"]
    assert (result.warned, result.by_rule) == ({"postcode_not_whole": 1, "name_temporary": 1}, {})
    assert (result.quarantined_rows, result.summary["warned"]) == (0, 1)


def test_a_row_that_is_set_aside_is_not_warned_of_as_well(validated: Validate, good: Row) -> None:
    result = validated(good | {"given_name": "BABY", "date_of_birth": "5 October"})
    assert result.warnings.empty
    assert (result.warned, result.by_rule) == ({}, {"date_format": 1})


@pytest.mark.parametrize("column", ["birth_order", "consent_given_by"])
def test_nobody_is_warned_of_a_column_that_the_file_leaves_out(
    validated: Validate, good: Row, column: str
) -> None:
    assert set(validated(good | {column: ""}).warned) <= {"birth_order_unknown", "answer_by_nobody"}
    assert validated(good | {column: ""}).warned
    assert validated({name: value for name, value in good.items() if name != column}).warned == {}


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    [
        "BABY",
        "baby-boy",
        "Twins",
        "Twin A",
        "no name",
        "Nona",
        "TBC",
        "O'None",
        "x_y",
        "Mr. Infant",
        "UNNAMED ",
    ]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=30))
def test_warnings_and_cards_know_the_same_temporary_names(
    contract: Contract, names: list[tuple[str, str]]
) -> None:
    import pandas as pd

    text = pd.DataFrame(names, columns=["given_name", "family_name"], dtype="str")
    rows = rules.Rows(text, {}, contract, np.datetime64("2026-11-03", "s"))
    given_says, family_says = (rules.temporary_name(rows, name) for name in ("given_name", "family_name"))
    # A blank is no name yet, and the card knows; the supplier needs no warning.
    assert [
        (given == "" or one) or other
        for (given, _), one, other in zip(names, given_says, family_says, strict=True)
    ] == [is_temporary(given, family) for given, family in names]
