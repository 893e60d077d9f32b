"""Bad input, through the real command line: a plain message, the right exit code, nothing lost or shown.

Every file here is sealed by the real gpg program and every list goes to a real SFTP server.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from month_authority import (
    MONTH,
    NOW,
    Answer,
    Authority,
    CommandLine,
    copied,
    personal_values,
    shown_values,
)
from pipeline import month as months
from pipeline.agreements.loading import NAMESPACE
from pipeline.demo.authority import Demonstration
from pipeline.demo.births import as_csv
from pipeline.demo.keys import make_ssh_key
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.demo.places import sample_postcodes
from pipeline.encryption import gnupg
from pipeline.encryption.signing import sign_ssh
from pipeline.errors import Refused
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Entry, ExtractReceived, ExtractRefused, Kind
from servers.ports import free_port

DONE, UNEXPECTED, WRONG_USE, REFUSED, INTEGRITY, NOT_ALL_DELIVERED, WAITING = range(7)
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
    extract["given_name"], extract["family_name"] = "Ann", "Short"
    extract.loc[4, "given_name"] = "Zoë"
    return as_csv(extract.replace("ó", "o", regex=True)).decode().encode("cp1252")


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
    unknown_code: ("a code that the contract does not know", "column death_status, record 5", "agree it"),
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


FIRST_OF_TWO = {"number_of_births": "2", "birth_order": "1"}
SECOND_OF_TWO = {"number_of_births": "2", "birth_order": "2"}
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
    "twins": ((FIRST_OF_TWO, OK), (SECOND_OF_TWO, OK)),
    "twin-lost": (
        (FIRST_OF_TWO, "sibling_died_or_missing"),
        (SECOND_OF_TWO | {"death_status": "2"}, "child_died"),
    ),
    "triplets-one-missing": (
        (FIRST_OF_TWO | {"number_of_births": "3"}, "sibling_died_or_missing"),
        (SECOND_OF_TWO | {"number_of_births": "3"}, "sibling_died_or_missing"),
    ),
}
# In the order of the extract; its first row is a row of commas.
EXPECTED = [
    ("row-of-commas", ASIDE + "row_blank"),
    *((name, expected) for name, (_, expected) in ROWS.items()),
    *((name, expected) for name, rows in FAMILIES.items() for _, expected in rows),
]


def odd_extract(authority: Authority) -> pd.DataFrame:
    """A row of commas, then every odd row of the tables above."""
    extract = authority.extract()
    ordinary = extract[extract["record_id"] == "case-death-removed-1"].iloc[0].to_dict()
    ordinary["death_status"] = ""
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
    cards: list[str]  # every card of every list, as text

    def fate(self, row: int) -> set[str]:
        """What became of a row: its outcome and reasons, or the rules that it broke."""
        record = self.extract["record_id"].iloc[row - 1]
        here = self.decided[self.decided["record_id"] == record]
        rules = self.set_aside.loc[self.set_aside["row"] == str(row), "rule"]
        reasons = (reason for reasons in here["reasons"] for reason in reasons.split(";"))
        return {*here["outcome"], *reasons, *(ASIDE + rule for rule in rules)}


@pytest.fixture(scope="module")
def odd_month(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> OddMonth:
    """One month of nothing but odd rows, run to its end."""
    with copied(prototype, tmp_path_factory.mktemp("odd")) as authority:
        birthshare, extract = CommandLine(authority), odd_extract(authority)
        authority.send(extract)
        assert birthshare.run().code == WAITING
        decisions = authority.home.path / "decisions.csv"
        assert birthshare("release", "export", str(MONTH), "--decisions", decisions).code == DONE
        state = birthshare.finish()
        check_no_value_shown(birthshare, extract)
        report = authority.home.outbox / "chis" / f"quarantine_chis_{MONTH}.csv"
        assert shown_values(personal_values(extract), report.read_bytes()) == []
        return OddMonth(state, extract, _table(decisions), _table(report), cards(authority, state))


def _table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype="str", keep_default_na=False)


def cards(authority: Authority, state: dict[str, Any]) -> list[str]:
    """Every card, as the text of its row, of all the lists."""
    return [
        " ".join(map(str, row)) for one in state["recipients"] for row in authority.families(one["code"])[1:]
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [(row, expected) for row, (_, expected) in enumerate(EXPECTED, start=1)],
    ids=[name for name, _ in EXPECTED],
)
def test_every_odd_row_becomes_what_the_rules_say(odd_month: OddMonth, row: int, expected: str) -> None:
    assert expected in odd_month.fate(row)


def test_every_odd_row_is_in_the_books(odd_month: OddMonth) -> None:
    state = odd_month.state
    [agreement] = state["agreements"].values()
    aside = odd_month.set_aside["row"].nunique()
    decided = sum(agreement[column] for column in ("duplicates", "withheld", "held", "shared"))
    assert state["quarantined"] == aside > 10
    assert state["quarantined"] + decided == state["received"] == len(odd_month.extract)
    assert agreement["duplicates"] == 1


def test_twins_have_one_card_and_whoever_lost_a_child_has_none(odd_month: OddMonth) -> None:
    def sent_to(record: str) -> int:
        [street] = odd_month.extract.loc[odd_month.extract["record_id"] == record, "address_line_1"].unique()
        return sum(f" {street} " in card for card in odd_month.cards)

    assert sent_to("ordinary-0") == sent_to("sent-twice-0") == sent_to("twins-0") == 1
    assert sent_to("twin-lost-0") == sent_to("triplets-one-missing-0") == 0


def test_in_a_real_authority_numbers_of_the_test_range_are_never_shared(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    authority.setting("demonstration = true", "demonstration = false")
    state = birthshare.finish()
    [agreement] = state["agreements"].values()
    decided = state["received"] - state["quarantined"] - agreement["duplicates"]
    assert agreement["shared"] == 0
    assert agreement["reasons"]["test_record"] == agreement["withheld"] == decided > 0


# --- months in which nobody is written to ---------------------------------------------------------


def no_births(extract: pd.DataFrame) -> pd.DataFrame:
    return extract.iloc[:0]


def nobody_agreed(extract: pd.DataFrame) -> pd.DataFrame:
    return extract.assign(consent_status="refused")


@pytest.mark.parametrize("quiet", [no_births, nobody_agreed], ids=lambda quiet: quiet.__name__)
def test_a_month_without_a_family_ends_with_an_empty_list_for_every_centre(
    birthshare: CommandLine, quiet: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    authority = birthshare.authority
    extract = quiet(authority.extract())
    authority.send(extract)
    state = birthshare.finish()
    assert state["received"] == len(extract)
    assert [row["households"] for row in state["recipients"]] == [0, 0, 0, 0]
    assert {row["state"] for row in state["recipients"]} == {"delivered"}
    assert cards(authority, state) == []
    assert birthshare("ledger", "verify").code == DONE


# --- recipients that cannot be served -------------------------------------------------------------

Repair = Callable[[], object]


def moved_key(authority: Authority, code: str) -> Repair:
    """The recipient's key file is not there."""
    [key] = (authority.home.path / "keys" / "recipients").glob(f"{code}.*")
    aside = key.rename(key.with_name("aside"))
    return lambda: aside.rename(key)


