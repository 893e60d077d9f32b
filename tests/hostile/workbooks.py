"""Files that should be Excel workbooks: what each is, as bytes, and the words that say what is wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence

import msoffcrypto.format.ooxml

from hostile import books
from hostile.books import BOOK, RELATED, SHEET, TEXTS, TYPES, lines, number, sheet, table, workbook
from hostile.family import CHILD, HEADER, NUMBER, STREET, TABLE, family, rows

_DOCTYPE = '<?xml version="1.0"?><!DOCTYPE x [{}]>'
_LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def csv_instead() -> bytes:
    return TABLE


def nothing() -> bytes:
    return b""


def no_cells() -> bytes:
    return workbook()


def header_of_blanks() -> bytes:
    return table([["", " "], family()])


def zip_of_something_else() -> bytes:
    return workbook({TYPES: books.types().replace("spreadsheetml.sheet", "wordprocessingml.document")})


def cut_off() -> bytes:
    return table(rows())[:-60]


def byte_changed() -> bytes:
    content = bytearray(table(rows()))
    content[content.index(SHEET.encode()) + 60] ^= 0xFF
    return bytes(content)


def locked_with_a_password() -> bytes:
    written = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(table(rows()))).encrypt("password", written)
    return written.getvalue()


def of_before_2007() -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000) + "Workbook".encode("utf-16-le") + bytes(2000)


def with_macros() -> bytes:
    return workbook({SHEET: _usual(), "xl/vbaProject.bin": b"\0" * 100})


def may_hold_macros() -> bytes:
    return workbook(
        {SHEET: _usual(), TYPES: books.types().replace("spreadsheetml.sheet", "sheet.macroEnabled")}
    )


def linked_to_other_files() -> bytes:
    return workbook({SHEET: _usual(), "xl/externalLinks/externalLink1.xml": "<externalLink/>"})


def fetches_from_the_web() -> bytes:
    return workbook({SHEET: _usual(), "xl/connections.xml": "<connections/>"})


def pivot_table_with_a_copy() -> bytes:
    return workbook({SHEET: _usual(), "xl/pivotCache/pivotCacheRecords1.xml": f"<r><s v='{CHILD}'/></r>"})


def another_file_inside() -> bytes:
    return workbook({SHEET: _usual(), "xl/embeddings/oleObject1.bin": CHILD})


def bomb_of_spaces() -> bytes:
    return workbook({SHEET: sheet(" " * (20 << 20))})


def bomb_of_rows() -> bytes:
    return workbook({SHEET: sheet("<row/>" * (1 << 22))})


def bomb_in_a_part_that_nobody_reads() -> bytes:
    return workbook({SHEET: _usual(), "xl/media/image1.png": bytes(20 << 20)})


def bomb_that_says_it_is_small() -> bytes:
    content = bytearray(bomb_of_spaces())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.rindex(mark, 0, content.rindex(SHEET.encode())) if mark[2] == 1 else content.index(mark)
        while content[at + (46 if mark[2] == 1 else 30) :][: len(SHEET)] != SHEET.encode():
            at = content.index(mark, at + 1)
        content[at + place : at + place + 4] = (100).to_bytes(4, "little")
    return bytes(content)


def packed_by_another_program() -> bytes:
    return workbook({SHEET: _usual()}, packed=zipfile.ZIP_LZMA)


def two_thousand_parts() -> bytes:
    return workbook({SHEET: _usual(), **{f"xl/part{one}.xml": "" for one in range(2000)}})


def two_parts_of_one_name() -> bytes:
    return workbook({SHEET: _usual(), SHEET.upper(): sheet(lines(rows(family(death_status="2"))))})


def entities_that_grow() -> bytes:
    return _of_prolog(_DOCTYPE.format(_LAUGHS), "&i;")


def entity_from_a_file() -> bytes:
    return _of_prolog(_DOCTYPE.format('<!ENTITY secret SYSTEM "file:///etc/passwd">'), "&secret;")


def entity_from_the_web() -> bytes:
    return _of_prolog(_DOCTYPE.format('<!ENTITY % far SYSTEM "http://127.0.0.1:9/x"> %far;'), "")


def entities_in_the_texts() -> bytes:
    return workbook({SHEET: _usual(), TEXTS: _DOCTYPE.format(_LAUGHS) + books.texts()})


def not_xml() -> bytes:
    return workbook({SHEET: _usual()[:-20]})


def formula() -> bytes:
    return table(_with(family_name="<c><f>HYPERLINK(&quot;http://x&quot;)</f><v>1</v></c>"))


def formula_that_starts_a_program() -> bytes:
    return table(_with(family_name=f"<c t='str'><f>cmd|'/c calc'!A0</f><v>{CHILD}</v></c>"))


def error_in_a_cell() -> bytes:
    return table(_with(death_status='<c t="e"><v>#N/A</v></c>'))


def truth_in_a_cell() -> bytes:
    return table(_with(confidentiality='<c t="b"><v>1</v></c>'))


def nhs_number_without_its_zero() -> bytes:
    return table(_with(nhs_number=number(NUMBER[1:], books.TEN_DIGITS)))


def nhs_number_rounded() -> bytes:
    return table(_with(nhs_number=number("1.2E10")))


def nhs_number_with_a_fraction() -> bytes:
    return table(_with(nhs_number=number(f"{NUMBER}.5")))


def date_as_a_bare_number() -> bytes:
    return table(_with(date_of_birth=number(46298)))


def street_that_became_a_date() -> bytes:
    return table(_with(address_line_1=number(46298, books.DATE)))


def time_beyond_a_day() -> bytes:
    return table(_with(time_of_birth=number("25.5", books.DURATION)))


def number_that_is_text() -> bytes:
    return table(_with(sex=f"<c><v>{CHILD}</v></c>"))


def text_that_is_not_there() -> bytes:
    return table(_with(sex='<c t="s"><v>77</v></c>'))


def hidden_sheet() -> bytes:
    return _two_sheets('state="hidden"')


def very_hidden_sheet() -> bytes:
    return _two_sheets('state="veryHidden"')


def two_sheets() -> bytes:
    return _two_sheets("")


def hidden_row() -> bytes:
    return workbook({SHEET: _usual().replace('<row r="2"', '<row r="2" hidden="1"')})


def row_of_no_height() -> bytes:
    return workbook({SHEET: _usual().replace('<row r="2"', '<row r="2" ht="0" customHeight="1"')})


def hidden_column() -> bytes:
    return table(rows(), before='<cols><col min="4" max="4" hidden="1"/></cols>')


def column_of_no_width() -> bytes:
    return table(rows(), before='<cols><col min="4" max="4" width="0"/></cols>')


def filter_that_is_set() -> bytes:
    return table(rows(), after='<autoFilter ref="A1:B9"><filterColumn colId="0"/></autoFilter>')


def merged_cells() -> bytes:
    return table(rows(), after='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>')


def cell_twice() -> bytes:
    return workbook({SHEET: _usual().replace('r="B2"', 'r="A2"')})


def rows_out_of_order() -> bytes:
    return workbook({SHEET: sheet(lines(rows()) + lines([family()], first=2))})


def cell_at_the_far_end() -> bytes:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return workbook({SHEET: sheet(lines(rows()) + far)})


def row_at_the_far_end() -> bytes:
    return workbook({SHEET: sheet(lines(rows()) + lines([family()], first=1_048_576))})


def ten_thousand_columns() -> bytes:
    return table([[*HEADER, *(f"extra_{one}" for one in range(10_000))]])


def row_longer_than_the_header() -> bytes:
    return table(rows([*family(), "", STREET]))


def deep_xml() -> bytes:
    return workbook({SHEET: sheet("<row>" + "<c>" * 100_000 + "</c>" * 100_000 + "</row>")})


def sheet_that_is_a_chart() -> bytes:
    return workbook({RELATED: books.related("worksheets/sheet1.xml").replace("/worksheet", "/chartsheet", 1)})


def sheet_outside_the_workbook() -> bytes:
    return workbook({RELATED: books.related("../../../../../../etc/passwd")})


def _usual() -> str:
    return sheet(lines(rows()))


def _with(**cells: str) -> Sequence[Sequence[str]]:
    return rows(family(record_id="r0"), family(**cells))


def _of_prolog(prolog: str, text: str) -> bytes:
    return workbook({SHEET: sheet(f'<row><c t="str"><v>{text}</v></c></row>', prolog=prolog)})


def _two_sheets(state: str) -> bytes:
    second = "xl/worksheets/sheet2.xml"
    related = books.related("worksheets/sheet1.xml", "worksheets/sheet2.xml")
    return workbook(
        {
            SHEET: _usual(),
            second: _usual(),
            RELATED: related,
            BOOK: books.book("Births", "More", states=["", state]),
        }
    )


def packed_without_order() -> bytes:
    """A zip within a zip, where a workbook should be."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("[Content_Types].xml", table(rows()))
    return written.getvalue()


