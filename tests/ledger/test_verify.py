"""Whoever changes the database, whatever they know, is found out: where, and what they did."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.encryption.signing import sign_note
from pipeline.ledger import journal
from pipeline.ledger.checkpoints import statement
from pipeline.ledger.entries import Entry, Kind, MonthClosed, leaf
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import CHAIN_START, CompactRange, leaf_hash
from pipeline.ledger.verify import Damage, Problem, verify
from pipeline.records import SUPPRESSIONS, OnList, declared

ON_LIST = [OnList(child(1)), OnList(child(2))]
Sql = Callable[..., Any]
Note = Callable[[str], str]
CHECKPOINTS_AT = (7, 10)
ORIGIN = "birthshare.example.org/test"


@pytest.fixture
def history(ledger: Ledger, later: Callable[[], datetime], sign: Note) -> Ledger:
    """Twelve entries: words, a release, two permits of which one was annulled, two checkpoints."""
    words = pd.DataFrame(
        {"subject": [child(8), child(9)], "word": ["child_died", "suppressed"], "since": [pd.NaT, pd.NaT]}
    )
    ledger.suppress(declared(words, SUPPRESSIONS), later())  # 1, 2
    ledger.append(APPROVED, at=later())  # 3
    first = ledger.permit(permit_body("centre-1"), ON_LIST, month=MONTH, at=later())  # 4, 5, 6
    ledger.annul(first, at=later())  # 7
    ledger.checkpoint(sign, origin=ORIGIN)
    ledger.permit(permit_body("centre-1"), ON_LIST, month=MONTH, at=later())  # 8, 9, 10
    ledger.checkpoint(sign, origin=ORIGIN)
    ledger.append(Entry(MonthClosed(), MONTH), Entry(MonthClosed(), MONTH), at=later())  # 11, 12
    return ledger


@pytest.fixture
def exposed(history: Ledger, unguarded: None) -> Ledger:
    """The same, the triggers dropped."""
    return history


def found(ledger: Ledger, check_note: Note | None = None) -> Problem | None:
    return verify(ledger, check_note=check_note).problem


def test_a_ledger_that_nobody_touched_is_sound(history: Ledger, check_note: Note) -> None:
    verification = verify(history, check_note=check_note)
    assert (verification.entries, verification.checkpoints) == (12, len(CHECKPOINTS_AT))
    assert (verification.sound, verification.problem) == (True, None)


def test_an_empty_ledger_is_sound(ledger: Ledger) -> None:
    assert verify(ledger, check_note=None).sound


@pytest.mark.parametrize(
    "change",
    [
        "month = '2026-09'",
        "kind = 'release_approved'",
        "at = '2026-11-03T09:30:00.000001Z'",
        "body = '{}'",
        "body = body || ' '",
        "body = 'not JSON'",
        "leaf_hash = chain_hash",
    ],
)
def test_an_altered_entry_is_found(exposed: Ledger, sql: Sql, change: str) -> None:
    sql(f"UPDATE entries SET {change} WHERE seq = 5")
    assert found(exposed) == Problem(Damage.ALTERED, 5)


def test_what_stood_before_the_damage_is_still_vouched_for(exposed: Ledger, sql: Sql) -> None:
    root_at_7 = sql("SELECT root FROM checkpoints WHERE size = 7")[0][0]
    sql("UPDATE entries SET body = '{}' WHERE seq = 8")
    verification = verify(exposed, check_note=None)
    assert (verification.entries, verification.root, verification.sound) == (7, root_at_7, False)


def test_the_same_words_in_another_order_of_keys_are_an_alteration(exposed: Ledger, sql: Sql) -> None:
    (body,) = sql("SELECT body FROM entries WHERE seq = 5")[0]
    reordered = json.dumps(dict(reversed(json.loads(body).items())), separators=(",", ":"))
    assert json.loads(reordered) == json.loads(body)
    sql("UPDATE entries SET body = :body WHERE seq = 5", body=reordered)
    assert found(exposed) == Problem(Damage.ALTERED, 5)


@pytest.mark.parametrize("seq", [1, 5, 11, 12])
def test_a_missing_entry_is_found(exposed: Ledger, sql: Sql, seq: int) -> None:
    sql(f"DELETE FROM entries WHERE seq = {seq}")
    assert found(exposed) == Problem(Damage.MISSING, seq)


def test_a_missing_end_is_found_by_the_head_and_then_by_a_checkpoint(exposed: Ledger, sql: Sql) -> None:
    sql("DELETE FROM entries WHERE seq > 8")
    assert found(exposed) == Problem(Damage.MISSING, 9)
    rehash(sql)
    assert found(exposed) == Problem(Damage.MISSING, 9)


def test_two_entries_that_changed_places_are_found(exposed: Ledger, sql: Sql) -> None:
    sql("UPDATE entries SET seq = 99 WHERE seq = 5")
    sql("UPDATE entries SET seq = 5 WHERE seq = 6")
    sql("UPDATE entries SET seq = 6 WHERE seq = 99")
    assert found(exposed) == Problem(Damage.REORDERED, 5)


def test_a_gap_that_was_closed_by_renumbering_is_found(exposed: Ledger, sql: Sql) -> None:
    sql("DELETE FROM entries WHERE seq = 5")
    for seq in range(6, 13):
        sql(f"UPDATE entries SET seq = {seq - 1} WHERE seq = {seq}")
    assert found(exposed) == Problem(Damage.REORDERED, 5)


def test_a_broken_link_is_found(exposed: Ledger, sql: Sql) -> None:
    sql("UPDATE entries SET chain_hash = leaf_hash WHERE seq = 5")
    assert found(exposed) == Problem(Damage.CHAIN, 5)


def test_an_altered_entry_whose_own_hash_was_corrected_breaks_the_chain(exposed: Ledger, sql: Sql) -> None:
    sql("UPDATE entries SET month = '2026-09' WHERE seq = 5")
    row = sql("SELECT seq, kind, month, at, body FROM entries WHERE seq = 5")[0]
    sql("UPDATE entries SET leaf_hash = :hash WHERE seq = 5", hash=leaf_hash(leaf(*row)).hex())
    assert found(exposed) == Problem(Damage.CHAIN, 5)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE head SET size = 11",
        "UPDATE head SET nodes = ''",
        "UPDATE head SET chain_hash = ''",
        "DELETE FROM head",
    ],
)
def test_an_altered_head_is_found(exposed: Ledger, sql: Sql, change: str) -> None:
    sql(change)
    assert found(exposed) == Problem(Damage.HEAD, 12)


def test_an_entry_that_was_put_after_the_end_is_found(exposed: Ledger, sql: Sql) -> None:
    head = rehash(sql, keep_head=True)
    row = {
        "seq": 13,
        "kind": "month_closed",
        "month": MONTH,
        "at": "2026-11-03T09:30:00.000000Z",
        "body": "{}",
    }
    digest = leaf_hash(leaf(**row))
    head.add(digest)
    sql(
        "INSERT INTO entries VALUES (:seq, :kind, :month, :at, :body, :leaf_hash, :chain_hash)",
        **row, leaf_hash=digest.hex(), chain_hash=head.chain.hex(),
    )  # fmt: skip
    assert found(exposed) == Problem(Damage.HEAD, 13)


@pytest.mark.parametrize("seq", [0, -1])
def test_an_entry_that_was_put_before_the_beginning_is_found(exposed: Ledger, sql: Sql, seq: int) -> None:
    columns = "kind, month, at, body, leaf_hash, chain_hash"
    sql(f"INSERT INTO entries SELECT {seq}, {columns} FROM entries WHERE seq = 1")
    assert found(exposed) == Problem(Damage.ALTERED, seq)


@pytest.mark.parametrize(("seq", "checkpoint"), [(5, 7), (7, 7), (8, 10)])
def test_a_ledger_that_was_rewritten_with_all_its_hashes_contradicts_its_checkpoints(
    exposed: Ledger, sql: Sql, seq: int, checkpoint: int
) -> None:
    sql(f"UPDATE entries SET month = '2026-09' WHERE seq = {seq}")
    rehash(sql)
    assert found(exposed) == Problem(Damage.ROOT, checkpoint)


def test_a_checkpoint_rewritten_to_fit_has_no_genuine_signature(
    exposed: Ledger, sql: Sql, check_note: Note
) -> None:
    sql("UPDATE entries SET month = '2026-09' WHERE seq = 8")
    rehash(sql)
    roots = roots_of(sql)
    for size in CHECKPOINTS_AT:
        note = sign_note(statement(ORIGIN, size, roots[size]), name=ORIGIN, private_key=bytes(32))
        sql(
            "UPDATE checkpoints SET root = :root, note = :note WHERE size = :size",
            root=roots[size].hex(), note=note, size=size,
        )  # fmt: skip
    assert found(exposed, check_note) == Problem(Damage.SIGNATURE, 7)


def test_a_rewritten_ledger_without_its_checkpoints_contradicts_one_kept_elsewhere(
    exposed: Ledger, sql: Sql, check_note: Note
) -> None:
    kept = sql("SELECT note FROM checkpoints WHERE size = 10")[0][0]
    sql("DELETE FROM checkpoints")
    sql("UPDATE entries SET at = '2026-11-03T09:30:00.000001Z' WHERE seq = 11")
    rehash(sql)
    assert verify(exposed, check_note=check_note, kept_elsewhere=[kept]).sound  # 11 came after it
    sql("UPDATE entries SET at = '2026-11-03T09:30:00.000001Z' WHERE seq = 10")
    rehash(sql)
    assert verify(exposed, check_note=check_note).sound
    found_elsewhere = verify(exposed, check_note=check_note, kept_elsewhere=[kept])
    assert found_elsewhere.problem == Problem(Damage.ROOT, 10)


@pytest.mark.parametrize("size", [10, 12])
def test_of_two_checkpoints_of_one_size_that_differ_one_is_always_contradicted(
    history: Ledger, sign: Note, check_note: Note, size: int
) -> None:
    """Whatever the order, and whether the other one stands in the database or lies outside too."""
    with history.proving() as proofs:
        genuine, forged = (sign(statement(ORIGIN, size, root)) for root in (proofs.root(size), bytes(32)))
    for kept in ([genuine, forged], [forged, genuine]):
        found_elsewhere = verify(history, check_note=check_note, kept_elsewhere=kept)
        assert found_elsewhere.problem == Problem(Damage.ROOT, size)
    assert verify(history, check_note=check_note, kept_elsewhere=[genuine, genuine]).sound


def test_a_whole_ledger_exchanged_for_an_empty_one_contradicts_a_checkpoint_kept_elsewhere(
    exposed: Ledger, sql: Sql, check_note: Note
) -> None:
    kept = sql("SELECT note FROM checkpoints WHERE size = 10")[0][0]
    for table in ("entries", "openings", "checkpoints", "disclosures", "suppressions"):
        sql(f"DELETE FROM {table}")
    rehash(sql)
    assert verify(exposed, check_note=check_note).sound
    assert verify(exposed, check_note=check_note, kept_elsewhere=[kept]).problem == Problem(Damage.MISSING, 1)


@pytest.mark.parametrize(
    ("change", "damage"),
    [
        (f"root = '{'0' * 64}'", Damage.CHECKPOINT),
        ("note = 'nothing of the kind'", Damage.CHECKPOINT),
        ("note = ''", Damage.CHECKPOINT),
    ],
)
def test_an_altered_checkpoint_is_found(exposed: Ledger, sql: Sql, change: str, damage: Damage) -> None:
    sql(f"UPDATE checkpoints SET {change} WHERE size = 10")
    assert found(exposed) == Problem(damage, 10)


def test_a_checkpoint_moved_to_another_size_is_found(exposed: Ledger, sql: Sql, check_note: Note) -> None:
    sql("UPDATE checkpoints SET size = 11 WHERE size = 10")
    assert found(exposed, check_note) == Problem(Damage.CHECKPOINT, 11)


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        ("DELETE FROM disclosures WHERE entry = 9", 9),
        ("UPDATE disclosures SET recipient = 'centre-2' WHERE entry = 10", 10),
        ("UPDATE disclosures SET month = '2026-09' WHERE entry = 10", 10),
        ("UPDATE disclosures SET permit = 4 WHERE entry = 10", 10),
        ("INSERT INTO disclosures VALUES (5, 'x', 'card', 'centre-1', '2026-10', 4, '', '', '', 4)", 5),
        ("INSERT INTO disclosures VALUES (99, 'x', 'card', 'centre-1', '2026-10', 4, '', '', '', 4)", 99),
        ("UPDATE disclosures SET parent = child WHERE entry = 10", 10),
        ("UPDATE disclosures SET reference = 'K7Q3M-9XTCD' WHERE entry = 10", 10),
        ("UPDATE disclosures SET heard = 12 WHERE entry = 10", 10),
        ("INSERT INTO recalls VALUES (9, 8, '', 'x')", 9),
        ("INSERT INTO recalls VALUES (7, 8, '', 'x')", 7),
        ("INSERT INTO recalls VALUES (-1, 8, '', 'x')", -1),
        ("DELETE FROM suppressions WHERE entry = 1", 1),
        ("UPDATE suppressions SET word = 'objected' WHERE entry = 2", 2),
        ("UPDATE suppressions SET since = '2027-01-01T00:00:00' WHERE entry = 2", 2),
        ("INSERT INTO subtrees VALUES (1, 0, 'x')", 0),
    ],
)
def test_a_look_up_that_does_not_say_what_the_entries_say_is_found(
    exposed: Ledger, sql: Sql, change: str, entry: int
) -> None:
    assert sql(change) == 1
    assert found(exposed) == Problem(Damage.LOOKUP, entry)


@pytest.mark.parametrize("body", ["{}", "[]", '"text"'])
def test_an_invented_entry_with_good_hashes_and_no_meaning_is_found(
    exposed: Ledger, sql: Sql, body: str
) -> None:
    sql("UPDATE entries SET kind = 'disclosure', body = :body WHERE seq = 11", body=body)
    rehash(sql)
    assert found(exposed) == Problem(Damage.ALTERED, 11)


def test_a_body_that_is_not_canonical_is_found_even_with_good_hashes(exposed: Ledger, sql: Sql) -> None:
    sql("UPDATE entries SET body = '{ }' WHERE seq = 11")
    rehash(sql)
    assert found(exposed) == Problem(Damage.ALTERED, 11)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_no_single_change_of_any_cell_goes_unnoticed(exposed: Ledger, sql: Sql, data: st.DataObject) -> None:
    seq = data.draw(st.integers(1, 12), "entry")
    column = data.draw(st.sampled_from(["kind", "month", "at", "body", "leaf_hash", "chain_hash"]), "column")
    before = sql(f"SELECT {column} FROM entries WHERE seq = {seq}")[0][0]
    texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    after = data.draw(texts.filter(lambda text: text != before), "value")
    sql(f"UPDATE entries SET {column} = :value WHERE seq = {seq}", value=after)
    try:
        problem = found(exposed)
        assert problem is not None
        assert problem.entry == seq
    finally:
        sql(f"UPDATE entries SET {column} = :value WHERE seq = {seq}", value=before)
    assert found(exposed) is None


def test_memory_does_not_grow_with_the_ledger(ledger: Ledger, now: datetime) -> None:
    def peak() -> int:
        tracemalloc.start()
        assert verify(ledger, check_note=None).sound
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    ledger.append(*[Entry(MonthClosed(), MONTH)] * 3000, at=now)
    small = peak()
    ledger.append(*[Entry(MonthClosed(), MONTH)] * 9000, at=now)
    assert peak() < small * 1.5


def test_every_kind_of_damage_has_its_wording() -> None:
    assert len({damage.wording for damage in Damage}) == len(Damage)
    assert str(Problem(Damage.MISSING, 3)) == "entry 3 is not there any more"
    assert all(kind.wording for kind in Kind)


def all_rows(sql: Sql) -> Iterator[Any]:
    yield from sql("SELECT seq, kind, month, at, body FROM entries ORDER BY seq")


def roots_of(sql: Sql) -> dict[int, bytes]:
    """The Merkle root at every size."""
    tree = CompactRange()
    roots = {}
    for row in all_rows(sql):
        tree.append(leaf_hash(leaf(*row)))
        roots[tree.size] = tree.root()
    return roots


def rehash(sql: Sql, *, keep_head: bool = False) -> journal.Head:
    """Make every hash fit again, as one who knows this program would."""
    head = journal.Head(CompactRange(), CHAIN_START)
    for row in all_rows(sql):
        digest = leaf_hash(leaf(*row))
        head.add(digest)
        sql(
            "UPDATE entries SET leaf_hash = :leaf_hash, chain_hash = :chain_hash WHERE seq = :seq",
            leaf_hash=digest.hex(), chain_hash=head.chain.hex(), seq=row.seq,
        )  # fmt: skip
    if not keep_head:
        sql("UPDATE head SET size = :size, chain_hash = :chain_hash, nodes = :nodes", **head.row())
    return head
