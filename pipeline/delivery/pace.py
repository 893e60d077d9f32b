"""How fast a recipient's line may be used."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Never more than so many bytes a second, counted from the first; None: as fast as it goes."""

    def __init__(
        self,
        bytes_a_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.bytes_a_second = bytes_a_second
        self._clock, self._wait = clock, wait
        self._free_at = clock()

    def spend(self, size: int) -> None:
        """Wait until so many bytes more are within the limit; time that went unused is not saved up."""
        if self.bytes_a_second is None:
            return
        self._free_at = max(self._free_at, self._clock()) + size / self.bytes_a_second
        self._wait(max(0.0, self._free_at - self._clock()))

    def chunk(self, most: int) -> int:
        """How many bytes to move at a time: at most a second's worth."""
        return most if self.bytes_a_second is None else max(1, min(most, int(self.bytes_a_second)))

    def seconds(self, size: int) -> float:
        """How long so many bytes take at least."""
        return size / self.bytes_a_second if self.bytes_a_second else 0.0
