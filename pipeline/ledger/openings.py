"""Openings: whom entries are about, kept beside them and destroyed in time. Inside a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Literal

from sqlalchemy import Connection, delete, select

from pipeline.ledger.database import note_destroyed
from pipeline.ledger.entries import Entry, Kind, OpeningsDestroyed
from pipeline.ledger.journal import write
from pipeline.ledger.tables import DISCLOSURES, ENTRIES, OPENINGS, RECALLS

_AT_ONCE = 400  # rows in one question; databases limit them


def destroy(
    connection: Connection,
    disclosures: Collection[int],
    *,
    because: Literal["erasure", "retention"],
    at: datetime,
    principal: str = "",
) -> int:
    """Destroy the openings of disclosures, and of recalls of the same rows; see `Ledger.destroy_openings`."""
    found = sorted({number for some in _some(disclosures) for number in _with_recalls(connection, some)})
    if not found:
        return 0
    for some in _some(found):
        for table in (DISCLOSURES, RECALLS, OPENINGS):
            connection.execute(delete(table).where(table.c.entry.in_(some)))
    note_destroyed(connection)
    body = OpeningsDestroyed(entries=stretches(found), because=because, principal=principal)
    write(connection, [Entry(body)], at)
    return len(found)


def between(connection: Connection, first: int, last: int) -> list[int]:
    """The entries from one number to another that can still be opened."""
    query = select(OPENINGS.c.entry).where(OPENINGS.c.entry.between(first, last))
    return list(connection.execute(query.order_by(OPENINGS.c.entry)).scalars())


def of_kind(connection: Connection, kind: Kind, before: str) -> list[int]:
    """The entries of a kind from before a moment (as entries write it) that can still be opened."""
    query = (
        select(OPENINGS.c.entry)
        .join(ENTRIES, ENTRIES.c.seq == OPENINGS.c.entry)
        .where(ENTRIES.c.kind == str(kind), ENTRIES.c.at < before)
    )
    return list(connection.execute(query.order_by(OPENINGS.c.entry)).scalars())


def stretches(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Ascending numbers as first and last of each unbroken run."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return tuple(runs)


def _with_recalls(connection: Connection, disclosures: list[int]) -> set[int]:
    """Those of the disclosures that can still be opened, and the recalls of their rows."""
    opened = connection.execute(select(OPENINGS.c.entry).where(OPENINGS.c.entry.in_(disclosures))).scalars()
    same_row = (RECALLS.c.permit == DISCLOSURES.c.permit) & (RECALLS.c.child == DISCLOSURES.c.child)
    recalls = (
        select(RECALLS.c.entry)
        .join(DISCLOSURES, same_row)
        .join(OPENINGS, OPENINGS.c.entry == RECALLS.c.entry)
        .where(DISCLOSURES.c.entry.in_(disclosures))
    )
    return {*opened, *connection.execute(recalls).scalars()}


def _some(numbers: Collection[int]) -> Iterator[list[int]]:
    ordered = iter(sorted(numbers))
    while some := list(islice(ordered, _AT_ONCE)):
        yield some
