"""Beside SQLite, what changes something in Airflow is done one after the other; reading waits for nobody."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest

PAUSING = ("PATCH", "/api/v2/dags/camden.receipts")
HEARTBEAT = ("PUT", "/execution/task-instances/01a208cb/heartbeat")
CLICK = ("POST", "/ui/backfills/dry_run")
LOOKING = ("GET", "/api/v2/dags/camden.receipts")
DECIDING = ("POST", "/birthshare/camden/agreements/camden-barnet/decide")  # it can take long, beside much


class Airflow:
    """Answers a request once it has begun on another, or has waited in vain for one."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = 0
        self.together = False
        self._fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        first = self.begun
        for _ in range(20):  # turns of the loop, in which another request can begin
            await asyncio.sleep(0)
        self.together |= self.begun > first
        if self._fails:
            raise RuntimeError("refused")


def asked(airflow: Airflow, *requests: tuple[str, str]) -> list[BaseException | None]:
    """What becomes of requests that come at the same moment."""

    async def at_once() -> list[BaseException | None]:
        before = importlib.import_module("birthshare_turns").InTurn(airflow)
        scopes = [{"type": "http", "method": method, "path": path} for method, path in requests]
        return await asyncio.gather(*(before(scope, None, None) for scope in scopes), return_exceptions=True)

    return asyncio.run(at_once())


@pytest.fixture(autouse=True)
def on_sqlite(modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////srv/airflow/airflow.db")


@pytest.mark.parametrize("other", [PAUSING, HEARTBEAT, CLICK])
def test_what_changes_something_waits_for_its_turn(other: tuple[str, str]) -> None:
    airflow = Airflow()
    asked(airflow, HEARTBEAT, other)
    assert (airflow.begun, airflow.together) == (2, False)


@pytest.mark.parametrize("other", [LOOKING, DECIDING])
def test_nobody_else_waits(other: tuple[str, str]) -> None:
    airflow = Airflow()
    asked(airflow, HEARTBEAT, other)
    assert (airflow.begun, airflow.together) == (2, True)


def test_what_fails_gives_its_turn_to_the_next() -> None:
    airflow = Airflow(fails=True)
    assert [str(error) for error in asked(airflow, HEARTBEAT, PAUSING)] == ["refused", "refused"]


def test_on_postgresql_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg://airflow@db/airflow")
    airflow = Airflow()
    asked(airflow, HEARTBEAT, PAUSING)
    assert airflow.together
