"""How fast entries are recorded, in turns with plain inserts of the same rows into the same tables."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.ledger.entries import Delivered, Disclosure, Entry, PermitBody, ReleaseApproved
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.tables import DISCLOSURES, ENTRIES, OPENINGS
from pipeline.records import OnList
from servers.postgres import PostgresServer

BATCH = 1_000  # entries in one transaction
REFERENCE = "K7Q3M-9XTCD"  # of a row
MONTH, NOW, DIGEST = "2026-10", datetime(2026, 11, 3, 9, 30, tzinfo=UTC), "5" * 64
APPROVED = ReleaseApproved(
    pack_sha256=DIGEST, principal="data.lead@example.org", roles=("data_lead",), way="airflow"
)


def recorded(folder: Path, count: int, times: int) -> dict[str, Any]:
    """By database and sort of entry: seconds for so many entries, ours and plain inserts, by turns."""
    found: dict[str, Any] = {"entries": count, "batch": BATCH}
    with PostgresServer(durable=True) as server:
        addresses = {
            "sqlite": lambda name: f"sqlite:///{folder / name}.db",
            "postgresql": server.url,
        }
        for database, address in addresses.items():
            found[database] = {
                sort: [
                    _beside(address(f"{sort}_{turn}"), address(f"plain_{sort}_{turn}"), record, count)
                    for turn in range(times)
                ]
                for sort, record in SORTS.items()
            }
    return found


def _beside(ours: str, plain: str, record: Callable[[Ledger, int], float], count: int) -> dict[str, float]:
    """Seconds of recording, and of inserting what was recorded into another, empty ledger's tables."""
    with closing(Ledger.open(ours)) as ledger:
        seconds = record(ledger, count)
    with closing(Ledger.open(plain)):
        pass  # for its tables
    return {"ours": seconds, "plain": _inserted(ours, plain)}


def _plain_kind(ledger: Ledger, count: int) -> float:
    body = Delivered(permit=1, sha256=DIGEST, size=9_000, found_there=False)
    return _appended(ledger, [Entry(body, MONTH)] * count)


def _disclosures(ledger: Ledger, count: int) -> float:
    """Entries that commit to whom they are about, with their openings."""
    return _appended(ledger, [Entry(_disclosure(), MONTH) for _ in range(count)])


def _lists(ledger: Ledger, count: int) -> float:
    """The same as a month records them: permits, their children's entries, openings and look-ups."""
    ledger.append(Entry(APPROVED, MONTH), at=NOW)
    lists = [(permit_body(f"centre-{number}", BATCH), on_list(BATCH)) for number in range(count // BATCH)]
    begun = perf_counter()
    for body, children in lists:
        ledger.permit(body, children, month=MONTH, at=NOW)
    return perf_counter() - begun


SORTS = {"plain": _plain_kind, "disclosures": _disclosures, "lists": _lists}


def on_list(many: int) -> list[OnList]:
    """So many children whom nobody knows."""
    return [OnList(_reference(), _reference(), _reference(), REFERENCE) for _ in range(many)]


def permit_body(recipient: str, children: int, pack: str = DIGEST) -> PermitBody:
    """A permit for a list of so many children."""
    return PermitBody(
        agreement="welcome-card", version=1, recipient=recipient, file_name=f"{recipient}.xlsx",
        sealed_sha256=DIGEST, households=children, children=children, pack_sha256=pack, removed={},
    )  # fmt: skip


def _disclosure() -> Disclosure:
    (child,) = on_list(1)
    return Disclosure(permit=1, agreement="welcome-card", recipient="centre-1", **child._asdict())


def _reference() -> str:
    return secrets.token_hex(16)


def _appended(ledger: Ledger, entries: Sequence[Entry]) -> float:
    begun = perf_counter()
    for batch in _batches(entries):
        ledger.append(*batch, at=NOW)
    return perf_counter() - begun


def _inserted(source: str, target: str) -> float:
    """The rows of one database put into another by its driver, a batch of entries in one transaction."""
    with _driver(source) as reading, _driver(target) as writing:
        tables = [table for table in (ENTRIES, OPENINGS, DISCLOSURES) if _rows(reading, table)]
        rows = {table.name: list(_batches(_rows(reading, table))) for table in tables}
        cursor = writing.cursor()
        begun = perf_counter()
        for number in range(max(len(batches) for batches in rows.values())):
            for table in tables:
                if number < len(rows[table.name]):
                    cursor.executemany(_insert(writing, table), rows[table.name][number])
            writing.commit()
        return perf_counter() - begun


def _rows(connection: Any, table: sa.Table) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(f"SELECT * FROM {table.name}")  # noqa: S608 - our own table's name
    rows: list[Any] = cursor.fetchall()
    return rows


def _insert(connection: Any, table: sa.Table) -> str:
    mark = "?" if "sqlite" in type(connection).__module__ else "%s"
    return f"INSERT INTO {table.name} VALUES ({', '.join([mark] * len(table.columns))})"


@contextmanager
def _driver(url: str) -> Iterator[Any]:
    """The driver's own connection; SQLite waits for the disk as the ledger's does."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with closing(engine.raw_connection()) as connection:
        if engine.dialect.name == "sqlite":
            for pragma in ("synchronous = EXTRA", "secure_delete = ON"):
                connection.cursor().execute(f"PRAGMA {pragma}")
        yield connection.driver_connection
    engine.dispose()


def _batches(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (things[first : first + BATCH] for first in range(0, len(things), BATCH))
