"""Whatever is done to Airflow, nothing unapproved, unpermitted or twice is delivered.

One Airflow serves several authorities. What an operator and an admin can do over the REST API is done to
them; then the centres' folders and each authority's own ledger are looked at. Last, the scheduler is killed
while lists are on their way.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import asyncssh
import psutil
import pytest

from airflow_environment import Site
from airflow_server import FINISHED, AirflowServer, Login, Run
from many_authorities import CENTRES, copy_of, make_prototype
from month_authority import MONTH, Authority
from pipeline.demo import sftp
from pipeline.demo.authority import Demonstration
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.facts import opened_ledger, verified
from pipeline.ledger.entries import Body, Kind
from servers.ports import free_port
from servers.postgres import PostgresServer, ServerMissing

pytestmark = pytest.mark.timeout(900)  # the first test waits for all that is done

DAG = "monthly_births"
QUESTION, NEXT_QUESTION = "release_decision", "second_decision"
SECONDS = 240.0  # for one step of a run, where other work keeps the machine busy

CANARY = "Zenobia Quillfeather-Okonkwo"

# What becomes of each authority.
MARKED, EDITED, REFUSED, KILLED, MEDDLED = "alder", "birch", "cedar", "dogwood", "hornbeam"
BROKEN, GONE, UNUSABLE, WITHOUT_DATABASE, UNREADABLE = "elder", "fir", "gorse", "juniper", "larch"

# Which task of theirs stops, and how; a database that is away may come back.
LEFT_ALONE = {
    BROKEN: ("arrivals", "failed"),
    GONE: ("arrivals", "failed"),
    WITHOUT_DATABASE: ("arrivals", "up_for_retry"),
    UNREADABLE: ("prepare", "failed"),
}


@dataclass
class World:
    """The Airflow, its authorities, and what was seen on the way."""

    server: AirflowServer
    authorities: dict[str, Authority]
    seen: dict[str, Any] = field(default_factory=dict)

    def login(self, user: str) -> Login:
        return self.server.login(user)

    def lists(self, name: str) -> dict[str, str]:
        """What the centres hold, and its digest."""
        held = self.authorities[name].files()
        return {file: hashlib.sha256(content).hexdigest() for file, content in held.items()}

    def recorded(self, name: str, kind: Kind) -> list[Body]:
        return self.authorities[name].recorded(kind)

    def nothing_left(self, name: str) -> bool:
        """Whether no centre of theirs holds anything, and their ledger knows of no leave."""
        kinds = (Kind.PERMIT, Kind.PUBLISHING, Kind.DELIVERED, Kind.RELEASE_APPROVED, Kind.MONTH_CLOSED)
        return not self.lists(name) and not any(self.recorded(name, kind) for kind in kinds)


class SlowCentres:
    """An authority whose centres' server stops what the first try asks of it, until it is let go on.

    At the first centre that is the file's first byte, before leave is asked for the list's name; at the
    second the giving of the name itself, after leave was recorded.
    """

    def __init__(self, prototype: Demonstration, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._prototype, self._folder = prototype, folder
        self.held = {code: Event() for code in prototype.centres[:2]}
        self.go_on = Event()
        patch.setattr(sftp, "_Shut", self._server())

    def __enter__(self) -> SlowCentres:
        keys, home = self._folder / "sftp", self._folder / KILLED / "home"
        keys.mkdir()
        self._server_running = DemonstrationSftp(
            self._folder / KILLED / "received",
            home / "keys" / "delivery.key.pub",
            host_key_file=keys / "host_key",
        ).__enter__()
        server = {"port": self._server_running.port, "host_key": self._server_running.host_key}
        self.authority = copy_of(self._prototype, self._folder, KILLED, **server)
        self.authority.setting("[authority]", "[delivery]\ntimeout_seconds = 600\n\n[authority]")
        return self

    def __exit__(self, *error: object) -> None:
        self.go_on.set()
        self._server_running.__exit__(None, None, None)

    @property
    def port(self) -> int:
        return self._server_running.port

    def until_held(self) -> None:
        for held in self.held.values():
            assert held.wait(SECONDS)

    def _server(self) -> type[sftp._Shut]:
        centres = self

        class Slow(sftp._Shut):
            async def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
                if pflags & asyncssh.FXF_CREAT and b"manifest" not in path:
                    await self._hold(path, 0)
                return super().open(path, pflags, attrs)

            async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
                if b"manifest" not in newpath:
                    await self._hold(newpath, 1)
                super().posix_rename(oldpath, newpath)

            async def _hold(self, path: bytes, number: int) -> None:
                code = list(centres.held)[number]
                if code.encode() in path and not centres.held[code].is_set():
                    centres.held[code].set()
                    await asyncio.to_thread(centres.go_on.wait)

        return Slow


@pytest.fixture(scope="module")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    return make_prototype(tmp_path_factory.mktemp("prototype") / "demo")


@pytest.fixture(scope="module")
def slow(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowCentres]:
    folder = tmp_path_factory.mktemp("slow")
    with pytest.MonkeyPatch.context() as patch, SlowCentres(prototype, folder, patch) as centres:
        yield centres


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Airflow's own, on PostgreSQL: many write at once here."""
    try:
        with PostgresServer() as server:
            yield server.url("airflow").replace("postgresql:", "postgresql+psycopg:", 1)
    except ServerMissing as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL server: {reason}")


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, prototype: Demonstration, slow: SlowCentres, database: str
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("authorities")
    names = (MARKED, EDITED, REFUSED, MEDDLED, BROKEN, WITHOUT_DATABASE, UNREADABLE)
    several = {name: copy_of(prototype, folder, name) for name in names}
    several[KILLED] = slow.authority
    several[BROKEN].setting("[authority]", "[authority")
    settings = several[WITHOUT_DATABASE].home.path / "birthshare.toml"
    settings.write_text(f'database = "postgresql://nobody@127.0.0.1:1/nowhere"\n{settings.read_text()}')
    several[UNREADABLE].sealed.write_bytes(b"no file that gpg could open")
    people = {f"{name}_data_lead": "user" for name in several}
    homes = {name: one.home.path for name, one in several.items()}
    site = Site(
        tmp_path_factory.mktemp("airflow"),
        free_port(),
        people | {"operator": "op", "admin": "admin"},
        database=database,
        authorities=homes | {GONE: folder / "nowhere", UNUSABLE: Path("not/from/the/root")},
        # How soon a scheduler counts as dead, and what it had begun is begun again.
        extra={
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "2",
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        },
    )
    with AirflowServer(site) as server:
        yield World(server, several)