def expired_key(authority: Authority, code: str) -> Repair:
    """The recipient's OpenPGP key was made years ago, for a day."""
    key = authority.home.path / "keys" / "recipients" / f"{code}.asc"
    good = key.read_bytes()
    then = ("--faked-system-time", "20200101T000000", "--pinentry-mode", "loopback", "--passphrase", "")
    with gnupg.temporary_home() as home:
        gnupg.run(home, *then, "--quick-generate-key", code, "future-default", "default", "1d")
        key.write_bytes(gnupg.run(home, "--armor", "--export").output)
    authority.sign_register()

    def put_back() -> None:
        key.write_bytes(good)
        authority.sign_register()

    return put_back


def closed_port(authority: Authority, code: str) -> Repair:
    """Nothing listens where the recipient's server should be."""
    return changed_recipient(authority, code, {"port": free_port()})


def another_host(authority: Authority, code: str) -> Repair:
    """The server shows another host key than the one that was agreed."""
    key = make_ssh_key(authority.home.path.parent / "another_host_key", "another")
    return changed_recipient(authority, code, {"host_key": " ".join(key.split()[:2])})


def full_disk(authority: Authority, code: str) -> Repair:
    """The recipient's folder is on a disk of a few kilobytes."""
    folder = authority.received / code
    unmount = mount_small_disk(folder, "4k")
    (folder / "filler").write_bytes(bytes(4096))
    return unmount


