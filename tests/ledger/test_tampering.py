"""One changed byte, anywhere in the database, is found: ten thousand times, in every column of every table.

What is not found stands in the README; test_tampering_attacks.py proves that there is no more of it.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from tampering import CHECK, fill, in_memory

from at_length import AT_LENGTH
from pipeline.errors import BirthshareError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import TILE
from pipeline.ledger.tables import METADATA
from pipeline.ledger.verify import Problem, verify

NOT_PROVED = {"leases"}  # the README says why


class Cell(NamedTuple):
    """A place in the database in which something stands."""

    table: str
    column: str
    key: tuple[tuple[str, Any], ...]  # the names and values of its row's key
    content: bytes

    def changed(self, chance: random.Random) -> bytes:
        """The same, but for one byte."""
        content = bytearray(self.content)
        place = chance.randrange(len(content))
        content[place] = chance.choice([byte for byte in range(256) if byte != content[place]])
        return bytes(content)


@dataclass(frozen=True)
class Exposed:
    """A ledger of which somebody has the file, and has taken away what guards it."""

    ledger: Ledger
    file: sqlite3.Connection
    untouched: sqlite3.Connection

    def columns(self) -> list[list[Cell]]:
        """Every column of every table, as the cells in which anything stands."""
        return [
            cells
            for table in METADATA.sorted_tables
            for column in table.columns
            if (cells := self._cells(table, column.name))
        ]

    def _cells(self, table: sa.Table, column: str) -> list[Cell]:
        key = [one.name for one in table.primary_key]
        rows = self.untouched.execute(f"SELECT {column}, {', '.join(key)} FROM {table.name}").fetchall()
        return [
            Cell(table.name, column, tuple(zip(key, values, strict=True)), str(content).encode())
            for content, *values in rows
            if str(content)
        ]

    def make(self, cell: Cell, content: bytes) -> bool:
        """Whether the database takes it: it refuses a key that another row has, or that is no number."""
        where = " AND ".join(f"{name} = ?" for name, _ in cell.key)
        values = (content, *(value for _, value in cell.key))
        try:
            self.file.execute(
                f"UPDATE {cell.table} SET {cell.column} = CAST(? AS TEXT) WHERE {where}", values
            )
        except sqlite3.Error:
            return False
        return True

    def found(self) -> Problem | None:
        """What verification says."""
        return verify(self.ledger, check_note=CHECK).problem

    def put_back(self) -> None:
        """As it was."""
        self.untouched.backup(self.file)


def opened(folder: Path, entries: int) -> Iterator[Exposed]:
    """A ledger of at least so many entries, without triggers or checks."""
    with in_memory(folder) as place:
        file = place / "ledger.db"
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger, closing(sqlite3.connect(file)) as database:
            fill(ledger, entries=entries)
            database.isolation_level = None
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA ignore_check_constraints = ON")
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                database.execute(f"DROP TRIGGER {name}")
            with closing(sqlite3.connect(":memory:")) as untouched:
                database.backup(untouched)
                yield Exposed(ledger, database, untouched)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Few entries, soon read."""
    yield from opened(tmp_path_factory.mktemp("small"), 20)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """So many entries that there is a complete subtree."""
    yield from opened(tmp_path_factory.mktemp("large"), TILE)


def unnoticed(exposed: Exposed, changes: int, seed: int) -> tuple[Counter[str], list[str]]:
    """So many changes, each of one byte, in columns chosen by chance: how many by table, and those missed."""
    chance, made, missed = random.Random(seed), Counter[str](), []
    columns = exposed.columns()
    assert exposed.found() is None
    while made.total() < changes:
        cell = chance.choice(chance.choice(columns))
        content = cell.changed(chance)
        if not exposed.make(cell, content):
            continue
        made[cell.table] += 1
        problem = exposed.found()
        if (problem is None) != (cell.table in NOT_PROVED):
            missed.append(f"seed {seed}: {cell} became {content!r}: {problem}")
        exposed.put_back()
    return made, missed


@pytest.mark.parametrize("seed", range(4 if AT_LENGTH else 1))
def test_no_byte_of_a_small_ledger_changes_unnoticed(small: Exposed, seed: int) -> None:
    made, missed = unnoticed(small, 2_250, seed)
    assert missed == []
    assert set(made) == {table.name for table in METADATA.sorted_tables} - {"subtrees"}


@pytest.mark.parametrize("seed", range(4, 6 if AT_LENGTH else 5))
def test_no_byte_of_a_ledger_with_a_complete_subtree_changes_unnoticed(large: Exposed, seed: int) -> None:
    made, missed = unnoticed(large, 500, seed)
    assert missed == []
    assert set(made) == {table.name for table in METADATA.sorted_tables}


# --- bytes of the file ----------------------------------------------------------------------------


def test_no_byte_of_the_file_changes_what_is_read_unnoticed(small: Exposed, tmp_path: Path) -> None:
    """Pages, indexes and free space: it is found, or refused in a sentence, or all reads as before."""
    chance, ends = random.Random(7), Counter[str]()
    with in_memory(tmp_path) as folder:
        file, whole = folder / "changed.db", small.untouched.serialize()
        for _ in range(400):
            content, place = bytearray(whole), chance.randrange(len(whole))
            content[place] = chance.choice([byte for byte in range(256) if byte != content[place]])
            file.write_bytes(content)
            end = what_becomes_of(file)
            assert end != "sound" or read(file) == read(whole), f"byte {place} became {content[place]}"
            ends[end] += 1
    assert set(ends) == {"found", "refused", "sound"}


def what_becomes_of(file: Path) -> str:
    """How opening and verifying a ledger's file ends; anything but a plain error is raised."""
    try:
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
            return "sound" if verify(ledger, check_note=CHECK).sound else "found"
    except BirthshareError:
        return "refused"


def read(database: Path | bytes) -> list[Any]:
    """Every row of every table that is proved."""
    with closing(sqlite3.connect(":memory:" if isinstance(database, bytes) else database)) as connection:
        if isinstance(database, bytes):
            connection.deserialize(database)
        tables = [table for table in METADATA.sorted_tables if table.name not in NOT_PROVED]
        return [connection.execute(f"SELECT * FROM {table.name}").fetchall() for table in tables]
