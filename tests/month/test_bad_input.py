"""Bad input, through the real command line: a plain message, the right exit code, nothing lost, no value shown.

Every file here is sealed by the real gpg program and every list goes to a real SFTP server.
"""

from __future__ import annotations

import csv
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from month_authority import (
    MONTH,
    Answer,
    Authority,
    CommandLine,
    clear,
    personal_values,
    shown_values,
)

from pipeline.agreements.loading import NAMESPACE
from pipeline.demo.authority import Demonstration
from pipeline.demo.births import as_csv
from pipeline.demo.keys import make_openpgp_key, make_ssh_key
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.demo.places import sample_postcodes
from pipeline.encryption import gnupg
from pipeline.encryption.signing import sign_ssh
from pipeline.home import Home
from pipeline.ledger.entries import ExtractRefused, Kind

DONE, WRONG_USE, REFUSED, INTEGRITY, NOT_ALL_DELIVERED, WAITING = 0, 2, 3, 4, 5, 6
PREVIOUS = MONTH.plus(-1)


def check_no_value_shown(birthshare: CommandLine, extract: pd.DataFrame) -> None:
    """Neither what was printed nor the ledger's database holds a personal value of the extract."""
    state = birthshare.authority.home.state
    database = [file.read_bytes() for file in state.glob("birthshare.db*")]
    assert database
    assert shown_values(personal_values(extract), birthshare.said, *database) == []


def check_file_refused(birthshare: CommandLine, answer: Answer, problem: str) -> None:
    """Exit 4, a ledger entry, nothing kept for later and nothing sent; asking again says the same."""
    authority = birthshare.authority
    assert answer.code == INTEGRITY
    assert answer.json["error"]["exit_code"] == INTEGRITY
    [refused] = authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert refused.problem == problem
    assert authority.recorded(Kind.RELEASE_REQUESTED) == []
    assert authority.files() == {}
    assert birthshare.run().code == INTEGRITY
    assert len(authority.recorded(Kind.EXTRACT_REFUSED)) == 1
    check_no_value_shown(birthshare, authority.extract())


# --- sealed files that are not opened -------------------------------------------------------------


def gpg(*order: str | Path, key: Path | None = None, given: bytes) -> bytes:
    """What a person's gpg makes, with `key` as their only private key."""
    with gnupg.temporary_home() as home:
        if key is not None:
            gnupg.import_key(home, key)
        finished = gnupg.run(home, *map(str, order), given=given)
    assert finished.code == 0
    return finished.output


def unsigned(authority: Authority) -> bytes:
    order = ("--recipient-file", authority.supplier / "authority.asc", "--encrypt")
    return gpg(*order, given=authority.demo.extract.read_bytes())


def signed_only(authority: Authority) -> bytes:
    key = authority.supplier / "chis.private.asc"
    return gpg("--sign", key=key, given=authority.demo.extract.read_bytes())


def signed_by_another(authority: Authority) -> bytes:
    order = ("--recipient-file", authority.supplier / "authority.asc", "--sign", "--encrypt")
    another = authority.received / "centre-04" / "centre-04.private.asc"
    return gpg(*order, key=another, given=authority.demo.extract.read_bytes())


def for_another(authority: Authority) -> bytes:
    another = authority.received / "centre-04" / "centre-04.asc"
    order = ("--recipient-file", another, "--sign", "--encrypt")
    return gpg(*order, key=authority.supplier / "chis.private.asc", given=b"nhs_number\r\n")


