"""Joins its input and output to a TCP port, as `nc HOST PORT` does: python relay.py HOST PORT [PID-FILE]."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from threading import Thread


def main(host: str, port: str, note: str = "") -> None:
    if note:
        Path(note).write_text(str(os.getpid()))
    with socket.create_connection((host, int(port))) as far:
        Thread(target=copy_in, args=(far,), daemon=True).start()
        while data := far.recv(65_536):
            os.write(1, data)


def copy_in(far: socket.socket) -> None:
    while data := os.read(0, 65_536):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(*sys.argv[1:])
