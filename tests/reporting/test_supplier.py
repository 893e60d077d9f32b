"""What a supplier learns about its rows: where, which rule, how to put it right; never a value."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from python_calamine import CalamineWorkbook

from pipeline.contract import CONTRACT_FILES, ERROR, WARNING, contract_of
from pipeline.records import QUARANTINE, declared, empty
from pipeline.reporting import SupplierFile, SupplierReport
from pipeline.reporting.supplier import MOST_LINES

RULES = {rule.id: rule for rule in contract_of("births").rules}
BROKEN = next(rule for rule in RULES.values() if rule.severity == ERROR and rule.fields)
DOUBTED = next(rule for rule in RULES.values() if rule.severity == WARNING)


def lines_of(*rows: tuple[str, int, str, str]) -> pd.DataFrame:
    return declared(pd.DataFrame(rows, columns=list(QUARANTINE)), QUARANTINE)


def about(**changes: object) -> SupplierFile:
    said: dict[str, object] = {
        "supplier": "chis",
        "name": "extract of chis for 2026-10",
        "dataset": "births",
        "sha256": "ab12" * 16,
        "signed_at": datetime(2026, 11, 2, 23, 30, tzinfo=UTC),
        "signed": True,
        "rows": 1_500,
    }
    return SupplierFile(**(said | changes))  # type: ignore[arg-type]  # of mixed types


def report(*rows: tuple[str, int, str, str], file: SupplierFile | None = None) -> SupplierReport:
    return SupplierReport(file or about(), lines_of(*rows))


def lines(made: SupplierReport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.as_csv().decode(), newline="")))


def sheets(made: SupplierReport) -> list[Worksheet]:
    return load_workbook(io.BytesIO(made.as_workbook())).worksheets


def told(made: SupplierReport) -> dict[str, str]:
    """What the first sheet says."""
    rows = list(sheets(made)[0].iter_rows(values_only=True))
    assert rows[0] == ("What", "In words")
    return {str(what): str(said) for what, said in rows[1:]}


# --- lines ----------------------------------------------------------------------------------------


def test_each_line_names_row_field_and_rule_and_says_what_it_means_and_what_to_do() -> None:
    [line] = lines(report(("chis", 17, "nhs_number", BROKEN.id)))

    assert line == {
        "supplier": "chis",
        "row": "17",
        "spreadsheet_row": "18",
        "your_heading": "nhs_number",
        "field": "nhs_number",
        "rule": BROKEN.id,
        "severity": "error",
        "what_it_means": BROKEN.description,
        "how_to_put_it_right": BROKEN.fix,
    }


def test_a_row_that_was_used_and_should_be_looked_at_comes_after_those_that_were_not() -> None:
    warnings = lines_of(("chis", 3, "given_name", DOUBTED.id))

    made = SupplierReport(about(), lines_of(("chis", 17, "postcode", BROKEN.id)), warnings)

    assert [(line["row"], line["severity"]) for line in lines(made)] == [("17", "error"), ("3", "warning")]
    assert told(made)["Set aside"].startswith("1 record:")
    assert told(made)["Used, and to be checked"].startswith("1 record:")


def test_lines_are_in_the_order_of_the_suppliers_own_file() -> None:
    made = report(("chis", 100, "postcode", "x"), ("chis", 9, "row", "y"), ("chis", 9, "a", "z"))

    assert [(line["row"], line["field"]) for line in lines(made)] == [
        ("9", "a"),
        ("9", "row"),
        ("100", "postcode"),
    ]


def test_the_suppliers_own_heading_stands_beside_the_contracts_name() -> None:
    file = about(headings={"nhs_number": "NHS No"}, lines_above=3)

    mapped, unmapped, whole = lines(
        report(
            ("chis", 1, "nhs_number", BROKEN.id),
            ("chis", 2, "postcode", "x"),
            ("chis", 3, "", "y"),
            file=file,
        )
    )

    assert (mapped["your_heading"], mapped["field"]) == ("NHS No", "nhs_number")
    assert (unmapped["your_heading"], unmapped["field"]) == ("postcode", "postcode")
    assert (whole["your_heading"], whole["field"]) == ("", "the whole row")


def test_lines_above_the_header_count_in_a_spreadsheet_and_not_among_the_records() -> None:
    made = report(("chis", 1, "nhs_number", BROKEN.id), file=about(lines_above=3))

    assert (lines(made)[0]["row"], lines(made)[0]["spreadsheet_row"]) == ("1", "5")
    assert "that is row 5, since 3 lines stand above the header" in told(made)["Where a row stands"]


def test_messages_are_counted_as_messages() -> None:
    made = report(("chis", 4, "nhs_number", BROKEN.id), file=about(counted_in="message"))

    assert lines(made)[0]["spreadsheet_row"] == ""
    assert told(made)["Set aside"].startswith("1 message:")
    assert told(made)["Where a row stands"] == "Record 1 is the first message of the file."


def test_columns_that_a_quarantine_should_not_have_are_not_passed_on() -> None:
    found = lines_of(("chis", 1, "postcode", "x")).assign(value="CV37 9ZZ", record_id="LOCAL-4711-ID")

    made = SupplierReport(about(), found, found)

    cells = str([[cell.value for cell in row] for sheet in sheets(made) for row in sheet.iter_rows()])
    for said in (made.as_csv().decode(), cells):
        assert "CV37 9ZZ" not in said and "LOCAL-4711-ID" not in said


def test_a_file_without_anything_wrong_is_said_to_be_so() -> None:
    made = report()

    assert made.as_csv().count(b"\r\n") == 1
    assert told(made)["What to do"] == "Nothing has to be sent again."
    assert [sheet.max_row for sheet in sheets(made)][1] == 1


def test_a_feed_of_which_nothing_was_applied_is_said_to_be_so() -> None:
    made = report(("chis", 1, "nhs_number", BROKEN.id), file=about(dataset="changes"))

    assert told(made)["What to do"].startswith("Nothing of this file was applied")


def test_a_huge_report_stays_small_and_says_how_much_more_there_is() -> None:
    found = pd.DataFrame(
        {"supplier": "chis", "row": range(1, 300_001), "field": "nhs_number", "rule": BROKEN.id}
    )
    rare = lines_of(("chis", 299_999, "postcode", "rare"))

    made = SupplierReport(about(rows=300_000), declared(pd.concat([found, rare]), QUARANTINE))

    listed = lines(made)
    assert len(listed) == MOST_LINES + 2
    assert [line["what_it_means"] for line in listed if not line["row"]] == [
        "299,000 more lines of this rule are not listed"
    ]
    assert [line["row"] for line in listed if line["rule"] == "rare"] == ["299999"]
    assert told(made)[f"{BROKEN.id}: 300,000 set aside"].startswith(BROKEN.description)
    assert told(made)["Set aside"].startswith("300,000 records")
    assert len(made.as_workbook()) < 1_000_000


# --- the workbook ---------------------------------------------------------------------------------


def test_the_workbook_can_be_read_by_a_screen_reader() -> None:
    """Headings in the first row of each sheet, which stays; no merged cell, no formula, a width for each."""
    made = report(("chis", 17, "nhs_number", BROKEN.id), ("chis", 18, "", "=cmd()"))

    first, second = sheets(made)
    assert (first.title, second.title) == ("About this report", "Rows")
    assert [table.ref for table in second.tables.values()] == ["A1:H3"]
    for sheet in (first, second):
        assert not sheet.merged_cells.ranges
        assert sheet.freeze_panes == "A2"
        assert all(cell.value and cell.font.bold for cell in sheet[1])
        assert all(sheet.column_dimensions[cell.column_letter].width for cell in sheet[1])
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert second["E3"].value == "=cmd()"


def test_the_workbook_says_whether_the_file_was_signed_and_when_in_london() -> None:
    assert told(report())["Signed"] == "2 November 2026"
    assert told(report(file=about(signed=False)))["First seen"] == "2 November 2026"


def test_another_program_reads_the_same_rows() -> None:
    made = report(("chis", 17, "nhs_number", BROKEN.id), ("chis", 9, "postcode", "x"))

    book = CalamineWorkbook.from_filelike(io.BytesIO(made.as_workbook()))

    header, *rows = book.get_sheet_by_name("Rows").to_python()
    assert [(row[header.index("Record")], row[header.index("Rule")]) for row in rows] == [
        (9, "x"),
        (17, BROKEN.id),
    ]
    assert ["This report is about", "the extract of chis for 2026-10"] in book.get_sheet_by_index(
        0
    ).to_python()


@pytest.mark.parametrize("dataset", sorted(CONTRACT_FILES))
def test_every_rule_of_every_contract_says_how_to_put_it_right(dataset: str) -> None:
    rules = contract_of(dataset).rules
    found = lines_of(*(("chis", 1, "a", rule.id) for rule in rules))

    made = SupplierReport(about(dataset=dataset), found, empty(QUARANTINE))

    assert all(line["what_it_means"] and line["how_to_put_it_right"] for line in lines(made))
    assert len(lines(made)) == len(rules)


def test_what_to_do_is_said_in_the_way_of_writing_that_was_agreed() -> None:
    file = about(dates={"*": "DD/MM/YYYY", "last_updated": "DD/MM/YYYY HH:MM:SS"}, grouped_numbers=True)
    broken = [
        ("chis", 1, "date_of_birth", "date_format"),
        ("chis", 2, "last_updated", "date_format"),
        ("chis", 3, "nhs_number", "nhs_number_format"),
    ]

    made = report(*broken, file=file)

    born, updated, number = (line["how_to_put_it_right"] for line in lines(made))
    assert born == "Write the date so: DD/MM/YYYY."
    assert updated == "Write the date so: DD/MM/YYYY HH:MM:SS."
    assert "no spaces" not in number
    assert "DD/MM/YYYY or DD/MM/YYYY HH:MM:SS" in told(made)["date_format: 2 set aside"]
    assert "YYYY-MM-DD" in lines(report(broken[0]))[0]["how_to_put_it_right"]


def test_a_supplier_with_codes_of_its_own_is_told_whose_codes_sentences_name() -> None:
    assert "send your own for it" in told(report(file=about(own_codes=True)))["Codes"]
    assert "Codes" not in told(report())


def test_sentences_have_no_marks_of_a_page_that_is_not_there() -> None:
    [line] = lines(report(("chis", 1, "given_name", "text_dangerous")))

    assert "`" not in "".join(line.values())
