"""`make soak`: Airflow at sizes and through accidents that the tests have no time for.

    python tests/soak/soak.py [--only spread|kills|twenty] [--out figures.json]

spread  one month of 240 recipients: the command line, tasks beside the scheduler, one Celery worker, two
kills   months of 60 recipients; at several points of each month both workers, the scheduler, PostgreSQL and
        Redis lose their power; every month must end by itself, and every list be put in place once
twenty  the months of twenty authorities at once, beside the month of one

Times are wall seconds from the trigger to the end of the run, with a person who answers at once. Machines
differ, so what to compare between them are the ratios, taken within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any

import psutil  # type: ignore[import-untyped]  # its stubs are another package

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "infra" / "airflow"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from airflow_server import AirflowServer, Run
from pipeline.demo.authority import APPROVERS
from servers.postgres import PostgresServer
from servers.redis import RedisServer
from soak.world import LEAD, MONTH, Authority, approve, authority, begin, on_openssh, site_for

BIRTHSHARE = Path(sys.executable).with_name("birthshare")
WORKERS = ("worker-1", "worker-2")
RECIPIENTS, BIRTHS = 240, 3_000
POINTS = (1, 8, 20, 40, 55)  # uploads after which everything loses its power
AUTHORITIES = 20
PATIENCE = 1_800.0  # seconds for anything to happen

# A dead worker is noticed sooner than in production.
SOONER = {
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "2",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "20",  # what dead workers held comes again
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}

Figures = dict[str, Any]


def main(arguments: Sequence[str]) -> None:
    """Run the parts, print what was measured, and write it where it is wanted."""
    parts: dict[str, Callable[[Path], Figures]] = {"spread": spread, "kills": kills, "twenty": twenty}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(parts), action="append", help="may be repeated")
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    chosen = parser.parse_args(arguments)
    figures: Figures = {"machine": {"cores": os.cpu_count(), "load": os.getloadavg()}}
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        for name in chosen.only or parts:
            _say(f"== {name}")
            place = Path(folder) / name
            place.mkdir()
            figures[name] = parts[name](place)
            print(json.dumps({name: figures[name]}, indent=2), flush=True)
    if chosen.out:
        chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


# --- one large month --------------------------------------------------------------------------------


def spread(folder: Path) -> Figures:
    """Wall seconds of each way, and each beside the command line."""
    ways: dict[str, Callable[[Path, Authority], float]] = {
        "command line": lambda place, one: _by_hand(one),
        "beside the scheduler": lambda place, one: _timed(place, one, workers=0),
        "one worker": lambda place, one: _timed(place, one, workers=1),
        "two workers": lambda place, one: _timed(place, one, workers=2),
    }
    seconds = {}
    for number, (name, way) in enumerate(ways.items()):
        with on_openssh(folder / f"authority-{number}", centres=RECIPIENTS, births=BIRTHS) as one:
            seconds[name] = round(way(folder / f"airflow-{number}", one), 1)
            assert one.check_sent_once() == RECIPIENTS
        _say(f"{name}: {seconds[name]} s")
    ratios = {name: round(spent / seconds["command line"], 2) for name, spent in seconds.items()}
    return {"recipients": RECIPIENTS, "births": BIRTHS, "seconds": seconds, "ratios": ratios}


def _by_hand(one: Authority) -> float:
    """As a data lead does it: run, approve, run again."""
    key = str(one.demo.approver_keys[LEAD])
    decision = ["approve", str(MONTH), "--as", APPROVERS[LEAD], "--key", key]
    begun = perf_counter()
    for command in (["run", str(MONTH), "--until", "release"], ["release", *decision], ["run", str(MONTH)]):
        told = [str(BIRTHSHARE), *command, "--home", str(one.demo.home), "--json"]
        subprocess.run(told, check=True, capture_output=True)
    return perf_counter() - begun


def _timed(folder: Path, one: Authority, *, workers: int) -> float:
    with _airflow(folder, [one], celery=workers > 0) as (airflow, _):
        if workers == 1:
            airflow.kill(WORKERS[1])
        run = begin(airflow, one)
        approve(run)
        _end(run)
        return _wall(airflow, [run])


# --- accidents --------------------------------------------------------------------------------------


def kills(folder: Path) -> Figures:
    """How long each month took from the accident to its end."""
    seconds = {}
    with ExitStack() as stack:
        months = {
            point: stack.enter_context(
                authority(folder / f"at-{point}", f"at-{point}", centres=60, births=900, seed=point)
            )
            for point in POINTS
        }
        airflow, servers = stack.enter_context(
            _airflow(folder / "airflow", list(months.values()), extra=SOONER)
        )
        for point, one in months.items():
            run = begin(airflow, one)
            one.gate.shut_at(point)
            approve(run)
            assert one.gate.shut.wait(PATIENCE)
            begun = perf_counter()
            _power_cut(airflow, servers)
            one.gate.open()
            _end(run)
            seconds[point] = round(perf_counter() - begun, 1)
            assert one.check_sent_once() == 60
            _say(f"cut at upload {point}: ended {seconds[point]} s later, each list once")
    return {"recipients": 60, "seconds_after_the_cut": seconds, "settings": SOONER}


def _power_cut(airflow: AirflowServer, servers: Sequence[PostgresServer | RedisServer]) -> None:
    airflow.revives = True  # what loses its database may end by itself
    for name in (*WORKERS, "scheduler"):
        airflow.kill(name)
    for server in servers:
        server.stop()
    for server in servers:
        server.start()
    airflow.start_scheduler()
    for name in WORKERS:
        airflow.start_worker(name)


# --- many authorities -------------------------------------------------------------------------------


def twenty(folder: Path) -> Figures:
    """Wall seconds and memory of twenty months at once, and of one."""
    with ExitStack() as stack:
        codes = ["alone", *(f"authority-{number:02}" for number in range(AUTHORITIES))]
        alone, *others = (
            stack.enter_context(authority(folder / code, code, centres=3, births=100, seed=place))
            for place, code in enumerate(codes)
        )
        airflow, _ = stack.enter_context(_airflow(folder / "airflow", [alone, *others]))
        watch = stack.enter_context(_memory(airflow))
        runs = [begin(airflow, alone)]
        approve(runs[0])
        _end(runs[0])
        one = _wall(airflow, runs)
        at_rest = max(watch)
        watch.clear()
        runs = [_triggered(airflow, each) for each in others]
        for run in runs:
            run.until_asked("release_decision", seconds=PATIENCE)
            approve(run)
        for run in runs:
            _end(run)
        many, most = _wall(airflow, runs), max(watch)
        lists = [each.check_sent_once() for each in (alone, *others)]
    return {
        "authorities": AUTHORITIES, "lists": sum(lists[1:]), "seconds": {"one": one, "twenty": many},
        "ratio": round(many / one, 2), "mib": {"one": round(at_rest), "twenty": round(most)},
    }  # fmt: skip


def _triggered(airflow: AirflowServer, one: Authority) -> Run:
    airflow.login("operator").open_dag(one.dag, seconds=PATIENCE)
    return airflow.login(LEAD).trigger(one.dag, {"month": str(MONTH)})


@contextmanager
def _memory(airflow: AirflowServer) -> Iterator[list[float]]:
    """MiB of all of Airflow's processes, again and again; what they share is counted once."""
    seen: list[float] = []
    over = Event()
    names = ("api-server", "scheduler", "dag-processor", *WORKERS)

    def look() -> None:
        while not over.wait(2):
            seen.append(sum(_proportional(one) for name in names for one in airflow.family(name)) / 2**20)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _proportional(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0.0


# --- Airflow ----------------------------------------------------------------------------------------


@contextmanager
def _airflow(
    folder: Path, months: Sequence[Authority], *, celery: bool = True, extra: dict[str, str] | None = None
) -> Iterator[tuple[AirflowServer, list[PostgresServer | RedisServer]]]:
    """An Airflow on PostgreSQL that waits for the disk, with two Celery workers or none."""
    homes = {one.code: one.demo.home for one in months}
    with ExitStack() as stack:
        database = stack.enter_context(PostgresServer(durable=True))
        servers: list[PostgresServer | RedisServer] = [database]
        broker = ""
        if celery:
            redis = stack.enter_context(RedisServer())
            servers.append(redis)
            broker = redis.url()
        site = site_for(folder, homes, database=database.url("airflow"), broker=broker, extra=extra)
        yield stack.enter_context(AirflowServer(site)), servers


def _end(run: Run) -> None:
    state = run.until_finished(seconds=PATIENCE)
    if state != "success":
        raise RuntimeError(f"{run.dag} ended as {state}: {run.states()}")


def _wall(airflow: AirflowServer, runs: Sequence[Run]) -> float:
    """Seconds from the first trigger to the last end."""
    lead = airflow.login(LEAD)
    answers = [lead.get(run.path) for run in runs]
    begun = min(datetime.fromisoformat(one["queued_at"]) for one in answers)
    ended = max(datetime.fromisoformat(one["end_date"]) for one in answers)
    return round((ended - begun).total_seconds(), 1)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
