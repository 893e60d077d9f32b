"""Many at once: writers take turns, readers see whole transactions, and whoever waits too long is told so."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body
from sqlalchemy import func, select

from pipeline.errors import Refused, SettingsError
from pipeline.ledger import database
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.leaves import first_leaves
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.tables import ENTRIES
from pipeline.ledger.verify import verify
from pipeline.records import OnList

FORK = multiprocessing.get_context("fork")
PROCESSES, THREADS, TURNS, TOGETHER = 3, 2, 12, 3
EACH = THREADS * TURNS * TOGETHER
SECONDS = 60


def month_of(process: int) -> str:
    """What its entries are told apart by."""
    return f"2026-{process + 1:02}"


def write_on(url: str, process: int, start: Any, at: datetime) -> None:
    """One process: its threads share one ledger, which it opens when all others do."""
    start.wait(SECONDS)
    together = [Entry(MonthClosed(), month_of(process))] * TOGETHER
    with closing(Ledger.open(url)) as ledger, ThreadPoolExecutor(THREADS) as threads:
        for written in threads.map(lambda _: ledger.append(*together, at=at), range(THREADS * TURNS)):
            assert len(written) == TOGETHER


def at_once(target: Callable[..., None], url: str, at: datetime) -> list[Any]:
    """Processes that begin together."""
    start = FORK.Barrier(PROCESSES)
    processes = [FORK.Process(target=target, args=(url, one, start, at)) for one in range(PROCESSES)]
    for process in processes:
        process.start()
    return processes


def watched(url: str, processes: list[Any]) -> Iterator[int]:
    """How long the ledger is, over and over again while others write to it."""
    with closing(Ledger.open(url)) as ledger:
        while any(process.is_alive() for process in processes):
            yield ledger.size
            found = verify(ledger, check_note=None)
            assert found.problem is None
            yield found.entries


def test_several_processes_of_several_threads_make_one_chain_while_others_read(
    url: str, now: datetime
) -> None:
    """They also race to make the tables of the empty database."""
    writers = at_once(write_on, url, now)
    seen = list(watched(url, writers))
    for writer in writers:
        writer.join(SECONDS)
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    assert seen == sorted(seen)
    assert not [size for size in seen if size % TOGETHER], "half a transaction was seen"
    with closing(Ledger.open(url)) as ledger:
        entries = list(ledger.entries())
        assert verify(ledger, check_note=None).sound
    assert [entry.seq for entry in entries] == list(range(1, PROCESSES * EACH + 1))
    assert Counter(entry.month for entry in entries) == {month_of(one): EACH for one in range(PROCESSES)}
    calls = [entries[first : first + TOGETHER] for first in range(0, len(entries), TOGETHER)]
    assert all(len({entry.month for entry in call}) == 1 for call in calls)


def permit_once(url: str, process: int, start: Any, at: datetime) -> None:
    start.wait(SECONDS)
    with closing(Ledger.open(url)) as ledger:
        try:
            ledger.permit(permit_body(children=1), [OnList(child(process))], month=MONTH, at=at)
        except Refused:
            raise SystemExit(3) from None


def test_of_several_processes_that_ask_for_the_same_leave_one_gets_it(url: str, now: datetime) -> None:
    with closing(Ledger.open(url)) as ledger:
        ledger.append(APPROVED, at=now)
    askers = at_once(permit_once, url, now)
    for asker in askers:
        asker.join(SECONDS)
    assert sorted(asker.exitcode for asker in askers) == [0, *[3] * (PROCESSES - 1)]
    with closing(Ledger.open(url)) as ledger:
        assert ledger.size == 3
        assert verify(ledger, check_note=None).sound


def test_a_reader_sees_one_state_though_somebody_writes_meanwhile(ledger: Ledger, now: datetime) -> None:
    size = select(func.count()).select_from(ENTRIES)
    ledger.append(Entry(MonthClosed(), MONTH), at=now)
    with ThreadPoolExecutor(1) as writer:
        with ledger.database.reading() as connection:
            before = connection.execute(size).scalar_one()
            written = writer.submit(ledger.append, Entry(MonthClosed(), MONTH), at=now)
            if connection.dialect.name == "postgresql":  # on SQLite the writer waits for the reader's end
                written.result(SECONDS)
            assert connection.execute(size).scalar_one() == before == 1
        assert written.result(SECONDS) == [2]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
def test_who_waits_too_long_for_another_writer_is_told_so_and_may_try_again(url: str, now: datetime) -> None:
    with closing(Ledger.open(url)) as other, closing(Ledger.open(url)) as ledger:
        with other.database.writing():
            with pytest.raises(SettingsError, match="is busy.*run the same command again"):
                ledger.append(Entry(MonthClosed(), MONTH), at=now)
            assert ledger.size == 0, "who only reads does not wait"
        assert ledger.append(Entry(MonthClosed(), MONTH), at=now) == [1]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_on_sqlite_a_long_reader_keeps_a_writer_waiting_who_then_keeps_nothing(
    url: str, now: datetime
) -> None:
    with closing(Ledger.open(url)) as other, closing(Ledger.open(url)) as ledger:
        with other.database.reading() as connection:
            connection.execute(select(ENTRIES)).all()
            with pytest.raises(SettingsError, match="is busy"):
                ledger.append(Entry(MonthClosed(), MONTH), at=now)
        assert ledger.size == 0
        assert ledger.append(Entry(MonthClosed(), MONTH), at=now) == [1]
        assert verify(ledger, check_note=None).sound


@pytest.mark.usefixtures("impatient")
def test_who_reads_entries_that_are_signed_keeps_no_writer_waiting(ledger: Ledger, now: datetime) -> None:
    """What is signed stays as it is, so an export need not see one state from beginning to end."""
    ledger.append(*[Entry(MonthClosed(), MONTH)] * 1_500, at=now)
    reading = first_leaves(ledger, 1_400)
    first = next(reading)
    assert ledger.append(Entry(MonthClosed(), MONTH), at=now) == [1_501]
    assert [first.seq, *(leaf.seq for leaf in reading)] == list(range(1, 1_401))
