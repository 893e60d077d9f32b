"""Companion answers: keyed as births are; a refusal that names nobody stops the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import pytest

from pipeline.errors import IntegrityError
from pipeline.records import ANSWERS, Extract, keyed_references
from pipeline.validation.answers import Answered, RefusalUnusable, validate_answers

Row = Mapping[str, str]
KEY = bytes(32)
YES = {
    "nhs_number": "9994765914",
    "consent_status": "given",
    "consent_date": "2026-10-12",
    "consent_scope": "childrens_centre;library",
    "consent_wording": "form-2025",
    "consent_given_by": "father",
}


@pytest.fixture
def answered(extract_of: Callable[..., Extract]) -> Callable[..., Answered]:
    def run(*rows: Row) -> Answered:
        return validate_answers(extract_of(*rows), reference_key=KEY)

    return run


Answers = Callable[..., Answered]


def test_an_answer_is_about_the_child_that_births_know(answered: Answers) -> None:
    answers = answered(YES, YES | {"consent_status": "refused", "consent_given_by": "mother"}).answers
    assert {name: str(dtype) for name, dtype in answers.dtypes.items()} == {**ANSWERS, "supplier": "str"}
    assert set(answers["child"]) == set(keyed_references(KEY, "child", ["9994765914"]))
    assert answers["answer"].tolist() == ["given", "refused"]
    assert answers["person"].tolist() == ["father", "mother"]
    assert answers["date"].iloc[0] == pd.Timestamp("2026-10-12")
    assert answers["supplier"].tolist() == ["chis", "chis"]


def test_an_answer_without_a_date_or_a_person_is_kept_as_it_is(answered: Answers) -> None:
    answers = answered(YES | {"consent_date": "", "consent_given_by": ""}).answers
    assert answers["date"].isna().all()
    assert answers["person"].tolist() == [""]


@pytest.mark.parametrize(
    "spoilt", [{"nhs_number": "999 476 5914"}, {"nhs_number": ""}, {"consent_date": "?"}]
)
def test_a_permission_that_cannot_be_used_counts_for_nothing_and_is_reported(
    answered: Answers, spoilt: Row
) -> None:
    found = answered(YES, YES | spoilt)
    found.check_no_refusal_lost("the file")
    assert len(found.answers) == 1
    assert found.checked.quarantine["row"].tolist() == [2]


@pytest.mark.parametrize("status", ["refused", "withdrawn", ""])
@pytest.mark.parametrize("spoilt", [{"nhs_number": "9994765918"}, {"nhs_number": ""}, {"consent_date": "?"}])
def test_what_may_be_a_refusal_and_cannot_be_used_stops_the_file(
    answered: Answers, status: str, spoilt: Row
) -> None:
    found = answered(YES, YES | {"consent_status": status} | spoilt)
    with pytest.raises(RefusalUnusable, match="1 of the answers.*the file, record 2") as told:
        found.check_no_refusal_lost("the file")
    assert "999476" not in str(told.value)
    assert told.value.exit_code == 4


def test_a_row_that_says_nothing_at_all_may_hide_a_refusal(answered: Answers) -> None:
    with pytest.raises(RefusalUnusable):
        answered(YES, dict.fromkeys(YES, "")).check_no_refusal_lost("the file")


@pytest.mark.parametrize("code", ["not_asked", "yes", "Refused"])
def test_an_answer_that_nobody_agreed_stops_the_file(answered: Answers, code: str) -> None:
    with pytest.raises(IntegrityError, match="column consent_status, record 1"):
        answered(YES | {"consent_status": code})


def test_a_file_without_answers_is_no_answers(extract_of: Callable[..., Extract]) -> None:
    header = extract_of(YES)
    nothing = Extract("chis", header.month, header.frame.iloc[:0], "", "", header.signed_at)
    found = validate_answers(nothing, reference_key=KEY)
    found.check_no_refusal_lost("the file")
    assert found.answers.empty


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
@pytest.mark.parametrize(
    "odd", [{"consent_date": ""}, {"consent_date": "2099-01-01"}, {"consent_given_by": ""}]
)
def test_an_odd_refusal_is_a_refusal_and_the_supplier_is_told(
    answered: Answers, status: str, odd: Row
) -> None:
    found = answered(YES | {"consent_status": status} | odd)
    assert found.answers["answer"].tolist() == [status]
    told = {"refused": {"refusal_as_if_given": 1}, "withdrawn": {}}[status]
    if "consent_date" in odd:
        told = told | ({"date_to_come": 1} if odd["consent_date"] else {"answer_undated": 1})
    assert found.checked.warned == told


def test_a_refusal_under_a_number_that_nobody_has_stops_the_file(answered: Answers) -> None:
    """It may be a slip in the number of a child who is known."""
    with pytest.raises(RefusalUnusable):
        answered(YES, YES | {"nhs_number": "5551645037", "consent_status": "refused"}).check_no_refusal_lost(
            "it"
        )