# --- what is done ---------------------------------------------------------------------------------


class Attempts:
    """One run of an authority, and one login's attempts at it."""

    def __init__(self, world: World, name: str, user: str, run: Run | None = None, **conf: str) -> None:
        self.world, self.name, self.login = world, name, world.login(user)
        self.dag = f"{name}.{DAG}"
        self.run = (
            Run(self.login, self.dag, run.run_id)
            if run
            else self.login.trigger(self.dag, {"month": str(MONTH), **conf})
        )

    def by(self, user: str) -> Attempts:
        """The same run, seen by another."""
        return Attempts(self.world, self.name, user, self.run)

    def mark(self, *tasks: str, state: str = "success") -> list[int]:
        return [
            self.login.status("PATCH", f"{self.run.path}/taskInstances/{task}", {"new_state": state})
            for task in tasks
        ]

    def mark_all_before(self, task: str) -> set[int]:
        """Mark every task as done that comes before one; how Airflow answers."""
        order = list(self.run.states())
        later = {task, "close"}
        return set(self.mark(*(one for one in order if one not in later)))

    def mark_run(self, state: str) -> int:
        return self.login.status("PATCH", self.run.path, {"state": state})

    def clear(self, *tasks: str, downstream: bool = True) -> int:
        body = {
            "task_ids": list(tasks), "dag_run_id": self.run.run_id, "dry_run": False,
            "only_failed": False, "include_downstream": downstream, "reset_dag_runs": True,
        }  # fmt: skip
        return self.login.status("POST", f"/dags/{self.dag}/clearTaskInstances", body)

    def answer(self, question: str, option: str) -> int:
        path = f"{self.run.path}/taskInstances/{question}/-1/hitlDetails"
        return self.login.status("PATCH", path, {"chosen_options": [option]})

    def yes(self, question: str = QUESTION) -> str:
        return str(self.run.question(question)["options"][0])

    def asked(self, question: str = QUESTION) -> Attempts:
        self.run.until_asked(question, seconds=SECONDS)
        return self

    def edit(self, batches: Any, how: str = "PATCH") -> int:
        """Put another return value in place of the one of `prepare`."""
        path = f"{self.run.path}/taskInstances/prepare/xcomEntries"
        if how == "POST":
            return self.login.status("POST", path, {"key": "return_value", "value": batches, "map_index": -1})
        return self.login.status("PATCH", f"{path}/return_value", {"value": batches, "map_index": -1})

    def delete(self) -> int:
        return self.login.status("DELETE", self.run.path)

    def in_bulk(self, **changes: Any) -> int:
        """Change the run as one of many."""
        body = many("update", dag_run_id=self.run.run_id, **changes)
        return self.login.status("PATCH", f"/dags/{self.dag}/dagRuns", body)

    def forget_month(self) -> int:
        """Take the run's month away, and run its tasks again."""
        body = {"run_id": self.run.run_id, "clear_task_instances": True, "dry_run": False}
        return self.login.status("POST", f"/dags/{self.dag}/clearPartitions", body)

    def mark_running(self, task: str) -> int:
        """Mark a task as done while its process is at work, or has just ended."""
        self.run.until_task(task, "running", "success", seconds=SECONDS)
        [answer] = self.mark(task)
        return answer

    def ended(self) -> dict[str, str]:
        """Every task's state when the run is over, or only waits until it tries a task again."""
        self.login.until(self._is_still, f"nothing moves in {self.dag}", seconds=SECONDS)
        return {task: " ".join(sorted(set(map(str, states)))) for task, states in self.run.states().items()}

    def _is_still(self) -> bool:
        if self.login.get(self.run.path)["state"] in FINISHED:
            return True
        now = {state for states in self.run.states().values() for state in states}
        return "up_for_retry" in now and not now & {"scheduled", "queued", "running", "restarting"}


