"""Whoever holds a checkpoint need not read again what it covers, and is told exactly what that leaves out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.ledger.checkpoints import statement
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import TILE
from pipeline.ledger.verify import Damage, Problem, Verification, verify
from pipeline.records import SUPPRESSIONS, OnList, declared

ORIGIN = "birthshare.example.org/test"
SIZE = TILE + 44  # of the checkpoint: a complete tile and something more
END = 2 * TILE + 10

Sql = Callable[..., Any]
Note = Callable[[str], str]


@pytest.fixture
def note(ledger: Ledger, later: Callable[[], datetime], sign: Note) -> str:
    """A checkpoint of a ledger that went on: words, a permit with two children, and closings up to END."""
    ledger.append(APPROVED, at=later())  # 1
    ledger.permit(
        permit_body("centre-1"), [OnList(child(1)), OnList(child(2))], month=MONTH, at=later()
    )  # 2-4
    closings(ledger, SIZE, later())
    signed = ledger.checkpoint(sign, origin=ORIGIN)
    words = {"subject": [child(8)], "word": ["child_died"], "since": [pd.NaT]}
    ledger.suppress(declared(pd.DataFrame(words), SUPPRESSIONS), later())  # SIZE + 1
    ledger.permit(permit_body("centre-2"), [OnList(child(3)), OnList(child(4))], month=MONTH, at=later())
    closings(ledger, END, later())
    return signed.note


def closings(ledger: Ledger, size: int, at: datetime) -> None:
    """Fill the ledger up."""
    ledger.append(*[Entry(MonthClosed(), MONTH)] * (size - ledger.size), at=at)


@pytest.fixture
def since(ledger: Ledger, note: str, unguarded: None, check_note: Note) -> Callable[[], Verification]:
    """Verify since the checkpoint; nothing guards the tables any more."""
    return lambda: verify(ledger, check_note=check_note, since=note)


def test_what_was_recorded_after_it_is_read_and_nothing_else(
    ledger: Ledger, since: Callable[[], Verification]
) -> None:
    found, whole = since(), verify(ledger, check_note=None)
    assert found.sound
    assert (found.since, found.read, found.entries) == (SIZE, END - SIZE, END)
    assert (found.root, whole.since, whole.read) == (whole.root, 0, END)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (f"UPDATE entries SET month = '{MONTH}' WHERE seq = {SIZE + 1}", Problem(Damage.ALTERED, SIZE + 1)),
        (f"UPDATE entries SET month = '' WHERE seq = {END}", Problem(Damage.ALTERED, END)),
        (f"DELETE FROM entries WHERE seq = {SIZE + 9}", Problem(Damage.MISSING, SIZE + 9)),
        (f"DELETE FROM entries WHERE seq > {SIZE + 9}", Problem(Damage.MISSING, SIZE + 10)),
        (f"DELETE FROM entries WHERE seq > {SIZE - 9}", Problem(Damage.MISSING, SIZE - 8)),
        ("DELETE FROM entries", Problem(Damage.MISSING, 1)),
        ("UPDATE head SET size = 7", Problem(Damage.HEAD, END)),
        (f"DELETE FROM openings WHERE entry = {SIZE + 3}", Problem(Damage.UNOPENED, SIZE + 3)),
        (f"DELETE FROM suppressions WHERE entry = {SIZE + 1}", Problem(Damage.LOOKUP, SIZE + 1)),
        (f"DELETE FROM disclosures WHERE entry = {SIZE + 4}", Problem(Damage.LOOKUP, SIZE + 4)),
        ("DELETE FROM subtrees WHERE number = 1", Problem(Damage.LOOKUP, 2 * TILE)),
    ],
)  # fmt: skip
def test_damage_after_it_is_found_where_it_is(
    since: Callable[[], Verification], sql: Sql, change: str, problem: Problem
) -> None:
    sql(change)
    assert since().problem == problem


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE subtrees SET hash = (SELECT leaf_hash FROM entries WHERE seq = 1) WHERE number = 0",
        "UPDATE subtrees SET hash = 'nothing of the kind' WHERE number = 0",
        "DELETE FROM subtrees WHERE number = 0",
        f"UPDATE entries SET leaf_hash = chain_hash WHERE seq = {SIZE - 1}",
        f"DELETE FROM entries WHERE seq = {SIZE - 1}",
        f"UPDATE entries SET chain_hash = 'none' WHERE seq = {SIZE}",
    ],
)
def test_a_tree_that_is_not_the_one_that_was_signed_is_found(
    since: Callable[[], Verification], sql: Sql, change: str
) -> None:
    sql(change)
    assert since().problem == Problem(Damage.ROOT, SIZE)


REMADE = "ALTER TABLE entries RENAME TO before; CREATE TABLE entries AS SELECT * FROM before"


@pytest.mark.parametrize(
    "change",
    [
        f"DELETE FROM entries WHERE seq = {TILE}",
        f"{REMADE}; INSERT INTO entries SELECT * FROM before WHERE seq = {TILE}",
    ],
)
def test_the_last_entry_that_it_covers_must_be_there_once(
    ledger: Ledger, note: str, unguarded: None, sql: Sql, sign: Note, change: str
) -> None:
    with ledger.proving() as proofs:  # of complete subtrees alone, for which no entry is read
        complete = sign(statement(ORIGIN, TILE, proofs.root(TILE)))
    for one in change.split("; "):
        sql(one)
    assert verify(ledger, check_note=None, since=complete).problem == Problem(Damage.ROOT, TILE)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_number_that_is_none_is_found(since: Callable[[], Verification], sql: Sql) -> None:
    for change in (*REMADE.split("; "), f"UPDATE entries SET seq = 'last' WHERE seq = {END}"):
        sql(change)
    assert since().problem == Problem(Damage.ALTERED, END)


def test_another_link_at_the_checkpoint_does_not_fit_what_comes_after(
    since: Callable[[], Verification], sql: Sql
) -> None:
    sql(f"UPDATE entries SET chain_hash = leaf_hash WHERE seq = {SIZE}")
    assert since().problem == Problem(Damage.CHAIN, SIZE + 1)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET body = '{}' WHERE seq = 3",
        "DELETE FROM openings WHERE entry = 3",
        "DELETE FROM disclosures WHERE entry = 3",
    ],
)
def test_what_it_covers_is_not_read(
    ledger: Ledger, since: Callable[[], Verification], sql: Sql, change: str
) -> None:
    sql(change)
    assert since().sound
    assert not verify(ledger, check_note=None).sound


@pytest.mark.parametrize("size", [2, 3, SIZE + 2, SIZE + 3])
def test_it_may_end_within_a_list(ledger: Ledger, note: str, sign: Note, size: int) -> None:
    with ledger.proving() as proofs:
        within = sign(statement(ORIGIN, size, proofs.root(size)))
    found = verify(ledger, check_note=None, since=within)
    assert (found.problem, found.read) == (None, END - size)


@pytest.mark.parametrize("older", [0, 3, TILE, SIZE])
def test_an_older_checkpoint_from_elsewhere_must_be_a_beginning_of_it(
    ledger: Ledger, note: str, sign: Note, check_note: Note, older: int
) -> None:
    with ledger.proving() as proofs:
        genuine, forged = proofs.root(older), bytes(32)
    for root, problem in ((genuine, None), (forged, Problem(Damage.ROOT, older))):
        kept = sign(statement(ORIGIN, older, root))
        found = verify(ledger, check_note=check_note, since=note, kept_elsewhere=[kept])
        assert found.problem == problem


def test_a_checkpoint_that_nobody_signed_is_no_beginning(ledger: Ledger, note: str, check_note: Note) -> None:
    forged = note.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n")
    found = verify(ledger, check_note=check_note, since=forged)
    assert found.problem == Problem(Damage.SIGNATURE, 0)


def test_a_checkpoint_of_nothing_leaves_nothing_out(ledger: Ledger, note: str, sign: Note) -> None:
    with ledger.proving() as proofs:
        empty = sign(statement(ORIGIN, 0, proofs.root(0)))
    assert verify(ledger, check_note=None, since=empty).read == END


def test_whoever_watches_sees_how_far_it_is(ledger: Ledger, note: str) -> None:
    seen: list[tuple[int, int]] = []
    verify(ledger, check_note=None, watch=lambda read, total: seen.append((read, total)))
    assert seen[-1] == (END, END)
