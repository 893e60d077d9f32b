"""What the tests of agreements share."""

from __future__ import annotations

from pathlib import Path

import pytest

from agreements.office import Office, version


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office whose first version every role has signed."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.write(1, version(1))
    return office


@pytest.fixture
def office(furnished: Office, tmp_path: Path) -> Office:
    return furnished.copied(tmp_path)