def tampered(authority: Authority) -> bytes:
    sealed = bytearray(authority.sealed.read_bytes())
    sealed[len(sealed) // 2] ^= 1
    return bytes(sealed)


def truncated(authority: Authority) -> bytes:
    sealed = authority.sealed.read_bytes()
    return sealed[: len(sealed) // 2]


def oversized(authority: Authority) -> bytes:
    authority.setting("[suppliers.chis]", "[suppliers.chis]\nmax_bytes = 5000")
    return authority.sealed.read_bytes()


def not_sealed(authority: Authority) -> bytes:
    return authority.demo.extract.read_bytes()


def empty(authority: Authority) -> bytes:
    return b""


SEALS = {
    unsigned: ("unsigned", "nobody signed it", "Ask the supplier to sign it"),
    signed_only: ("not_encrypted", "not encrypted", "tell the information governance officer"),
    signed_by_another: ("wrong_signer", "not signed by the agreed key", "who signed it"),
    for_another: ("not_for_us", "not encrypted for this authority", "Send the supplier our public key"),
    tampered: ("tampered", "altered or damaged", "send it again"),
    truncated: ("truncated", "ends too early", "send it again"),
    oversized: ("too_large", "more bytes than was agreed", "Ask the supplier what it holds"),
    not_sealed: ("not_openpgp", "not sealed with OpenPGP", "Ask the supplier to encrypt and sign it"),
    empty: ("empty", "is empty", "send it again"),
}


@pytest.mark.parametrize("spoil", SEALS, ids=lambda spoil: spoil.__name__)
def test_a_sealed_file_that_cannot_be_trusted_is_refused(
    birthshare: CommandLine, spoil: Callable[[Authority], bytes]
) -> None:
    authority = birthshare.authority
    authority.sealed.write_bytes(spoil(authority))
    problem, what, advice = SEALS[spoil]
    answer = birthshare.run()
    answer.says(what, authority.sealed.name, advice)
    check_file_refused(birthshare, answer, problem)


def test_after_a_refused_file_the_month_is_finished_with_a_good_one(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    authority.sealed.write_bytes(truncated(authority))
    assert birthshare.run().code == INTEGRITY
    authority.send(authority.extract())
    state = birthshare.finish()
    assert state["received"] == len(authority.extract())
    assert {row["state"] for row in state["recipients"]} == {"delivered"}
    assert len(authority.recorded(Kind.EXTRACT_REFUSED)) == 1
    assert birthshare("ledger", "verify").code == DONE


# --- files whose content is not what was agreed ---------------------------------------------------


def missing_column(extract: pd.DataFrame) -> bytes:
    return as_csv(extract.drop(columns="postcode"))


def extra_column(extract: pd.DataFrame) -> bytes:
    return as_csv(extract.assign(deceased_flag="N"))


def same_column_twice(extract: pd.DataFrame) -> bytes:
    return as_csv(extract).replace(b"address_line_2", b"address_line_1", 1)


def no_header(extract: pd.DataFrame) -> bytes:
    return as_csv(extract).split(b"\r\n", 1)[1]


def no_content(extract: pd.DataFrame) -> bytes:
    return b"\r\n"


def unknown_code(extract: pd.DataFrame) -> bytes:
    extract.loc[4, "death_status"] = "3"
    return as_csv(extract)


def cp1252(extract: pd.DataFrame) -> bytes:
    extract["given_name"] = "Ann"
    extract.loc[4, "given_name"] = "Zoë"
    return as_csv(extract.map(lambda value: value.encode("cp1252", "ignore").decode("cp1252"))).decode().encode("cp1252")


def utf16(extract: pd.DataFrame) -> bytes:
    return as_csv(extract).decode().encode("utf-16")


def nul_bytes(extract: pd.DataFrame) -> bytes:
    extract.loc[4, "given_name"] = "An\0n"
    return as_csv(extract)


def ragged_row(extract: pd.DataFrame) -> bytes:
    records = as_csv(extract).split(b"\r\n")
    records[5] += b",one more"
    return b"\r\n".join(records)


def short_row(extract: pd.DataFrame) -> bytes:
    records = as_csv(extract).split(b"\r\n")
    records[5] = records[5].rsplit(b",", 2)[0]
    return b"\r\n".join(records)


def open_quote(extract: pd.DataFrame) -> bytes:
    records = as_csv(extract).split(b"\r\n")
    records[5] = records[5].replace(b",", b',"', 1)
    return b"\r\n".join(records)


def another_month(extract: pd.DataFrame) -> bytes:
    days = pd.to_datetime(extract["date_of_birth"], format="%Y-%m-%d", errors="coerce")
    days = days.fillna(pd.Timestamp(MONTH.first_day)) - pd.DateOffset(years=1)
    return as_csv(extract.assign(date_of_birth=days.dt.strftime("%Y-%m-%d")))


CONTENTS = {
    missing_column: ("missing: postcode", "record 0", "Ask the supplier what changed"),
    extra_column: ("not in the contract: deceased_flag", "record 0", "Ask the supplier what changed"),
    same_column_twice: ("more than once: address_line_1", "record 0", "Ask the supplier what changed"),
    no_header: ("does not begin with a header", "record 0", "Ask the supplier to write the file again"),
    no_content: ("is empty", "extract of chis", "Ask the supplier to write the file again"),
    unknown_code: ("a code that the contract does not know", "column death_status, record 5", "what the code means"),
    cp1252: ("not in UTF-8", "record 5", "Windows-1252"),
    utf16: ("NUL bytes", "record 0", "UTF-16"),
    nul_bytes: ("NUL bytes", "record 5", "CSV in UTF-8"),
    ragged_row: ("fields", "record 5", "Ask the supplier"),
    short_row: ("fields", "record 5", "Ask the supplier"),
    open_quote: ("quot", "record 5", "Ask the supplier"),
    another_month: (f"not an extract for {MONTH}", "column date_of_birth", "the right month's file"),
}


@pytest.mark.parametrize("spoil", CONTENTS, ids=lambda spoil: spoil.__name__)
def test_a_file_that_is_not_as_agreed_stops_the_run(
    birthshare: CommandLine, spoil: Callable[[pd.DataFrame], bytes]
) -> None:
    birthshare.authority.send(spoil(birthshare.authority.extract()))
    answer = birthshare.run()
    answer.says(*CONTENTS[spoil])
    check_file_refused(birthshare, answer, "unusable")


def test_after_a_file_that_was_not_as_agreed_the_month_is_finished_with_a_good_one(
    birthshare: CommandLine,
) -> None:
    authority = birthshare.authority
    authority.send(another_month(authority.extract()))
    assert birthshare.run().code == INTEGRITY
    authority.send(authority.extract())
    assert birthshare.finish()["received"] == len(authority.extract())


# --- rows that are not as they should be ----------------------------------------------------------

OK, ASIDE = "share", "quarantined:"


def in_groups(number: str) -> str:
    return f"{number[:3]} {number[3:6]} {number[6:]}"


def mistyped(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def slashes(day: str) -> str:
    return f"{day[8:]}/{day[5:7]}/{day[:4]}"


@dataclass(frozen=True)
class PostcodeOf:
    """A postcode of a group of places, as the directory has it."""

    group: str


SAME_ROW = {"": "the family's first row again, unchanged"}
LONG_AGO = MONTH.plus(-4).first_day.isoformat()
YEARS_AHEAD = MONTH.plus(60).first_day.isoformat()

# What differs from an ordinary family whose parents agreed, and what must become of the row. A change
# is a value, a way to write what stands there, or a place in the directory.
ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "ordinary": ({}, OK),
    "nhs-number-with-spaces": ({"nhs_number": in_groups}, ASIDE + "nhs_number_format"),
    "nhs-number-with-wrong-check-digit": ({"nhs_number": mistyped}, ASIDE + "nhs_number_check_digit"),
    "nhs-number-of-one-digit-repeated": ({"nhs_number": "7777777777"}, ASIDE + "nhs_number_repeated"),
    "nhs-number-missing": ({"nhs_number": ""}, ASIDE + "value_missing"),
    "date-with-slashes": ({"date_of_birth": slashes}, ASIDE + "date_format"),
    "date-without-hyphens": ({"date_of_birth": lambda day: day.replace("-", "")}, ASIDE + "date_format"),
    "date-in-words": ({"date_of_birth": "6 October"}, ASIDE + "date_format"),
    "date-in-the-future": ({"date_of_birth": YEARS_AHEAD}, ASIDE + "date_future"),
    "date-outside-the-month": ({"date_of_birth": LONG_AGO}, "born_outside_window"),
    "date-that-does-not-exist": ({"consent_date": f"{MONTH.year}-02-30"}, ASIDE + "date_impossible"),
    "postcode-in-small-letters": ({"postcode": str.lower}, OK),
    "postcode-without-space": ({"postcode": lambda postcode: postcode.replace(" ", "")}, OK),
    "postcode-terminated": ({"postcode": PostcodeOf("terminated")}, OK),
    "postcode-of-nowhere": ({"postcode": "ZZ99 3VZ"}, "postcode_pseudo"),
    "postcode-unknown": ({"postcode": "QX1 9QX"}, "postcode_unknown"),
    "name-is-a-formula": ({"given_name": "=HYPERLINK(1)"}, ASIDE + "text_dangerous"),
    "parents-name-is-a-formula": ({"parent_family_name": "=1+1"}, ASIDE + "text_dangerous"),
    "street-is-a-formula": ({"address_line_1": "=cmd|calc"}, ASIDE + "text_dangerous"),
}
# Children who belong together: each with what differs from the first child of its family.
FAMILIES: dict[str, tuple[tuple[dict[str, Any], str], ...]] = {
    "sent-twice": (({}, OK), (SAME_ROW, "duplicate_record")),
    "twins": (({"number_of_births": "2"}, OK), ({"number_of_births": "2"}, OK)),
    "twin-lost": (
        ({"number_of_births": "2"}, "sibling_died_or_missing"),
        ({"number_of_births": "2", "death_status": "2"}, "child_died"),
    ),
    "triplets-one-missing": (
        ({"number_of_births": "3"}, "sibling_died_or_missing"),
        ({"number_of_births": "3"}, "sibling_died_or_missing"),
    ),
}
EXPECTED = [(name, 0, expected) for name, (_, expected) in ROWS.items()] + [
    (name, place, expected)
    for name, rows in FAMILIES.items()
    for place, (_, expected) in enumerate(rows)
]


def odd_extract(authority: Authority) -> pd.DataFrame:
    """A row of commas, then every odd row of the tables above."""
    extract = authority.extract()
    ordinary = extract[extract["record_id"] == "case-told-by-nobody-1"].iloc[0].to_dict()
    numbers = iter(nhs_numbers(np.random.default_rng(3), 200).tolist())
    rows = [dict.fromkeys(extract.columns, "")]
    families = {name: (row,) for name, row in ROWS.items()} | FAMILIES
    for house, (name, children) in enumerate(families.items(), start=1):
        own = {"parent_nhs_number": next(numbers), "address_line_1": f"{house} Unexpected Lane"}
        first = len(rows)
        for place, (changes, _) in enumerate(children):
            if changes is SAME_ROW:
                rows.append(rows[first])
                continue
            child = {"record_id": f"{name}-{place}", "nhs_number": next(numbers)}
            row = ordinary | own | child
            rows.append(row | {column: changed(to, row[column], authority) for column, to in changes.items()})
    return pd.DataFrame(rows, columns=extract.columns, dtype="str")


def changed(change: str | PostcodeOf | Callable[[str], str], value: str, authority: Authority) -> str:
    if isinstance(change, str):
        return change
    if callable(change):
        return change(value)
    places = sample_postcodes(authority.home.path / "reference" / "postcodes.sqlite")
    return str(places.loc[places["group"] == change.group, "postcode"].iloc[0])


@dataclass(frozen=True)
class OddMonth:
    """What became of the odd rows in one whole month."""

    state: dict[str, Any]
    extract: pd.DataFrame
    decided: pd.DataFrame  # record_id, outcome, reasons
    set_aside: pd.DataFrame  # the supplier's report: row, field, rule
    cards: dict[str, int]  # cards by first line of the address
    said: str

    def fate(self, record: str, place: int) -> list[str]:
        """What became of the row: outcomes and reasons, or the rules that it broke."""
        here = self.decided[self.decided["record_id"] == record]
        fate = [f"{row.outcome};{row.reasons}".split(";") for row in here.itertuples()]
        row = self.extract.index[self.extract["record_id"] == record][place] + 1
        rules = self.set_aside.loc[self.set_aside["row"] == str(row), "rule"]
        return [*(word for words in fate for word in words), *(ASIDE + rule for rule in rules)]


@pytest.fixture(scope="module")
def odd_month(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddMonth]:
    """One month of nothing but odd rows, run to its end by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("odd")
    home = folder / "home"
    shutil.copytree(prototype.home, home)
    authority = Authority(prototype, Home.open(home), prototype.folder / "recipients")
    extract = odd_extract(authority)
    authority.send(extract)
    ...
    clear(authority.received)
