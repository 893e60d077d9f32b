"""The authority that each test has for itself, and what it and its supplier send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from changes.writing import Row, answers_csv, changes_csv
from month_authority import MONTH, CommandLine, authority, birthshare, prototype

__all__ = ["authority", "birthshare", "prototype"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """The authority's own list as a file."""

    def written(*rows: Row, name: str = "list.csv") -> Path:
        file = tmp_path / name
        file.write_bytes(changes_csv(rows))
        return file

    return written


@pytest.fixture
def feeding(birthshare: CommandLine) -> Callable[..., Path]:
    """The trust's feed of changes, sealed, in the inbox; the settings know of it."""
    authority = birthshare.authority
    authority.setting("[suppliers.chis]", '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.csv.gpg"')

    def fed(*rows: Row, day: str = "2026-11-02", content: bytes | None = None) -> Path:
        target = authority.inbox / f"changes_chis_{day}.csv.gpg"
        return authority.send(changes_csv(rows) if content is None else content, target)

    return fed


@pytest.fixture
def answering(birthshare: CommandLine) -> Callable[..., Path]:
    """The trust's companion file of answers, sealed, in the inbox; the settings know of it."""
    authority = birthshare.authority
    authority.setting(
        "[suppliers.chis]", '[suppliers.chis]\nconsents = "consents_{supplier}_{month}.csv.gpg"'
    )

    def answered(*rows: Row, content: bytes | None = None) -> Path:
        target = authority.inbox / f"consents_chis_{MONTH}.csv.gpg"
        return authority.send(answers_csv(rows) if content is None else content, target)

    return answered
