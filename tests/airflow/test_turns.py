"""Beside SQLite, what changes something in Airflow is done one after the other; reading waits for nobody."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest

from dag_runs import outcome

PAUSING = ("PATCH", "/api/v2/dags/camden.receipts")
HEARTBEAT = ("PUT", "/execution/task-instances/01a208cb/heartbeat")
CLICK = ("POST", "/ui/backfills/dry_run")
UNKNOWN = ("POST", "/council/of-a-later-airflow")
LOOKING = ("GET", "/api/v2/dags/camden.receipts")
DECIDING = ("POST", "/birthshare/camden/agreements/ui/decide")  # it can take long, beside much


class Airflow:
    """Answers a request once it has begun on another, or has waited in vain for one."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = 0
        self.bodies: list[bytes] = []
        self.together = False
        self._fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        self.begun += 1
        first = self.begun
        for _ in range(20):  # turns of the loop, in which another request can begin
            await asyncio.sleep(0)
        self.together |= self.begun > first
        if self._fails:
            raise RuntimeError("refused")


async def whole() -> dict[str, Any]:
    """What comes of a request that is there."""
    return {"type": "http.request", "body": b"{}"}


def before(airflow: Airflow) -> Any:
    """What stands before Airflow's pages."""
    return importlib.import_module("birthshare_turns").InTurn(airflow)


def scope(method: str, path: str) -> dict[str, str]:
    return {"type": "http", "method": method, "path": path}


def asked(airflow: Airflow, *requests: tuple[str, str]) -> list[BaseException | None]:
    """What becomes of requests that come at the same moment."""

    async def at_once() -> list[BaseException | None]:
        pages = before(airflow)
        coming = [pages(scope(*request), whole, None) for request in requests]
        return await asyncio.gather(*coming, return_exceptions=True)

    return outcome(at_once())


@pytest.fixture(autouse=True)
def on_sqlite(modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////srv/airflow/airflow.db")


@pytest.mark.parametrize("other", [PAUSING, HEARTBEAT, CLICK, UNKNOWN])
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


def test_half_a_request_keeps_nobody_waiting() -> None:
    """Anybody can send one, before Airflow asks who it is."""
    airflow, others_answered = Airflow(), asyncio.Event()
    pieces = [{"body": b"half", "more_body": True}, {"body": b"of it", "more_body": False}]

    async def slowly() -> dict[str, Any]:
        if len(pieces) == 1:
            await others_answered.wait()
        return {"type": "http.request", **pieces.pop(0)}

    async def at_once() -> None:
        pages = before(airflow)
        half = asyncio.create_task(pages(scope(*PAUSING), slowly, None))
        await asyncio.sleep(0)
        await pages(scope(*HEARTBEAT), whole, None)
        others_answered.set()
        await half

    outcome(asyncio.wait_for(at_once(), 10))
    assert airflow.bodies == [b"{}", b"half"]


def test_on_postgresql_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg://airflow@db/airflow")
    airflow = Airflow()
    asked(airflow, HEARTBEAT, PAUSING)
    assert airflow.together
