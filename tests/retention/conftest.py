"""The authority that each test has for itself, and a home without one."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from changes.conftest import answering, feeding
from month_authority import authority, birthshare, prototype
from pipeline.encryption import gnupg
from pipeline.home import Home
from preview.past import new_home

__all__ = ["answering", "authority", "birthshare", "feeding", "prototype"]

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs that were killed leave something: a place of this test alone, whose clock runs ahead."""
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.setattr(gnupg, "PLACES", {place})
    return place


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def write(home: Home) -> Write:
    """A file in the home, written at a moment."""

    def written(name: str, *, at: datetime, content: bytes = b"content") -> Path:
        file = home.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (at.timestamp(), at.timestamp()))
        return file

    return written
