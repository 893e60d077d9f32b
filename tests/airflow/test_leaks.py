"""Nothing personal leaves a task, however it fails, and no secret stands where others can read it.

Three families of the extract have values that occur nowhere else. Their month runs through a real Airflow, in
which every stage fails once, each in another careless way that quotes them; then it is approved and ends, and
a death is called back. After that everything that Airflow has kept and said is searched for those values.

The authority's ledger is on PostgreSQL, whose password only a Connection holds; a second authority has its
own, from a file that stands for a deployment's secrets backend.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from airflow_environment import ONLY_WHEN_ASKED, Site
from airflow_kept import everything_kept, in_database, in_folder, of_processes
from airflow_server import AirflowServer, Login, Run
from canaries import ANSWERED, CANARY, LATER, PUBLIC, QUOTED, Search, values_of, with_canaries
from careless import RAISED
from changes.writing import answers_csv, changes_csv
from month_authority import MONTH, NOW, Authority
from pipeline.demo.run import laid_out
from pipeline.founding import make_home
from pipeline.home import Home
from servers.ports import free_port
from servers.postgres import PostgresServer, ServerMissing

OURS, OTHER = "camden", "barnet"
MONTHLY = f"{OURS}.monthly_births"
SECONDS = 240  # at most, for anything to be there; all waits end as soon as it is

# Where a stage fails, and how; in the order in which a month passes them.
MONTH_FAILS = (
    ("arrivals", "pipeline.suppliers.fetching.fetch", "database"),
    ("prepare", "pipeline.encryption.opening.open_openpgp", "program"),
    ("prepare", "pipeline.intake.readers.read_csv", "not_text"),
    ("prepare", "pipeline.validation.rules.broken", "loud"),
    ("prepare", "pipeline.geography.place.place_everywhere", "chained"),
    ("prepare", "pipeline.consent.decide.decide", "huge"),
    ("prepare", "pipeline.steps.account.check_balanced", "killed"),
    ("prepare", "pipeline.steps.release.canonical", "unspeakable"),
    ("release_decision", "pipeline.month.pack_asked_about", "airflows_own"),
)
DELIVERY_FAILS = (
    ("deliver", "pipeline.consent.gate.gate", "many"),
    ("deliver", "pipeline.lists.compile.compile_list", "aborted"),
    ("deliver", "pipeline.delivery.push.push", "leaving"),
    ("close", "pipeline.steps.account.check_sent", "database"),
    ("close", "pipeline.reporting.month_page", "interrupted"),
)
DAYS_FAIL = (
    ("daily_changes", "hear", "pipeline.afterwards.changes.apply_waiting", "out_of_memory"),
    ("daily_changes", "call_back", "pipeline.afterwards.recalls.follow_up", "chained"),
    ("receipts", "look_and_remind", "pipeline.afterwards.visits.visit", "model"),
    ("retention", "destroy_and_look", "pipeline.keeping.under_way.end", "too_late"),
    ("ledger_check", "check_ledger", "pipeline.outside.check.run_day", "loud"),
)
HELD_AT = "pipeline.month.close"
PLACES = {place for *_, place, _ in (*MONTH_FAILS, *DELIVERY_FAILS, *DAYS_FAIL)} | {HELD_AT}


class Breaking:
    """Tells the test's Airflow where to fail, and hears that it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(Path(__file__).parent.parent / "careless.py", folder)
        shutil.copy(Path(__file__).parent.parent / "breaking.py", folder / "sitecustomize.py")
        (folder / "failed.txt").touch()
        os.mkfifo(folder / "gate")
        self.plan: dict[str, Any] = {
            "text": QUOTED,
            "places": dict.fromkeys(sorted(PLACES), ""),
            "bare": False,
        }
        self._write()

    def at(self, place: str, way: str) -> None:
        """From now on that place fails so; with "" it works."""
        self.plan["places"][place] = way
        self._write()

    def unguarded(self) -> None:
        """From now on tasks have no guard."""
        self.plan["bare"] = True
        self._write()

    def failed(self, place: str, way: str) -> int:
        """How often it did."""
        return (self.folder / "failed.txt").read_text().splitlines().count(f"{place} {way}")

    def _write(self) -> None:
        new = self.folder / "plan.new"
        new.write_text(json.dumps(self.plan))
        new.replace(self.folder / "plan.json")


