"""On SQLite, what changes something in Airflow is asked of it one after the other.

Airflow 3.3 records who asks for something in the very loop that hands out all other requests. Where another
request has SQLite's lock at that moment, neither can go on: the loop waits for the lock, and what has it for
the loop. Five seconds later one of them is refused ("Database error"), and nobody was answered meanwhile.
PostgreSQL locks rows and not the whole, and there nobody waits here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from birthshare_requests import Receive, arrived, giving

_OURS = "/birthshare/"  # pages that write nothing in Airflow's database, and can take long
_READING = ("GET", "HEAD", "OPTIONS")


class InTurn:
    """Stands before all of Airflow's pages, and holds up what changes something until its turn comes."""

    def __init__(self, app: Any) -> None:
        self._app = app
        on_sqlite = conf.get("database", "sql_alchemy_conn").startswith("sqlite")
        self._turn = asyncio.Lock() if on_sqlite else None

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Hand a request on; alone where it changes something, and once all of it is here.

        Else whoever sends half of a request, logged in or not, would keep every task waiting.
        """
        if self._turn is None or not _changes(scope):
            await self._app(scope, receive, send)
            return
        messages = await arrived(receive)
        async with self._turn:
            await self._app(scope, giving(messages, receive), send)


def _changes(scope: Any) -> bool:
    """Whether a request may change something in Airflow; whatever is not known to be harmless may."""
    return scope["type"] == "http" and scope["method"] not in _READING and _OURS not in scope["path"]


class BirthshareTurns(AirflowPlugin):
    """Puts it before Airflow's pages."""

    name = "birthshare_turns"
    fastapi_root_middlewares = [{"middleware": InTurn, "name": "One after the other"}]