def marked(world: World) -> None:
    """Everything is marked as done before it was; then the month is approved, and all of it done again."""
    seen = world.seen
    admin = world.login("admin")
    known(world, MARKED)
    # The DAG is still paused, so that nothing runs while all of it is marked.
    first = Attempts(world, MARKED, "operator")
    seen["marked"] = first.mark_all_before("deliver"), first.edit([0, 1], "POST")
    pause(admin, MARKED, False)
    seen["deliver without prepare"] = first.ended()
    first.mark("deliver", "close")
    seen["run as success"] = first.mark_run("success")
    seen["nothing after marks"] = world.nothing_left(MARKED)

    second = Attempts(world, MARKED, "operator").asked()
    seen["answered by others"] = {
        user: second.by(user).answer(QUESTION, second.yes())
        for user in ("operator", "admin", f"{EDITED}_data_lead")
    }
    everything = {"action": "update", "update_mask": ["new_state"], "action_on_non_existence": "skip"}
    entities = [{"task_id": task, "new_state": "success"} for task in (QUESTION, NEXT_QUESTION)]
    path = f"{second.run.path}/taskInstances"
    seen["all at once"] = admin.status("PATCH", path, {"actions": [everything | {"entities": entities}]})
    seen["deliver without answers"] = second.ended()
    second.clear("deliver", downstream=False)
    second.ended()
    second.clear("close")
    second.ended()
    seen["nothing after clearing"] = world.nothing_left(MARKED)

    second.clear(QUESTION)
    lead = second.asked().by(f"{MARKED}_data_lead")
    seen["answered by the lead"] = lead.answer(QUESTION, lead.yes())
    seen["the lead's month"] = lead.ended()
    seen["lists once"] = world.lists(MARKED)
    again(world, second)


def again(world: World, attempts: Attempts) -> None:
    """A month that was delivered is cleared, deleted, triggered twice at once, and filled in once more."""
    attempts.clear("deliver")
    attempts.ended()
    attempts.clear("prepare")
    attempts.ended()
    world.seen["deleted"] = attempts.by("admin").delete()
    runs = [Attempts(world, MARKED, user) for user in ("operator", "admin")]
    world.seen["backfill"] = backfill(world, MARKED)
    for one in runs:
        one.ended()
    until_no_run_is_active(world, MARKED)


