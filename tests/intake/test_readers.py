"""What makes a file unusable as a whole, and what does not."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from intake.conftest import CANARIES
from pipeline.contract import Contract
from pipeline.encryption.opening import Opened
from pipeline.errors import IntegrityError
from pipeline.intake.files import as_extract
from pipeline.intake.profiles import Profile
from pipeline.intake.readers import read_csv
from pipeline.records import Month

AsFile = Callable[..., bytes]
Row = dict[str, str]


@pytest.fixture
def read(contract: Contract, profile: Profile) -> Callable[[bytes], pd.DataFrame]:
    return lambda content: read_csv(content, contract=contract, profile=profile, where="file")


@pytest.fixture
def refused(
    read: Callable[[bytes], pd.DataFrame],
    canaries: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[bytes], str]:
    """The message with which a file is refused, after a search of everything it left behind."""

    def attempt(content: bytes) -> str:
        caplog.set_level(logging.DEBUG)
        with pytest.raises(IntegrityError) as caught:
            read(content)
        error = caught.value
        assert error.exit_code == 4
        chain = "".join(traceback.format_exception(error, chain=True)) + repr(error) + repr(vars(error))
        left_behind = chain + repr(error.__context__) + repr(error.__cause__) + caplog.text
        left_behind += "".join(capsys.readouterr())
        assert not [canary for canary in canaries if canary in left_behind]
        return str(error)

    return attempt


def test_every_value_is_text_as_received(
    read: Callable[[bytes], pd.DataFrame], as_file: AsFile, a_row: Row
) -> None:
    odd = a_row | {"given_name": " Zoë\t", "postcode": "007", "number_of_births": "01", "family_name": "NA"}
    frame = read(as_file(odd))
    assert frame.drop(columns="row").iloc[0].to_dict() == odd
    assert {str(dtype) for dtype in frame.drop(columns="row").dtypes} == {"str"}


def test_rows_carry_their_record_number(
    read: Callable[[bytes], pd.DataFrame], as_file: AsFile, a_row: Row
) -> None:
    frame = read(as_file(a_row, a_row | {"address_line_1": "The Flat\n17 Canary Row"}, a_row))
    assert frame["row"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_blank_lines_at_the_end_are_nothing(
    read: Callable[[bytes], pd.DataFrame], as_file: AsFile, a_row: Row, line_end: str
) -> None:
    content = as_file(a_row, line_end=line_end)
    marked = b"\xef\xbb\xbf" + content + line_end.encode() * 2
    pd.testing.assert_frame_equal(read(marked), read(content))


def test_the_order_of_the_columns_does_not_matter(
    read: Callable[[bytes], pd.DataFrame], as_file: AsFile, a_row: Row
) -> None:
    reversed_row = dict(reversed(a_row.items()))
    pd.testing.assert_frame_equal(read(as_file(reversed_row)), read(as_file(a_row)), check_like=True)


def test_a_month_without_births_is_a_header_alone(
    read: Callable[[bytes], pd.DataFrame], as_file: AsFile, a_row: Row
) -> None:
    frame = read(as_file(a_row).splitlines()[0])
    assert len(frame) == 0
    assert list(frame) == [*a_row, "row"]


def test_a_row_of_commas_is_a_row(read: Callable[[bytes], pd.DataFrame], as_file: AsFile, a_row: Row) -> None:
    frame = read(as_file(a_row, dict.fromkeys(a_row, ""), a_row))
    assert frame["nhs_number"].tolist() == ["9434765919", "", "9434765919"]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_an_empty_file_is_refused(refused: Callable[[bytes], str], content: bytes) -> None:
    assert "has not even a header" in refused(content)


def test_cp1252_bytes_are_found_and_the_way_out_is_offered(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row
) -> None:
    content = as_file(a_row, a_row | {"given_name": "Zoë"}).decode().encode("cp1252")
    message = refused(content)
    assert "not in UTF-8" in message
    assert "record 2" in message
    assert "`encoding: cp1252`" in message


def test_wrong_bytes_are_found_behind_a_quoted_line_break(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row
) -> None:
    content = as_file(a_row | {"given_name": "a\nb"}, a_row | {"family_name": "c\nZoë"})
    assert "record 2" in refused(content.decode().encode("cp1252"))


def test_nul_bytes_are_refused(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    message = refused(as_file(a_row, a_row | {"given_name": "Zebedee\0"}))
    assert "NUL" in message
    assert "record 2" in message


def test_utf_16_is_refused(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    assert "UTF-16" in refused(as_file(a_row).decode().encode("utf-16"))


def test_an_unclosed_quote_is_refused(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    content = as_file(a_row, a_row, a_row).replace(b"Zebedee", b'"Zebedee', 1)
    assert "never closed (file, record 1)" in refused(content)


def test_ragged_rows_are_refused(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    lines = as_file(a_row, a_row, a_row).split(b"\r\n")
    lines[1] += b","
    lines[3] = lines[3].rsplit(b",", 1)[0]
    message = refused(b"\r\n".join(lines))
    assert "2 of 3 rows have more or fewer fields than the header's 12 (file, records 1, 3)" in message


def test_a_blank_line_in_the_middle_is_a_ragged_row(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row
) -> None:
    lines = as_file(a_row, a_row).split(b"\r\n")
    assert "record 2)" in refused(b"\r\n".join([*lines[:2], b"", *lines[2:]]))


def test_a_missing_column_is_named(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    del a_row["death_status"]
    assert "missing: death_status (file, record 0)" in refused(as_file(a_row))


def test_an_extra_column_is_named(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    message = refused(as_file(a_row | {"gp_practice": "Quagmire"}))
    assert "not in the contract: gp_practice (column 13)" in message


def test_a_repeated_column_is_named(refused: Callable[[bytes], str], as_file: AsFile, a_row: Row) -> None:
    content = as_file(a_row | {"twin": ""}).replace(b",twin", b",postcode")
    assert "more than once: postcode" in refused(content)


def test_a_family_in_place_of_the_header_is_not_shown(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row
) -> None:
    without_header = as_file(a_row).split(b"\r\n", 1)[1]
    assert "does not begin with a header" in refused(without_header)


@pytest.mark.parametrize("heading", ["Zebedee", "9434765919", "CV32 5AA"])
def test_a_value_among_the_headings_is_not_shown(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row, heading: str
) -> None:
    renamed = {heading if name == "given_name" else name: value for name, value in a_row.items()}
    message = refused(as_file(renamed))
    assert "missing: given_name; not in the contract: column 6" in message


@pytest.mark.parametrize("heading", ["9434765919", "CV32 5AA", "17 Canary Row"])
def test_a_value_after_good_headings_is_not_shown(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row, heading: str
) -> None:
    assert "not in the contract: column 13" in refused(as_file(a_row | {heading: ""}))


def test_rows_lost_by_the_reader_are_noticed(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.intake import readers

    parse = readers._parse
    monkeypatch.setattr(readers, "_parse", lambda *arguments: parse(*arguments).iloc[1:])
    assert "3 records counted, 2 read" in refused(as_file(a_row, a_row, a_row))


def test_a_field_too_large_for_the_reader_stops_without_its_text(
    refused: Callable[[bytes], str], as_file: AsFile, a_row: Row
) -> None:
    huge = a_row | {"address_line_1": "17 Canary Row" + "x" * 40_000_000}
    assert "not read as it was counted" in refused(as_file(a_row, huge))


def test_a_profile_maps_headings_codes_and_encoding(contract: Contract, as_file: AsFile, a_row: Row) -> None:
    own = Profile(
        description="another system",
        encoding="cp1252",
        columns={"BABY_FORENAME": "given_name"},
        codes={"consent_status": {"1": "given", "2": "refused"}},
    )
    renamed: Mapping[str, str] = {
        "BABY_FORENAME" if name == "given_name" else name: value for name, value in a_row.items()
    }
    theirs = [
        dict(renamed) | {"BABY_FORENAME": "Zoë", "consent_status": code} for code in ("1", "2", "", " 1")
    ]
    content = as_file(*theirs).decode().encode("cp1252")
    frame = read_csv(content, contract=contract, profile=own)
    assert frame["given_name"].tolist() == ["Zoë"] * 4
    assert frame["consent_status"].tolist() == ["given", "refused", "", "given"]


def test_a_code_that_the_profile_does_not_know_stops_the_file(
    contract: Contract, as_file: AsFile, a_row: Row
) -> None:
    own = Profile(description="another system", codes={"consent_status": {"1": "given"}})
    # "given" is the contract's word, not this supplier's code.
    content = as_file(a_row | {"consent_status": "1"}, a_row | {"consent_status": "given"})
    with pytest.raises(IntegrityError, match="column consent_status, record 2"):
        read_csv(content, contract=contract, profile=own)


def test_the_extract_keeps_who_signed_it(
    contract: Contract, profile: Profile, as_file: AsFile, a_row: Row, canaries: tuple[str, ...]
) -> None:
    signed_at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    opened = Opened(content=as_file(a_row), signer="A" * 40, signed_at=signed_at, sealed_sha256="0" * 64)
    extract = as_extract(opened, "chis", Month(2026, 10), contract=contract, layout=profile)
    assert (extract.supplier, extract.signer, extract.signed_at) == ("chis", "A" * 40, signed_at)
    assert len(extract.frame) == 1
    assert not [canary for canary in canaries if canary in repr(extract)]


# --- other layouts --------------------------------------------------------------------------------


def own(**layout: object) -> Profile:
    return Profile.model_validate({"description": "another system", **layout})


def read_as(contract: Contract, content: bytes, **layout: object) -> pd.DataFrame:
    return read_csv(content, contract=contract, profile=own(**layout), where="file")


def refused_as(contract: Contract, content: bytes, **layout: object) -> str:
    with pytest.raises(IntegrityError) as caught:
        read_as(contract, content, **layout)
    assert not any(value in str(caught.value) for value in CANARIES)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_fields_may_be_separated_by_something_else(
    contract: Contract, as_file: AsFile, a_row: Row, delimiter: str
) -> None:
    a_row |= {"address_line_1": "17, Canary Row", "given_name": f'Zebedee {delimiter} "Zeb"'}
    content = as_file(a_row, delimiter=delimiter)
    frame = read_as(contract, content, delimiter=delimiter)
    assert frame["address_line_1"].tolist() == ["17, Canary Row"]
    assert frame["given_name"].tolist() == [f'Zebedee {delimiter} "Zeb"']


@pytest.mark.parametrize("title", [b'Births, "all fields\r\n', b"a\nb,,,,\rc\r\n", b"\r\n\r\n"])
def test_lines_above_the_header_are_passed_over_however_they_are_quoted(
    contract: Contract, as_file: AsFile, a_row: Row, title: bytes
) -> None:
    lines = len(title.splitlines())
    frame = read_as(contract, title + as_file(a_row, a_row), rows_above_header=lines)
    assert frame["row"].tolist() == [1, 2]
    assert frame["given_name"].tolist() == ["Zebedee", "Zebedee"]


def test_records_are_counted_from_the_header_wherever_it_stands(
    contract: Contract, as_file: AsFile, a_row: Row
) -> None:
    lines = as_file(a_row, a_row).split(b"\r\n")
    lines[2] += b","
    content = b"Births\r\n\r\n" + b"\r\n".join(lines)
    message = refused_as(contract, content, rows_above_header=2)
    assert "(file, where record 0 is line 3, record 2)" in message


@pytest.mark.parametrize(
    ("written", "agreed", "says"),
    [
        ({"title": b"Births\r\n"}, {}, "header is line 2, separated by commas; agreed is line 1"),
        ({}, {"rows_above_header": 3}, "header is line 1, separated by commas; agreed is line 4"),
        ({"delimiter": ";"}, {}, "separated by semicolons; agreed is line 1, separated by commas"),
        ({}, {"delimiter": "\t"}, "separated by commas; agreed is line 1, separated by tabs"),
        ({}, {"rows_above_header": 9}, "ends before its header, which should be line 10"),
    ],
)
def test_a_header_in_another_place_is_said_to_be_there(
    contract: Contract,
    as_file: AsFile,
    a_row: Row,
    written: dict[str, Any],
    agreed: dict[str, object],
    says: str,
) -> None:
    content = written.pop("title", b"") + as_file(*[a_row] * 4, **written)
    assert says in refused_as(contract, content, **agreed)


@pytest.mark.parametrize(
    ("last", "trailer"),
    [("END OF FILE", "END OF FILE"), ("END,2", "END,{rows}"), ('"Rows: 2",,,', "Rows: {rows}")],
)
def test_a_last_line_that_was_agreed_is_no_row(
    contract: Contract, as_file: AsFile, a_row: Row, last: str, trailer: str
) -> None:
    content = as_file(a_row, a_row) + f"{last}\r\n\r\n".encode()
    assert read_as(contract, content, trailer=trailer)["row"].tolist() == [1, 2]


def test_a_file_without_its_last_line_may_be_cut_off(contract: Contract, as_file: AsFile, a_row: Row) -> None:
    assert "may be cut off" in refused_as(contract, as_file(a_row, a_row), trailer="END OF FILE")


def test_a_last_line_with_another_count_stops_the_file(
    contract: Contract, as_file: AsFile, a_row: Row
) -> None:
    content = as_file(a_row, a_row) + b"END,3\r\n"
    message = refused_as(contract, content, trailer="END,{rows}")
    assert "says that it has 3 rows, and it has 2" in message


def test_columns_that_are_not_used_are_not_handed_on(contract: Contract, as_file: AsFile, a_row: Row) -> None:
    # One of them is called as the contract calls another thing, and one as our own number of the row.
    a_row["HOME"] = a_row.pop("postcode")
    content = as_file({"postcode": "B1 1AA", "row": "x", "GP": "Quagmire"} | a_row)
    frame = read_as(contract, content, columns={"HOME": "postcode"}, not_used=["GP", "postcode", "row"])
    assert frame["postcode"].tolist() == ["CV32 5AA"]
    assert frame["row"].tolist() == [1]
    assert set(frame) == {*contract.must_exist, "row"}


def test_columns_that_come_elsewhere_are_blank_and_must_not_be_here(
    contract: Contract, as_file: AsFile, a_row: Row
) -> None:
    elsewhere = ["consent_status", "consent_date"]
    persons = {name: value for name, value in a_row.items() if name not in elsewhere}
    frame = read_as(contract, as_file(persons), elsewhere=elsewhere)
    assert frame[elsewhere].to_numpy().tolist() == [["", ""]]
    message = refused_as(contract, as_file(a_row), elsewhere=elsewhere)
    assert "not in the contract: consent_status (column 11), consent_date (column 12)" in message


def test_a_header_and_no_rows_is_an_empty_month(contract: Contract, as_file: AsFile, a_row: Row) -> None:
    header = as_file(a_row).split(b"\r\n")[0]
    frame = read_as(contract, b"Births\r\n" + header, rows_above_header=1, nhs_numbers="spaced")
    assert len(frame) == 0
