"""Recording: in order, without gaps, all or nothing, by many at once, and never changed afterwards."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc

from pipeline.errors import IntegrityError, SettingsError
from pipeline.ledger import database
from pipeline.ledger import ledger as ledger_module
from pipeline.ledger.entries import (
    Entry,
    ExtractRefused,
    Kind,
    MonthClosed,
    ReleaseRequested,
    StagingDestroyed,
)
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import verify

OCTOBER, NOVEMBER = "2026-10", "2026-11"
PACK = "a" * 64


def entry(month: str = OCTOBER) -> Entry:
    return Entry(ReleaseRequested(pack_sha256=PACK), month)


def test_entries_are_numbered_from_one_without_gaps(ledger: Ledger, now: datetime) -> None:
    assert ledger.append(entry(), entry(), at=now) == [1, 2]
    assert ledger.append(at=now) == []
    assert ledger.append(entry(), at=now) == [3]
    assert [recorded.seq for recorded in ledger.entries()] == [1, 2, 3]


def test_an_entry_is_read_as_it_was_recorded(ledger: Ledger, now: datetime) -> None:
    body = ExtractRefused(supplier="chis", sealed_sha256=PACK, problem="wrong_signer")
    ledger.append(Entry(body, OCTOBER), at=now)
    (recorded,) = ledger.entries()
    assert (recorded.body, recorded.month, recorded.at) == (body, OCTOBER, now)
    assert recorded.kind is Kind.EXTRACT_REFUSED


def test_entries_are_found_by_month_and_kind(ledger: Ledger, now: datetime) -> None:
    ledger.append(entry(OCTOBER), Entry(MonthClosed(), OCTOBER), entry(NOVEMBER), entry(""), at=now)
    assert [one.seq for one in ledger.entries(month=OCTOBER)] == [1, 2]
    assert [one.seq for one in ledger.entries(month="")] == [4]
    assert [one.seq for one in ledger.entries(kinds={Kind.MONTH_CLOSED})] == [2]
    assert [one.seq for one in ledger.entries(month=NOVEMBER, kinds={Kind.RELEASE_REQUESTED})] == [3]
    assert list(ledger.entries(kinds=set())) == []


def test_the_months_are_known(ledger: Ledger, now: datetime) -> None:
    assert ledger.months() == []
    ledger.append(entry(NOVEMBER), entry(""), entry(OCTOBER), entry(NOVEMBER), at=now)
    assert ledger.months() == [OCTOBER, NOVEMBER]


def test_entries_may_be_recorded_while_others_are_read(ledger: Ledger, now: datetime) -> None:
    page = ledger_module._PAGE
    ledger.append(*[entry()] * (page + 1), at=now)
    reading = ledger.entries()
    assert next(reading).seq == 1
    ledger.append(Entry(MonthClosed(), OCTOBER), at=now)
    rest = list(reading)
    assert [one.seq for one in rest] == list(range(2, page + 3))
    assert rest[-1].kind is Kind.MONTH_CLOSED


def test_what_was_recorded_is_there_after_closing(url: str, now: datetime) -> None:
    for number in (1, 2):
        opened = Ledger.open(url)
        assert opened.append(entry(), at=now) == [number]
        opened.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET body = '{}'",
        "UPDATE entries SET seq = 9 WHERE seq = 1",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints",
    ],
)
def test_the_database_refuses_to_change_what_was_recorded(
    ledger: Ledger, sql: Callable[..., Any], sign: Callable[[str], str], now: datetime, change: str
) -> None:
    ledger.append(entry(), entry(), at=now)
    ledger.checkpoint(sign, origin="test")
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        sql(change)
    assert verify(ledger, check_note=None).sound


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_sqlite_refuses_to_replace_an_entry(
    ledger: Ledger, sql: Callable[..., Any], sign: Callable[[str], str], now: datetime
) -> None:
    ledger.append(entry(), at=now)
    ledger.checkpoint(sign, origin="test")
    for table in ("entries", "checkpoints"):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
            sql(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["entries", "checkpoints"])
def test_postgresql_refuses_to_empty_a_table(
    ledger: Ledger, sql: Callable[..., Any], now: datetime, table: str
) -> None:
    ledger.append(entry(), at=now)
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        sql(f"TRUNCATE {table}")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE head SET size = 1",
        f"UPDATE head SET chain_hash = '{'0' * 64}'",
        "UPDATE head SET nodes = 'not hexadecimal'",
        "UPDATE head SET nodes = ''",
        "DELETE FROM head",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
    ],
)
@pytest.mark.usefixtures("unguarded")
def test_nothing_is_recorded_after_a_head_that_does_not_fit(
    ledger: Ledger, sql: Callable[..., Any], now: datetime, damage: str
) -> None:
    ledger.append(entry(), entry(), at=now)
    sql(damage)
    before = sql("SELECT count(*) FROM entries")
    with pytest.raises(IntegrityError, match="head does not belong to its last entry"):
        ledger.append(entry(), at=now)
    assert sql("SELECT count(*) FROM entries") == before


def test_an_error_in_the_middle_leaves_nothing_behind(ledger: Ledger, now: datetime) -> None:
    with pytest.raises(ValueError, match="time zone"):
        ledger.append(entry(), at=now.replace(tzinfo=None))
    with pytest.raises(RuntimeError), ledger.database.writing() as connection:
        ledger_module.journal.write(connection, [entry()], now)
        raise RuntimeError
    assert list(ledger.entries()) == []
    assert ledger.append(entry(), at=now) == [1]
    assert verify(ledger, check_note=None).sound


WRITER = """
import sys
from datetime import UTC, datetime
from pipeline.ledger.entries import Entry, ReleaseRequested
from pipeline.ledger.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(25):
    ledger.append(*[Entry(ReleaseRequested(pack_sha256="a" * 64), sys.argv[2])] * 3, at=datetime.now(UTC))
