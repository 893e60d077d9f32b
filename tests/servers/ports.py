"""Ports of this machine for the servers that tests start: each is given once."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import IO

_LOCKS = Path(tempfile.gettempdir()) / f"birthshare-tests-ports-{os.getuid()}"
_PORTS = range(20_000, 32_768)  # Linux gives those above to connections: none is there before the server
_TRIES = 100
_ours: list[IO[str]] = []  # locked for as long as this process lives


def free_port() -> int:
    """A port that nobody listens on, and that no other test process is given."""
    _LOCKS.mkdir(mode=0o700, exist_ok=True)
    for port in SystemRandom().sample(_PORTS, _TRIES):
        lock = (_LOCKS / str(port)).open("w")
        if _is_first(lock) and _is_unused(port):
            _ours.append(lock)
            return port
        lock.close()
    raise RuntimeError("no port is free")


def _is_first(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
