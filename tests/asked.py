"""What databases are asked while a test watches: statements, and the steps of SQLite's machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine

STEP = 100  # instructions of SQLite's machine, counted at once


class Asked:
    """What databases have been asked."""

    def __init__(self) -> None:
        self.statements, self.steps = 0, 0

    def connected(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.set_progress_handler(self._step, STEP)

    def _step(self) -> int:
        self.steps += STEP
        return 0

    def executed(self, *_told: object) -> None:
        self.statements += 1


@contextmanager
def watched() -> Iterator[Asked]:
    """Whatever databases are asked inside; steps where they are opened inside."""
    asked = Asked()
    event.listen(Engine, "connect", asked.connected)
    event.listen(Engine, "before_cursor_execute", asked.executed)
    try:
        yield asked
    finally:
        event.remove(Engine, "connect", asked.connected)
        event.remove(Engine, "before_cursor_execute", asked.executed)
