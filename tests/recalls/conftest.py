"""A town whose month is closed: three centres have their lists, and something becomes known later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recalls.town import Town, closed_town, own
from scenarios.arrangement import Ground
from scenarios.conftest import ground

__all__ = ["closed", "ground", "town"]


@pytest.fixture(scope="session")
def closed(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with closed_town(ground, tmp_path_factory.mktemp("recalls")) as town:
        yield town


@pytest.fixture
def town(closed: Town, tmp_path: Path) -> Iterator[Town]:
    with own(closed, tmp_path) as mine:
        yield mine