"""


def test_two_processes_at_once_make_one_chain(url: str) -> None:
    # Both also race to make the tables of the empty database.
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, month],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for month in (OCTOBER, NOVEMBER)
    ]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    opened = Ledger.open(url)
    found = verify(opened, check_note=None)
    months = [one.month for one in opened.entries()]
    opened.close()
    assert (found.sound, found.entries) == (True, 150)
    assert months.count(OCTOBER) == months.count(NOVEMBER) == 75
    # The three entries of one call stay together.
    assert all(len(set(months[first : first + 3])) == 1 for first in range(0, 150, 3))


def test_threads_share_one_ledger(ledger: Ledger, now: datetime) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: ledger.append(entry(), at=now)[0], range(40)))
    assert sorted(numbers) == list(range(1, 41))
    assert verify(ledger, check_note=None).sound


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_file_is_for_its_owner_alone(ledger: Ledger, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_a_database_of_a_newer_program_is_left_alone(url: str, sql: Callable[..., Any]) -> None:
    Ledger.open(url).close()
    sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="newer Birthshare"):
        Ledger.open(url)


def test_the_newest_migration_is_the_one_that_the_program_expects(
    ledger: Ledger, sql: Callable[..., Any]
) -> None:
    steps = Path(database.__file__).parent / "migrations" / "versions"
    numbers = [match[1] for file in steps.iterdir() if (match := re.match(r"s([0-9]{4})_", file.name))]
    assert max(numbers) == database.REVISION
    assert sql("SELECT version_num FROM alembic_version") == [(database.REVISION,)]


def test_the_tables_are_those_that_the_program_declares(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from pipeline.ledger.tables import METADATA

    with ledger.database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    # Indexes are the migrations' own affair: the program never names them.
    assert [difference for difference in differences if difference[0] != "remove_index"] == []


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://birthshare:hunter2@127.0.0.1:1/ledger",
        "postgresql+psycopg://birthshare:hunter2@127.0.0.1:1/ledger?connect_timeout=2",
        "sqlite:////nowhere/at/all/ledger.db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://birthshare:hunter2@127.0.0.1:1",
        "mysql://birthshare:hunter2@localhost/ledger",
        "hunter2",
        "postgresql://u:hunter2@host:port/ledger",
    ],
)
def test_a_database_that_cannot_be_used_is_said_plainly_and_without_its_password(address: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Ledger.open(address)
    error: BaseException | None = refusal.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or error.__context__


def test_a_wrong_password_is_said_plainly(postgres: Any) -> None:
    right = postgres.url("ledger_password")
    with pytest.raises(SettingsError, match="cannot be used") as refusal:
        Ledger.open(re.sub(r":[0-9a-f]{32}@", ":hunter2@", right))
    assert "hunter2" not in str(refusal.value)


def test_a_file_that_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Not a database, but a text of more than a few bytes. " * 40)
    with pytest.raises(IntegrityError, match="Birthshare's own database"):
        Ledger.open(f"sqlite:///{file}")


def test_a_server_that_went_away_is_said_plainly(now: datetime) -> None:
    from servers.postgres import PostgresServer

    with PostgresServer() as server:
        opened = Ledger.open(server.url("ledger"))
        opened.append(Entry(StagingDestroyed(), OCTOBER), at=now)
    with pytest.raises(SettingsError, match="cannot be used"):
        opened.append(Entry(MonthClosed(), OCTOBER), at=now)
    opened.close()