def edited(world: World) -> None:
    """What travels between tasks is edited, and a run is triggered with more than its month."""
    seen = world.seen
    admin = world.login("admin")
    admin.open_dag(f"{EDITED}.{DAG}")
    elsewhere = str(world.authorities[MARKED].home.path)
    conf = {"home": elsewhere, "BIRTHSHARE_HOME": elsewhere, "authority": MARKED, "batch": CANARY}
    first = Attempts(world, EDITED, "operator", **conf).asked()
    edits = [first.edit([CANARY])]
    lead = first.by(f"{EDITED}_data_lead")
    lead.answer(QUESTION, lead.yes())
    seen["a name as a batch"] = first.ended(), world.lists(EDITED)
    edits.append(first.edit([7]))
    first.clear("deliver")
    seen["a batch that is not there"] = first.ended(), world.lists(EDITED)
    pause(admin, EDITED, True)
    first.mark_run("failed")
    second = Attempts(world, EDITED, "operator")
    second.mark_all_before("deliver")
    edits.append(second.edit([0, 0, 1, -1], "POST"))
    pause(admin, EDITED, False)
    seen["batches that nobody counted"] = second.ended(), world.lists(EDITED)
    edits.append(first.edit([0, 0, 1, -1, *range(5000)]))
    first.clear("deliver")
    seen["too many batches"] = first.ended(), len(first.run.states()["deliver"])
    seen["edits"] = edits


def refused(world: World) -> None:
    """A release is refused; then everything is tried to have it sent all the same."""
    seen = world.seen
    operator = world.login("operator")
    operator.open_dag(f"{REFUSED}.{DAG}")
    first = Attempts(world, REFUSED, f"{REFUSED}_data_lead").asked()
    yes = first.yes()
    first.answer(QUESTION, first.run.question(QUESTION)["options"][1])
    seen["refused"] = first.ended()
    seen["another word"] = first.answer(QUESTION, yes)
    by_admin = first.by("admin")
    by_admin.mark(QUESTION, NEXT_QUESTION)
    by_admin.clear("deliver")
    seen["deliver after a refusal"] = by_admin.ended()
    by_admin.mark("deliver")
    by_admin.clear("close")
    seen["close after a refusal"] = by_admin.ended()
    by_admin.clear(QUESTION)
    seen["asked again"] = by_admin.ended()
    seen["filled in after a refusal"] = backfill(world, REFUSED)
    until_no_run_is_active(world, REFUSED)
    by_admin.delete()
    seen["triggered after a refusal"] = Attempts(world, REFUSED, "operator").ended()
    other = MONTH.plus(-1)
    body = {"conf": {"month": str(MONTH)}, "logical_date": None, "partition_key": str(other)}
    twofold = Run(operator, first.dag, operator.post(f"/dags/{first.dag}/dagRuns", body)["dag_run_id"])
    twofold.until_finished(seconds=SECONDS)
    seen["two months"] = twofold.states()


def meddled(world: World) -> None:
    """All else that the REST API lets an operator or an admin do, before and while lists are sent."""
    seen, admin, operator = world.seen, world.login("admin"), world.login("operator")
    dag = f"{MEDDLED}.{DAG}"
    admin.open_dag(dag)
    started = operator.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "partition_key": str(MONTH)})
    first = Attempts(world, MEDDLED, "operator", Run(operator, dag, started["dag_run_id"])).asked()
    [asset] = admin.get(f"/assets?dag_ids={dag}")["assets"]
    seen["meddled"] = {
        user: {what: world.login(user).status(*call) for what, call in meddling(first, asset["id"]).items()}
        for user in ("operator", "admin")
    }
    seen["run as success while it asks"] = first.by("admin").in_bulk(state="success")
    seen["nothing after meddling"] = first.ended(), world.nothing_left(MEDDLED)
    seen["run again without its month"] = first.forget_month(), first.ended(), world.nothing_left(MEDDLED)

    backfill(world, MEDDLED)
    [filling] = admin.get(f"/backfills?dag_id={dag}")["backfills"]
    seen["backfill stopped"] = [
        admin.status("PUT", f"/backfills/{filling['id']}/{word}") for word in ("pause", "unpause", "cancel")
    ]
    for run in admin.get(f"/dags/{dag}/dagRuns?run_type=backfill")["dag_runs"]:  # it may ask already
        Attempts(world, MEDDLED, "admin", Run(admin, dag, run["dag_run_id"])).mark_run("failed")
    until_no_run_is_active(world, MEDDLED)
    body = {"conf": {"month": str(MONTH)}}
    made = operator.post(f"/assets/{asset['id']}/materialize", body)
    second = Attempts(world, MEDDLED, "operator", Run(operator, dag, made["dag_run_id"])).asked()
    second.clear("prepare")
    seen["marked as it runs"] = second.mark_running("prepare"), world.nothing_left(MEDDLED)
    while_sending(world, second)
    dag_deleted(world, second)


