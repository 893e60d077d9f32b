"""How often something may be tried: so many times at once, and then one more every so often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from threading import Lock

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
