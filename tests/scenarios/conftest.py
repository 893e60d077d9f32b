"""The ground that all scenarios stand on: one server, and keys made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scenarios.arrangement import Ground, laid_ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with laid_ground(tmp_path_factory.mktemp("ground")) as made:
        yield made