def meddling(attempts: Attempts, asset: int) -> dict[str, tuple[Any, ...]]:
    """What is asked of Airflow while the question waits: method, path and body."""
    run, dag = attempts.run.path, f"/dags/{attempts.dag}"
    task = f"{run}/taskInstances"
    value = {"key": "return_value", "value": [0, 1], "map_index": -1}
    pool = {"name": "birthshare_opening", "slots": 64, "include_deferred": False, "description": None}
    return {
        "event": ("POST", "/assets/events", {"asset_id": asset, "partition_key": str(MONTH)}),
        "asset's store": ("PUT", f"/assets/{asset}/state-store/closed", {"value": True}),
        "note on the run": ("PATCH", run, {"note": CANARY}),
        "note on a task": ("PATCH", f"{task}/prepare", {"note": CANARY}),
        "note on the question": ("PATCH", f"{task}/{QUESTION}", {"note": CANARY}),
        "task's store": ("PUT", f"{task}/deliver/state-store/approved", {"value": CANARY}),
        "mapped task": ("PATCH", f"{task}/deliver/0", {"new_state": "success"}),
        "XCom taken away": ("DELETE", f"{task}/prepare/xcomEntries/return_value"),
        "XCom made": ("POST", f"{task}/prepare/xcomEntries", value),
        "XCom of sending": ("POST", f"{task}/deliver/xcomEntries", value),
        "XCom of a name": (
            "PATCH", f"{task}/prepare/xcomEntries/return_value", {"value": CANARY, "map_index": -1},
        ),
        "variables": ("PATCH", "/variables", many("create", key="birthshare", value=CANARY)),
        "connections": ("PATCH", "/connections", many("create", connection_id="x", conn_type="sftp")),
        "pools": ("PATCH", "/pools", many("update", **pool)),
        "dags paused": ("PATCH", f"/dags?dag_id_pattern={attempts.dag}", {"is_paused": True}),
        "dags let go": ("PATCH", f"/dags?dag_id_pattern={attempts.dag}", {"is_paused": False}),
        "answer": ("PATCH", f"{task}/{QUESTION}/-1/hitlDetails", {"chosen_options": [attempts.yes()]}),
        "cleared with a new version": ("POST", f"{dag}/clearDagRuns", {
            "dag_runs": [{"dag_run_id": attempts.run.run_id}], "dry_run": True, "only_failed": False,
        }),
    }  # fmt: skip


def many(action: str, **entity: Any) -> dict[str, Any]:
    """The body of a request that can do many things at once."""
    present = {"create": "action_on_existence", "update": "action_on_non_existence"}[action]
    how = {"create": "overwrite", "update": "skip"}[action]
    return {"actions": [{"action": action, present: how, "entities": [entity]}]}


def while_sending(world: World, attempts: Attempts) -> None:
    """The lead says yes; the task that sends is marked as it runs, taken away, and run again."""
    seen = world.seen
    attempts.clear("prepare")
    lead = attempts.asked().by(f"{MEDDLED}_data_lead")
    with_words = {"chosen_options": [lead.yes()], "params_input": {"note": CANARY}}
    path = f"{attempts.run.path}/taskInstances"
    seen["answer with words"] = lead.login.status("PATCH", f"{path}/{QUESTION}/-1/hitlDetails", with_words)
    attempts.by("admin").mark_running("deliver")
    seen["marked as it sends"] = attempts.ended()
    attempts.clear("deliver")
    seen["sent"] = attempts.ended(), world.lists(MEDDLED)
    seen["mapped"] = [
        attempts.login.status("PATCH", f"{path}/deliver/0", {"new_state": "failed"}),
        attempts.by("admin").login.status("DELETE", f"{path}/deliver?map_index=0"),
    ]
    attempts.clear("prepare")
    attempts.ended()


