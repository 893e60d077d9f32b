"""SQLite files that were written once, whole (`written`), and then are only read."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from os import PathLike
from typing import Any

from pipeline.errors import SettingsError

REBUILD = "Run `birthshare geography build`."
_ESCAPED = (("%", "%25"), ("?", "%3f"), ("#", "%23"))  # what means something else in SQLite's URIs; % first


def address(path: str | PathLike[str]) -> str:
    """The URI that opens `path` for reading only, and says that nobody will change it."""
    whole = os.path.realpath(path)
    for sign, written in _ESCAPED:
        whole = whole.replace(sign, written)
    return f"file:{whole}?mode=ro&immutable=1"


def open_read_only(path: str | PathLike[str], *, version: int, what: str) -> sqlite3.Connection:
    """Open a finished file; raises SettingsError where it is missing, foreign or of another version."""
    if not os.path.isfile(path):  # noqa: PTH113 - pathlib loads longer than this
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
