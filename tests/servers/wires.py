"""Loopback wires that misbehave at an exact byte, so that no test has to wait and hope."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType


class Wire:
    """Forwards one connection to a server until so many bytes went out, then acts once.

    What `action` returns says whether forwarding goes on.
    """

    def __init__(self, target: int, *, after: int, action: Callable[[], bool]) -> None:
        self.acted = Event()
        self._target, self._left, self._action = target, after, action
        self._silent = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []

    def __enter__(self) -> Wire:
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._ends):
            end.close()

    def reset(self) -> bool:
        """Break the connection off without a goodbye (RST), as a firewall does that forgot it."""
        for end in self._ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):  # whoever has gone already needs no breaking off
                end.shutdown(socket.SHUT_RD)  # whoever waits for its next byte holds it open
            end.close()
        return False

    def go_silent(self) -> None:
        """From now on no goodbye is forwarded, as when the machine on the near side loses its power."""
        self._silent.set()

    def _serve(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        self._ends += [near, far]
        Thread(target=self._copy, args=(far, near, False), daemon=True).start()
        self._copy(near, far, True)

    def _copy(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65_536):
                if counted and not self._goes_on(len(data)):
                    return
                sink.sendall(data)
            if not self._silent.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(sink)

    def _goes_on(self, count: int) -> bool:
        self._left -= count
        if self._left > 0 or self.acted.is_set():
            return True
        self.acted.set()
        return self._action()

    def _close(self, end: socket.socket) -> None:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
