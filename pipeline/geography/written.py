"""SQLite files that are written whole, or not at all; `read_only` opens them."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(target: Path, schema: str, version: int) -> Iterator[sqlite3.Connection]:
    """A new SQLite file that takes the place of `target` only when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.parent):
        for left_behind in target.parent.glob(f".{target.name}.*.part"):
            left_behind.unlink()
        yield from _written_aside(target, schema, version)


def _written_aside(target: Path, schema: str, version: int) -> Iterator[sqlite3.Connection]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        connection = sqlite3.connect(part, isolation_level=None, uri=True)
        try:
            connection.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {schema}")
            connection.execute(f"PRAGMA user_version={version:d}")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()
        _to_disk(part)
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else builds in this folder meanwhile; the lock goes with the process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _to_disk(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def keep_facts(connection: sqlite3.Connection, facts: dict[str, Any]) -> None:
    """Store the facts of the file beside its rows."""
    connection.execute("INSERT INTO facts VALUES (?)", (json.dumps(facts, sort_keys=True),))
