"""What checkpoints promise about a ledger: those in its database, and those that were kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from pipeline.errors import BirthshareError
from pipeline.ledger.checkpoints import read_statement, unsigned
from pipeline.ledger.findings import Damage
from pipeline.ledger.tables import CHECKPOINTS

CheckNote = Callable[[str], str]


@dataclass(frozen=True)
class Promise:
    """What one checkpoint says, or why it cannot be believed."""

    size: int
    root: bytes
    damage: Damage | None = None


def stored(connection: Connection, check_note: CheckNote | None, *, since: int) -> list[Promise]:
    """What the checkpoints in the database promise, of those that go as far as entry `since` or farther."""
    query = select(CHECKPOINTS).where(CHECKPOINTS.c.size >= since) if since else select(CHECKPOINTS)
    return [_stored(row, check_note) for row in connection.execute(query)]


def told(notes: Iterable[str], check_note: CheckNote | None) -> list[Promise]:
    """What notes from outside the database promise."""
    return [promise(note, check_note) for note in notes]


def promise(note: str, check_note: CheckNote | None, *, size: int = 0) -> Promise:
    """What one note promises; `size` is where the damage is, if what it says cannot be believed."""
    try:
        text = check_note(note) if check_note else unsigned(note)
    except BirthshareError:
        return Promise(size, b"", Damage.SIGNATURE)
    try:
        return Promise(*read_statement(text))
    except BirthshareError:
        return Promise(size, b"", Damage.CHECKPOINT)


def _stored(row: Any, check_note: CheckNote | None) -> Promise:
    said = promise(str(row.note), check_note, size=row.size)
    if said.damage is None and (said.size, said.root.hex()) != (row.size, row.root):
        return Promise(row.size, b"", Damage.CHECKPOINT)
    return said
