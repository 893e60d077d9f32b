"""Sessions of signed-in people: kept in memory, so that nothing of them outlives the program."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal

from fastapi import Request
from fastapi.responses import Response

IDLE, WHOLE = timedelta(minutes=30), timedelta(hours=8)
_NAME = "birthshare"


@dataclass(frozen=True)
class Cookie:
    """How a browser is told something that it says again with every request, and that no script reads."""

    name: str
    secure: bool
    # Strict cookies stay away when somebody comes from another site, as from a sign-on.
    same_site: Literal["lax", "strict"]

    @classmethod
    def at(cls, address: str, same_site: Literal["lax", "strict"], of: str = "") -> Cookie:
        """For this origin; with TLS no other host of the same domain can set it, as `__Host-` makes sure."""
        secure = address.startswith("https:")
        return cls(f"{'__Host-' if secure else ''}{_NAME}{of}", secure, same_site)

    def of(self, request: Request) -> str:
        """What the browser says; "" for nothing."""
        return request.cookies.get(self.name, "")

    def give(self, answer: Response, value: str) -> None:
        """Tell the browser, until it is closed."""
        answer.set_cookie(
            self.name, value, httponly=True, secure=self.secure, samesite=self.same_site, path="/"
        )

    def take_back(self, answer: Response) -> None:
        """Let the browser forget it."""
        answer.delete_cookie(self.name, httponly=True, secure=self.secure, samesite=self.same_site, path="/")


@dataclass
class Session:
    """One of them."""

    whose: str  # as the entrance knows people
    began: datetime
    seen: datetime
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)


class Sessions:
    """All of them, by the value of their cookie."""

    def __init__(self, cookie: Cookie) -> None:
        self._cookie = cookie
        self._open: dict[str, Session] = {}
        self._lock = Lock()

    def begin(self, request: Request, answer: Response, whose: str, now: datetime) -> None:
        """A new session, under a name that nobody could have known before; the browser's old one ends."""
        name = secrets.token_urlsafe(32)
        old = self._cookie.of(request)
        with self._lock:
            self._open = {key: one for key, one in self._open.items() if key != old and not _ended(one, now)}
            self._open[name] = Session(whose, now, now)
        self._cookie.give(answer, name)

    def find(self, request: Request, now: datetime) -> Session | None:
        """The request's session, where it is open; it then stays so for a while."""
        with self._lock:
            one = self._open.get(self._cookie.of(request))
            if one is None or _ended(one, now):
                return None
            one.seen = now
            return one

    def end(self, request: Request, answer: Response) -> None:
        """Sign out."""
        with self._lock:
            self._open.pop(self._cookie.of(request), None)
        self._cookie.take_back(answer)


def _ended(one: Session, now: datetime) -> bool:
    return now - one.seen > IDLE or now - one.began > WHOLE
