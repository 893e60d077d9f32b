"""A run that a person starts is named after its month, as scheduled runs are.

Airflow names a run before it looks at what the person gave it. So the web server puts the name into the
request that starts a run, where it names a month and no name of its own. Whoever gives a run a name keeps it,
and what is no such request passes as it came. A name decides nothing: which month a run is for says
`birthshare_tasks.run_of`, and whoever may start one still needs Airflow's leave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.utils.types import DagRunType

from birthshare_requests import Receive, arrived, giving
from birthshare_timetable import name_of_run

_STARTS = re.compile(r"/api/v2/dags/([\w-]+\.)?monthly_births/dagRuns/?$")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_MOST = 65_536  # bytes; a request to start a run has a few hundred


class NamesRuns:
    """Stands before all of Airflow's pages, and touches the requests alone that start a month."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Hand a request on, with the name where it lacks one."""
        if scope["type"] == "http" and scope["method"] == "POST" and _STARTS.search(scope["path"]):
            length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
            if length.isdigit() and int(length) <= _MOST:
                scope, receive = await _named(scope, receive)
        await self._app(scope, receive, send)


async def _named(scope: Any, receive: Receive) -> tuple[Any, Receive]:
    """The request with its name, and what gives its body."""
    messages = await arrived(receive)
    if messages[-1]["type"] != "http.request":  # whoever asked has gone
        return scope, giving(messages, receive)
    body = with_name(b"".join(message.get("body", b"") for message in messages))
    headers = [
        (name, str(len(body)).encode() if name == b"content-length" else value)
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}, giving([{"type": "http.request", "body": body}], receive)


def with_name(body: bytes) -> bytes:
    """What asks for a run, with a name after its month; as it came where it has one or names no one month."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):  # Airflow says what is wrong with it
        return body
    if not isinstance(asked, dict) or asked.get("dag_run_id"):
        return body
    given = asked.get("conf")
    param = given.get("month") if isinstance(given, Mapping) else None
    months = {str(month) for month in (param, asked.get("partition_key")) if month}
    if len(months) != 1 or not _MONTH.fullmatch(month := months.pop()):
        return body
    return json.dumps(asked | {"dag_run_id": name_of_run(DagRunType.MANUAL, month)}).encode()


class BirthshareNames(AirflowPlugin):
    """Puts it before Airflow's pages."""

    name = "birthshare_names"
    fastapi_root_middlewares = [{"middleware": NamesRuns, "name": "Names of runs"}]