@dataclass
class Ground:
    """The authority, its database, and the Airflow that is watched."""

    authority: Authority
    server: AirflowServer
    breaking: Breaking
    postgres: PostgresServer
    temporary: Path
    password: str
    search: Search
    seen: list[tuple[str, bytes]] = field(default_factory=list)  # of processes, while a task worked

    @property
    def site(self) -> Site:
        return self.server.site

    def login(self, user: str) -> Login:
        return self.server.login(user)

    def fails(self, run: Run, task: str, place: str, way: str, *, begin: Callable[[], None]) -> None:
        """Let a task fail at a place, from what begins it, and wait until Airflow has taken notice."""
        before = self.breaking.failed(place, way)
        self.breaking.at(place, way)
        begin()
        self.until_failed(run, task, place, way, times=before + 1)

    def until_failed(self, run: Run, task: str, place: str, way: str, *, times: int = 1) -> None:
        """Wait until a task has failed there; from then on that place works."""
        self.server.until(
            lambda: self.breaking.failed(place, way) >= times, f"{place} fails", seconds=SECONDS
        )
        state = run.until_task(task, "up_for_retry", "failed", seconds=SECONDS)
        self.breaking.at(place, "")
        if state == "failed":
            # On SQLite Airflow's scheduler ends where tasks are cleared while it marks those after them.
            run.until_finished(seconds=SECONDS)

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All that Airflow and its tasks keep, but for what is sealed and what is public."""
        yield from everything_kept(self.site)
        yield from in_folder(self.temporary)
        yield from self.seen
        for name in (OURS, OTHER):
            yield from in_database(self.postgres.url(name))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, airflow_folder: Path) -> Iterator[Ground]:
    root = tmp_path_factory.mktemp("leaks")
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(PostgresServer())
        except ServerMissing as reason:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"PostgreSQL: {reason}")
        temporary = Path(tempfile.mkdtemp(prefix="bl", dir="/tmp"))  # short: gpg's agent refuses long paths
        stack.callback(shutil.rmtree, temporary)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("TMPDIR", str(temporary))
        patch.setenv("BIRTHSHARE_DATABASE", postgres.url(OTHER))  # for this test; Airflow does not see it
        make_home(root / OTHER)
        patch.setenv("BIRTHSHARE_DATABASE", postgres.url(OURS))
        demo = stack.enter_context(
            laid_out(root / "demo", month=MONTH, births=150, centres=4, seed=7, now=NOW)
        )
        authority = Authority(demo, Home.open(demo.home), demo.folder / "recipients")
        search = arrange(authority)
        for home in (demo.home, root / OTHER):
            leave_database_to_others(home / "birthshare.toml")
        breaking = Breaking(root / "breaking")
        backend = write_backend(root / "backend.json", postgres)
        site = Site(
            airflow_folder,
            free_port(),
            {"data_lead": "user", "operator": "op"},
            authorities={OURS: demo.home, OTHER: root / OTHER},
            extra=ONLY_WHEN_ASKED
            | {
                "SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
                "SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(backend)}),
            },
        )
        server = stack.enter_context(AirflowServer(site, prepared=True, first_on_path=breaking.folder))
        make_connection(server.login("operator"), postgres)
        password = str(urlsplit(postgres.url(OURS)).password)
        yield Ground(authority, server, breaking, postgres, temporary, password, search)


def arrange(authority: Authority) -> Search:
    """Plant the families in the extract and its companion file, and have a list of every kind made."""
    extract = with_canaries(authority.extract())
    authority.send(extract)
    also_sent(authority, 'consents = "consents_{supplier}_{month}.csv.gpg"')
    authority.send(answers_csv([ANSWERED]), authority.inbox / f"consents_chis_{MONTH}.csv.gpg")
    authority.change_recipient("centre-01", format="zip", labels="a4-21")
    return Search(values_of(extract))


def also_sent(authority: Authority, files: str) -> None:
    """Tell the settings of more files that the supplier sends."""
    authority.setting("[suppliers.chis]\n", f"[suppliers.chis]\n{files}\n")


def leave_database_to_others(settings: Path) -> None:
    text = settings.read_text()
    kept = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("database"))
    settings.write_text(f'database = "given"\n{kept}')


def connection_to(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    return {
        "conn_type": "postgres", "host": parts.hostname, "port": parts.port, "login": parts.username,
        "password": unquote(parts.password or ""), "schema": parts.path.strip("/"),
    }  # fmt: skip


def write_backend(file: Path, postgres: PostgresServer) -> Path:
    """The other authority's database, as a deployment's secrets backend has it."""
    file.write_text(json.dumps({f"birthshare_database.{OTHER}": connection_to(postgres.url(OTHER))}))
    return file


def make_connection(operator: Login, postgres: PostgresServer) -> None:
    """Our database, as somebody enters it in Airflow."""
    name = {"connection_id": f"birthshare_database.{OURS}"}
    operator.post("/connections", name | connection_to(postgres.url(OURS)))


# --- what happens -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    month: Run
    lists: list[list[list[str]]]  # the families on each, before anything was called back
    days: dict[str, Run]
    other: Run


@pytest.fixture(scope="module")
def story(ground: Ground) -> Story:
    """Everything fails, then works."""
    operator, lead = ground.login("operator"), ground.login("data_lead")
    for dag in (MONTHLY, f"{OTHER}.ledger_check", *(f"{OURS}.{dag}" for dag, *_ in DAYS_FAIL)):
        operator.open_dag(dag, seconds=SECONDS)
    other = operator.trigger(f"{OTHER}.ledger_check", {})
    ground.breaking.at(*MONTH_FAILS[0][1:])
    month = lead.trigger(MONTHLY, {"month": str(MONTH)})
    ground.until_failed(month, *MONTH_FAILS[0])
    for (last, *_), failure in pairwise(MONTH_FAILS):
        ground.fails(month, *failure, begin=partial(month.clear, last))
    month.clear("release_decision")
    month.until_asked("release_decision", seconds=SECONDS)
    yes = month.question("release_decision")["options"][0]
    ground.fails(month, *DELIVERY_FAILS[0], begin=partial(month.answer, "release_decision", yes))
    for (last, *_), failure in pairwise(DELIVERY_FAILS):
        ground.fails(month, *failure, begin=partial(month.clear, last))
    watch_processes(ground, month)
    assert month.until_finished(seconds=SECONDS) == "success"
    lists = [ground.authority.families(code) for code in ground.authority.demo.centres]
    return Story(month, lists, the_days(ground, operator), other)


def watch_processes(ground: Ground, month: Run) -> None:
    """Look at every process while a task of ours is at work."""
    ground.breaking.at(HELD_AT, "held")
    month.clear("close")
    gate = ground.breaking.folder / "gate"
    ground.server.until(
        lambda: ground.breaking.failed(HELD_AT, "held") > 0, "the task is at work", seconds=SECONDS
    )
    ground.seen.extend(of_processes(ground.server.everybody()))
    ground.breaking.at(HELD_AT, "")
    gate.write_text("go on")


def the_days(ground: Ground, operator: Login) -> dict[str, Run]:
    """The daily runs, on a death of one of the families; each fails before it works."""
    report_death(ground.authority)
    answer_with_a_name(ground.authority)
    for _, _, place, way in DAYS_FAIL:
        ground.breaking.at(place, way)
    runs = {dag: operator.trigger(f"{OURS}.{dag}", {}) for dag in dict.fromkeys(dag for dag, *_ in DAYS_FAIL)}
    for dag, *failure in DAYS_FAIL:
        ground.until_failed(runs[dag], *failure)
        runs[dag].clear(failure[0])
    for dag, run in runs.items():
        assert run.until_finished(seconds=SECONDS) == "success", dag
    return runs


def report_death(authority: Authority) -> None:
    also_sent(authority, 'changes = "changes_{supplier}_{date}.csv.gpg"')
    authority.send(changes_csv(LATER), authority.inbox / f"changes_chis_{NOW.date()}.csv.gpg")


def answer_with_a_name(authority: Authority) -> None:
    """A centre's receipt that says more than it was asked."""
    for file in authority.received.rglob("*.zip"):
        file.with_name(f"{file.name}.received.txt").write_text(f"{QUOTED}\r\n")


