"""What a workbook's cells come to: as text where there is no doubt, and otherwise a refusal.

Workbooks are written by openpyxl, by LibreOffice, and by hand. What must be refused is in tests/hostile.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from python_calamine import CalamineWorkbook

from hostile import books
from hostile.books import DATE, MOMENT, TIME, number, table, workbook
from hostile.family import CHILD, HEADER, NUMBER, STREET, as_csv, family, rows
from pipeline.contract import contract_of
from pipeline.errors import IntegrityError
from pipeline.intake.cells import Kind, Typed, kind_of_format
from pipeline.intake.files import read_file
from pipeline.intake.parts import open_package
from pipeline.intake.profiles import Layout
from pipeline.intake.sheets import letters, read_sheet, sheet_names

BIRTHS = contract_of("births")
XLSX = Layout(format="xlsx")


def read(content: bytes, layout: Layout = XLSX) -> pd.DataFrame:
    return read_file(content, contract=BIRTHS, layout=layout, where="extract")


def first(content: bytes, layout: Layout = XLSX) -> dict[str, Any]:
    """The first record."""
    record: dict[str, Any] = read(content, layout).iloc[0].to_dict()
    return record


def refused(content: bytes, layout: Layout = XLSX) -> str:
    with pytest.raises(IntegrityError) as stopped:
        read(content, layout)
    assert CHILD not in str(stopped.value)
    assert NUMBER not in str(stopped.value)
    return str(stopped.value)


def by_openpyxl(records: list[list[Any]], formats: dict[str, str] | None = None) -> bytes:
    """Rows of values as openpyxl writes them; a number format by the cell's place."""
    book = openpyxl.Workbook()
    for record in records:
        book.active.append(record)
    for place, code in (formats or {}).items():
        book.active[place].number_format = code
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def with_cells(**cells: str) -> bytes:
    """The family, with some cells written by hand."""
    return table(rows(family(**cells)))


# --- text -----------------------------------------------------------------------------------------


def test_a_workbook_of_text_reads_as_the_same_csv_file_does() -> None:
    records = rows(family(), family(record_id="007", given_name="Zoë", address_line_1="  1, “Sea View”\n"))
    plain = Layout()
    quoted = [[f'"{value}"' for value in record] for record in records]
    expected = read_file(as_csv(quoted), contract=BIRTHS, layout=plain, where="extract")
    pd.testing.assert_frame_equal(read(by_openpyxl(records)), expected)
    pd.testing.assert_frame_equal(read(table(records)), expected)


def test_text_keeps_its_leading_zeros() -> None:
    assert first(with_cells(record_id="007", nhs_number="0123456789"))["nhs_number"] == "0123456789"


def test_a_text_in_pieces_is_one_text_without_what_is_written_above_it() -> None:
    pieces = f"<si><r><t>{CHILD[:5]}</t></r><r><t>{CHILD[5:]}</t></r><rPh><t>above</t></rPh></si>"
    texts = f'<sst xmlns="{books.MAIN}"><si><t>first</t></si>{pieces}</sst>'
    cell = '<c t="s"><v>1</v></c>'
    sheet = books.sheet(books.lines(rows(family(given_name=cell))))
    assert first(workbook({books.SHEET: sheet, books.TEXTS: texts}))["given_name"] == CHILD


def test_signs_that_xml_cannot_hold_are_shown_as_excel_shows_them() -> None:
    """And are then for the row's rules to find; half a character stays as it is written."""
    found = first(with_cells(given_name="A_x000D_B_x005F_C", family_name="_xD800_"))
    assert (found["given_name"], found["family_name"]) == ("A\rB_C", "_xD800_")


