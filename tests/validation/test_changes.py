"""Later words: every row names somebody and says something, or the file says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import pytest

from pipeline.contract import contract_of
from pipeline.errors import IntegrityError
from pipeline.records import SUPPRESSIONS, Extract, keyed_references
from pipeline.validation.changes import Heard, RowsUnusable, validate_changes

Row = Mapping[str, str]
KEY = bytes(32)
BLANK = dict.fromkeys(contract_of("changes").names, "")
NUMBER, OTHER = "9994765914", "9994765876"
CHILD = BLANK | {"subject": "child", "nhs_number": NUMBER, "word": "child_died", "since": "2026-11-02"}
PARENT = BLANK | {"subject": "parent", "nhs_number": OTHER, "word": "objected"}
ADDRESS = BLANK | {
    "subject": "address", "address_line_1": "17 Canary Row", "postcode": "CV32 5AA", "word": "suppressed",
}  # fmt: skip
PREGNANCY = BLANK | {
    "subject": "pregnancy", "nhs_number": OTHER, "pregnancy_id": "P-17", "word": "child_died",
    "since": "2026-11-02T14:05:00",
}  # fmt: skip


@pytest.fixture
def heard(extract_of: Callable[..., Extract]) -> Callable[..., Heard]:
    def run(*rows: Row) -> Heard:
        return validate_changes(extract_of(*rows), reference_key=KEY)

    return run


Hear = Callable[..., Heard]


def test_each_subject_is_keyed_as_births_key_it(heard: Hear) -> None:
    found = heard(ADDRESS, CHILD, PREGNANCY, PARENT)
    found.check_whole("the list")
    assert {name: str(dtype) for name, dtype in found.words.dtypes.items()} == SUPPRESSIONS
    assert found.words["subject"].tolist() == [
        *keyed_references(KEY, "dwelling", ["17CANARYROW"], ["CV325AA"]),
        *keyed_references(KEY, "child", [NUMBER]),
        *keyed_references(KEY, "pregnancy", [OTHER], ["P-17"]),
        *keyed_references(KEY, "parent", [OTHER]),
    ]
    assert found.words["word"].tolist() == ["suppressed", "child_died", "child_died", "objected"]
    assert found.words["since"].tolist()[1:3] == [
        pd.Timestamp("2026-11-02"), pd.Timestamp("2026-11-02 14:05"),
    ]  # fmt: skip
    assert found.words["since"].isna().tolist() == [True, False, False, True]


def test_two_spellings_of_an_address_are_one(heard: Hear) -> None:
    again = ADDRESS | {"address_line_1": "17, CANARY ROW", "postcode": "cv325aa"}
    assert heard(ADDRESS, again).words["subject"].nunique() == 1


@pytest.mark.parametrize("since", ["2206-01-01", ""])
def test_a_word_counts_whatever_its_date(heard: Hear, since: str) -> None:
    assert len(heard(CHILD | {"since": since}).words) == 1


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (CHILD | {"nhs_number": ""}, "nhs_number", "subject_not_named"),
        (PARENT | {"nhs_number": ""}, "nhs_number", "subject_not_named"),
        (ADDRESS | {"postcode": ""}, "postcode", "subject_not_named"),
        (ADDRESS | {"address_line_1": ""}, "address_line_1", "subject_not_named"),
        (PREGNANCY | {"pregnancy_id": ""}, "pregnancy_id", "subject_not_named"),
        (CHILD | {"postcode": "CV32 5AA"}, "postcode", "not_of_the_subject"),
        (ADDRESS | {"nhs_number": NUMBER}, "nhs_number", "not_of_the_subject"),
        (CHILD | {"nhs_number": "999 476 5914"}, "nhs_number", "nhs_number_format"),
        (CHILD | {"nhs_number": "9994765918"}, "nhs_number", "nhs_number_check_digit"),
        (ADDRESS | {"postcode": "CV32"}, "postcode", "postcode_not_whole"),
        (ADDRESS | {"address_line_1": "-"}, "address_line_1", "address_without_letters"),
        (CHILD | {"since": "02/11/2026"}, "since", "date_format"),
        (CHILD | {"since": "2026-02-30"}, "since", "date_impossible"),
        (CHILD | {"word": ""}, "word", "value_missing"),
        (CHILD | {"subject": "", "nhs_number": ""}, "subject", "value_missing"),
        (BLANK, "", "row_blank"),
    ],
)
def test_one_row_that_cannot_be_used_and_nothing_is_said(
    heard: Hear, row: Row, field: str, rule: str
) -> None:
    found = heard(PARENT, row)
    assert found.words.empty
    where = field or "the whole row"
    with pytest.raises(
        RowsUnusable, match=f"1 row cannot be used.*{where}: {rule}.*the list, record 2"
    ) as told:
        found.check_whole("the list")
    assert not any(value in str(told.value) for value in ("999476", "Canary", "CV32", "2026"))


@pytest.mark.parametrize("postcode", ["CV32 5AA", "cv325aa", "M1 1AE", "EC1A 1BB", "W1A 0AX", "CR2 6XH"])
def test_whole_postcodes_are_taken(heard: Hear, postcode: str) -> None:
    heard(ADDRESS | {"postcode": postcode}).check_whole("the list")


@pytest.mark.parametrize(
    ("column", "code"), [("word", "deceased"), ("subject", "mother"), ("word", "shared")]
)
def test_a_word_or_subject_that_nobody_agreed_stops_the_file(heard: Hear, column: str, code: str) -> None:
    with pytest.raises(IntegrityError, match=f"column {column}, record 1"):
        heard(CHILD | {column: code})


def test_every_word_of_the_contract_can_be_said(heard: Hear) -> None:
    words = contract_of("changes").column("word").codes
    assert heard(*(CHILD | {"word": word} for word in words)).words["word"].tolist() == list(words)


def test_a_word_about_a_number_of_another_country_is_heard_and_the_supplier_is_told(heard: Hear) -> None:
    found = heard(CHILD, PARENT | {"nhs_number": "0101645007"})
    found.check_whole("the list")
    assert (len(found.words), found.checked.warned) == (2, {"nhs_number_not_issued": 1})
