"""Which files are receipts, and what counts as the code in them."""

from __future__ import annotations

import pytest

from pipeline.delivery.receipt_files import holds, receipts_beside

LIST, CODE = "cards_2026-10_centre-1.xlsx", "K7Q3M-9XTCD"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    "said",
    [CODE, CODE.lower(), " K7Q3M 9XTCD ", "k7q3m9xtcd", f"\n\r\n{CODE}\r\nOpened it today, thank you\r\n"],
)
def test_a_code_may_be_written_as_people_write(said: str, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert holds(mark + said.encode(encoding), CODE)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n \n", b"K7Q3M", b"K7Q3M-9XTCDD", b"Code: K7Q3M-9XTCD", b"Thanks\nK7Q3M-9XTCD",
        b"\x00\xff\xfe\x80", b"\xff\xfeK",
    ],
)  # fmt: skip
def test_anything_else_is_not_the_code(content: bytes) -> None:
    assert not holds(content, CODE)


def test_no_code_is_never_held() -> None:
    assert not holds(b"", "")


@pytest.mark.parametrize(
    "name", [f"{LIST}.received.txt", f"{LIST.upper()}.Received.TXT", f"{LIST}.received.txt.txt"]
)
def test_a_receipt_is_known_by_its_name(name: str) -> None:
    assert receipts_beside([LIST, name], LIST) == {"received": [name]}


@pytest.mark.parametrize(
    "name",
    [
        f"{LIST}.received", f"{LIST}.received.txt.lnk", f"x{LIST}.received.txt", f"{LIST}.seen.txt",
        "cards_2026-10_centre-1Xxlsx.received.txt", f"{LIST}.received.txt\n", ".received.txt",
    ],
)  # fmt: skip
def test_other_names_are_no_receipts(name: str) -> None:
    assert receipts_beside([LIST, name], LIST) == {}


def test_of_two_receipts_that_say_the_same_both_are_read() -> None:
    names = [f"{LIST}.received.txt.txt", f"{LIST}.received.txt", f"{LIST}.destroyed.txt"]
    assert receipts_beside(names, LIST) == {
        "received": [f"{LIST}.received.txt", f"{LIST}.received.txt.txt"],
        "destroyed": [f"{LIST}.destroyed.txt"],
    }
