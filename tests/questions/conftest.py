"""The town of the receipts, for every test of this folder that wants lists at real centres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from questions.sent_lists import Office
from receipts.centres import copied
from receipts.conftest import closed as closed_with_centres
from scenarios.arrangement import Arrangement

__all__ = ["closed_with_centres"]


@pytest.fixture
def office(closed_with_centres: Arrangement, tmp_path: Path) -> Iterator[Office]:
    """Three centres with lists of two closed months, and what an officer asks about them."""
    with copied(closed_with_centres, tmp_path) as town:
        yield Office(town)
