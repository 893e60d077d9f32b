"""One ledger, on SQLite and on a real PostgreSQL: every test of this folder that asks runs on both."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from pipeline.encryption.signing import note_verifier, sign_note, verify_note
from pipeline.ledger.ledger import Ledger
from servers.postgres import PostgresServer, ServerMissing

sys.path.insert(0, str(Path(__file__).parent))  # for ledger_examples

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests."""
    server = PostgresServer()
    try:
        server.__enter__()
    except ServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    yield server
    server.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return emptied(server.url("ledger"))


def emptied(url: str) -> str:
    """The same database with nothing in it and nobody at it: far quicker than to make one for each test."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger.open(url)
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    """The moment at which the tests take place."""
    return NOW


@pytest.fixture
def later() -> Callable[[], datetime]:
    """A moment after the one given before."""
    minutes = itertools.count(1)
    return lambda: NOW + timedelta(minutes=next(minutes))


ORIGIN = "birthshare.example.org/test"
KEY = bytes(range(32))


@pytest.fixture
def sign() -> Callable[[str], str]:
    """Sign a checkpoint's text with the ledger's own key."""
    return partial(sign_note, name=ORIGIN, private_key=KEY)


@pytest.fixture
def check_note() -> Callable[[str], str]:
    """Check a signed note as anybody can who has the public key."""
    return partial(verify_note, vkey=note_verifier(ORIGIN, KEY))


@pytest.fixture
def administrator(url: str) -> Iterator[sa.Engine]:
    """The database as one sees it who has its password."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


@pytest.fixture
def sql(administrator: sa.Engine) -> Callable[..., Any]:
    """Run one statement past the ledger."""

    def run(statement: str, **values: Any) -> Any:
        with administrator.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return result.all() if result.returns_rows else result.rowcount

    return run


@pytest.fixture
def unguarded(ledger: Ledger, administrator: sa.Engine) -> None:
    """The ledger's tables without their triggers, as an administrator can leave them."""
    with administrator.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("DROP FUNCTION ledger_refuses() CASCADE"))
            return
        names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.scalars().all():
            connection.execute(sa.text(f"DROP TRIGGER {name}"))
