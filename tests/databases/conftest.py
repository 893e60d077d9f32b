"""One PostgreSQL server for the tests of this folder, and the authority that each has for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from month_authority import authority, birthshare, prototype
from servers.postgres import PostgresServer, ServerMissing

__all__ = ["authority", "birthshare", "prototype"]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    try:
        with PostgresServer() as started:
            yield started
    except ServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
