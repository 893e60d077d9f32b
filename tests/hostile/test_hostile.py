"""Hostile and malformed files through the real command line: one clear sentence each, and nothing left.

Every file holds a family whose values occur nowhere else. After each one, what was said, the whole home
with its ledger and working files, and the folders for temporary files are searched for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from hostile import contents, events, workbooks
from hostile.conftest import NAMES, FrontDoor, front_door
from hostile.contents import CONTENTS
from hostile.events import EVENTS
from hostile.family import CANARIES, CHILD, TABLE, as_quoted_csv, family, rows
from hostile.sealing import Seals, zipped
from hostile.seals import OPENPGP, ZIPS, signed_by_another
from hostile.values import VALUES
from hostile.workbooks import WORKBOOKS
from month_authority import MONTH
from pipeline.contract import contract_of
from pipeline.demo.authority import Demonstration
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.errors import IntegrityError
from pipeline.intake.files import read_file
from pipeline.intake.profiles import Layout

INTEGRITY, WAITING = 4, 6
Content = Callable[[], bytes]
Sealed = Callable[[Seals], bytes]


def name(case: Callable[..., bytes]) -> str:
    return case.__name__.replace("_", "-")


def check_content_refused(door: FrontDoor, content: bytes, words: tuple[str, ...], form: str) -> None:
    """By `intake check`, which reads as a month does and leaves out the agreements."""
    door.agree(format=form, sealed="zip")
    file = door.arrives(zipped(content), NAMES["zip"])
    door.check_refused(door.birthshare("intake", "check", file, "--json"), INTEGRITY, *words)


@pytest.mark.parametrize("case", CONTENTS, ids=name)
def test_a_csv_file_that_is_not_as_agreed_is_refused(at_door: FrontDoor, case: Content) -> None:
    check_content_refused(at_door, case(), CONTENTS[case], "csv")


@pytest.mark.parametrize("case", WORKBOOKS, ids=name)
def test_a_workbook_that_is_not_as_agreed_is_refused(at_door: FrontDoor, case: Content) -> None:
    check_content_refused(at_door, case(), WORKBOOKS[case], "xlsx")


@pytest.mark.parametrize("case", EVENTS, ids=name)
def test_a_file_of_messages_that_is_not_as_specified_is_refused(at_door: FrontDoor, case: Content) -> None:
    check_content_refused(at_door, case(), EVENTS[case], "fhir")


@pytest.mark.parametrize(
    ("form", "case"),
    [
        ("csv", contents.two_encodings),
        ("csv", contents.code_that_nobody_agreed),
        ("xlsx", workbooks.entities_that_grow),
        ("xlsx", workbooks.error_in_a_cell),
        ("fhir", events.entity_from_a_file),
        ("fhir", events.half_a_character),
    ],
)
def test_a_month_refuses_what_a_trial_refuses(at_door: FrontDoor, form: str, case: Content) -> None:
    words = (CONTENTS | WORKBOOKS | EVENTS)[case]
    at_door.agree(format=form, sealed="zip")
    at_door.arrives(zipped(case()), NAMES["zip"])
    at_door.check_refused(at_door.run(), INTEGRITY, *words)
    at_door.clear()
    at_door.agree(format=form)
    at_door.arrives(at_door.seals.seal(case()))
    at_door.check_refused(at_door.run(), INTEGRITY, *words)


FORMS = (("csv", CONTENTS), ("xlsx", WORKBOOKS), ("fhir", EVENTS))
READ = [(form, case) for form, cases in FORMS for case in cases]


@pytest.mark.parametrize(("form", "case"), READ, ids=lambda one: name(one) if callable(one) else one)
def test_no_error_that_hangs_on_a_refusal_quotes_the_file(form: str, case: Content) -> None:
    """A program that shows a whole traceback would show it."""
    said: list[str] = []
    try:
        read_file(case(), contract=contract_of("births"), layout=Layout(format=form), where="extract")
    except IntegrityError as refusal:
        hanging: BaseException | None = refusal
        while hanging:
            said.append(f"{hanging} {hanging.args}")
            hanging = hanging.__cause__ or hanging.__context__
    assert [one for one in CANARIES if one in " ".join(said)] == []


@pytest.mark.parametrize("case", OPENPGP, ids=name)
def test_an_openpgp_file_that_is_not_sealed_as_agreed_is_refused(at_door: FrontDoor, case: Sealed) -> None:
    at_door.agree()
    at_door.arrives(case(at_door.seals))
    at_door.check_refused(at_door.run(), INTEGRITY, *OPENPGP[case])


@pytest.mark.parametrize("case", ZIPS, ids=name)
def test_a_zip_that_is_not_sealed_as_agreed_is_refused(at_door: FrontDoor, case: Sealed) -> None:
    at_door.agree(sealed="zip")
    at_door.arrives(case(at_door.seals), NAMES["zip"])
    at_door.check_refused(at_door.run(), INTEGRITY, *ZIPS[case])


# --- what lies in the inbox -----------------------------------------------------------------------

ARRIVED = NAMES["openpgp"]


def symbolic_link(door: FrontDoor) -> None:
    """To a good file elsewhere."""
    elsewhere = door.arrives(door.seals.seal(TABLE)).rename(door.authority.home.path.parent / "elsewhere")
    (door.authority.inbox / ARRIVED).symlink_to(elsewhere)


def link_to_a_secret(door: FrontDoor) -> None:
    (door.authority.inbox / ARRIVED).symlink_to(door.authority.home.path / "keys" / "decryption.key")


def folder(door: FrontDoor) -> None:
    (door.authority.inbox / ARRIVED).mkdir()


def pipe_that_nobody_fills(door: FrontDoor) -> None:
    os.mkfifo(door.authority.inbox / ARRIVED)


def name_with_a_line_break(door: FrontDoor) -> None:
    door.arrives(door.seals.seal(TABLE), ARRIVED.replace(str(MONTH), f"{MONTH}\nDone."))


def name_of_another_month(door: FrontDoor) -> None:
    door.arrives(door.seals.seal(TABLE), ARRIVED.replace(str(MONTH), str(MONTH.plus(-1))))


def name_with_a_day(door: FrontDoor) -> None:
    door.arrives(door.seals.seal(TABLE), ARRIVED.replace(str(MONTH), f"{MONTH}-01"))


def part_of_a_file(door: FrontDoor) -> None:
    """As programs name a file while it comes."""
    door.arrives(door.seals.seal(TABLE), f"{ARRIVED}.part")


@pytest.mark.parametrize(
    "lies_there",
    [
        symbolic_link,
        link_to_a_secret,
        folder,
        pipe_that_nobody_fills,
        name_with_a_line_break,
        name_of_another_month,
        name_with_a_day,
        part_of_a_file,
    ],
    ids=name,
)
def test_what_is_not_the_file_that_is_awaited_is_not_opened(
    at_door: FrontDoor, lies_there: Callable[[FrontDoor], None]
) -> None:
    at_door.agree()
    lies_there(at_door)
    at_door.check_refused(at_door.run(), WAITING, "has not arrived")


def name_in_no_encoding(door: FrontDoor) -> str:
    return os.fsdecode(b"births_chis_%b\xff\xfe.csv.gpg" % str(MONTH).encode())


def name_as_long_as_can_be(door: FrontDoor) -> str:
    return ARRIVED.replace(".csv", "x" * (255 - len(ARRIVED)) + ".csv")


def name_with_signs_for_a_terminal(door: FrontDoor) -> str:
    return ARRIVED.replace(".csv", "\x1b[2J\u202e.csv")


@pytest.mark.parametrize(
    "named", [name_in_no_encoding, name_as_long_as_can_be, name_with_signs_for_a_terminal], ids=name
)
def test_a_file_with_an_odd_name_is_read_like_any_other(
    at_door: FrontDoor, named: Callable[[FrontDoor], str]
) -> None:
    at_door.agree()
    at_door.arrives(at_door.seals.seal(contents.no_header()), named(at_door))
    answer = at_door.run()
    at_door.check_refused(answer, INTEGRITY, "does not begin with a header")
    assert "\x1b" not in answer.err + answer.out


def test_a_file_that_a_stranger_signed_is_refused_by_a_name_that_can_be_shown(at_door: FrontDoor) -> None:
    at_door.agree()
    at_door.arrives(signed_by_another(at_door.seals), name_with_signs_for_a_terminal(at_door))
    answer = at_door.run()
    at_door.check_refused(answer, INTEGRITY, "not signed by the agreed key")
    assert "\x1b" not in answer.err + answer.out


def test_a_file_whose_name_is_in_no_encoding_can_be_named(at_door: FrontDoor) -> None:
    at_door.agree()
    at_door.arrives(signed_by_another(at_door.seals), name_in_no_encoding(at_door))
    at_door.check_refused(at_door.run(), INTEGRITY, "not signed by the agreed key")


def test_another_suppliers_file_in_this_inbox_is_not_opened(at_door: FrontDoor) -> None:
    at_door.agree()
    at_door.arrives(at_door.seals.seal(TABLE), ARRIVED.replace("chis", "other"))
    at_door.check_refused(at_door.run(), INTEGRITY, "names another supplier")


def test_of_two_files_for_one_month_neither_is_opened(at_door: FrontDoor) -> None:
    at_door.agree()
    at_door.arrives(at_door.seals.seal(TABLE))
    at_door.arrives(at_door.seals.seal(TABLE), ARRIVED.replace(".csv", " (1).csv"))
    at_door.check_refused(at_door.run(), INTEGRITY, "Two different files")


# --- single values --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def set_aside(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """A month of hostile values, each in a row of its own: by value, the rules that set its row aside."""
    numbers = iter(nhs_numbers(np.random.default_rng(5), len(VALUES)).tolist())
    records = [family(**{"nhs_number": next(numbers)} | changes) for changes, _ in VALUES.values()]
    with front_door(prototype, tmp_path_factory.mktemp("values")) as door:
        door.agree()
        door.arrives(door.seals.seal(as_quoted_csv(rows(*records))))
        answer = door.run()
        assert answer.code == WAITING, answer.err
        door.check_nothing_left()
        report = door.authority.home.outbox / "chis" / f"quarantine_chis_{MONTH}.csv"
        broken = pd.read_csv(report, dtype="str", keep_default_na=False)
    broken = broken[broken["severity"] == "error"]
    named = list(VALUES)
    found = broken.groupby("row")["rule"].agg(set)
    return {named[int(row) - 1]: rules for row, rules in found.items()}


@pytest.mark.parametrize("value", VALUES)
def test_a_hostile_value_sets_its_row_aside_and_an_odd_one_does_not(
    set_aside: dict[str, set[str]], value: str
) -> None:
    rule = VALUES[value][1]
    assert rule in set_aside[value] if rule else value not in set_aside


# --- the search itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["utf-8", "utf-16-le"])
def test_the_search_finds_what_is_left(at_door: FrontDoor, written: str) -> None:
    left = at_door.authority.home.state / "left"
    left.write_bytes(CHILD.encode(written))
    with pytest.raises(AssertionError, match="left"):
        at_door.check_nothing_left()
    left.unlink()
    forgotten = at_door.temporary / "forgotten"
    forgotten.touch()
    with pytest.raises(AssertionError):
        at_door.check_nothing_left()
    forgotten.unlink()
    at_door.check_nothing_left()


def test_the_corpus_is_as_large_as_was_asked() -> None:
    assert len({*CONTENTS, *WORKBOOKS, *EVENTS, *OPENPGP, *ZIPS}) >= 60
