"""The same month with its ledger on a real PostgreSQL server."""

from __future__ import annotations

import os

import pytest

from month_authority import Authority
from servers.postgres import PostgresServer, ServerMissing


def test_a_month_is_closed_and_proved_on_postgresql(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = authority.home.state / "birthshare.db"
    before = embedded.read_bytes()
    try:
        with PostgresServer() as server:
            monkeypatch.setenv("BIRTHSHARE_DATABASE", server.url("month"))
            authority.prepare_and_approve()
            state = authority.run()
    except ServerMissing as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"PostgreSQL: {reason}")
    assert state["state"] == "closed"
    assert state["ledger"]["verified"] is True
    assert {row["state"] for row in state["recipients"]} == {"delivered"}
    assert embedded.read_bytes() == before
