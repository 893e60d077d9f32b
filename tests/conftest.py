"""What every test may use: the helpers that start real servers are importable as `servers.*`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries at a server that a test has taken down."""
    monkeypatch.setattr("pipeline.steps.desk.Desk.wait", staticmethod(lambda seconds: None))
