"""A list as CSV for a technical recipient."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from typing import Any

import jsonschema
import pytest

from pipeline.agreements.model import ListField
from pipeline.errors import IntegrityError
from pipeline.lists.csv import count_rows, render_csv
from pipeline.lists.schema import render_schema
from pipeline.lists.telling import Told
from pipeline.lists.totals import AreaNumbers
from pipeline.reasons import Outcome, Reason

MADE_ON = date(2026, 11, 4)
PUBLISHED = jsonschema.Draft202012Validator(json.loads(render_schema()))
NOT_SHARED = Reason.NO_FAMILY_SHARED.bit
HOSTILE = [
    "=1+1",
    "+44 1926",
    "-",
    "@here",
    "\tTab",
    'Quote"d',
    "Comma, Street",
    "Line\r\nbreak",
    "Zoë 李",
    "007",
]


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


@pytest.mark.parametrize("value", HOSTILE)
def test_values_arrive_as_they_are(make: Any, value: str) -> None:
    rows = read(render_csv(make.list(make.births({"address_line_2": value})), made_on=MADE_ON))

    assert rows[0]["address_line_2"] == value


def test_each_row_names_the_agreement_and_the_day_of_destruction(make: Any) -> None:
    row = read(render_csv(make.list(make.births({})), made_on=MADE_ON))[0]

    assert row["month"] == "2026-10"
    assert row["agreement"] == "welcome-card.v2"
    assert row["destroy_by"] == "2027-02-02"
    assert row["births_in_area_rounded"] == "15"
    assert (row["births_in_area_least"], row["births_in_area_most"]) == ("", "")


@pytest.mark.parametrize(("told", "said"), [(Told(least=9, most=17), ("9", "17")), (Told(), ("", ""))])
def test_a_number_that_is_hidden_is_between_two_others_or_not_told(
    make: Any, told: Told, said: tuple[str, str]
) -> None:
    families = replace(make.list(make.births({})), totals=AreaNumbers(births=told))
    content = render_csv(families, made_on=MADE_ON)
    row = read(content)[0]

    assert row["births_in_area_rounded"] == ""
    assert (row["births_in_area_least"], row["births_in_area_most"]) == said
    assert count_rows(content) == 1


def test_no_number_of_births_where_the_agreement_gives_none(make: Any) -> None:
    families = replace(make.list(make.births({})), totals=AreaNumbers(births=None))

    row = read(render_csv(families, made_on=MADE_ON))[0]
    assert not [name for name in row if name.startswith("births_in_area")]


def test_the_form_is_rfc_4180_in_utf_8(make: Any) -> None:
    content = render_csv(make.list(make.births({"given_name": "Zoë"})), made_on=MADE_ON)

    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    assert "Zoë".encode() in content


def test_numbers_alone_are_one_row_about_no_family(make: Any) -> None:
    births = make.births({}, {})
    nobody = make.decisions(births, *[{"outcome": int(Outcome.WITHHOLD), "reasons": NOT_SHARED}] * 2)
    agreement = make.with_terms(**make.totals)

    families = make.list(births, nobody, agreement=agreement)
    content = render_csv(families, made_on=MADE_ON)

    assert read(content) == [
        {
            "month": "2026-10",
            "agreement": "welcome-card.v2",
            "destroy_by": "2027-02-02",
            "births_in_area_rounded": "15",
            "births_in_area_least": "",
            "births_in_area_most": "",
            "receipt_code": families.receipt_code,
        }
    ]
    assert count_rows(content) == 0


@pytest.mark.parametrize(("household", "rows"), [("one_card", 1), ("each_child", 2)])
def test_rows_are_counted_as_the_file_has_them(make: Any, household: str, rows: int) -> None:
    births = make.births({"dwelling": "home"}, {"dwelling": "home", "given_name": "Line\r\nbreak"})
    decisions = make.decisions(births, {"household": 1}, {"household": 1})

    families = make.list(births, decisions, agreement=make.with_terms(household=household))

    assert count_rows(render_csv(families, made_on=MADE_ON)) == rows
    assert families.households == 1


def test_a_pseudonymised_extract_has_no_column_but_what_was_agreed(make: Any) -> None:
    agreement = make.with_terms(
        fields=["pseudonym", "month_of_birth", "sex", "lsoa"],
        shares="pseudonyms",
        household="each_child",
        totals=None,
    )

    families = make.list(make.births({}), agreement=agreement)
    [row] = read(render_csv(families, made_on=MADE_ON))

    assert len(row.pop("pseudonym")) == 64
    assert row == {
        "month_of_birth": "2026-10",
        "sex": "2",
        "lsoa21": "E01000021",
        "list_reference": families.on_list[0].reference,
        "month": "2026-10",
        "agreement": "welcome-card.v2",
        "destroy_by": "2027-02-02",
        "births_in_area_rounded": "15",
        "births_in_area_least": "",
        "births_in_area_most": "",
        "receipt_code": families.receipt_code,
    }


def test_a_list_of_nobody_has_one_row_about_no_family(make: Any) -> None:
    births = make.births({}).head(0)
    families = make.list(births, make.decisions(births))

    content = render_csv(families, made_on=MADE_ON)
    [row] = read(content)

    assert content.startswith(b"addressed_to,children,parent,address_line_1,")
    assert row["destroy_by"] == "2027-02-02"
    assert row["receipt_code"] == families.receipt_code
    assert not any(row[column] for column in families.rows)
    assert count_rows(content) == 0


def test_each_row_has_its_reference_and_the_lists_receipt_code(make: Any) -> None:
    families = make.list(make.births({}, {"given_name": "Noah"}))

    rows = read(render_csv(families, made_on=MADE_ON))

    assert {row["list_reference"] for row in rows} == {one.reference for one in families.on_list}
    assert {row["receipt_code"] for row in rows} == {families.receipt_code}


@pytest.mark.parametrize("field", ListField)
def test_every_file_is_as_the_published_schema_says(make: Any, field: ListField) -> None:
    beside = [ListField.PARENT_NAME] if field is ListField.EXPECTED_DATE_OF_DELIVERY else []
    families = make.list(make.births({}, {}), agreement=make.with_fields(field, *beside))

    for row in read(render_csv(families, made_on=MADE_ON)):
        PUBLISHED.validate(row)


@pytest.mark.parametrize(
    ("agreed", "spoilt"),
    [
        (b"2026-10-05", b"05/10/2026"),
        (b",2026-10,", b",October,"),
        (b"2027-02-02", b"as soon as possible"),
        (b"list_reference", b"reference"),
        (b",15,", b",about 15,"),
    ],
)
def test_a_file_that_is_not_as_published_is_never_sealed(make: Any, agreed: bytes, spoilt: bytes) -> None:
    content = render_csv(make.list(make.births({})), made_on=MADE_ON)
    assert agreed in content

    with pytest.raises(IntegrityError, match=r"not as schemas/LIST\.md says"):
        count_rows(content.replace(agreed, spoilt))


def test_a_row_with_a_field_too_many_is_never_sealed(make: Any) -> None:
    content = render_csv(make.list(make.births({})), made_on=MADE_ON)

    with pytest.raises(IntegrityError, match="columns of a list"):
        count_rows(content.removesuffix(b"\r\n") + b",more\r\n")


def test_a_list_never_lacks_its_receipt_code(make: Any) -> None:
    families = replace(make.list(make.births({})), receipt_code="")

    with pytest.raises(IntegrityError, match="receipt_code"):
        count_rows(render_csv(families, made_on=MADE_ON))
