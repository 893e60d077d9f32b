"""Whether the database finds what its tables hold: an index that lacks a row hides it from who looks by it.

Reading tables in the order of their keys would not show it. SQLite compares its indexes with its tables
itself; with PostgreSQL that is the administrator's to do (see the README, What nobody detects).
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, select

from pipeline.ledger.findings import Damage, Problem
from pipeline.ledger.tables import METADATA

_LACKS_ROW = re.compile(r"row (?P<place>[0-9]+) missing from index (?P<table>[a-z]+)_by_")


def problem(connection: Connection) -> Problem | None:
    """The first thing that SQLite finds wrong with its file: the entry whose row an index lacks, or 0."""
    if connection.dialect.name != "sqlite":
        return None
    said = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    if said == "ok":
        return None
    lacking = _LACKS_ROW.match(said)
    return Problem(Damage.INDEX, _entry(connection, **lacking.groupdict()) if lacking else 0)


def _entry(connection: Connection, table: str, place: str) -> int:
    """The number of the entry whose row stands at that place of a table, from 1; 0 where there is none."""
    if table not in METADATA.tables:
        return 0
    key = METADATA.tables[table].primary_key.columns[0]
    return connection.execute(select(key).order_by(key).offset(int(place) - 1).limit(1)).scalar() or 0
