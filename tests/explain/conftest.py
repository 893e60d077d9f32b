"""The authority that each test has for itself, and a person who asks about a family in it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from month_authority import Answer, CommandLine, authority, birthshare, prototype
from pipeline.demo.authority import APPROVERS

__all__ = ["authority", "birthshare", "prototype"]

WHY = "a parent called"

Ask = Callable[..., Answer]


@pytest.fixture
def ask(birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`birthshare explain`, with the NHS number on standard input."""

    def asked(number: str, *options: str, who: str = APPROVERS["data_lead"], why: str = WHY) -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{number}\n"))
        return birthshare("explain", *options, "--as", who, "--why", why)

    return asked
