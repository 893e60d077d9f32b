"""A home in which months can be kept, and the whole authority where one is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from month_authority import authority, birthshare, prototype
from pipeline.home import Home
from preview.past import new_home

__all__ = ["authority", "birthshare", "prototype"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")
