"""What a supplier learns about rows that were set aside: where, and which rule; never a value."""

from __future__ import annotations

import csv
import io

import pandas as pd

from pipeline.contract import load_contract
from pipeline.records import QUARANTINE, declared, empty
from pipeline.reporting import supplier_report


def quarantine(*rows: tuple[str, int, str, str]) -> pd.DataFrame:
    return declared(pd.DataFrame(rows, columns=list(QUARANTINE)), QUARANTINE)


def lines(report: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report.decode(), newline="")))


def test_each_line_names_row_field_and_rule_and_says_what_it_means() -> None:
    rule = load_contract().rules[1]

    [line] = lines(supplier_report(quarantine(("chis", 17, "nhs_number", rule.id))))

    assert line == {
        "supplier": "chis",
        "row": "17",
        "field": "nhs_number",
        "rule": rule.id,
        "what_it_means": rule.description,
    }


def test_lines_are_in_the_order_of_the_suppliers_own_file() -> None:
    report = supplier_report(
        quarantine(("chis", 100, "postcode", "x"), ("chis", 9, "row", "y"), ("chis", 9, "a", "z"))
    )

    assert [(line["row"], line["field"]) for line in lines(report)] == [
        ("9", "a"),
        ("9", "row"),
        ("100", "postcode"),
    ]


def test_columns_that_a_quarantine_should_not_have_are_not_passed_on() -> None:
    report = supplier_report(quarantine(("chis", 1, "postcode", "x")).assign(value="CV37 9ZZ"))

    assert b"CV37 9ZZ" not in report


def test_a_month_without_quarantine_is_a_header() -> None:
    assert supplier_report(empty(QUARANTINE)) == b"supplier,row,field,rule,what_it_means\r\n"
