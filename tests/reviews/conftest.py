"""A month that is prepared as far as its release, with postcodes that wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from month_authority import Authority, CommandLine, copied, prototype
from pipeline.demo.authority import Demonstration

__all__ = ["prototype"]


@pytest.fixture(scope="module")
def prepared(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """The authority after a run up to the release, once for all tests of a module."""
    with copied(prototype, tmp_path_factory.mktemp("prepared")) as authority:
        authority.run(until="release")
        yield replace(prototype, home=authority.home.path)


@pytest.fixture
def authority(prepared: Demonstration, tmp_path: Path) -> Iterator[Authority]:
    with copied(prepared, tmp_path) as own:
        yield own


@pytest.fixture
def birthshare(authority: Authority) -> CommandLine:
    return CommandLine(authority)