def mount_small_disk(folder: Path, size: str) -> Repair:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk to fill")
    return lambda: subprocess.run(["umount", str(folder)], check=True)


def changed_recipient(authority: Authority, code: str, changes: dict[str, Any]) -> Repair:
    file = authority.home.path / "reference" / "recipients.yaml"
    good = file.read_text()
    authority.change_recipient(code, **changes)

    def put_back() -> None:
        file.write_text(good)
        authority.sign_register()

    return put_back


def another_kind(authority: Authority, code: str) -> Repair:
    """The register says that the recipient is a library, which the agreement does not cover."""
    return changed_recipient(authority, code, {"kind": "library"})


def not_registered(authority: Authority, code: str) -> Repair:
    """A reach area names a recipient that the register does not know."""
    file = authority.home.path / "reference" / "recipients.yaml"
    good = file.read_text()
    others = [entry for entry in yaml.safe_load(good)["recipients"] if entry["code"] != code]
    file.write_text(yaml.safe_dump({"recipients": others}))
    return lambda: file.write_text(good)


TROUBLES = {
    "password-missing": (moved_key, "centre-01", "missing", ("key file is missing", "centre-01")),
    "key-missing": (moved_key, "centre-04", "missing", ("key file is missing", "Ask the recipient")),
    "key-expired": (expired_key, "centre-04", "expired", ("has expired", "a public key in force")),
    "sftp-refused": (closed_port, "centre-01", "refused", ("refuses connections", "SFTP service")),
    "wrong-host-key": (another_host, "centre-01", "host_key", ("host key", "Do not accept the new key")),
    "another-kind": (another_kind, "centre-02", "settings", ("a kind", "Correct its kind")),
    "not-registered": (not_registered, "centre-02", "settings", ("not in the register", "Add it")),
    "disk-full": (full_disk, "centre-01", "full", ("disk is probably full", "the quota")),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_recipients_trouble_keeps_nobody_else_waiting_and_is_put_right_by_running_again(
    birthshare: CommandLine, trouble: str
) -> None:
    authority = birthshare.authority
    spoil, code, problem, words = TROUBLES[trouble]
    repair = spoil(authority, code)
    try:
        assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
        answer = birthshare.run()
        held_up = authority.files()
    finally:
        repair()
    assert answer.code == NOT_ALL_DELIVERED
    answer.says("1 of 4 lists", code, *words, f"run {MONTH} again")
    states = {row["code"]: (row["state"], row.get("problem")) for row in answer.json["recipients"]}
    assert states.pop(code) == ("failed", problem)
    assert set(states.values()) == {("delivered", None)}
    assert len(held_up) == 3
    check_no_value_shown(birthshare, authority.extract())

    if trouble != "disk-full":  # another address or key is another recipient: a person must agree
        assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    again = birthshare.run()
    assert again.code == DONE, again.err
    assert {row["state"] for row in again.json["recipients"]} == {"delivered"}
    assert len(authority.recorded(Kind.DELIVERED)) == 4
    assert held_up.items() <= authority.files().items()
    assert birthshare("ledger", "verify").code == DONE


# --- the wrong file in the inbox ------------------------------------------------------------------


def test_the_same_file_is_not_taken_for_another_month(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    birthshare.finish()
    again = authority.inbox / f"births_chis_{PREVIOUS}.csv.gpg"
    shutil.copy(authority.sealed, again)
    answer = birthshare("run", str(PREVIOUS), "--json")
    assert answer.code == INTEGRITY
    answer.says("already received", str(MONTH), again.name, "Ask the supplier")
    [refused] = authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(refused, ExtractRefused)
    assert refused.problem == "received_before"
    check_no_value_shown(birthshare, authority.extract())


def test_a_file_that_was_refused_under_a_wrong_month_can_be_used_for_its_own(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    wrong = authority.sealed.rename(authority.inbox / f"births_chis_{PREVIOUS.plus(-6)}.csv.gpg")
    answer = birthshare("run", str(PREVIOUS.plus(-6)))
    assert answer.code == INTEGRITY
    answer.says(f"not an extract for {PREVIOUS.plus(-6)}")
    wrong.rename(authority.sealed)
    assert birthshare.run().code == WAITING


def test_a_file_that_is_named_for_another_month_is_not_taken_for_this_one(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    authority.sealed.rename(authority.inbox / f"births_chis_{PREVIOUS}.csv.gpg")
    answer = birthshare.run()
    assert answer.code == WAITING
    answer.says(f"extract of chis for {MONTH} has not arrived", "inbox/chis", "Ask the supplier")


def test_a_file_of_an_unknown_supplier_stops_the_run(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    stray = authority.inbox / f"births_elsewhere_{MONTH}.csv.gpg"
    shutil.copy(authority.sealed, stray)
    answer = birthshare.run()
    assert answer.code == INTEGRITY
    answer.says("names another supplier", "inbox/chis", "Move the file")
    stray.unlink()
    assert birthshare.run().code == WAITING


def test_of_two_different_files_for_one_month_none_is_chosen(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    second = authority.inbox / f"births_chis_{MONTH} (1).csv.gpg"
    authority.send(no_births(authority.extract()), second)
    answer = birthshare.run()
    assert answer.code == INTEGRITY
    answer.says("Two different files", "inbox/chis", "Ask the supplier which of them stands")
    second.unlink()
    assert birthshare.run().code == WAITING


# --- wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize("month", ["2026-13", "26-10", "October", "2026-10-01", ""])
def test_a_month_that_is_none_is_wrong_use(birthshare: CommandLine, month: str) -> None:
    answer = birthshare("run", month)
    assert answer.code == WRONG_USE
    answer.says("not a month", "YYYY-MM")


def test_a_folder_that_is_no_home_is_wrong_use(tmp_path: Path, birthshare: CommandLine) -> None:
    (birthshare.authority.home.path / "birthshare.toml").unlink()
    answer = birthshare.run()
    assert answer.code == WRONG_USE
    answer.says("not a Birthshare home", str(birthshare.authority.home.path), "birthshare init")
    assert answer.json["error"]["exit_code"] == WRONG_USE


def test_a_setting_that_nobody_knows_is_wrong_use(birthshare: CommandLine) -> None:
    birthshare.authority.setting("[authority]", "[authority]\nsend_everything = true")
    answer = birthshare.run()
    assert answer.code == WRONG_USE
    answer.says("authority.send_everything", "birthshare.toml")


# --- agreements that do not stand -----------------------------------------------------------------


def the_agreement(authority: Authority) -> Path:
    [file] = authority.home.agreements.glob("*.yaml")
    return file


def sign_agreement(authority: Authority, file: Path, text: str) -> None:
    """An agreement's file with this text, signed by every role."""
    file.write_text(text)
    for role, key in authority.demo.approver_keys.items():
        signature = sign_ssh(file.read_bytes(), private_key=key, namespace=NAMESPACE)
        file.with_suffix(f".{role}.sig").write_bytes(signature)


def no_signature(authority: Authority) -> None:
    the_agreement(authority).with_suffix(".caldicott_guardian.sig").unlink()


def signed_by_the_wrong_role(authority: Authority) -> None:
    file = the_agreement(authority)
    shutil.copy(file.with_suffix(".data_lead.sig"), file.with_suffix(".caldicott_guardian.sig"))


def altered_after_signing(authority: Authority) -> None:
    file = the_agreement(authority)
    text = file.read_text()
    assert "date_of_birth]" in text
    file.write_text(text.replace("date_of_birth]", "date_of_birth, nhs_number]"))


def suspended(authority: Authority) -> None:
    the_agreement(authority).with_suffix(".suspend.caldicott_guardian.sig").touch()


def in_the_past(text: str) -> str:
    """An agreement's text that expired yesterday."""
    return re.sub(r"  (expires|review_by): .*", rf"  \1: {(NOW - timedelta(days=1)).date()}", text)


def expired(authority: Authority) -> None:
    file = the_agreement(authority)
    sign_agreement(authority, file, in_the_past(file.read_text()))


def removed(authority: Authority) -> None:
    the_agreement(authority).unlink()


FALLEN = {
    no_signature: ("agreement_not_approved", "No signature of the Caldicott guardian"),
    signed_by_the_wrong_role: ("agreement_not_approved", "does not hold the role Caldicott guardian"),
    altered_after_signing: ("agreement_not_approved", ".sig"),
    suspended: ("agreement_suspended", "A suspension stands"),
    expired: ("agreement_not_in_force", "It expired on"),
    removed: ("There is no agreement", "agreements"),
}


@pytest.mark.parametrize("fall", FALLEN, ids=lambda fall: fall.__name__)
def test_without_an_agreement_that_stands_nothing_is_opened(
    birthshare: CommandLine, fall: Callable[[Authority], None]
) -> None:
    authority = birthshare.authority
    fall(authority)
    answer = birthshare.run()
    assert answer.code == REFUSED
    answer.says(*FALLEN[fall])
    assert authority.recorded(Kind.EXTRACT_RECEIVED) == []


@pytest.mark.parametrize("fall", FALLEN, ids=lambda fall: fall.__name__)
def test_an_agreement_that_falls_after_the_approval_still_stops_everything(
    birthshare: CommandLine, fall: Callable[[Authority], None]
) -> None:
    authority = birthshare.authority
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    fall(authority)
    assert birthshare.run().code == REFUSED
    assert authority.files() == {}


def newer_version(authority: Authority) -> Path:
    """The agreement's second version, signed by every role."""
    text = the_agreement(authority).read_text().replace("version: 1", "version: 2\nreplaces: 1")
    newer = authority.home.agreements / "welcome-card-first-visit.v2.yaml"
    sign_agreement(authority, newer, text)
    return newer


def test_a_version_that_is_suspended_does_not_bring_back_the_one_before(birthshare: CommandLine) -> None:
    newer = newer_version(birthshare.authority)
    newer.with_suffix(".suspend.caldicott_guardian.sig").touch()
    answer = birthshare.run()
    assert answer.code == REFUSED
    answer.says("agreement_suspended", newer.name)


def test_a_version_that_has_expired_does_not_bring_back_the_one_before(birthshare: CommandLine) -> None:
    newer = newer_version(birthshare.authority)
    sign_agreement(birthshare.authority, newer, in_the_past(newer.read_text()))
    answer = birthshare.run()
    assert answer.code == REFUSED
    answer.says("agreement_not_in_force", newer.name)


def test_a_version_that_is_not_signed_by_all_leaves_the_one_before_standing(birthshare: CommandLine) -> None:
    newer = newer_version(birthshare.authority)
    newer.with_suffix(".data_lead.sig").unlink()
    assert birthshare.run().code == WAITING


# --- the word on deaths ---------------------------------------------------------------------------


def test_a_newer_file_that_was_refused_is_no_newer_word_on_deaths(birthshare: CommandLine) -> None:
    authority = birthshare.authority
    later = NOW + timedelta(days=8)
    refused = ExtractReceived(
        supplier="chis", sealed_sha256="0" * 64, signer="0" * 40, signed_at=later, rows=1
    )
    with opened_ledger(authority.home) as ledger:
        ledger.append(Entry(refused, str(MONTH)), at=NOW)
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    with pytest.raises(Refused, match="deaths_feed_stale") as stopped:
        months.run(authority.home, MONTH, now=later)
    assert "Put a newer extract" in stopped.value.do
    assert authority.files() == {}


# --- our own disk ---------------------------------------------------------------------------------


def test_a_full_disk_of_our_own_is_named_and_loses_nothing(birthshare: CommandLine) -> None:
    working = birthshare.authority.home.state / "working"
    working.mkdir()
    unmount = mount_small_disk(working, "16k")
    try:
        answer = birthshare("run", str(MONTH))
    finally:
        unmount()
    assert answer.code == UNEXPECTED
    answer.says("No space left on device", "Run the command again")
    check_no_value_shown(birthshare, birthshare.authority.extract())
    assert birthshare.finish()["balanced"]


# --- a ledger that was altered --------------------------------------------------------------------

ALTERATIONS = {
    "changed": "UPDATE entries SET body = replace(body, ':150', ':151') WHERE kind = 'validated'",
    "deleted": "DELETE FROM entries WHERE kind = 'validated'",
    "cut-short": "DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)",
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_on_an_altered_ledger_nothing_is_sent(birthshare: CommandLine, alteration: str) -> None:
    authority = birthshare.authority
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    with closing(sqlite3.connect(authority.home.state / "birthshare.db")) as database, database:
        for trigger in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger[0]}")
        assert database.execute(ALTERATIONS[alteration]).rowcount == 1
    for answer in (birthshare.run(), birthshare("ledger", "verify")):
        assert answer.code == INTEGRITY
        answer.says("ledger", "backup")
    assert authority.files() == {}
