"""Sessions of signed-in people: kept in memory, so that nothing of them outlives the program."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

IDLE, WHOLE = timedelta(minutes=30), timedelta(hours=8)


@dataclass
class Session:
    """One of them."""

    principal: str
    began: datetime
    seen: datetime
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)


class Sessions:
    """All of them, by the value of their cookie."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        self._lock = Lock()

    def begin(self, principal: str, now: datetime) -> str:
        """A new session; the answer is its cookie's value, which nobody could have known before."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._open = {key: one for key, one in self._open.items() if not _ended(one, now)}
            self._open[name] = Session(principal, now, now)
        return name

    def find(self, name: str, now: datetime) -> Session | None:
        """The session, where it is open; it then stays so for a while."""
        with self._lock:
            one = self._open.get(name)
            if one is None or _ended(one, now):
                return None
            one.seen = now
            return one

    def end(self, name: str) -> None:
        """Sign out."""
        with self._lock:
            self._open.pop(name, None)


def _ended(one: Session, now: datetime) -> bool:
    return now - one.seen > IDLE or now - one.began > WHOLE