def dag_deleted(world: World, attempts: Attempts) -> None:
    """The DAG is deleted with all that Airflow knows of its runs; then the month is run once more."""
    admin = world.login("admin")
    token = admin.get(f"/dags/{attempts.dag}")["file_token"]
    world.seen["DAG deleted"] = admin.status("DELETE", f"/dags/{attempts.dag}")
    admin.status("PUT", f"/parseDagFile/{token}")
    admin.open_dag(attempts.dag, seconds=SECONDS)
    world.seen["after the DAG was deleted"] = Attempts(world, MEDDLED, "operator").ended()


def left_alone(world: World) -> None:
    """The months of authorities that cannot work: see LEFT_ALONE."""
    for name in LEFT_ALONE:
        world.login("admin").open_dag(f"{name}.{DAG}")
        world.seen[name] = Attempts(world, name, "operator").ended()


def settings_of_airflow(world: World) -> None:
    """What else an operator may edit; none of it means anything to us."""
    operator = world.login("operator")
    elsewhere = str(world.authorities[MARKED].home.path)
    world.seen["settings"] = [
        operator.status("POST", "/variables", {"key": "BIRTHSHARE_HOME", "value": elsewhere}),
        operator.status("POST", "/variables", {"key": "BIRTHSHARE_AUTHORITIES", "value": elsewhere}),
        operator.status("POST", "/connections", {"connection_id": "birthshare", "conn_type": "sftp"}),
        operator.status("PATCH", "/pools/birthshare_opening", {
            "name": "birthshare_opening", "slots": 64, "include_deferred": False, "description": None,
        }),
        operator.status("PATCH", f"/dags/{MARKED}.{DAG}", {"max_active_runs": 5}),
    ]  # fmt: skip


def known(world: World, name: str) -> None:
    """Wait until Airflow knows the authority's DAG; it is paused."""
    path = f"/dags/{name}.{DAG}"
    login = world.login("admin")
    login.until(lambda: login.status("GET", path) == 200, f"Airflow knows {name}", seconds=SECONDS)


def pause(login: Login, name: str, paused: bool) -> None:
    login.patch(f"/dags/{name}.{DAG}", {"is_paused": paused})


def backfill(world: World, name: str) -> int:
    """Fill the month in once more, as the admin."""
    body = {
        "dag_id": f"{name}.{DAG}", "from_date": f"{MONTH}-01T00:00:00Z", "to_date": f"{MONTH}-28T00:00:00Z",
        "reprocess_behavior": "completed", "dag_run_conf": {}, "max_active_runs": 5,
    }  # fmt: skip
    return world.login("admin").status("POST", "/backfills", body)


def until_no_run_is_active(world: World, name: str) -> None:
    login = world.login("admin")

    def look() -> bool:
        runs = login.get(f"/dags/{name}.{DAG}/dagRuns")["dag_runs"]
        return all(run["state"] in ("success", "failed") for run in runs)

    login.until(look, f"no run of {name} is active", seconds=SECONDS)


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, Any]:
    """All of that, side by side; what was seen."""
    settings_of_airflow(world)
    with ThreadPoolExecutor() as pool:
        stories: list[Future[None]] = [
            pool.submit(story, world) for story in (marked, edited, refused, meddled, left_alone)
        ]
    for story in stories:
        story.result()
    return world.seen


@dataclass(frozen=True)
class Killed:
    """What was seen when the scheduler was killed while lists were on their way."""

    alive: bool  # the first try, when the second had brought every list
    lists: dict[str, str]  # by then
    state: str


@pytest.fixture(scope="module")
def killed(world: World, told: dict[str, Any], slow: SlowCentres) -> Killed:
    """A try of `deliver` outlives the scheduler; another brings all lists before it goes on."""
    world.login("admin").open_dag(f"{KILLED}.{DAG}")
    lead = Attempts(world, KILLED, f"{KILLED}_data_lead").asked()
    lead.answer(QUESTION, lead.yes())
    slow.until_held()
    first = next(process for process in world.server.family("scheduler") if is_connected(process, slow.port))
    world.server.kill("scheduler", sparing={first.pid})
    world.server.start_scheduler()
    lead.run.until_task("deliver", "success", seconds=SECONDS)
    alive, lists = first.is_running(), world.lists(KILLED)
    slow.go_on.set()
    psutil.wait_procs([first], timeout=SECONDS)
    return Killed(alive, lists, lead.run.until_finished(seconds=SECONDS))


