"""A gate before a server, at which uploads can be made to stand still: the point at which a test acts."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType

UPLOAD = 8_000  # bytes that a connection has sent when it surely sends a file, and not the whole of it


class Gate:
    """Forwards connections to a port of this machine.

    It is to be shut when so many uploads have begun (`shut_at`): that one, and all that begin later, then
    stand still in the middle (`held` counts them), until those of later connections are let in, or all are.
    """

    def __init__(self, target: int) -> None:
        self.shut = Event()
        self.came = 0  # connections, ever
        self.held = 0  # uploads, since it was told when to shut
        self._target = target
        self._left = 0  # uploads that may still begin, where it is to be shut
        self._waiting: dict[int, Event] = {}  # by the connection's number
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

    def shut_at(self, upload: int) -> None:
        """Shut when so many more uploads have begun."""
        with self._lock:
            self._left, self.held = upload, 0

    def let_in(self, after: int) -> None:
        """Let the uploads pass of connections that came, or come, after so many; the others go on waiting."""
        with self._lock:
            self._left = 0
            self.shut.clear()
            for number in [number for number in self._waiting if number > after]:
                self._waiting.pop(number).set()

    def open(self) -> None:
        """Let everything pass."""
        self.let_in(0)

    def _serve(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                near, _ = self._listener.accept()
                self.came += 1
                Thread(target=self._forward, args=(near, self.came), daemon=True).start()

    def _forward(self, near: socket.socket, number: int) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        back = Thread(target=_back, args=(far, near), daemon=True)
        back.start()
        with suppress(OSError):
            self._out(near, far, number)
        _end(far)
        back.join()
        for end in (near, far):
            end.close()

    def _out(self, near: socket.socket, far: socket.socket, number: int) -> None:
        sent = 0
        while data := near.recv(65_536):
            before, sent = sent, sent + len(data)
            if before < UPLOAD <= sent:
                self._upload(number)
            far.sendall(data)

    def _upload(self, number: int) -> None:
        """An upload begins; it stands still where the gate is shut."""
        with self._lock:
            if self._left:
                self._left -= 1
                if not self._left:
                    self.shut.set()
            if not self.shut.is_set():
                return
            self.held += 1
            leave = self._waiting[number] = Event()
        leave.wait()


def _back(far: socket.socket, near: socket.socket) -> None:
    with suppress(OSError):
        while data := far.recv(65_536):
            near.sendall(data)
    _end(near)


def _end(sink: socket.socket) -> None:
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
