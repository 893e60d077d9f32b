"""The invented town of `geography.town`, its directory built; and the real country at its real size."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geography import full_size
from geography.town import Town, as_whole_country, published
from pipeline.geography.building import build_directory


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """The invented town, ready to be asked."""
    source = tmp_path / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(), encoding="utf-8", newline="")
    build_directory(source, tmp_path / "postcodes.sqlite", part=True)
    as_whole_country(tmp_path / "postcodes.sqlite")
    return Town(tmp_path)


@pytest.fixture(scope="session")
def whole_country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory built of all 2.7 million real postcodes: once, whatever number of workers ask for it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    target = folder / "whole_country.sqlite"
    with _alone(folder / "whole_country.lock"):
        if not target.exists():
            source = folder / "ONSPD_NOV_2025_UK.csv"
            full_size.write(source)
            build_directory(source, target)
            source.unlink()
    return target


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