def is_connected(process: psutil.Process, port: int) -> bool:
    return any(one.raddr and one.raddr.port == port for one in process.net_connections("tcp"))


# --- nothing is delivered that nobody approved ----------------------------------------------------


def once(world: World, name: str) -> bool:
    """Whether every centre holds exactly one list, which the ledger says arrived there, once, with leave."""
    held = world.lists(name)
    arrived = [body.sha256 for body in world.recorded(name, Kind.DELIVERED)]  # type: ignore[attr-defined]
    with opened_ledger(world.authorities[name].home) as ledger:
        true = verified(world.authorities[name].home, ledger).problem is None
    permits = world.recorded(name, Kind.PERMIT)
    return (
        true and len(permits) == CENTRES and len(held) == CENTRES and sorted(held.values()) == sorted(arrived)
    )


def approvers(world: World, name: str) -> list[str]:
    return [body.principal for body in world.recorded(name, Kind.RELEASE_APPROVED)]  # type: ignore[attr-defined]


def test_a_run_whose_tasks_were_all_marked_before_they_began_delivers_nothing(told: dict[str, Any]) -> None:
    assert told["marked"] == ({200}, 201)
    assert told["deliver without prepare"]["deliver"] == "upstream_failed"
    assert told["nothing after marks"]


def test_marking_questions_all_at_once_delivers_nothing(told: dict[str, Any]) -> None:
    assert told["all at once"] == 200
    assert told["deliver without answers"]["deliver"] == "failed"


def test_nor_does_clearing_delivery_or_the_end_afterwards(told: dict[str, Any]) -> None:
    assert told["nothing after clearing"]


def test_nobody_but_the_authoritys_own_approvers_can_answer(told: dict[str, Any], world: World) -> None:
    assert set(told["answered by others"].values()) == {403}
    assert told["answered by the lead"] == 200
    assert approvers(world, MARKED) == ["data.lead@example.org"]


def test_a_month_that_was_delivered_is_not_delivered_again(told: dict[str, Any], world: World) -> None:
    """Cleared, deleted, triggered twice at once, filled in once more."""
    assert told["the lead's month"]["close"] == "success"
    assert (told["deleted"], told["backfill"]) == (204, 200)
    assert world.lists(MARKED) == told["lists once"]
    assert once(world, MARKED)


# --- what travels between tasks, and what else can be edited --------------------------------------


def test_what_is_edited_between_tasks_delivers_nothing_else_and_nothing_twice(
    told: dict[str, Any], world: World
) -> None:
    assert told["edits"] == [200, 200, 201, 200]
    states, lists = told["a name as a batch"]
    assert (states["deliver"], lists) == ("failed", {})
    states, lists = told["a batch that is not there"]
    assert (states["deliver"], lists) == ("success", {})
    assert states["close"] != "success", "the month does not end before its lists are there"
    states, lists = told["batches that nobody counted"]
    assert (states["deliver"], lists) == ("upstream_failed", {})
    states, batches = told["too many batches"]
    assert (states["deliver"], states["close"]) == ("success", "success")
    assert batches == 1, "how many there are Airflow has from the task itself"
    assert once(world, EDITED)
    assert approvers(world, EDITED) == ["data.lead@example.org"]


def test_nothing_else_that_airflow_lets_people_do_sends_anything(told: dict[str, Any], world: World) -> None:
    """Events, notes, stores, bulk requests, partitions that are cleared, runs made from the asset."""
    for user, answers in told["meddled"].items():
        refused = {what for what, status in answers.items() if status >= 400}
        # The admin finds what the operator made; before `prepare` has ended there is no mapped task.
        assert refused == {"answer", "mapped task"} | ({"XCom of sending"} if user == "admin" else set())
    assert told["backfill stopped"] == [200, 200, 200]
    for key in ("nothing after meddling", "run again without its month", "marked as it runs"):
        assert told[key][-1], key
    assert told["run again without its month"][1]["arrivals"] == "failed", "it names no month any more"
    assert told["sent"][0]["close"] == "success"
    assert told["sent"][1] == world.lists(MEDDLED)
    assert told["after the DAG was deleted"]["deliver"] == "skipped"
    assert once(world, MEDDLED)
    assert approvers(world, MEDDLED) == ["data.lead@example.org"]