_FEW = "unpacks to more than any month"
WORKBOOKS: dict[Callable[[], bytes], tuple[str, ...]] = {
    csv_instead: ("not an Excel workbook",),
    nothing: ("is empty",),
    no_cells: ("is empty",),
    header_of_blanks: ("does not begin with a header",),
    zip_of_something_else: ("not an Excel workbook",),
    cut_off: ("damaged or cut off",),
    byte_changed: ("damaged",),
    locked_with_a_password: ("locked with a password",),
    of_before_2007: (".xls",),
    with_macros: ("holds macros",),
    may_hold_macros: ("may hold macros",),
    linked_to_other_files: ("linked to other files",),
    fetches_from_the_web: ("fetches data",),
    pivot_table_with_a_copy: ("second copy",),
    another_file_inside: ("other files",),
    bomb_of_spaces: (_FEW,),
    bomb_of_rows: (_FEW,),
    bomb_in_a_part_that_nobody_reads: (_FEW,),
    bomb_that_says_it_is_small: ("damaged",),
    packed_by_another_program: ("packed in a way",),
    two_thousand_parts: ("more than 1000 parts",),
    two_parts_of_one_name: ("two parts of one name",),
    entities_that_grow: ("document type or entities",),
    entity_from_a_file: ("document type or entities",),
    entity_from_the_web: ("document type or entities",),
    entities_in_the_texts: ("document type or entities",),
    not_xml: ("not XML",),
    formula: ("formula", "record 2, column L"),
    formula_that_starts_a_program: ("formula", "record 2, column L"),
    error_in_a_cell: ("#N/A", "column death_status, record 2"),
    truth_in_a_cell: ("TRUE or FALSE", "column confidentiality, record 2"),
    nhs_number_without_its_zero: ("has not ten digits", "column nhs_number, record 2", "as text"),
    nhs_number_rounded: ("has not ten digits", "column nhs_number, record 2"),
    nhs_number_with_a_fraction: ("decimals", "column nhs_number, record 2"),
    date_as_a_bare_number: ("a number where a date", "column date_of_birth, record 2"),
    street_that_became_a_date: ("a date where none belongs", "column address_line_1, record 2"),
    time_beyond_a_day: ("cannot be", "column time_of_birth, record 2"),
    number_that_is_text: ("not written as workbooks are", "record 2"),
    text_that_is_not_there: ("not written as workbooks are", "record 2"),
    hidden_sheet: ("hidden sheet",),
    very_hidden_sheet: ("hidden sheet",),
    two_sheets: ("2 sheets", "`sheet`"),
    hidden_row: ("hidden row", "record 1"),
    row_of_no_height: ("hidden row", "record 1"),
    hidden_column: ("hidden columns", "column D"),
    column_of_no_width: ("hidden columns", "column D"),
    filter_that_is_set: ("filter",),
    merged_cells: ("merged",),
    cell_twice: ("not in order", "record 1"),
    rows_out_of_order: ("not in order",),
    cell_at_the_far_end: ("more than 500 columns",),
    row_at_the_far_end: ("so far below",),
    ten_thousand_columns: ("more than 500 columns",),
    row_longer_than_the_header: ("more fields than the header", "record 1"),
    deep_xml: ("not in order",),
    sheet_that_is_a_chart: ("no worksheet",),
    sheet_outside_the_workbook: ("is empty",),
    packed_without_order: ("not XML",),
}
