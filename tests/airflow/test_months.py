"""Months in real Airflow: made up for after the fact, waited for, and done again, each task in any order.

An authority closed the first of three months by command line; the file of the second has not come. A backfill
takes all three, one after the other. Then every task of the last one is cleared and run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_environment import Site
from airflow_server import FINISHED, AirflowServer, Login, Run
from many_authorities import copy_of, make_prototype
from month_authority import MONTH, NOW, Authority
from pipeline import month as months
from pipeline.contract import load_contract
from pipeline.demo.authority import APPROVERS
from pipeline.demo.births import as_csv, synthetic_extract
from pipeline.demo.places import sample_postcodes
from pipeline.ledger.entries import Kind
from pipeline.records import Month
from servers.ports import free_port

DAG = "monthly_births"
ALWAYS = ("arrivals", "bring")  # also where the month is closed
TASKS = ("arrivals", "prepare", "bring", "release_decision", "second_decision", "hear", "deliver", "close")
CLOSED, WAITED_FOR, LAST = MONTH.plus(-2), MONTH.plus(-1), MONTH
SECONDS = 240.0  # for one step of a run, where other work keeps the machine busy


@dataclass
class World:
    """The Airflow, its authority, and what was seen on the way."""

    server: AirflowServer
    authority: Authority
    lead: Login
    runs: dict[Month, Run] = field(default_factory=dict)
    most_at_once: int = 0
    sent: dict[str, dict[str, bytes]] = field(default_factory=dict)  # what centres hold, by when
    waiting: dict[str, Any] = field(default_factory=dict)  # while a file was awaited
    ended: dict[str, Any] = field(default_factory=dict)  # when the backfill was over
    again: dict[str, tuple[str, dict[str, list[str | None]]]] = field(default_factory=dict)

    def backfill(self, first: Month, last: Month) -> None:
        """As a data lead asks for it, over the days on which the months begin."""
        days = {"from_date": f"{first}-01T00:00:00Z", "to_date": f"{last}-28T00:00:00Z"}
        self.lead.post("/backfills", {"dag_id": DAG, "max_active_runs": 1, **days})
        for run in self.lead.get(f"/dags/{DAG}/dagRuns")["dag_runs"]:
            self.runs[Month.parse(run["partition_key"])] = Run(self.lead, DAG, run["dag_run_id"])

    def read_again(self) -> None:
        """Airflow reads the DAG again, and thinks anew about which month it should run next."""
        now = self.lead.get(f"/dags/{DAG}")
        assert self.lead.status("PUT", f"/parseDagFile/{now['file_token']}") == 201
        self.lead.until(
            lambda: self.lead.get(f"/dags/{DAG}")["last_parsed_time"] != now["last_parsed_time"],
            "the DAG was read again",
            seconds=SECONDS,
        )

    def finished(self, month: Month) -> str:
        """The end of a month's run; counts how many were running meanwhile."""

        def look() -> str | None:
            states = {one["dag_run_id"]: one["state"] for one in self.listed()}
            self.most_at_once = max(self.most_at_once, list(states.values()).count("running"))
            state = states[self.runs[month].run_id]
            return state if state in FINISHED else None

        return self.lead.until(look, f"the run of {month} is finished", seconds=SECONDS)

    def listed(self) -> list[dict[str, Any]]:
        """Every run of the DAG."""
        found: list[dict[str, Any]] = self.lead.get(f"/dags/{DAG}/dagRuns")["dag_runs"]
        return found

    def answered(self, month: Month) -> str:
        """A yes to what the month's run asks; then its end."""
        self.runs[month].until_asked("release_decision", seconds=SECONDS)
        self.runs[month].answer(
            "release_decision", self.runs[month].question("release_decision")["options"][0]
        )
        return self.finished(month)

    def log(self, run: Run) -> str:
        """What the run's first look for files wrote."""
        return "".join(
            file.read_text()
            for file in self.server.site.logs.rglob("*.log")
            if {f"run_id={run.run_id}", "task_id=arrivals"} <= set(file.parts)
        )

    def clear(self, *tasks: str, downstream: bool) -> None:
        """Run tasks of the last month's run again, and see its end."""
        run = self.runs[LAST]
        asked = {"task_ids": list(tasks), "include_downstream": downstream, "only_failed": False}
        also = {"reset_dag_runs": True, "dry_run": False, "dag_run_id": run.run_id}
        self.lead.post(f"/dags/{DAG}/clearTaskInstances", asked | also)
        state = run.until_finished(seconds=SECONDS)
        self.again[f"{'+'.join(tasks)}{' and after' if downstream else ''}"] = (state, run.states())


def send(authority: Authority, month: Month) -> None:
    """The supplier's sealed extract of a month arrives."""
    names = [column.name for column in load_contract().columns]
    places = sample_postcodes(authority.home.at(authority.home.settings.geography.directory))
    births = synthetic_extract(month, 60, seed=month.number, places=places, columns=names)
    authority.send(as_csv(births), authority.inbox / f"births_chis_{month}.csv.gpg")


def state_of(authority: Authority, month: Month) -> dict[str, Any]:
    return months.status(authority.home, month, now=NOW)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """With the files of two months of three, and the first of them closed."""
    folder = tmp_path_factory.mktemp("months")
    own = copy_of(make_prototype(folder / "prototype"), folder, "hazel")
    send(own, CLOSED)
    finish(own, CLOSED)
    return own


