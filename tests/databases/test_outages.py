"""A database that goes away, is busy or comes back older, as the people at the command line meet it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline.delivery.sftp import FarSide
from pipeline.facts import checkpoint_file, opened_ledger, verified
from pipeline.ledger import database
from pipeline.ledger.entries import Entry, Kind, MonthClosed
from pipeline.ledger.ledger import Ledger
from servers.postgres import PostgresServer

DATABASE = "BIRTHSHARE_DATABASE"


@pytest.fixture
def on_postgresql(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The authority's ledger is on PostgreSQL, and empty; gives its address."""
    server.copy("template0", "outages")
    monkeypatch.setenv(DATABASE, server.url("outages"))
    return server.url("outages")


def at_first_list(happens: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Something happens when the first list is about to get its name at its recipient."""
    own = FarSide.rename

    def first(far: FarSide, name: str, *rest: Any) -> Any:
        monkeypatch.setattr(FarSide, "rename", own)
        happens()
        return own(far, name, *rest)

    monkeypatch.setattr(FarSide, "rename", first)


def check_sent_once(authority: Authority) -> None:
    """Every recipient has one list, the ledger says so once, and all is proved."""
    lists = [name for name in authority.files() if not name.endswith(".json")]
    assert len(lists) == len({name.split("/")[0] for name in lists}) == 4
    assert len(authority.recorded(Kind.DELIVERED)) == 4
    assert len(authority.recorded(Kind.PERMIT)) == 4
    with opened_ledger(authority.home) as ledger:
        assert verified(authority.home, ledger).problem is None


# --- PostgreSQL goes away in the middle of a month ------------------------------------------------


@pytest.mark.usefixtures("on_postgresql")
def test_a_month_whose_server_stops_says_one_thing_and_is_finished_by_the_same_command(
    birthshare: CommandLine, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    birthshare.run()
    birthshare.approve()
    at_first_list(server.stop, monkeypatch)
    try:
        stopped = birthshare.run()
        again = birthshare.run()
    finally:
        server.start()
    for answer in (stopped, again):
        assert answer.code == 2
        answer.says("The ledger's database cannot be used", "run the same command again")
        assert answer.err.count("cannot be used") == 1
    finished = birthshare.run()
    assert (finished.code, finished.json["state"]) == (0, "closed")
    check_sent_once(birthshare.authority)


@pytest.mark.usefixtures("on_postgresql")
def test_a_month_whose_server_is_started_again_under_it_goes_on(
    birthshare: CommandLine, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    birthshare.run()
    birthshare.approve()

    def restarted() -> None:
        server.stop()
        server.start()

    at_first_list(restarted, monkeypatch)
    answer = birthshare.run()
    if answer.code:  # another list was just in the middle of a transaction
        answer.says("The ledger's database cannot be used", "run the same command again")
        answer = birthshare.run()
    assert (answer.code, answer.json["state"]) == (0, "closed")
    check_sent_once(birthshare.authority)


# --- somebody else is at it -----------------------------------------------------------------------


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_a_busy_database_is_said_after_the_wait(
    birthshare: CommandLine, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "postgresql":
        request.getfixturevalue("on_postgresql")
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.2)
    with closing(Ledger.open(birthshare.authority.home.database_url)) as other, other.database.writing():
        answer = birthshare.run()
    assert answer.code == 2
    answer.says("is busy", "Wait for the other command (or backup) to end")
    assert birthshare.run().code == 6


# --- an older database is put back ----------------------------------------------------------------


def check_found_older(birthshare: CommandLine, entries: int) -> None:
    """Nothing runs on it, and it is said what is missing and what to do."""
    for command in (("ledger", "verify"), ("run", str(MONTH)), ("retention",), ("ledger", "checkpoint")):
        answer = birthshare(*command)
        assert answer.code == 4, command
        answer.says(f"entry {entries + 1} is not there any more", "backup")


def check_found_older_by_what_was_kept(birthshare: CommandLine, entries: int) -> None:
    """Also where the home was put back with it, by whoever kept a checkpoint elsewhere."""
    own = checkpoint_file(birthshare.authority.home)
    kept = shutil.move(own, own.with_suffix(".kept"))
    assert birthshare("ledger", "verify").code == 0  # nothing in the home contradicts it
    answer = birthshare("ledger", "verify", "--kept", kept)
    assert answer.code == 4
    answer.says(f"entry {entries + 1} is not there any more")


def test_an_older_copy_of_the_file_is_found_out(birthshare: CommandLine) -> None:
    home = birthshare.authority.home
    birthshare.run()
    database_file = home.state / "birthshare.db"
    older = database_file.read_bytes()
    with opened_ledger(home) as ledger:
        entries = ledger.size
    birthshare.approve()
    assert birthshare.run().code == 0
    database_file.write_bytes(older)
    check_found_older(birthshare, entries)
    check_found_older_by_what_was_kept(birthshare, entries)


def test_an_older_dump_is_found_out(
    birthshare: CommandLine, on_postgresql: str, server: PostgresServer
) -> None:
    home = birthshare.authority.home
    birthshare.run()
    older = server.dump("outages")
    with opened_ledger(home) as ledger:
        entries = ledger.size
    birthshare.approve()
    assert birthshare.run().code == 0
    newer = server.dump("outages")
    server.restore("outages", older)
    check_found_older(birthshare, entries)
    server.restore("outages", newer)
    assert birthshare("ledger", "verify").code == 0
    server.restore("outages", older)
    check_found_older_by_what_was_kept(birthshare, entries)


def test_what_a_restore_brings_back_still_refuses_to_be_changed(
    birthshare: CommandLine, on_postgresql: str, server: PostgresServer
) -> None:
    """The triggers are in the dump."""
    import psycopg

    with opened_ledger(birthshare.authority.home) as ledger:
        ledger.append(Entry(MonthClosed(), str(MONTH)), at=NOW)
    server.restore("outages", server.dump("outages"))
    with psycopg.connect(on_postgresql) as connection, pytest.raises(psycopg.errors.RaiseException):
        connection.execute("DELETE FROM entries")
