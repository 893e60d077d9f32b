"""How often something may be tried, and what is done for one person at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from pipeline.errors import Busy

NO_WAIT = timedelta()


class TooMany(Exception):
    """Somebody tries too often; after `wait` they may try again."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__()


class Allowance:
    """`at_once` tries for each key, and one more `every` so often.

    Of the keys only the `most` latest are remembered, so that nobody can fill the memory with them.
    """

    def __init__(self, at_once: int, every: timedelta, most: int = 10_000) -> None:
        self._every, self._ahead, self._most = every, every * (at_once - 1), most
        self._due: OrderedDict[Hashable, datetime] = OrderedDict()  # when a key has all its tries again
        self._lock = Lock()

    def take(self, key: Hashable, now: datetime) -> None:
        """One try; raises TooMany where there is none left."""
        with self._lock:
            due = max(self._due.get(key, now), now)
            wait = due - now - self._ahead
            if wait > NO_WAIT:
                raise TooMany(wait)
            self._due[key] = due + self._every
            self._due.move_to_end(key)
            if len(self._due) > self._most:
                self._due.popitem(last=False)


@contextmanager
def alone(lock: Lock, having: str) -> Iterator[None]:
    """While nobody else has it; raises Busy, with what they are having done, where somebody has."""
    if not lock.acquire(blocking=False):
        raise Busy(f"Somebody else is having {having}", do="Try again in a minute.")
    try:
        yield
    finally:
        lock.release()