@pytest.mark.parametrize("where", ["prefix", "strict", "utf-16", "without places"])
def test_xml_may_be_written_in_other_ways(where: str) -> None:
    sheet: str | bytes = books.sheet(books.lines(rows()))
    if where == "prefix":
        sheet = books.sheet(books.lines(rows())).replace("<", "<x:").replace("<x:/", "</x:")
        sheet = sheet.replace("xmlns=", "xmlns:x=")
    elif where == "strict":
        sheet = books.sheet(books.lines(rows())).replace(
            books.MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main"
        )
    elif where == "utf-16":
        sheet = books.sheet(books.lines(rows())).encode("utf-16")
    else:
        full = rows([value or "-" for value in family()])
        sheet = books.sheet(books.lines(full))
        for column in range(1, len(HEADER) + 1):
            sheet = sheet.replace(f' r="{letters(column)}1"', "").replace(f' r="{letters(column)}2"', "")
    assert first(workbook({books.SHEET: sheet}))["given_name"] == CHILD


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [NUMBER, f"{NUMBER}.0", f"{NUMBER[0]}.{NUMBER[1:]}E9", f"{NUMBER}e0"])
def test_an_nhs_number_kept_as_a_number_is_its_ten_digits(written: str) -> None:
    assert first(with_cells(nhs_number=number(written)))["nhs_number"] == NUMBER


@pytest.mark.parametrize("written", [NUMBER[1:], f"{NUMBER}0", "1.2E10", f"-{NUMBER}", "0"])
def test_an_nhs_number_that_lost_or_won_a_digit_stops_the_file(written: str) -> None:
    said = refused(table(rows(family(), family(nhs_number=number(written)))))
    assert "has not ten digits (extract, column nhs_number, record 2)" in said


@pytest.mark.parametrize("written", [f"{NUMBER}.5", "1E15", "1E300", "0.1", "1E-7"])
def test_a_number_that_is_not_whole_or_not_kept_whole_stops_the_file(written: str) -> None:
    assert "column record_id, record 1" in refused(with_cells(record_id=number(written)))


@pytest.mark.parametrize("written", ["NaN", "Infinity", "1_000", "٣", "0x10", " 1", "1,5", "9" * 50, ""])
def test_what_only_some_programs_take_for_a_number_is_none(written: str) -> None:
    cell = with_cells(sex=number(written))
    if written:
        assert "not written as workbooks are (extract, record 1, column E)" in refused(cell)
    else:
        assert first(cell)["sex"] == ""


def test_codes_and_counts_may_be_numbers() -> None:
    found = first(by_openpyxl([HEADER, [1 if name in ("sex", "number_of_births") else value
                                       for name, value in zip(HEADER, family(), strict=True)]]))  # fmt: skip
    assert (found["sex"], found["number_of_births"]) == ("1", "1")


def test_all_records_with_a_misfit_are_counted() -> None:
    wrong = family(nhs_number=number("12"))
    said = refused(table(rows(*[wrong] * 7, family())))
    assert "7 cells hold" in said
    assert "records 1, 2, 3, 4, 5 and 2 more" in said


# --- days and times -------------------------------------------------------------------------------


def test_a_day_is_written_as_the_contract_writes_it() -> None:
    assert first(with_cells(date_of_birth=number(46298, DATE)))["date_of_birth"] == "2026-10-03"
    assert first(with_cells(date_of_birth='<c t="d"><v>2026-10-03</v></c>'))["date_of_birth"] == "2026-10-03"


def test_a_day_with_a_time_is_left_for_the_rows_rule_to_name() -> None:
    found = first(with_cells(date_of_birth=number("46298.25", MOMENT)))
    assert found["date_of_birth"] == "2026-10-03T06:00:00"


def test_a_moment_and_a_time_of_day() -> None:
    cells = {"last_updated": number("46298.9999999", MOMENT), "time_of_birth": number("0.75", TIME)}
    found = first(with_cells(**cells))
    assert (found["last_updated"], found["time_of_birth"]) == ("2026-10-04", "18:00:00")


def test_days_counted_from_1904_are_read_as_the_workbook_says() -> None:
    parts = {
        books.BOOK: books.book("Births", properties='<workbookPr date1904="1"/>'),
        books.SHEET: books.sheet(books.lines(rows(family(date_of_birth=number(46298 - 1462, DATE))))),
    }
    assert first(workbook(parts))["date_of_birth"] == "2026-10-03"


@pytest.mark.parametrize("days", ["0", "59", "60", "-1", "99001", "1E9"])
def test_a_day_that_cannot_be_stops_the_file(days: str) -> None:
    assert "column date_of_birth, record 1" in refused(with_cells(date_of_birth=number(days, DATE)))


