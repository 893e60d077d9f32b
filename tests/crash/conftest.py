"""The world that the tests of killed runs share; each goes back to a moment that was kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash.world import MEMORY, World, made
from servers.sshd import CannotServe


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    try:
        with (
            tempfile.TemporaryDirectory(prefix="birthshare-crash-", dir=MEMORY) as folder,
            made(Path(folder), births=30, centres=2) as one,
        ):
            yield one
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")
