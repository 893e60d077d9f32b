"""What a process remembers of a ledger is what reading all of it again would say."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.ledger import remembered
from pipeline.ledger import verify as verification
from pipeline.ledger.entries import Collected, Entry, Kind, MonthClosed, RecallRaised, Recorded
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import Damage, Problem, verify
from pipeline.records import OnList

Sql = Callable[..., Any]
ORIGIN = "birthshare.example.org/test"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After which entry each page of entries was asked for."""
    after: list[int] = []
    read = remembered.journal.read

    def watched(connection: Any, **options: Any) -> Any:
        after.append(options.get("after", 0))
        return read(connection, **options)

    monkeypatch.setattr(remembered.journal, "read", watched)
    return after


def collected(ledger: Ledger) -> list[int]:
    """Which lists were collected, as it is remembered."""
    return [entry.body.of for entry in remembered.entries(ledger, {Kind.COLLECTED})]  # type: ignore[attr-defined]


def test_only_what_was_recorded_since_is_read_again(
    ledger: Ledger, later: Callable[[], datetime], asked: list[int]
) -> None:
    ledger.append(Entry(Collected(of=1), MONTH), Entry(MonthClosed(), MONTH), at=later())
    assert collected(ledger) == [1]
    assert collected(ledger) == [1]
    ledger.append(Entry(Collected(of=2), MONTH), at=later())
    assert collected(ledger) == [1, 2]
    assert asked == [0, 2]


def test_a_ledger_that_was_put_back_is_read_anew(
    ledger: Ledger, later: Callable[[], datetime], unguarded: None, sql: Sql
) -> None:
    ledger.append(Entry(Collected(of=1), MONTH), at=later())
    heads = sql("SELECT size, chain_hash, nodes FROM head")[0]
    ledger.append(Entry(Collected(of=2), MONTH), at=later())
    assert collected(ledger) == [1, 2]
    sql("DELETE FROM entries WHERE seq = 2")
    sql("UPDATE head SET size = :size, chain_hash = :chain_hash, nodes = :nodes", **heads._mapping)
    assert collected(ledger) == [1]
    ledger.append(Entry(Collected(of=3), MONTH), at=later())
    assert collected(ledger) == [1, 3]


def test_who_was_forgotten_is_remembered_no_more(ledger: Ledger, later: Callable[[], datetime]) -> None:
    ledger.append(APPROVED, at=later())
    issued = ledger.permit(
        permit_body(), [OnList(child(1)), OnList(child(2))], month=MONTH, at=later()
    )  # 2-4
    recall = RecallRaised(
        permit=issued.entry, reference="", child=child(1), agreement="welcome-card", recipient="centre-1",
        word="child_died", due=later().date(),
    )  # fmt: skip
    ledger.call_back([recall], at=later())

    def children() -> list[str]:
        entries: list[Recorded] = remembered.entries(ledger, {Kind.RECALL_RAISED})
        return [entry.body.child for entry in entries]  # type: ignore[attr-defined]

    assert children() == [child(1)]
    ledger.destroy_openings([3], because="erasure", at=later(), principal="data.lead@example.org")
    assert children() == [""]


def test_what_was_altered_for_a_while_is_not_believed_any_longer(
    ledger: Ledger, later: Callable[[], datetime], unguarded: None, sql: Sql
) -> None:
    ledger.append(Entry(Collected(of=1), MONTH), at=later())
    sql("UPDATE entries SET body = :body WHERE seq = 1", body='{"of":9}')
    assert collected(ledger) == [9]
    sql("UPDATE entries SET body = :body WHERE seq = 1", body='{"of":1}')
    remembered.forget(ledger)
    assert collected(ledger) == [1]


def test_a_forked_process_waits_for_nobody_who_is_not_there(
    ledger: Ledger, later: Callable[[], datetime]
) -> None:
    ledger.append(Entry(Collected(of=1), MONTH), at=later())
    with remembered.heard(ledger, remembered._every(frozenset({Kind.COLLECTED}))), remembered._table:
        child = os.fork()
        if child == 0:
            os._exit(0 if not remembered._memories and remembered._table.acquire(timeout=1) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert collected(ledger) == [1]


def test_a_reading_that_broke_off_is_begun_again(ledger: Ledger, later: Callable[[], datetime]) -> None:
    class Fails(list[Recorded]):
        kinds, broken = frozenset({Kind.COLLECTED}), [True]

        def hear(self, entry: Recorded) -> None:
            self.append(entry)
            if self.broken and len(self) == 2:
                raise RuntimeError(self.broken.pop())

    ledger.append(*[Entry(Collected(of=number), MONTH) for number in (1, 2, 3)], at=later())
    with pytest.raises(RuntimeError), remembered.heard(ledger, Fails):
        pass
    with remembered.heard(ledger, Fails) as heard:
        assert len(heard) == 3


def test_a_month_is_worked_out_again_when_there_is_more_of_it(
    ledger: Ledger, later: Callable[[], datetime]
) -> None:
    made: list[str] = []

    def many(month: str, entries: list[Recorded]) -> int:
        made.append(month)
        return len(entries)

    def asked(month: str) -> int:
        return remembered.of_month(ledger, month, {Kind.COLLECTED}, many)

    ledger.append(Entry(Collected(of=1), MONTH), Entry(Collected(of=1), "2026-01"), at=later())
    assert [asked(MONTH), asked("2026-01"), asked(MONTH)] == [1, 1, 1]
    ledger.append(Entry(Collected(of=2), MONTH), Entry(MonthClosed(), "2026-01"), at=later())
    assert [asked(MONTH), asked("2026-01")] == [2, 1]
    assert made == [MONTH, "2026-01", MONTH]


def test_of_many_entries_since_a_checkpoint_those_found_sound_are_not_read_twice(
    ledger: Ledger,
    later: Callable[[], datetime],
    sign: Callable[[str], str],
    check_note: Callable[[str], str],
    unguarded: None,
    sql: Sql,
) -> None:
    many = verification._MANY + 10
    ledger.append(APPROVED, at=later())
    note = ledger.checkpoint(sign, origin=ORIGIN).note
    ledger.append(*[Entry(Collected(of=1), MONTH)] * many, at=later())
    read: list[int] = []

    def since() -> Any:
        read.clear()
        return verify(ledger, check_note=check_note, since=note, watch=lambda upto, _total: read.append(upto))

    first = since()
    ledger.append(Entry(Collected(of=2), MONTH), at=later())
    second = since()
    assert first.sound
    assert second.sound
    assert (second.since, second.entries) == (1, many + 2)
    sql("UPDATE entries SET body = :body WHERE seq = :seq", body='{"of":9}', seq=many + 2)
    assert since().problem == Problem(Damage.ALTERED, many + 2)  # what is new is read whenever it is asked
    sql("UPDATE entries SET leaf_hash = :leaf WHERE seq = 5", leaf="0" * 64)
    assert since().problem == Problem(Damage.ALTERED, 5)  # and what was read must have the hashes it had
