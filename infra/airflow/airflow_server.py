"""Starts and stops a whole Airflow on this machine, and talks to it.

    with AirflowServer(Site(folder, port, {"lead": "user"}, birthshare_home=home)) as server:
        lead = server.login("lead")
        lead.trigger("monthly_births", {"month": "2026-10"})

The order matters: the API server first, then its execution API (built on first use, and the first
task would wait for it), then the scheduler and the DAG processor.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import psutil  # type: ignore[import-untyped]  # its stubs are another package

from airflow_environment import Site, environment
from airflow_parts import PARTS, PREPARATIONS, airflow, worker
from pipeline.rooms import ROOMS

Found = TypeVar("Found")

FINISHED = ("success", "failed")

WORKERS = ("worker-1", "worker-2")
QUEUES = ",".join(ROOMS)


class AirflowError(Exception):
    """Airflow did not do what was asked in time; the message says where its output is."""


class AirflowServer:
    """A running Airflow: API server, scheduler and DAG processor as child processes.

    `prepared` is whether its database is what `prepare` makes. What lies in `first_on_path` every process
    imports before anything else of that name.
    """

    def __init__(
        self,
        site: Site,
        *,
        prepared: bool = False,
        say: Callable[[str], None] = lambda message: None,
        first_on_path: Path | None = None,
    ) -> None:
        self.site = site
        self._prepared = prepared
        self._say = say
        self._environment = environment(site)
        if first_on_path:
            path = [str(first_on_path), self._environment["PYTHONPATH"]]
            self._environment["PYTHONPATH"] = os.pathsep.join(path)
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self.revives = False  # whether a part that ends by itself is started again, as systemd does it

    def __enter__(self) -> AirflowServer:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, seconds: float = 240.0) -> None:
        """Start every part and return when all are healthy; raises AirflowError otherwise."""
        if not self._prepared:
            self._say("preparing Airflow's database")
            self.prepare()
        self._say("starting the API server")
        self._spawn(*PARTS["api-server"])
        self.until(self._answers("/execution/health"), "the API server answers", seconds=seconds)
        self._say("starting the scheduler")
        self.start_scheduler()
        self._spawn(*PARTS["dag-processor"])
        for name in WORKERS if self.site.broker else ():
            self.start_worker(name)
        self.until(self._healthy, "every part of Airflow is healthy", seconds=seconds)

    def prepare(self) -> None:
        """Make Airflow's database, or bring it up to date."""
        for preparation in PREPARATIONS:
            self._run(*preparation)

    def start_worker(self, name: str, *, queues: str = QUEUES, at_once: int = 2) -> None:
        """Start a Celery worker that takes tasks of these queues."""
        command = worker(name, queues=queues.split(","), at_once=at_once, folder=self.site.folder)
        self._spawn(*command, name=name)

    def kill(self, name: str, *, sparing: Collection[int] = ()) -> None:
        """End a part as a power cut does, with everything that it started but the processes to be spared."""
        part = self._parts.pop(name)
        for process in _family(part.pid):
            if process.pid not in sparing:
                _kill(process)
        part.wait()

    def family(self, name: str) -> list[psutil.Process]:
        """A part's process and all that it started."""
        return _family(self._parts[name].pid)

    def everybody(self) -> list[psutil.Process]:
        """Every process of this Airflow."""
        return [process for name in self._parts for process in self.family(name)]

    def start_scheduler(self) -> None:
        """Start a scheduler, as `start` does, where it was killed."""
        self._spawn(*PARTS["scheduler"])

    def keep(self) -> None:
        """Stay until a part ends by itself, which raises AirflowError, or the caller is interrupted."""
        while True:
            self._check_alive()
            time.sleep(1)

    def stop(self) -> None:
        """End every part and whatever they started, the last started first.

        Nobody waits for them to end by themselves, which takes ten seconds: what they had under way stands
        in Airflow's database and in ours.
        """
        for name in reversed(list(self._parts)):
            self.kill(name)

    def login(self, user: str) -> Login:
        """A session of one of the site's users."""
        return Login(self, user, self.site.passwords()[user])

    def until(
        self, look: Callable[[], Found | None], what: str, *, seconds: float, every: float = 0.25
    ) -> Found:
        """The first thing that `look` finds; raises AirflowError at the deadline or when a part died."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check_alive()
            if found := look():
                return found
            time.sleep(every)
        raise AirflowError(f"Not within {seconds:.0f} s: {what}. See {self.site.logs}")

    def _check_alive(self) -> None:
        for name, part in list(self._parts.items()):
            if part.poll() is not None:
                if not self.revives:
                    raise AirflowError(f"Airflow's {name} ended by itself: see {self.output(name)}")
                self._begin(name, part.args)

    def _answers(self, path: str) -> Callable[[], bool]:
        def look() -> bool:
            try:
                return httpx.get(f"{self.site.address}{path}", timeout=30).is_success
            except httpx.TransportError:
                return False

        return look

    def _healthy(self) -> bool:
        health = httpx.get(f"{self.site.address}/api/v2/monitor/health", timeout=30).json()
        return all(
            health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")
        )

    def _run(self, *arguments: str) -> None:
        with self._open_output(arguments[0]) as output:
            done = subprocess.run(
                airflow(*arguments),
                env=self._environment,
                stdout=output,
                stderr=output,
                cwd=self.site.folder,
                umask=0o077,
                check=False,
            )
        if done.returncode:
            name = " ".join(arguments)
            raise AirflowError(f"`airflow {name}` failed: see {self.output(arguments[0])}")

    def _spawn(self, *arguments: str, name: str = "") -> None:
        self._begin(name or arguments[0], airflow(*arguments))

    def _begin(self, name: str, command: Any) -> None:
        with self._open_output(name) as output:
            self._parts[name] = subprocess.Popen(
                command,
                env=self._environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.site.folder,
                umask=0o077,
                start_new_session=True,
            )

    def output(self, name: str) -> Path:
        """Where one part of Airflow writes what it says."""
        return self.site.logs / "parts" / f"{name}.log"

    def _open_output(self, name: str) -> Any:
        file = self.output(name)
        for folder in (self.site.logs, file.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


class Login:
    """One user's session with Airflow's REST API."""

    def __init__(self, server: AirflowServer, user: str, password: str) -> None:
        self._server = server
        self._http = httpx.Client(base_url=server.site.address, timeout=30)
        token = self._ask("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._http.base_url = httpx.URL(f"{server.site.address}/api/v2")

    def open_dag(self, dag: str, *, seconds: float = 240.0) -> None:
        """Wait until Airflow knows the DAG, and let it run."""
        self._server.until(lambda: self._knows(dag), f"Airflow knows {dag}", seconds=seconds)
        self._ask("PATCH", f"/dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str, params: dict[str, Any]) -> Run:
        """Start a run by hand."""
        run = self._ask("POST", f"/dags/{dag}/dagRuns", {"conf": params, "logical_date": None})
        return Run(self, dag, run["dag_run_id"])

    def get(self, path: str) -> Any:
        """The answer to a GET under /api/v2."""
        return self._ask("GET", path)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a PATCH under /api/v2."""
        return self._ask("PATCH", path, body)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a POST under /api/v2."""
        return self._ask("POST", path, body)

    def status(self, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        """How Airflow answers, whatever it says: the HTTP status."""
        return self._http.request(method, path, json=body).status_code

    def until(self, look: Callable[[], Found | None], what: str, *, seconds: float) -> Found:
        """As `AirflowServer.until`."""
        return self._server.until(look, what, seconds=seconds)

    def scheduler_lines(self) -> list[str]:
        """What the scheduler has said so far."""
        return self._server.output("scheduler").read_text(encoding="utf-8").splitlines()

    def _knows(self, dag: str) -> bool:
        return self._http.get(f"/dags/{dag}").is_success

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


class Run:
    """One run of a DAG, seen by one user."""

    def __init__(self, login: Login, dag: str, run_id: str) -> None:
        self._login = login
        self.dag, self.run_id = dag, run_id
        self.path = f"/dags/{dag}/dagRuns/{quote(run_id, safe='')}"

    def states(self) -> dict[str, list[str | None]]:
        """The states of every task's instances, by task."""
        found: dict[str, list[str | None]] = {}
        for instance in self._login.get(f"{self.path}/taskInstances?limit=200")["task_instances"]:
            found.setdefault(instance["task_id"], []).append(instance["state"])
        return found

    def until_task(self, task: str, *states: str, seconds: float) -> str:
        """Wait until every instance of the task is in one of the states; gives the first one's."""

        def look() -> str | None:
            now = self.states().get(task, [])
            return now[0] if now and all(state in states for state in now) else None

        return self._login.until(look, f"{task} is {' or '.join(states)}", seconds=seconds)

    def until_finished(self, *, seconds: float) -> str:
        """Wait for the run's end: `success` or `failed`."""

        def look() -> str | None:
            state: str = self._login.get(self.path)["state"]
            return state if state in FINISHED else None

        return self._login.until(look, "the run is finished", seconds=seconds)

    def until_asked(self, task: str, *, seconds: float) -> None:
        """Wait until the task waits for a person and the scheduler has noticed that its process ended.

        An answer between the two (a third of a second) makes Airflow 3.3 fail the task: it takes the
        late word of the parked process for the end of the resumed one. No person is that quick.
        """
        self.until_task(task, "awaiting_input", seconds=seconds)
        self._login.until(lambda: self._parked(task), f"the scheduler has parked {task}", seconds=seconds)

    def _parked(self, task: str) -> bool:
        attempt = self.question(task)["task_instance"]["try_number"]
        marks = ("Received executor event", f"task_id='{task}'", self.run_id, f"try_number={attempt},")
        return any(all(mark in line for mark in marks) for line in self._login.scheduler_lines())

    def clear(self, task: str) -> None:
        """Run the task and all after it again."""
        asked = {"task_ids": [task], "include_downstream": True, "only_failed": False, "reset_dag_runs": True}
        body = asked | {"dry_run": False, "dag_run_id": self.run_id}
        self._login.post(f"/dags/{self.dag}/clearTaskInstances", body)

    def question(self, task: str) -> dict[str, Any]:
        """What a task asks a person: subject, body, options."""
        found: dict[str, Any] = self._login.get(f"{self.path}/taskInstances/{task}/-1/hitlDetails")
        return found

    def answer(self, task: str, option: str) -> None:
        """Answer what a task asks."""
        self._login.patch(f"{self.path}/taskInstances/{task}/-1/hitlDetails", {"chosen_options": [option]})


def is_free(port: int) -> bool:
    """Whether nobody on this machine listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(pid: int) -> list[psutil.Process]:
    """A process and everything that it started; tasks leave its group, so the group is not enough."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
