"""Files that should be CSV: what each is, as bytes, and the words that say what is wrong with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from hostile.family import CHILD, HEADER, STREET, TABLE, as_csv, family, rows


def nothing() -> bytes:
    return b""


def only_a_byte_order_mark() -> bytes:
    return b"\xef\xbb\xbf"


def only_line_ends() -> bytes:
    return b"\r\n" * 1000


def only_nuls() -> bytes:
    return bytes(1000)


def nul_in_a_name() -> bytes:
    return TABLE.replace(CHILD.encode(), CHILD.encode() + b"\0", 1)


def utf16_little_endian_with_mark() -> bytes:
    return b"\xff\xfe" + TABLE.decode().encode("utf-16-le")


def utf16_little_endian_without_mark() -> bytes:
    return TABLE.decode().encode("utf-16-le")


def utf16_big_endian_with_mark() -> bytes:
    return b"\xfe\xff" + TABLE.decode().encode("utf-16-be")


def utf16_big_endian_without_mark() -> bytes:
    return TABLE.decode().encode("utf-16-be")


def utf32() -> bytes:
    return TABLE.decode().encode("utf-32")


def overlong_utf8() -> bytes:
    """A comma in two bytes, as only a program would write it that wants to get past another."""
    return TABLE.replace(STREET.encode(), STREET.encode() + b"\xc0\xac", 1)


def surrogate_in_utf8() -> bytes:
    return TABLE.replace(STREET.encode(), STREET.encode() + b"\xed\xa0\x80", 1)


def two_encodings() -> bytes:
    """One record in UTF-8, the next in Windows-1252."""
    return TABLE + ",".join(family(record_id="r2", given_name=f"{CHILD} Zoë")).encode("cp1252") + b"\r\n"


def one_column() -> bytes:
    return as_csv([["nhs_number"], [CHILD]])


def one_unknown_column() -> bytes:
    return as_csv([[CHILD], [STREET]])


def ten_thousand_columns() -> bytes:
    return as_csv([[*HEADER, *(f"extra_{number}" for number in range(10_000))]])


def ten_thousand_fields_in_one_row() -> bytes:
    return as_csv(rows(family() + [STREET] * 10_000))


def header_twice_over() -> bytes:
    """Every column a second time."""
    return as_csv([HEADER * 2, family() * 2])


def column_twice_in_other_letters() -> bytes:
    return as_csv([[*HEADER, "NHS_NUMBER"], [*family(), STREET]])


def header_again_among_the_rows() -> bytes:
    return as_csv(rows(family(), HEADER))


def no_header() -> bytes:
    return as_csv([family()])


def semicolons() -> bytes:
    return as_csv(rows(), ";")


def tabs() -> bytes:
    return as_csv(rows(), "\t")


def quote_never_closed() -> bytes:
    return TABLE.replace(STREET.encode(), b'"' + STREET.encode(), 1)


def quote_inside_a_field() -> bytes:
    return TABLE.replace(STREET.encode(), b'Flat "7" ' + STREET.encode(), 1)


def only_quotes() -> bytes:
    return b'"' * 99_999


def line_break_without_quotes() -> bytes:
    return TABLE.replace(b"Plumstone", b"\nPlumstone", 1)


def line_break_of_unix_in_a_file_of_windows() -> bytes:
    return as_csv(rows(family(), family())).replace(b" Wharf,", b" Wharf\r,", 1)


def three_megabytes_in_one_line() -> bytes:
    return TABLE.replace(STREET.encode(), b"a," * 1_500_000, 1)


def code_that_nobody_agreed() -> bytes:
    return as_csv(rows(family(death_status="deceased")))


def cut_off_in_a_row() -> bytes:
    return TABLE[: TABLE.index(STREET.encode()) + 5]


def json_text() -> bytes:
    return json.dumps([dict(zip(HEADER, family(), strict=True))]).encode()


def web_page() -> bytes:
    cells = "".join(f"<td>{value}</td>" for value in family())
    return f"<html><body><table><tr>{cells}</tr></table></body></html>".encode()


def script() -> bytes:
    return f"#!/bin/sh\necho '{CHILD}' > /tmp/owned\n".encode()


def gzipped() -> bytes:
    return gzip.compress(TABLE, mtime=0)


def program() -> bytes:
    return b"\x7fELF" + bytes(range(256)) * 20 + CHILD.encode()


CONTENTS: dict[Callable[[], bytes], tuple[str, ...]] = {
    nothing: ("is empty",),
    only_a_byte_order_mark: ("is empty",),
    only_line_ends: ("is empty",),
    only_nuls: ("NUL bytes",),
    nul_in_a_name: ("NUL bytes", "record 1"),
    utf16_little_endian_with_mark: ("UTF-16",),
    utf16_little_endian_without_mark: ("UTF-16",),
    utf16_big_endian_with_mark: ("UTF-16",),
    utf16_big_endian_without_mark: ("UTF-16",),
    utf32: ("NUL bytes",),
    overlong_utf8: ("not in UTF-8", "record 1"),
    surrogate_in_utf8: ("not in UTF-8", "record 1"),
    two_encodings: ("not in UTF-8", "record 2"),
    one_column: ("missing: ", "record 0"),
    one_unknown_column: ("does not begin with a header",),
    ten_thousand_columns: ("columns",),
    ten_thousand_fields_in_one_row: ("more or fewer fields", "record 1"),
    header_twice_over: ("more than once",),
    column_twice_in_other_letters: ("not in the contract",),
    header_again_among_the_rows: ("a code that the contract does not know", "record 2"),
    no_header: ("does not begin with a header",),
    semicolons: ("separated by semicolons", "separated by commas"),
    tabs: ("separated by tabs", "separated by commas"),
    quote_never_closed: ("never closed", "record 1"),
    quote_inside_a_field: ("inside a field", "record 1"),
    only_quotes: ("never closed",),
    line_break_without_quotes: ("more or fewer fields",),
    line_break_of_unix_in_a_file_of_windows: ("more or fewer fields",),
    three_megabytes_in_one_line: ("more or fewer fields", "record 1"),
    code_that_nobody_agreed: ("a code that the contract does not know", "column death_status, record 1"),
    cut_off_in_a_row: ("more or fewer fields", "record 1"),
    json_text: ("record 0",),
    web_page: ("does not begin with a header",),
    script: ("does not begin with a header",),
    gzipped: ("NUL bytes",),
    program: ("NUL bytes",),
}
