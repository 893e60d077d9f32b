"""What the tests of agreements share is importable from beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for leaves and office

from office import Office, version  # noqa: E402


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office whose first version every role has signed."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.write(1, version(1))
    return office


@pytest.fixture
def office(furnished: Office, tmp_path: Path) -> Office:
    return furnished.copied(tmp_path)