def test_a_month_goes_on_as_its_settings_say_whatever_is_set_in_airflow(told: dict[str, Any]) -> None:
    *variables, connection, pool, more_runs_at_once = told["settings"]
    assert variables == [201, 201]
    assert (connection, pool) == (201, 200)
    assert more_runs_at_once == 422, "how many runs there are at once stands in the DAG"


# --- a refusal stays a refusal --------------------------------------------------------------------


def test_what_was_refused_is_not_sent_whatever_is_marked_cleared_or_filled_in(
    told: dict[str, Any], world: World
) -> None:
    assert told["refused"]["release_decision"] == "failed"
    assert told["another word"] == 409
    assert told["deliver after a refusal"]["deliver"] == "failed"
    assert told["close after a refusal"]["close"] != "success"
    assert told["asked again"]["release_decision"] == "failed"
    assert told["filled in after a refusal"] == 200
    assert told["triggered after a refusal"]["prepare"] == "failed"
    assert world.nothing_left(REFUSED)
    assert len(world.recorded(REFUSED, Kind.RELEASE_REFUSED)) == 1


def test_a_run_that_names_two_months_does_neither(told: dict[str, Any]) -> None:
    assert "success" not in {state for states in told["two months"].values() for state in states}


# --- nothing goes twice ---------------------------------------------------------------------------


def test_a_try_that_outlives_the_scheduler_sends_nothing_twice(killed: Killed, world: World) -> None:
    """The first try was still there, and held its lists, when the second had brought them all."""
    assert killed.alive
    assert killed.lists == world.lists(KILLED), "going on, the first changed nothing"
    assert killed.state == "success"
    assert once(world, KILLED)


def test_the_first_try_is_told_that_another_has_taken_over(killed: Killed, world: World) -> None:
    failures = world.recorded(KILLED, Kind.DELIVERY_FAILED)
    assert [(one.recipient, one.problem) for one in failures] == [("centre-01", "superseded")]  # type: ignore[attr-defined]


# --- every authority by itself --------------------------------------------------------------------


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_an_authority_that_cannot_work_fails_alone(told: dict[str, Any], name: str) -> None:
    task, state = LEFT_ALONE[name]
    assert told[name][task] == state
    assert told[name]["deliver"] in ("None", "upstream_failed")
    assert told["the lead's month"]["close"] == "success"


def test_a_table_that_cannot_be_used_shows_as_an_import_error_and_the_others_have_their_dags(
    told: dict[str, Any], world: World
) -> None:
    admin = world.login("admin")
    [error] = admin.get("/importErrors")["import_errors"]
    assert error["filename"].endswith("show_authorities.py")
    assert UNUSABLE in error["stack_trace"]
    months = {dag["dag_id"] for dag in admin.get("/dags?limit=500")["dags"] if dag["dag_id"].endswith(DAG)}
    assert months == {f"{name}.{DAG}" for name in (*world.authorities, GONE)}


def test_nothing_of_one_authority_is_in_anothers_home_or_logs(told: dict[str, Any], world: World) -> None:
    logs = {name: [*world.server.site.logs.glob(f"dag_id={name}.*/**/*.log")] for name in world.authorities}
    for name, authority in world.authorities.items():
        others = [other.encode() for other in world.authorities if other != name]
        files = [file for file in authority.home.path.rglob("*") if file.is_file()]
        assert files
        for file in [*files, *logs[name]]:
            content = file.read_bytes().lower()
            assert not [
                other for other in others if b"/%s/" % other in content or b"%s council" % other in content
            ], file


@pytest.mark.parametrize("name", [EDITED, MEDDLED])
def test_what_was_typed_into_a_run_is_nowhere_with_us(told: dict[str, Any], world: World, name: str) -> None:
    for file in world.authorities[name].home.path.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file
