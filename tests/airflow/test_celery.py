"""Two Celery workers, and everything that can be taken away from under them while lists are sent.

Two authorities on one Airflow. When lists of both are under way, and one batch still waits in Redis, all at
once: one worker is killed with everything that it runs; of the other all but its tasks, so that they outlive
it; and PostgreSQL and Redis lose their power. New workers come. Then both months must end by themselves, and
every list must have been put in its place once.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # its stubs are another package
import pytest

from airflow_kept import everything_kept
from airflow_server import AirflowServer, Run
from pipeline.home import Delivery
from servers import postgres, redis
from servers.postgres import PostgresServer
from servers.redis import RedisServer
from soak.world import Authority, approve, authority, begin, site_for, tries

# A dead worker is noticed sooner than in production.
SOONER = {
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "20",  # what the dead held comes again
    "CORE__PARALLELISM": "6",  # more than the workers take: one batch waits in Redis
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "2",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}
WORKERS = ("worker-1", "worker-2")
AT_ONCE = Delivery().at_once  # lists that one batch has under way

pytestmark = pytest.mark.timeout(600)  # one story for all tests, on a machine that may be busy


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgresServer, RedisServer]]:
    try:
        with PostgresServer() as database, RedisServer() as broker:
            yield database, broker
    except (postgres.ServerMissing, redis.ServerMissing) as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def north(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """Sixty centres, three batches; what waits for its centre's server waits long."""
    folder = tmp_path_factory.mktemp("north") / "demo"
    with authority(folder, "north", centres=60, births=900, patience=300) as one:
        yield one


@pytest.fixture(scope="module")
def south(
    tmp_path_factory: pytest.TempPathFactory, servers: tuple[PostgresServer, RedisServer]
) -> Iterator[Authority]:
    """Two batches, and a ledger on the PostgreSQL that loses its power."""
    folder = tmp_path_factory.mktemp("south") / "demo"
    with authority(
        folder, "south", centres=25, births=300, ledger=servers[0].url("south"), patience=300
    ) as one:
        yield one


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory,
    servers: tuple[PostgresServer, RedisServer],
    north: Authority,
    south: Authority,
) -> Iterator[AirflowServer]:
    database, broker = servers
    homes = {one.code: one.demo.home for one in (north, south)}
    folder = tmp_path_factory.mktemp("airflow")
    site = site_for(folder, homes, database=database.url("airflow"), broker=broker.url(), extra=SOONER)
    with AirflowServer(site) as started:
        yield started


@dataclass(frozen=True)
class Story:
    """What was seen on the way."""

    spread: list[int]  # how many batches each worker had under way when it was killed
    overlapped: bool  # whether a task that outlived its worker still ran when its second try had done all
    states: dict[str, str]  # of the runs, at the end
    tries: dict[str, dict[int, int]]


@pytest.fixture(scope="module")
def story(
    airflow: AirflowServer,
    servers: tuple[PostgresServer, RedisServer],
    north: Authority,
    south: Authority,
) -> Story:
    runs = {"north": begin(airflow, north)}
    north.gate.shut_at(10)
    approve(runs["north"])
    airflow.until(lambda: north.gate.held == 3 * AT_ONCE, "lists of every batch stand still", seconds=120)
    of_north = {name: tasks_of(airflow, name) for name in WORKERS}

    runs["south"] = begin(airflow, south)
    south.gate.shut_at(3)
    approve(runs["south"])
    airflow.until(lambda: south.gate.held == AT_ONCE, "lists of a batch stand still", seconds=120)
    until_states(airflow, runs["south"], "running", "queued")

    full, other = sorted(WORKERS, key=lambda name: -len(of_north[name]))
    airflow.kill(full)
    outlive = of_north[other]
    kill_around(airflow, other, outlive)
    before = north.gate.came
    airflow.revives = True  # a scheduler that loses its database ends
    for server in servers:
        server.stop()
    for server in servers:
        server.start()
    for name in WORKERS:
        airflow.start_worker(name)
    south.gate.open()
    # The first try of a task that outlived its worker stands still until the second has done all.
    north.gate.let_in(after=before)
    runs["north"].until_task("deliver", "success", seconds=240)
    overlapped = bool(outlive) and all(one.is_running() for one in outlive)
    north.gate.open()
    states = {code: run.until_finished(seconds=240) for code, run in runs.items()}
    spread = sorted(len(tasks) for tasks in of_north.values())
    return Story(spread, overlapped, states, {code: tries(airflow, run) for code, run in runs.items()})


def tasks_of(airflow: AirflowServer, worker: str) -> list[psutil.Process]:
    """The processes in which a worker's tasks run: the children of its own children."""
    main, *below = airflow.family(worker)
    return [one for one in below if one.ppid() != main.pid]


def kill_around(airflow: AirflowServer, worker: str, outlive: list[psutil.Process]) -> None:
    """Kill the worker, and all that looks after these tasks; what looks after the others is spared."""
    others = [one for one in tasks_of(airflow, worker) if one not in outlive]
    spared = [*outlive, *others, *(one.parent() for one in others)]
    airflow.kill(worker, sparing=[one.pid for one in spared])


def until_states(airflow: AirflowServer, run: Run, *states: str) -> None:
    """Wait until the batches are in these states, one in each."""
    airflow.until(
        lambda: sorted(map(str, run.states()["deliver"])) == sorted(states),
        f"batches are {' and '.join(states)}",
        seconds=60,
    )


def test_a_months_batches_spread_over_both_workers(story: Story) -> None:
    assert story.spread == [1, 2]


def test_both_months_end_by_themselves(story: Story) -> None:
    assert story.states == {"north": "success", "south": "success"}


def test_what_a_dead_worker_had_is_tried_again(story: Story) -> None:
    assert story.tries["north"] == {0: 2, 1: 2, 2: 2}


def test_a_batch_that_waited_in_redis_when_the_power_went_is_not_lost(story: Story) -> None:
    assert 1 in story.tries["south"].values()


def test_a_task_outlives_its_worker_and_its_second_try(story: Story) -> None:
    """What it was about to put in place was put there by the other; it must find that out."""
    assert story.overlapped


@pytest.mark.usefixtures("story")
def test_every_list_was_put_in_its_place_once(north: Authority, south: Authority) -> None:
    assert north.check_sent_once() == 60
    assert south.check_sent_once() == 25


def test_redis_and_the_results_of_celery_hold_nobody(
    airflow: AirflowServer, story: Story, north: Authority, south: Authority
) -> None:
    found = list(everything_kept(airflow.site))
    kept = b"\n".join(content for _, content in found)
    assert "table celery_taskmeta" in {where for where, _ in found}
    assert b"execute_workload" in kept, "the search looks where workers speak"
    values = [value for one in (north, south) for value in names_of(one)]
    assert len(values) > 1_000
    assert [value for value in values if value.encode() in kept] == []


def names_of(one: Authority) -> set[str]:
    """Every full name and NHS number in the authority's extract."""
    with one.demo.extract.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = {
        f"{row[f'{who}given_name']} {row[f'{who}family_name']}" for row in rows for who in ("", "parent_")
    }
    numbers = {row[f"{who}nhs_number"] for row in rows for who in ("", "parent_")}
    return {value for value in names | numbers if len(value.strip()) > 8}
