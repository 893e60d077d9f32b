"""What Airflow adds to a month: the command line beside a whole Airflow, in turns, on the same inputs.

The person answers at once. An Airflow is started before the clock runs, as it is in an authority; its tasks
run beside the scheduler on SQLite and on PostgreSQL, and in two Celery workers.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from measure import run
from pairs import APPROVER, BIRTHSHARE, Answer, host

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "infra" / "airflow")]

LEAD, DAG, QUESTION = "data_lead", "monthly_births", "release_decision"
WAYS = ("sqlite", "postgresql", "celery")
PATIENCE = 600.0  # seconds for anything to happen


def compare_ways(folder: Path, *, births: int, centres: int, month: str, times: int) -> Answer:
    """Wall seconds of each way, so many times; and where they went the last time, by task."""
    folder.mkdir()
    seconds: dict[str, list[float]] = {way: [] for way in ("command line", *WAYS)}
    tasks: dict[str, Any] = {}
    with host(folder / "authority", births, centres, month) as (places, ask):
        for number in range(times):
            home = _copied(places, folder / f"bare-{number}")
            seconds["command line"].append(_by_hand(home, places, month))
            lists = _cleared(ask)
            for way in WAYS:
                home = _copied(places, folder / f"{way}-{number}")
                with _airflow(way, folder / f"airflow-{way}-{number}", home) as airflow:
                    spent, tasks[way] = _in_airflow(airflow, month)
                seconds[way].append(spent)
                assert _cleared(ask) == lists
    bare = seconds["command line"]
    return {
        "births": births, "centres": centres, "server": places["server"], "lists": lists,
        "seconds": seconds, "added": {way: _added(seconds[way], bare) for way in WAYS}, "tasks": tasks,
    }  # fmt: skip


def _added(airflow: list[float], bare: list[float]) -> float:
    """The median, over the turns, of the seconds that Airflow took longer."""
    return round(median(one - other for one, other in zip(airflow, bare, strict=True)), 1)


def _copied(places: Answer, home: Path) -> Path:
    shutil.copytree(places["home"], home)
    return home


def _cleared(ask: Callable[..., Answer]) -> int:
    lists: int = ask("open")["lists"]
    ask("clear")
    return lists


def _by_hand(home: Path, places: Answer, month: str) -> float:
    """As a data lead does it: run, approve, run again."""
    where = ["--home", str(home), "--json"]
    decision = ["approve", month, "--as", APPROVER, "--key", places["approver_key"]]
    begun = perf_counter()
    for command in (["run", month, "--until", "release"], ["release", *decision], ["run", month]):
        run([str(BIRTHSHARE), *command, *where])
    return round(perf_counter() - begun, 2)


@contextmanager
def _airflow(way: str, folder: Path, home: Path) -> Iterator[Any]:
    from airflow_server import AirflowServer
    from servers.postgres import PostgresServer
    from servers.redis import RedisServer
    from soak.world import OPERATOR, site_for

    with ExitStack() as stack:
        database = broker = ""
        if way in ("postgresql", "celery"):
            database = stack.enter_context(PostgresServer(durable=True)).url("airflow")
        if way == "celery":
            broker = stack.enter_context(RedisServer()).url()
        site = site_for(folder, {"": home}, database=database, broker=broker)
        airflow = stack.enter_context(AirflowServer(site))
        airflow.login(OPERATOR).open_dag(DAG, seconds=PATIENCE)
        yield airflow


def _in_airflow(airflow: Any, month: str) -> tuple[float, Answer]:
    """From the trigger to the end of the run, and its tasks."""
    lead = airflow.login(LEAD)
    begun = perf_counter()
    run = lead.trigger(DAG, {"month": month})
    run.until_asked(QUESTION, seconds=PATIENCE)
    run.answer(QUESTION, run.question(QUESTION)["options"][0])
    state = run.until_finished(seconds=PATIENCE)
    spent = round(perf_counter() - begun, 2)
    if state != "success":
        raise RuntimeError(f"the month ended as {state}")
    return spent, _tasks(lead.get(f"{run.path}/taskInstances?limit=200"))


def _tasks(answer: Answer) -> Answer:
    """Of each task how often it ran, and how long all together; and the seconds in which none ran."""
    ran = [
        (one["task_id"], datetime.fromisoformat(one["start_date"]), datetime.fromisoformat(one["end_date"]))
        for one in answer["task_instances"]
        if one["start_date"]
    ]
    found: dict[str, Any] = {}
    for name, start, end in ran:
        task = found.setdefault(name, {"times": 0, "seconds": 0.0})
        task["times"] += 1
        task["seconds"] = round(task["seconds"] + (end - start).total_seconds(), 2)
    return {"mapped": found["deliver"]["times"], "between": round(_between(ran), 2), "by_task": found}


def _between(ran: list[tuple[str, datetime, datetime]]) -> float:
    """Seconds from the first task to the last in which no task ran."""
    idle, until = 0.0, min(start for _, start, _ in ran)
    for _, start, end in sorted(ran, key=lambda one: one[1]):
        idle += max((start - until).total_seconds(), 0.0)
        until = max(until, end)
    return idle