# --- what was seen ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(ground: Ground, story: Story) -> set[tuple[str, str]]:
    """Where a value of the three families stands, by value and place."""
    ground.search.kept(ground.everything())
    ground.search.folder(ground.authority.home.path, leaving_out=PUBLIC)
    for file in ground.authority.received.rglob("*.received.txt"):
        file.unlink()  # what the centre wrote itself
    ground.search.folder(ground.authority.received)
    return set(ground.search.found)


def test_every_stage_failed_where_it_was_told_to(ground: Ground, story: Story) -> None:
    for *_, place, way in (*MONTH_FAILS, *DELIVERY_FAILS, *DAYS_FAIL):
        assert ground.breaking.failed(place, way), place
    used = {way for *_, way in (*MONTH_FAILS, *DELIVERY_FAILS, *DAYS_FAIL)}
    assert {way.__name__ for way in RAISED} <= used


def test_nothing_of_the_families_stands_anywhere(found: set[tuple[str, str]]) -> None:
    """But the day of a later word, in our own ledger, beside a keyed reference: the gate compares it."""
    day = LATER[-1]["since"]
    assert found == {(day, "table suppressions"), (day, "table entries")}


def test_the_month_was_delivered_all_the_same(story: Story) -> None:
    [card] = [row for families in story.lists for row in families if "Zanthwick" in str(row)]
    assert CANARY["address_line_1"] in card


