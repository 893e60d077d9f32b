"""The authority that each test of a release has for itself, and one whose agreement asks for two persons."""

from __future__ import annotations

import pytest

from month_authority import Authority, CommandLine, authority, birthshare, prototype

__all__ = ["authority", "birthshare", "prototype"]


@pytest.fixture
def two(authority: Authority, birthshare: CommandLine) -> CommandLine:
    """A month that waits for the approval of two persons."""
    authority.ask_two()
    assert birthshare.run().code == 6
    return birthshare