def finish(authority: Authority, month: Month) -> None:
    """Approve and close a month by command line."""
    prepared = months.prepare(authority.home, month, now=NOW)
    asked = months.pack_asked_about(authority.home, month, now=NOW)
    assert prepared and asked
    months.record_decision(
        authority.home, month, pack_sha256=asked[1], principal=APPROVERS["data_lead"], approve=True,
        way="airflow", now=NOW,
    )  # fmt: skip
    assert months.run(authority.home, month, now=NOW)["state"] == "closed"


@pytest.fixture(scope="module")
def world(airflow_folder: Path, authority: Authority) -> Iterator[World]:
    people = {"hazel_data_lead": "op"}
    site = Site(airflow_folder, free_port(), people, birthshare_home=authority.home.path)
    with AirflowServer(site, prepared=True) as server:
        lead = server.login("hazel_data_lead")
        lead.open_dag(DAG)
        yield World(server, authority, lead)


@pytest.fixture(scope="module")
def made_up_for(world: World) -> World:
    """The backfill, with the middle month's file sent once it was awaited."""
    world.sent["before"] = world.authority.files()
    world.backfill(CLOSED, LAST)
    world.finished(CLOSED)
    world.sent["after the closed month"] = world.authority.files()
    middle = world.runs[WAITED_FOR]
    middle.until_task("arrivals", "up_for_reschedule", seconds=SECONDS)
    pool = world.lead.get("/pools/default_pool")
    world.waiting = {"slots": pool["occupied_slots"], "states": middle.states(), "log": world.log(middle)}
    send(world.authority, WAITED_FOR)
    middle.clear("arrivals")
    world.answered(WAITED_FOR)
    world.answered(LAST)
    world.sent["after"] = world.authority.files()
    instances = world.lead.get(f"{world.runs[LAST].path}/taskInstances")["task_instances"]
    world.ended = {
        "lists": [one["rendered_map_index"] for one in instances if one["task_id"] == "deliver"],
        "events": world.lead.get("/assets/events")["asset_events"],
    }
    return world


def test_each_run_is_for_its_own_month_and_named_after_it(made_up_for: World) -> None:
    assert set(made_up_for.runs) == {CLOSED, WAITED_FOR, LAST}
    for month, run in made_up_for.runs.items():
        assert run.run_id.startswith(f"backfill__{month}__")


def test_months_run_one_after_the_other(made_up_for: World) -> None:
    assert made_up_for.most_at_once == 1


def test_a_month_that_the_backfill_ran_is_not_run_once_more_by_schedule(done_again: World) -> None:
    """Airflow would take the newest for one that it missed."""
    assert [run["run_type"] for run in done_again.listed()] == ["backfill"] * 3


def test_a_month_that_is_closed_sends_nothing(made_up_for: World) -> None:
    assert made_up_for.sent["after the closed month"] == made_up_for.sent["before"]
    states = made_up_for.runs[CLOSED].states()
    assert states == {task: ["success" if task in ALWAYS else "skipped"] for task in TASKS}


def test_no_worker_is_held_while_a_file_is_awaited(made_up_for: World) -> None:
    assert made_up_for.waiting["states"]["arrivals"] == ["up_for_reschedule"]
    assert made_up_for.waiting["states"]["prepare"] == [None]
    assert made_up_for.waiting["slots"] == 0


def test_the_log_says_what_is_awaited(made_up_for: World) -> None:
    assert f"Awaited: The extract of chis for {WAITED_FOR} has not arrived" in made_up_for.waiting["log"]


def test_every_month_is_closed_and_sent_to_every_centre_once(made_up_for: World) -> None:
    authority = made_up_for.authority
    for month in (CLOSED, WAITED_FOR, LAST):
        assert state_of(authority, month)["state"] == "closed"
    lists = sorted(made_up_for.sent["after"])
    assert len(lists) == 3 * len(authority.demo.centres)
    for month in (CLOSED, WAITED_FOR, LAST):
        assert sum(f"_{month}_" in one for one in lists) == len(authority.demo.centres)


def test_a_task_of_many_lists_says_which(made_up_for: World) -> None:
    assert made_up_for.ended["lists"] == [f"lists 1 to {len(made_up_for.authority.demo.centres)}"]


def test_the_closing_of_a_month_is_told_to_other_dags(made_up_for: World) -> None:
    told = [(one["name"], one["partition_key"], one["extra"]) for one in made_up_for.ended["events"]]
    assert sorted(told) == [("closed_months", str(month), {}) for month in (WAITED_FOR, LAST)]


@pytest.fixture(scope="module")
def done_again(made_up_for: World) -> World:
    """Every task of the last month is run again: each alone, the last first; then all of them."""
    for task in reversed(TASKS):
        made_up_for.clear(task, downstream=False)
    made_up_for.read_again()
    made_up_for.clear(TASKS[0], downstream=True)
    return made_up_for


def test_running_any_task_again_sends_nothing_and_fails_nothing(done_again: World) -> None:
    assert done_again.authority.files() == done_again.sent["after"]
    assert {name: state for name, (state, _) in done_again.again.items()} == dict.fromkeys(
        [*reversed(TASKS), "arrivals and after"], "success"
    )


def test_running_any_task_again_records_no_other_leave_or_delivery(done_again: World) -> None:
    authority = done_again.authority
    centres = len(authority.demo.centres)
    assert len(authority.recorded(Kind.PERMIT)) == 3 * centres
    assert len(authority.recorded(Kind.DELIVERED)) == 3 * centres
    assert len(authority.recorded(Kind.RELEASE_REQUESTED)) == 3
    assert len(authority.recorded(Kind.RELEASE_APPROVED)) == 3
    assert len(authority.recorded(Kind.MONTH_CLOSED)) == 3
    assert state_of(authority, LAST)["ledger"]["verified"]
