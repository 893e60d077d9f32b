"""A list as CSV for a technical recipient."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pipeline.lists.csv import count_rows, render_csv
from pipeline.lists.totals import AreaNumbers
from pipeline.reasons import Outcome, Reason

MADE_ON = date(2026, 11, 4)
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


def test_no_number_of_births_where_the_agreement_gives_none(make: Any) -> None:
    families = replace(make.list(make.births({})), totals=AreaNumbers(births=None))

    assert "births_in_area_rounded" not in read(render_csv(families, made_on=MADE_ON))[0]


def test_the_form_is_rfc_4180_in_utf_8(make: Any) -> None:
    content = render_csv(make.list(make.births({"given_name": "Zoë"})), made_on=MADE_ON)

    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    assert "Zoë".encode() in content


def test_numbers_alone_are_one_row_about_no_family(make: Any) -> None:
    births = make.births({}, {})
    nobody = make.decisions(births, *[{"outcome": int(Outcome.WITHHOLD), "reasons": NOT_SHARED}] * 2)
    agreement = make.with_terms(**make.totals)

    content = render_csv(make.list(births, nobody, agreement=agreement), made_on=MADE_ON)

    assert read(content) == [
        {
            "month": "2026-10",
            "agreement": "welcome-card.v2",
            "destroy_by": "2027-02-02",
            "births_in_area_rounded": "15",
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

    [row] = read(render_csv(make.list(make.births({}), agreement=agreement), made_on=MADE_ON))

    assert len(row.pop("pseudonym")) == 64
    assert row == {
        "month_of_birth": "2026-10",
        "sex": "2",
        "lsoa21": "E01000021",
        "month": "2026-10",
        "agreement": "welcome-card.v2",
        "destroy_by": "2027-02-02",
        "births_in_area_rounded": "15",
    }


def test_an_empty_list_is_its_header(make: Any) -> None:
    births = make.births({}).head(0)

    content = render_csv(make.list(births, make.decisions(births)), made_on=MADE_ON)

    assert content.startswith(b"addressed_to,children,parent,address_line_1,")
    assert read(content) == []
