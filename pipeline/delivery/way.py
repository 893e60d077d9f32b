"""The way to a recipient: over SFTP, or through a folder of this machine. Both end in the same far side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from types import TracebackType
from typing import TypeAlias

from pipeline.delivery import folder, sftp

Way: TypeAlias = sftp.Endpoint | folder.Folder
FarSide: TypeAlias = sftp.FarSide | folder.HandOver


@contextmanager
def far_side(way: Way, *, label: str = "", lines: Lines | None = None) -> Iterator[FarSide]:
    """The recipient's folder, opened; `label` names the recipient in messages.

    A session that `lines` keeps open is used again. Raises DeliveryFailed, and SettingsError where our
    own keys or settings cannot be used.
    """
    if isinstance(way, folder.Folder):
        with folder.opened(way, label=label) as hand_over:
            yield hand_over
    elif lines is None:
        with sftp.connected(way, label=label) as side:
            yield side
    else:
        with lines.borrowed(way, label=label) as side:
            yield side


class Lines:
    """Sessions that stay open from one list to the next of the same recipient, for as long as the context.

    Making a connection takes far longer than bringing a list. A session on which anything went wrong
    is closed.
    """

    def __init__(self) -> None:
        self._idle: dict[tuple[sftp.Endpoint, str], list[tuple[sftp.FarSide, ExitStack]]] = defaultdict(list)
        self._lock = Lock()

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            idle = [one for ones in self._idle.values() for one in ones]
            self._idle.clear()
        for _, stack in idle:
            stack.close()

    @contextmanager
    def borrowed(self, endpoint: sftp.Endpoint, *, label: str) -> Iterator[sftp.FarSide]:
        """An open session with this endpoint, for one user at a time."""
        side, stack = self._taken(endpoint, label)
        try:
            yield side
        except BaseException:
            stack.close()
            raise
        with self._lock:
            self._idle[endpoint, label].append((side, stack))

    def _taken(self, endpoint: sftp.Endpoint, label: str) -> tuple[sftp.FarSide, ExitStack]:
        while True:
            with self._lock:
                idle = self._idle[endpoint, label]
                side, stack = idle.pop() if idle else (None, ExitStack())
            if side is None:
                return stack.enter_context(sftp.connected(endpoint, label=label)), stack
            if side.is_open:
                return side, stack
            stack.close()
