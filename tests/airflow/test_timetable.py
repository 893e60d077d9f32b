"""Which month runs next, and what its run is called."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dag_runs import outcome


@pytest.fixture
def months(dags: dict[str, Any]) -> Any:
    """The timetable of the months."""
    return dags["monthly_births"].schedule


def info(months: Any, ticks_back: int) -> Any:
    """What Airflow knows of the scheduled run so many months ago; 0 for the last one that was due."""
    from airflow.timetables.base import DagRunInfo

    when = months._align_to_prev(datetime.now(UTC))
    for _ in range(ticks_back):
        when = months._get_prev(when)
    day, key = months._get_partition_info(when)
    return DagRunInfo(run_after=when, data_interval=None, partition_date=day, partition_key=key)


def next_after(months: Any, last: Any) -> Any:
    from airflow.timetables.base import TimeRestriction

    return months.next_dagrun_info_v2(
        last_dagrun_info=last, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )


@pytest.mark.parametrize("kind", ["SCHEDULED", "BACKFILL_JOB"])
def test_a_run_is_named_after_its_month(months: Any, kind: str) -> None:
    from airflow.utils.types import DagRunType

    about = {"run_after": datetime.now(UTC), "data_interval": None, "partition_key": "2026-10"}
    name = months.generate_run_id(run_type=DagRunType[kind], **about)
    assert name.startswith(f"{kind.removesuffix('_JOB').lower()}__2026-10__{datetime.now(UTC).year}-")


def test_the_month_that_was_missed_is_run_when_airflow_is_back(months: Any) -> None:
    missed = next_after(months, info(months, 1))
    assert (missed.run_after, missed.partition_key) == (
        info(months, 0).run_after,
        info(months, 0).partition_key,
    )
    assert missed.run_after < datetime.now(UTC)


def test_a_month_that_a_backfill_ran_was_not_missed(months: Any) -> None:
    """A backfill's run counts as of the day on which its month begins."""
    due = info(months, 0)
    following = next_after(months, due._replace(run_after=due.partition_date))
    assert following.run_after > datetime.now(UTC)
    assert following.partition_key > due.partition_key


def test_after_the_run_of_this_month_comes_that_of_the_next(months: Any) -> None:
    due = info(months, 0)
    following = next_after(months, due)
    assert following.run_after > datetime.now(UTC)
    assert following.partition_key > due.partition_key


# --- runs that a person starts --------------------------------------------------------------------


def asked_for(path: str, body: bytes) -> dict[str, Any]:
    """What Airflow gets of a request in two pieces: its body, and how long it is said to be."""
    names = importlib.import_module("birthshare_names")
    got: dict[str, Any] = {}
    pieces = [
        {"type": "http.request", "body": body[:9], "more_body": True},
        {"type": "http.request", "body": body[9:], "more_body": False},
    ]

    async def receive() -> dict[str, Any]:
        return pieces.pop(0)

    async def airflow(scope: Any, receive: Any, send: Any) -> None:
        while not got.get("whole"):
            message = await receive()
            got["body"] = got.get("body", b"") + message["body"]
            got["whole"] = not message.get("more_body")
        got["length"] = dict(scope["headers"])[b"content-length"]

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-length", b"%d" % len(body))],
    }
    outcome(names.NamesRuns(airflow)(scope, receive, None))
    assert int(got["length"]) == len(got["body"])
    return got


STARTS = "/api/v2/dags/camden.monthly_births/dagRuns"


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    "given", [{"conf": {"month": "2026-10"}, "dag_run_id": ""}, {"conf": {}, "partition_key": "2026-10"}]
)
def test_a_run_that_a_person_starts_is_named_after_its_month_too(given: dict[str, Any]) -> None:
    asked = json.loads(asked_for(STARTS, json.dumps(given).encode())["body"])
    assert asked.pop("dag_run_id").startswith(f"manual__2026-10__{datetime.now(UTC).year}-")
    assert asked == {name: value for name, value in given.items() if name != "dag_run_id"}


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (STARTS, b'{"dag_run_id": "again", "conf": {"month": "2026-10"}}'),
        (STARTS, b'{"conf": {"month": "2026-10"}, "partition_key": "2026-09"}'),
        (STARTS, b'{"conf": {"month": "Zenobia"}}'),
        (STARTS, b'{"conf": ["2026-10"]}'),
        (STARTS, b"[" * 60_000),
        (STARTS, b'{"conf": {"month": "2026-10"}, "note": "%s"}' % (b"x" * 70_000)),
        (STARTS, b"no JSON at all"),
        (f"{STARTS}/list", b'{"conf": {"month": "2026-10"}}'),
        ("/api/v2/dags/camden.receipts/dagRuns", b'{"conf": {"month": "2026-10"}}'),
    ],
)
def test_any_other_request_passes_as_it_came(path: str, body: bytes) -> None:
    assert asked_for(path, body)["body"] == body
