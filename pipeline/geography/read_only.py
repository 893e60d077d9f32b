"""SQLite files that are written once, whole, and then only read."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.errors import SettingsError

REBUILD = "Run `birthshare geography build`."


def address(path: Path) -> str:
    """The URI that opens `path` for reading only, and says that nobody will change it."""
    return f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"


@contextmanager
def written_whole(target: Path, schema: str, version: int) -> Iterator[sqlite3.Connection]:
    """A new SQLite file that takes the place of `target` only when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
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
def _alone(folder: Path) -> Iterator[None]:
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


def open_read_only(path: Path, *, version: int, what: str) -> sqlite3.Connection:
    """Open a finished file; raises SettingsError where it is missing, foreign or of another version."""
    if not path.is_file():
        raise SettingsError(f"The {what} has not been built", where=str(path), do=REBUILD)
    connection = sqlite3.connect(address(path), uri=True)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError:
        found = None
    if found != version:
        connection.close()
        raise SettingsError(f"The {what} is not one that this version can read", where=str(path), do=REBUILD)
    return connection


def keep_facts(connection: sqlite3.Connection, facts: dict[str, Any]) -> None:
    """Store the facts of the file beside its rows."""
    connection.execute("INSERT INTO facts VALUES (?)", (json.dumps(facts, sort_keys=True),))


def kept_facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """The facts that `keep_facts` stored."""
    facts: dict[str, Any] = json.loads(connection.execute("SELECT content FROM facts").fetchone()[0])
    return facts


def found(connection: sqlite3.Connection, query: str, keys: Iterable[str], *more: str) -> sqlite3.Cursor:
    """The rows that `query` finds for the distinct `keys`.

    `query` starts from `json_each(?1)` and says CROSS JOIN, which holds SQLite to that order: one step
    by primary key for each key asked. Sorted keys walk the table in its own order.
    """
    return connection.execute(query, (json.dumps(sorted(set(keys))), *more))