def test_what_failed_says_what_to_do_in_its_log(ground: Ground, story: Story) -> None:
    logs = "".join(file.read_text() for file in ground.site.logs.rglob("attempt=*.log"))
    for name in (
        "OperationalError",
        "CalledProcessError",
        "UnicodeDecodeError",
        "ExceptionGroup",
        "SystemExit",
    ):
        assert re.search(
            rf"{name} at \w+\.py:[0-9]+, exit code 1. Run the month again; if it stays, report this.", logs
        ), name
    assert re.search(r"AirflowTaskTimeout.{0,40}It took too long, and was ended at retention.py:", logs)


def test_the_other_authority_worked_with_its_own_database(ground: Ground, story: Story) -> None:
    assert story.other.until_finished(seconds=SECONDS) == "success"
    entries = {name: len(list(in_database(ground.postgres.url(name)))) for name in (OURS, OTHER)}
    assert 0 < entries[OTHER] < entries[OURS]
    for home in (ground.authority.home.path, ground.authority.demo.folder.parent / OTHER):
        assert not (home / "state" / "birthshare.db").exists(), "nobody made one there"


def test_no_secret_is_kept_said_or_shown(ground: Ground, story: Story) -> None:
    places = [place for place, content in ground.everything() if ground.password.encode() in content]
    assert places == []
    assert any(b"AIRFLOW_HOME=" in content for _, content in ground.seen), "environments were looked at"


def test_no_task_may_leave_its_memory_on_the_disk(ground: Ground, story: Story) -> None:
    for process in ground.server.everybody():
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits), process.name()


# --- the search would find it -----------------------------------------------------------------------


def test_the_search_finds_what_a_task_without_the_guard_says(
    ground: Ground, story: Story, found: set[tuple[str, str]]
) -> None:
    """The same Airflow, the same failure, but for our guard: its log has all of it."""
    ground.breaking.unguarded()
    run, failure = story.days["ledger_check"], DAYS_FAIL[-1][1:]
    ground.fails(run, *failure, begin=partial(run.clear, "check_ledger"))
    search = Search(ground.search.values)
    search.kept(everything_kept(ground.site))
    assert {place.rpartition("/")[2][:7] for _, place in search.found} == {"attempt"}
    quoted = {value for value in search.values if value in QUOTED}
    assert len(quoted) > 16
    assert {value for value, _ in search.found} >= quoted


def test_the_search_finds_a_name_in_airflows_own_database(ground: Ground, story: Story) -> None:
    ground.login("operator").patch(story.month.path, {"note": f"ask {CANARY['family_name']}"})
    search = Search([CANARY["family_name"]])
    search.kept(everything_kept(ground.site))
    assert any(place.startswith("table ") for _, place in search.found)
