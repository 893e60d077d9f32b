"""The database under the ledger: opening it, bringing its tables up to date, transactions.

SQLite by default, PostgreSQL by URL. Every transaction that writes holds the ledger's one lock
before it reads anything, so two writers never see the same head. Whoever waits longer than
`_BUSY_SECONDS` for it is told so.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.util import LRUCache

from pipeline.errors import SettingsError
from pipeline.ledger.failures import NotAllowed, in_words, unreadable

# The newest step under `migrations/versions`; a database that has it is opened without Alembic.
REVISION = "0003"

_BUSY_SECONDS = 30  # that a writer waits for another
_VANISHED_SECONDS = 60  # after which the server gives up a writer of whom it hears nothing
_CONNECT_SECONDS = 10
_LOCK = 0x6269727468  # "birth": the number of the advisory lock on PostgreSQL
_STATEMENTS: LRUCache[Any, Any] = LRUCache(500)  # as they are written for SQLite


class Database:
    """An opened database whose tables are up to date."""

    def __init__(self, url: str) -> None:
        """Open and, if need be, migrate; raises SettingsError with a plain message and no password.

        `found` is the step that the tables were at before, None where there were none.
        """
        self._url = _parse(url)
        with self._plain_errors():
            self._engine = _sqlite(self._url) if self._is_sqlite else _postgresql(self._url)
        with self.reading() as connection:
            self.found = _revision(connection)
        if self.found != REVISION:
            self._bring_up_to_date()

    @property
    def name(self) -> str:
        """Which database it is, without its password."""
        return self._url.render_as_string(hide_password=True)

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from beginning to end.

        Raises SettingsError where the database cannot be reached or used.
        """
        options: dict[str, Any] = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._plain_errors(), self._engine.connect() as connection:
            yield connection.execution_options(**options)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the ledger's lock; kept when the block ends, undone if it raises.

        Durable once the block has ended. Raises SettingsError where the database cannot be used,
        IntegrityError where it refuses the change.
        """
        with self._plain_errors(), self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                if not self._is_sqlite:
                    _take_lock(connection)
                yield connection

    def clean(self) -> None:
        """Leave no trace in SQLite's file of what was destroyed; nothing where that was done before.

        What is deleted is written over, but not the copies of it that stayed behind where rows had been moved
        from page to page. So the file is written anew. (PostgreSQL: infra/runbooks/database.md.) Raises
        SettingsError where that cannot be done now; it is to be asked for again.
        """
        if self._is_sqlite:
            with self._plain_errors(), closing(self._engine.raw_connection()) as connection:
                try:
                    _write_anew(connection.driver_connection)
                except sqlite3.Error as error:
                    raise DBAPIError.instance("", None, error, sqlite3.Error, hide_parameters=True) from None

    def _bring_up_to_date(self) -> None:
        """Raises SettingsError where it is another role that may change the tables."""
        step = f"step {self.found}" if self.found else "none yet"
        try:
            with self.writing() as connection:
                _migrate(connection)
        except NotAllowed:
            raise SettingsError(
                "The ledger's tables are not those of this program, and this role may not change them",
                where=f"{_place(self._url)}: {step}; this program needs step {REVISION}",
                do="Make a backup, then run `birthshare ledger migrate` with the address of the database's "
                "owner in BIRTHSHARE_DATABASE (infra/runbooks/database.md).",
            ) from None

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise in_words(error, _place(self._url)) from None
        except UnicodeDecodeError:  # SQLite complains of a damaged schema, in bytes that are no text
            raise unreadable(_place(self._url)) from None


def _parse(address: str) -> URL:
    """The database address; plain `postgresql://` means the driver that is installed."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = URL.create("unreadable")
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    usable = {"sqlite", "postgresql+psycopg"}
    if url.drivername not in usable or url.database in (None, "", ":memory:"):
        raise SettingsError(
            "The database setting is not one that Birthshare can use",
            do="Write sqlite:///state/birthshare.db or postgresql://user@host/name.",
        )
    return url


def _place(url: URL) -> str:
    """Where the database is, in words without user, password or options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"{url.host or 'local server'}{port}/{url.database}"


def _sqlite(url: URL) -> Engine:
    """An engine with connections of its own, which are gone when it is disposed of.

    How statements are written is known to this process from the first time on: to work that out takes longer
    than most answers.
    """
    _create_private(Path(str(url.database)))
    first = _first_sqlite(url)
    kept = {"compiled_cache": _STATEMENTS}
    engine = Engine(first.pool.recreate(), first.dialect, url, hide_parameters=True, execution_options=kept)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@lru_cache(maxsize=8)
def _first_sqlite(url: URL) -> Engine:
    """An engine without connections, whose dialect has seen the database once."""
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    with engine.connect():
        pass
    engine.dispose()
    return engine


def _create_private(file: Path) -> None:
    """Make the file, readable by its owner alone, before SQLite would make it for everybody.

    One that is there is not opened: to close it again would take away every lock that this process has on
    it (POSIX advisory locks go with any descriptor of the file), and others would write while we read.
    """
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return
    except FileExistsError:
        if file.is_file() and os.access(file, os.R_OK | os.W_OK):
            return
        problem = os.strerror(errno.EISDIR if file.is_dir() else errno.EACCES)
    except OSError as error:
        problem = error.strerror or "unknown"
    raise SettingsError("The ledger's database file cannot be opened", where=f"{file}: {problem}")


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    # Beyond FULL the folder is put on the disk too: without it a power cut could bring the journal back that
    # says "undo", after a list was sent on the strength of its permit.
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA secure_delete = ON")  # what is destroyed is written over


def note_destroyed(connection: Connection) -> None:
    """Note, in the transaction that destroys something, that `Database.clean` has to be done."""
    if connection.dialect.name == "sqlite":
        many = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {many + 1}")


def _write_anew(driver: Any) -> None:
    noted = driver.execute("PRAGMA user_version").fetchone()
    if noted == (0,):
        return
    driver.execute("VACUUM")
    driver.execute("BEGIN IMMEDIATE")
    if driver.execute("PRAGMA user_version").fetchone() == noted:  # else more was destroyed meanwhile
        driver.execute("PRAGMA user_version = 0")
    driver.execute("COMMIT")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    # A server that vanished without a word is noticed within a minute, not in the two hours of TCP.
    watched = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    given_up = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": 60_000}  # seconds; milliseconds
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={**watched, **given_up, "application_name": "birthshare"},
    )


def _take_lock(connection: Connection) -> None:
    """Wait for the ledger's lock, and hold it for this transaction, but not if this machine vanishes."""
    limits = {"lock_timeout": _BUSY_SECONDS, "idle_in_transaction_session_timeout": _VANISHED_SECONDS}
    for name, seconds in limits.items():
        connection.execute(text(f"SET LOCAL {name} = '{seconds}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _revision(connection: Connection) -> str | None:
    """The step that the tables are at; None for a database without any."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection) -> None:
    """Apply the missing steps; another process may have done so since we looked, which is fine."""
    from alembic import command  # noqa: PLC0415 - needed once in the life of a database
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    current = _revision(connection)
    if current is not None and current not in known:
        raise SettingsError(
            "The ledger's database was made by a newer Birthshare",
            where=f"step {current}, this program knows {REVISION}",
            do="Install the version of Birthshare that last ran here, or a newer one.",
        )
    command.upgrade(config, "head")
