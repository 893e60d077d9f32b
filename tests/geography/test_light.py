"""Whoever asks for one postcode does not wait for the libraries that a whole month needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pandas", "pyarrow", "pydantic", "shapely", "yaml", "sqlalchemy"}
LIGHT = ["place", "directory", "reach", "areas", "statuses", "postcodes", "read_only"]


@pytest.mark.parametrize("module", ["place"])
def test_looking_up_loads_nothing_heavy(module: str) -> None:
    asked = f"import sys, pipeline.geography.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert not HEAVY & set(loaded.stdout.split())
