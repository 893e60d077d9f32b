"""A PostgreSQL server, or the way to it, that fails in the middle of an append: all of it or nothing.

Whether a transaction was kept whose last answer was lost, nobody can know; the ledger is whole either way.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import psycopg
import pytest
from ledger_examples import APPROVED, MONTH

from conftest import emptied
from pipeline.errors import BirthshareError, SettingsError
from pipeline.ledger import database, journal
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import verify
from servers.postgres import PostgresServer
from servers.wires import Wire

CLOSED = Entry(MonthClosed(), MONTH)
BEFORE = 254
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def url(postgres: PostgresServer, now: datetime) -> str:
    """The address of a ledger that others have closed."""
    address = emptied(postgres.url("faults"))
    with closing(Ledger.open(address)) as ledger:
        ledger.append(APPROVED, *[CLOSED] * (BEFORE - 1), at=now)
    return address


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with closing(Ledger.open(url)) as opened:
        yield opened


def end_others(url: str, how: str) -> None:
    """The server's processes at this database end: asked to, or killed; then the server mends itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        if how == "terminated":
            connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {others}")
            return
        for (backend,) in connection.execute(f"SELECT pid {others} AND backend_type = 'client backend'"):
            os.kill(backend, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(60)")  # until it ends this one too


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_a_server_process_that_ends_in_the_middle_leaves_nothing_behind(
    ledger: Ledger, url: str, postgres: PostgresServer, now: datetime, how: str, capfd: Any
) -> None:
    told = pytest.raises(SettingsError, match="cannot be used.*run the same command again")
    with told, ledger.database.writing() as connection:
        journal.write(connection, [CLOSED, CLOSED], now)
        end_others(url, how)
    postgres.wait()
    assert ledger.size == BEFORE
    assert ledger.append(CLOSED, at=now) == [BEFORE + 1]  # by the same program, without being started again
    assert verify(ledger, check_note=None).sound
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_a_server_process_that_ends_between_two_appends_is_not_noticed(
    ledger: Ledger, url: str, postgres: PostgresServer, now: datetime, how: str
) -> None:
    assert ledger.append(CLOSED, at=now) == [BEFORE + 1]
    end_others(url, how)
    postgres.wait()
    assert ledger.append(CLOSED, at=now) == [BEFORE + 2]
    assert verify(ledger, check_note=None).sound


def test_a_reader_whose_server_process_ends_is_told_so(ledger: Ledger, url: str, capfd: Any) -> None:
    with pytest.raises(SettingsError, match="cannot be used"), ledger.database.reading() as connection:
        journal.read_head(connection)
        end_others(url, "terminated")
        journal.read_head(connection)
    assert ledger.size == BEFORE
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_server_that_is_started_again_finds_what_was_kept(
    ledger: Ledger, postgres: PostgresServer, now: datetime
) -> None:
    assert ledger.append(CLOSED, at=now) == [BEFORE + 1]
    postgres.stop()
    with pytest.raises(SettingsError, match="cannot be used"):
        ledger.append(CLOSED, at=now)
    postgres.start()
    assert ledger.append(CLOSED, at=now) == [BEFORE + 2]
    assert verify(ledger, check_note=None).sound


def test_a_way_to_the_server_that_breaks_off_at_any_point(
    url: str, ledger: Ledger, postgres: PostgresServer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further and further into the append, until it comes through whole."""
    # Where the server does not hear at once that a try broke off, the next one waits for this, and no longer.
    monkeypatch.setattr(database, "_VANISHED_SECONDS", 2)
    size, broken = BEFORE, 0
    for sent in range(400, 20_000, 100):
        with Wire(postgres.port, after=sent, action=lambda: wire.reset()) as wire:
            error = append_through(through(wire, url, postgres), now)
        assert error is None or isinstance(error, SettingsError)
        found = verify(ledger, check_note=None)
        assert found.problem is None
        assert found.entries in (size, size + 1)
        assert error is not None or found.entries == size + 1
        size = found.entries
        if not wire.acted.is_set():
            break
        broken += 1
    assert error is None
    assert broken > 20
    assert ledger.append(CLOSED, at=now) == [size + 1]


def test_a_machine_that_vanishes_in_an_append_does_not_keep_others_from_writing_for_ever(
    url: str, ledger: Ledger, postgres: PostgresServer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_VANISHED_SECONDS", 0.5)
    began, begins = FORK.Pipe(duplex=False)
    with Wire(postgres.port, after=10**9, action=lambda: True) as wire:
        args = (through(wire, url, postgres), now, begins)
        vanishing = FORK.Process(target=append_for_ever, args=args)
        vanishing.start()
        assert began.recv() == "the lock is mine"
        wire.go_silent()
        vanishing.kill()
        vanishing.join()
        assert ledger.append(CLOSED, at=now) == [BEFORE + 1]  # what was not kept is not there
    assert verify(ledger, check_note=None).sound


def append_for_ever(url: str, now: datetime, begins: Connection) -> None:
    with closing(Ledger.open(url)) as ledger, ledger.database.writing() as connection:
        journal.write(connection, [CLOSED], now)
        begins.send("the lock is mine")
        signal.pause()


def through(wire: Wire, url: str, postgres: PostgresServer) -> str:
    """The same database, reached over a wire."""
    return url.replace(f":{postgres.port}/", f":{wire.port}/")


def append_through(url: str, now: datetime) -> BirthshareError | None:
    try:
        with closing(Ledger.open(url)) as ledger:
            ledger.append(CLOSED, at=now)
    except BirthshareError as error:
        return error
    return None
