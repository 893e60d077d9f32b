"""A gate before a server, which lets everything pass until it is shut: the point at which a test acts."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType


class Gate:
    """Forwards connections to a port of this machine; while it is shut, nothing goes to the server.

    It is to be shut when so many connections have come (`shut_at`); then whatever is under way stands still
    (`shut` is set) until it is let in, or all are.
    """

    def __init__(self, target: int) -> None:
        self.shut = Event()
        self.came = 0  # connections, ever
        self._target = target
        self._shut_at = 0
        self._is_open = True
        self._ways: list[Event] = []  # of each connection, whether it may pass
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Gate:
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.open()

    def shut_at(self, connection: int) -> None:
        """Shut when so many more connections have come."""
        self.shut.clear()
        self._shut_at = self.came + connection

    def let_in(self, after: int) -> None:
        """Let pass whatever came, or comes, after so many connections; the others go on waiting."""
        with self._lock:
            self._shut_at, self._is_open = 0, True
            for way in self._ways[after:]:
                way.set()

    def open(self) -> None:
        """Let everything pass."""
        self.let_in(0)
        self.shut.clear()

    def _serve(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                near, _ = self._listener.accept()
                Thread(target=self._forward, args=(near, self._counted()), daemon=True).start()

    def _counted(self) -> Event:
        """The way of one more connection."""
        with self._lock:
            self.came += 1
            if self.came == self._shut_at:
                self._is_open = False
                for way in self._ways:
                    way.clear()
                self.shut.set()
            way = Event()
            if self._is_open:
                way.set()
            self._ways.append(way)
            return way

    def _forward(self, near: socket.socket, way: Event) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        back = Thread(target=_copy, args=(far, near, None), daemon=True)
        back.start()
        _copy(near, far, way)
        back.join()
        for end in (near, far):
            end.close()


def _copy(source: socket.socket, sink: socket.socket, when: Event | None) -> None:
    """Until either side has gone."""
    with suppress(OSError):
        while data := source.recv(65_536):
            if when:
                when.wait()
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