def test_days_as_digits_are_read_where_that_was_agreed() -> None:
    agreed = XLSX.model_copy(update={"dates": {"date_of_birth": "YYYYMMDD"}})
    assert first(with_cells(date_of_birth=number(20261003)), agreed)["date_of_birth"] == "2026-10-03"
    assert "a number where a date" in refused(with_cells(date_of_birth=number(20261003)))


def test_days_as_text_are_read_as_the_profile_says_beside_days_as_days() -> None:
    agreed = XLSX.model_copy(update={"dates": {"*": "DD/MM/YYYY"}})
    mixed = table(rows(family(date_of_birth="03/10/2026"), family(date_of_birth=number(46298, DATE))))
    assert set(read(mixed, agreed)["date_of_birth"]) == {"2026-10-03"}


OTHERS = [
    "General", "0000000000", "@", "0.00E+00", "#,##0.00", '0 "days"', "[Red]0", "yyyy-mm-dd", "dd/mm/yyyy",
    "[$-809]d mmmm yyyy", "h:mm AM/PM", "[h]:mm:ss", "mm:ss", "mmm", "d/m/yy h:mm", '"year "0', r"0\d", "0;d",
]  # fmt: skip


@pytest.mark.parametrize("code", [*BUILTIN_FORMATS.values(), *OTHERS])
def test_a_format_is_one_for_days_or_times_where_openpyxl_says_so(code: str) -> None:
    is_day = kind_of_format("200", {"200": code}) is not Kind.NUMBER
    assert is_day == is_date_format(code)


def test_a_format_for_months_is_none_for_minutes() -> None:
    formats = {"mmm-yy": Kind.DATE, "mm:ss": Kind.TIME, "h:mm": Kind.TIME, "d/m/yy h:mm": Kind.MOMENT}
    assert {code: kind_of_format("200", {"200": code}) for code in formats} == formats


# --- rows and columns -----------------------------------------------------------------------------


def test_a_title_above_the_header_may_be_merged_and_worked_out() -> None:
    above = [["Births", "<c><f>TODAY()</f><v>46298</v></c>"], []]
    merged = '<mergeCells><mergeCell ref="A1:F2"/></mergeCells>'
    agreed = XLSX.model_copy(update={"rows_above_header": 2})
    content = table([*above, *rows()], after=merged)
    assert first(content, agreed)["given_name"] == CHILD
    assert "formula" in refused(content)


def test_blank_rows_at_the_end_do_not_count_and_others_do() -> None:
    blank = [""] * len(HEADER)
    styled = [f'<c s="{DATE}"/>'] * len(HEADER)
    found = read(table(rows(family(), blank, family(), blank, styled)))
    assert found["row"].tolist() == [1, 2, 3]
    assert found["nhs_number"].tolist() == [NUMBER, "", NUMBER]


def test_a_sheet_of_a_million_formatted_rows_is_read_without_them() -> None:
    blank = "".join(f'<row r="{row}" s="1" customFormat="1"/>' for row in range(3, 1_048_577))
    assert len(read(workbook({books.SHEET: books.sheet(books.lines(rows()) + blank)}))) == 1


def test_a_sheet_that_says_it_is_smaller_than_it_is_loses_no_row() -> None:
    small = '<dimension ref="A1:C2"/>'
    assert len(read(table(rows(family(), family(), family()), before=small))) == 3


def test_a_hidden_header_is_a_hidden_row() -> None:
    hidden = {books.SHEET: books.sheet(books.lines(rows()).replace('<row r="1"', '<row r="1" hidden="1"'))}
    assert "hidden row" in refused(workbook(hidden))


def test_hidden_columns_beside_the_table_are_as_good_as_none() -> None:
    beside = f'<cols><col min="{len(HEADER) + 1}" max="16384" hidden="1" width="0"/></cols>'
    assert len(read(table(rows(), before=beside))) == 1


def test_a_column_that_is_known_and_not_used_may_hold_anything() -> None:
    records = [[*HEADER, "Age"], [*family(), '<c t="e"><v>#N/A</v></c>'], [*family(), number("0.5")]]
    found = read(table(records), XLSX.model_copy(update={"not_used": ("Age",)}))
    assert "Age" not in found
    assert len(found) == 2


