"""Programs that a bare machine lacks are installed once, though several test processes need them."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Nobody else on this machine installs anything for these tests meanwhile."""
    with (Path(tempfile.gettempdir()) / "birthshare-tests-install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
