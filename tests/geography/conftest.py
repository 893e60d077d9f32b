"""The invented town of `geography.town`, its directory built."""

from __future__ import annotations

from pathlib import Path

import pytest

from geography.town import Town, published
from pipeline.geography.directory import build_directory


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """The invented town, ready to be asked."""
    source = tmp_path / "ONSPD_NOV_2023_UK.csv"
    source.write_text(published(), encoding="utf-8", newline="")
    build_directory(source, tmp_path / "postcodes.sqlite")
    return Town(tmp_path)
