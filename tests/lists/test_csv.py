"""A list as CSV for a technical recipient."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pipeline.lists.csv import render_csv
from pipeline.lists.totals import AreaNumbers

MADE_ON = date(2026, 11, 4)
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


def test_an_empty_list_is_its_header(make: Any) -> None:
    births = make.births({}).head(0)

    content = render_csv(make.list(births, make.decisions(births)), made_on=MADE_ON)

    assert content.startswith(b"addressed_to,children,parent,address_line_1,")
    assert read(content) == []
