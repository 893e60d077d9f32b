"""Rows held against one another, and what is heard of those that are set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pipeline.contract import contract_of
from pipeline.records import UNREAD, Extract, dwelling_parts, keyed_references
from pipeline.validation import rules
from pipeline.validation.checks import Validated, validate

Validate = Callable[..., Validated]
Row = Mapping[str, str]
KEY = bytes(32)

OTHER, THIRD = "9990000018", "9990000026"
REFUSED = {"consent_status": "refused"}
BEFORE = {"last_updated": "2026-10-20T08:30:00"}


def lines(masks: rules.Masks) -> list[tuple[int, str, str]]:
    """Row, field and rule of all that is broken, in the order of rows."""
    found = [(int(at) + 1, name, rule) for (rule, name), mask in masks.items() for at in np.flatnonzero(mask)]
    return sorted(found)


def prepared(*rows: Row) -> rules.Rows:
    text = pd.DataFrame(rows, dtype="str").apply(lambda column: column.str.strip(" "))
    signed_at = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    return rules.prepare(text, contract_of("births"), signed_at=signed_at)


def set_aside(*rows: Row) -> list[tuple[int, str, str]]:
    return lines(rules.broken(prepared(*rows)))


def warned(*rows: Row) -> list[tuple[int, str, str]]:
    return lines(rules.warnings(prepared(*rows)))


# --- versions of one child ------------------------------------------------------------------------

TIED = [(1, "last_updated", "version_tied"), (2, "last_updated", "version_tied")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),  # of the same moment
        ({"last_updated": ""}, {"last_updated": ""}),  # both without it
        ({}, {"last_updated": ""}),  # which may be the newest
        ({"last_updated": "2026-11-01"}, {"last_updated": "2026-11-01T00:00:00"}),
        ({}, {"last_updated": "2026-11-01"}),  # some time of the same day, perhaps later
    ],
)
def test_versions_that_differ_and_of_which_neither_is_newer_are_both_set_aside(
    good: Row, first: Row, second: Row
) -> None:
    assert set_aside(good | first, good | second | REFUSED, good | {"nhs_number": OTHER}) == TIED


def test_the_newest_version_wins(good: Row) -> None:
    assert set_aside(good, good | REFUSED | BEFORE) == []


def test_a_version_of_the_day_before_is_older_at_whatever_time(good: Row) -> None:
    assert set_aside(good, good | REFUSED | {"last_updated": "2026-10-31"}) == []


def test_a_tie_among_versions_that_are_overtaken_is_none(good: Row) -> None:
    assert set_aside(good | BEFORE, good, good | REFUSED | BEFORE) == []


def test_with_a_tie_the_older_versions_are_set_aside_too(good: Row) -> None:
    found = set_aside(good, good | REFUSED, good | BEFORE)
    assert found == [*TIED, (3, "nhs_number", "other_row_unusable")]


@pytest.mark.parametrize("change", [{}, {"record_id": "R2"}, {"language": " Polish "}])
def test_rows_that_say_the_same_stay_and_are_duplicates(good: Row, change: Row) -> None:
    assert set_aside(good, good | change, good) == warned(good, good | change, good) == []


@pytest.mark.parametrize("column", ["postcode", "given_name", "consent_given_by", "in_hospital", "sex"])
def test_any_fact_that_differs_makes_a_tie(good: Row, column: str) -> None:
    assert set_aside(good, good | {column: ""}) == TIED


@pytest.mark.parametrize(
    ("column", "value", "differs"),
    [
        ("date_of_birth", "2026-10-06", True),
        ("sex", "2", True),
        ("sex", "X", False),
        ("sex", "", False),
        ("postcode", "CV32 5AB", False),
    ],
)
def test_versions_that_disagree_on_what_does_not_change_are_warned_of(
    good: Row, column: str, value: str, differs: bool
) -> None:
    rows = good, good | BEFORE | {column: value}, good | {"nhs_number": OTHER, "parent_nhs_number": ""}
    assert set_aside(*rows) == []
    assert warned(*rows) == [(row, column, "versions_disagree") for row in (1, 2) if differs]


# --- children of one delivery ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"birth_order": "2"}, []),
        ({}, [("birth_order", "birth_order_twice")]),
        ({"birth_order": "2", "number_of_births": "3"}, [("number_of_births", "number_of_births_differs")]),
        ({"date_of_birth": "2026-10-01"}, []),  # another delivery, or another day of it: consent looks
        ({"parent_nhs_number": THIRD}, []),
        ({"parent_nhs_number": ""}, []),
        ({"nhs_number": "12345"}, []),  # may be the same child
    ],
)
def test_rows_of_one_delivery_agree_on_places_and_number(
    good: Row, second: Row, expected: list[tuple[str, str]]
) -> None:
    found = warned(good, good | {"nhs_number": OTHER} | second)
    assert found == [(row, *line) for row in (1, 2) for line in expected]


def test_places_that_are_not_known_are_not_the_same_place(good: Row) -> None:
    found = warned(good | {"birth_order": "8"}, good | {"nhs_number": OTHER, "birth_order": "8"})
    assert {rule for *_, rule in found} == {"birth_order_unknown"}


def test_an_older_version_of_a_sibling_does_not_count(good: Row) -> None:
    sibling = good | {"nhs_number": OTHER}
    assert warned(good, sibling | {"birth_order": "2"}, sibling | BEFORE) == []


# --- what rows that are set aside say all the same ------------------------------------------------

CHILD, MOTHER = "9994765914", "9994765876"


def heard(result: Validated) -> set[tuple[str, str]]:
    """Kind and word of all that is heard of the child, its mother and its home."""
    [child], [mother] = keyed_references(KEY, "child", [CHILD]), keyed_references(KEY, "parent", [MOTHER])
    [home] = keyed_references(
        KEY, "dwelling", *dwelling_parts(pd.Series(["17 Canary Row"]), pd.Series(["CV32 5AA"]))
    )
    names = {child: "child", mother: "mother", home: "home"}
    said = result.unread[result.unread["subject"].isin(names)]
    return {(names[one.subject], f"{one.kind} {one.word}".strip()) for one in said.itertuples()}


SPOILT = {"time_of_birth": "noon"}


@pytest.mark.parametrize(
    ("says", "word"),
    [
        ({"consent_status": "refused"}, "consent_refused"),
        ({"consent_status": "withdrawn"}, "consent_withdrawn"),
        ({"objection_date": "2099-01-01"}, "objected"),
        ({"objection_date": "yes"}, "objected"),
        ({"death_status": "1"}, "child_died"),
        ({"date_of_death": "yesterday"}, "child_died"),
        ({"live_or_still_birth": "3"}, "suppressed"),
        ({"confidentiality": "S"}, "restricted_record"),
        ({"death_status": "U"}, None),
        ({}, None),
    ],
)
def test_what_a_row_that_is_set_aside_says_against_sharing_is_heard(
    validated: Validate, good: Row, says: Row, word: str | None
) -> None:
    result = validated(good | SPOILT | says)
    assert result.births.empty
    assert {name: str(dtype) for name, dtype in result.unread.dtypes.items()} == UNREAD
    expected = {("child", "child"), ("mother", "parent")} | ({("child", f"child {word}")} if word else set())
    assert heard(result) == expected
    dated = result.unread.loc[result.unread["word"] != "", "since"]
    assert dated.tolist() == [pd.Timestamp("2026-11-01 08:30")] * len(dated)


@pytest.mark.parametrize("number", ["", "12345", "9994765915", "5551645037", "4444444444"])
def test_of_a_child_whom_nobody_can_know_parent_and_home_stand_in(
    validated: Validate, good: Row, number: str
) -> None:
    result = validated(good | {"nhs_number": number, "consent_status": "refused"})
    assert heard(result) == {("mother", "parent"), ("mother", "stand_in"), ("home", "stand_in")}
    assert set(result.unread["word"]) == {""}


@pytest.mark.parametrize("written", ["999 476 5914", "999-476-5914", "999 4765914", "\t9994765914"])
def test_a_number_whose_digits_are_sound_is_heard_of_however_it_is_written(
    validated: Validate, good: Row, written: str
) -> None:
    """Another supplier may send this child, or one of this mother's, with the number as it should be."""
    result = validated(good | {"nhs_number": written, "consent_status": "refused"})
    assert ("child", "child") in heard(result)
    mothers = written.replace("914", "876")
    result = validated(good | {"nhs_number": "12345", "parent_nhs_number": mothers})
    assert heard(result) == {("mother", "parent"), ("mother", "stand_in"), ("home", "stand_in")}