def test_the_agreed_one_of_several_sheets_is_read() -> None:
    second = "xl/worksheets/sheet2.xml"
    parts = {
        books.SHEET: books.sheet(books.lines([["Notes"]])),
        second: books.sheet(books.lines(rows())),
        books.RELATED: books.related("worksheets/sheet1.xml", "/xl/worksheets/sheet2.xml"),
        books.BOOK: books.book("Notes", "Births"),
    }
    content = workbook(parts)
    assert sheet_names(open_package(content, where="extract")) == ["Notes", "Births"]
    assert len(read(content, XLSX.model_copy(update={"sheet": "Births"}))) == 1
    assert "no sheet of the agreed name" in refused(content, XLSX.model_copy(update={"sheet": "births"}))


def test_a_header_alone_is_a_month_without_births() -> None:
    assert len(read(table([HEADER]))) == 0


# --- beside other programs ------------------------------------------------------------------------

VALUES = st.one_of(
    st.integers(-(10**14), 10**14),
    st.text(st.characters(categories=("L", "N", "Zs", "P")), min_size=1, max_size=12),
    st.dates(date(1900, 3, 2), date(2170, 1, 1)),
    st.datetimes(datetime(1900, 3, 2), datetime(2170, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.times().map(lambda moment: moment.replace(microsecond=0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, min_size=1, max_size=30))
def test_every_cell_is_what_another_reader_finds_in_it(values: list[Any]) -> None:
    records = [[f"'{value}" if isinstance(value, str) else value] for value in values]
    content = by_openpyxl([["header"], *records])
    sheet = read_sheet(open_package(content, where="extract"), name="", rows_above_header=0)
    others = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    ours = [sheet.rows[record][0] for record in range(1, len(records) + 1)]
    assert ours == [as_cell(row[0]) for row in others[1:]]


def as_cell(value: Any) -> Any:
    """What another reader found, as we say it."""
    if isinstance(value, float):
        return Typed(Kind.NUMBER, f"{value:.0f}".replace("-0", "0") if value == 0 else f"{value:.0f}")
    if isinstance(value, datetime) and value.time() != time():
        return Typed(Kind.MOMENT, value.isoformat())
    if isinstance(value, date):
        return Typed(Kind.DATE, value.isoformat()[:10])
    if isinstance(value, time):
        return Typed(Kind.TIME, f"{value:%H:%M:%S}")
    return value


@pytest.fixture(scope="module")
def by_libreoffice(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The family, from a CSV file that LibreOffice opened, took for numbers and days, and saved."""
    if not shutil.which("soffice"):
        pytest.skip("LibreOffice (soffice) is not installed here")
    folder = tmp_path_factory.mktemp("libreoffice")
    (folder / "births.csv").write_bytes(as_csv(rows(family(time_of_birth="03:04:05"))))
    alone = f"-env:UserInstallation=file://{folder}/profile"
    order = [
        "soffice",
        alone,
        "--headless",
        "--convert-to",
        "xlsx",
        "--outdir",
        folder,
        folder / "births.csv",
    ]
    subprocess.run([*order, folder / "births.csv"], check=True, capture_output=True, timeout=120)
    return Path(folder, "births.xlsx").read_bytes()


def test_a_workbook_saved_by_libreoffice_reads_as_the_file_it_was_made_from(by_libreoffice: bytes) -> None:
    found = first(by_libreoffice)
    expected = dict(zip(HEADER, family(time_of_birth="03:04:05"), strict=True))
    assert {name: found[name] for name in HEADER} == expected


def test_libreoffice_kept_no_text_of_the_numbers_and_days(by_libreoffice: bytes) -> None:
    """Or else the test above would prove nothing."""
    sheet = read_sheet(open_package(by_libreoffice, where="extract"), name="", rows_above_header=0)
    cells = dict(zip(HEADER, sheet.rows[1], strict=False))
    assert cells["nhs_number"] == Typed(Kind.NUMBER, NUMBER)
    assert isinstance(cells["date_of_birth"], Typed)
    assert cells["address_line_1"] == STREET