def test_a_row_that_goes_with_another_of_its_child_is_heard_by_its_own_number(
    validated: Validate, good: Row
) -> None:
    """Its number is sound: it is set aside because of the other row alone, and nobody stands in for it."""
    result = validated(good | SPOILT, good | BEFORE | {"consent_status": "refused"})
    assert result.by_rule == {"time_format": 1, "other_row_unusable": 1}
    assert heard(result) == {("child", "child"), ("child", "child consent_refused"), ("mother", "parent")}


def test_rows_that_go_on_are_read(validated: Validate, good: Row) -> None:
    assert validated(good | {"consent_status": "refused"}).unread.empty


def test_a_pregnancy_that_is_set_aside_is_heard_by_its_own_number(extract_of: Callable[..., Extract]) -> None:
    contract = contract_of("expected_births")
    woman = dict.fromkeys(contract.names, "") | {
        "nhs_number": MOTHER, "pregnancy_id": "P1", "expected_date_of_delivery": "2026-12-01",
        "pregnancy_status": "ended", "consent_status": "withdrawn", "booking_date": "June",
    }  # fmt: skip
    found = validate(extract_of(woman), contract=contract, reference_key=KEY).unread
    pregnancy, parent = (
        keyed_references(KEY, "pregnancy", [MOTHER], ["P1"]),
        keyed_references(KEY, "parent", [MOTHER]),
    )
    said = set(found[["subject", "kind", "word"]].itertuples(index=False, name=None))
    assert said == {
        (parent[0], "parent", ""),
        (pregnancy[0], "child", "consent_withdrawn"),
        (pregnancy[0], "child", "suppressed"),
    }
