"""A month on two workers: one opens what suppliers seal, the other seals and sends; neither has both keys.

The home is one, shared folder. While a worker is at work, the keys that are the other's alone are not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dag_runs import context_of
from month_authority import MONTH, NOW, Authority, authority, prototype
from pipeline import custody, facts
from pipeline import month as months
from pipeline.afterwards import recalls
from pipeline.custody import Custody
from pipeline.demo.keys import seal_as_supplier
from pipeline.errors import SettingsError
from pipeline.ledger.entries import Kind

__all__ = ["authority", "prototype"]

OTHER = {Custody.OPENING: Custody.SEALING, Custody.SEALING: Custody.OPENING}


@contextmanager
def worker(authority: Authority, room: Custody, aside: Path) -> Iterator[None]:
    """The other worker's own keys lie elsewhere inside this block."""
    home = authority.home
    taken = {file: aside / file.relative_to(home.path) for file in custody.held(home, OTHER[room])}
    for file, kept in taken.items():
        kept.parent.mkdir(parents=True, exist_ok=True)
        file.rename(kept)
    try:
        yield
    finally:
        assert not any(file.exists() for file in taken), "a worker made a key that is not its own"
        for file, kept in taken.items():
            kept.rename(file)


class Workers:
    """Runs the tasks' own functions, each on a worker of its queue."""

    def __init__(
        self, authority: Authority, modules: dict[str, ModuleType], patch: pytest.MonkeyPatch, aside: Path
    ) -> None:
        self.authority, self.aside = authority, aside
        self._modules, self._patch = modules, patch
        patch.setenv("BIRTHSHARE_HOME", str(authority.home.path))

    def run(self, dag: str, task: str, *arguments: Any) -> Any:
        """What the task gives, on a worker that has its queue's keys alone."""
        module = self._modules[dag]
        month = str(MONTH) if dag == "monthly_births" else ""
        context = {**context_of(dag, month), "task": SimpleNamespace(outlets=[])}
        self._patch.setattr(module, "get_current_context", lambda: context)
        made = getattr(module, task)
        with worker(self.authority, Custody(made.kwargs["queue"]), self.aside):
            return made.function(*arguments)

    def prepare(self) -> list[int]:
        """The batches of a month that waits for approval."""
        batches: list[int] = self.run("monthly_births", "prepare")
        return batches

    def approve(self) -> None:
        """What the question records, where the ledger's key is."""
        with worker(self.authority, Custody.SEALING, self.aside):
            asked = months.pack_asked_about(self.authority.home, MONTH, now=NOW)
            assert asked is not None
            self.authority.decide(asked[1], approve=True)

    def finish(self, batches: list[int]) -> None:
        """From the approval to closed books."""
        self.run("monthly_births", "hear")
        for batch in batches:
            self.run("monthly_births", "deliver", batch)
        assert self.run("monthly_births", "close") is True


@pytest.fixture
def workers(
    authority: Authority,
    modules: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Workers:
    authority.setting(
        "[suppliers.chis]\n", '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.csv.gpg"\n'
    )
    with facts.opened_ledger(authority.home) as ledger:
        facts.signed(authority.home, ledger)  # as the nightly check does; it lays the public half down
    return Workers(authority, modules, monkeypatch, tmp_path / "elsewhere")


def feed(authority: Authority, *rows: dict[str, str]) -> Path:
    """A sealed feed of changes in the inbox."""
    names = ("subject", "nhs_number", "word", "since")
    lines = [",".join(names), *(",".join(row.get(name, "") for name in names) for row in rows)]
    file = authority.inbox / f"changes_chis_{NOW.date()}.csv.gpg"
    seal_as_supplier(
        "\n".join([*lines, ""]).encode(),
        file,
        supplier_private=authority.supplier / "chis.private.asc",
        recipient_public=authority.supplier / "authority.asc",
    )
    return file


def death(authority: Authority, code: str = "centre-01") -> dict[str, str]:
    """The death of a child whom the decisions share with a recipient."""
    [child, *_] = authority.shared(code)
    with months.opened(authority.home, MONTH, NOW) as desk:
        births = desk.staging.frame("births")
    number = births.loc[births["child"] == child, "nhs_number"].iat[0]  # a child may have two rows
    return {"subject": "child", "nhs_number": number, "word": "child_died"}


def test_a_whole_month_runs_on_two_workers_that_each_lack_the_others_keys(workers: Workers) -> None:
    authority = workers.authority
    batches = workers.prepare()
    workers.run("monthly_births", "bring")
    workers.approve()
    workers.finish(batches)
    assert months.status(authority.home, MONTH, now=NOW)["state"] == "closed"
    assert {file.split("/")[0] for file in authority.files()} == set(authority.demo.centres)


def test_the_days_between_months_run_on_two_workers(workers: Workers) -> None:
    """A family that a list was sent about is called back by the worker that could not open the feed."""
    authority = workers.authority
    batches = workers.prepare()
    died = death(authority)
    workers.approve()
    workers.finish(batches)
    feed(authority, died)
    assert workers.run("daily_changes", "hear")["recalled"] == 1
    assert workers.run("daily_changes", "call_back")["notices"] == 1
    assert any("/recall_" in name for name in authority.files())
    assert workers.run("receipts", "look_and_remind")["reminders"] == 0
    assert workers.run("ledger_check", "check_ledger")["recorded"] == 1
    workers.run("retention", "destroy_and_look")


def test_nothing_is_sent_while_a_feed_waits_that_nobody_could_open(workers: Workers) -> None:
    """It may be a death. Once it is heard the same task goes on, without the family."""
    from airflow.sdk.exceptions import AirflowFailException

    authority = workers.authority
    [batch] = workers.prepare()
    workers.approve()
    feed(authority, death(authority))
    with pytest.raises(
        Exception, match=r"not heard[\s\S]*changes_chis[\s\S]*clear the task `hear`"
    ) as stopped:
        workers.run("monthly_births", "deliver", batch)
    assert not isinstance(stopped.value, AirflowFailException), "it is to be tried again by itself"
    assert authority.files() == {}
    before = len(authority.shared("centre-01"))
    workers.run("monthly_births", "hear")
    workers.run("monthly_births", "deliver", batch)
    assert len(authority.families("centre-01")) - 1 < before


def test_nothing_is_sent_while_nobody_has_looked_at_a_suppliers_server(workers: Workers) -> None:
    authority = workers.authority
    [batch] = workers.prepare()
    workers.approve()
    settings = authority.home.path / "birthshare.toml"
    settings.write_text(
        settings.read_text()
        + '\n[suppliers.chis.inbox]\nhost = "127.0.0.1"\nport = 1\nuser = "chis"\n'
        + 'host_key = "ssh-ed25519 AAAA"\n'
    )
    with pytest.raises(Exception, match=r"Nobody has looked lately[\s\S]*chis[\s\S]*clear the task `hear`"):
        workers.run("monthly_births", "deliver", batch)
    assert authority.files() == {}


def test_a_recall_that_an_extract_raises_waits_for_the_worker_that_can_send_it(workers: Workers) -> None:
    authority = workers.authority
    batches = workers.prepare()
    [child, *_] = authority.shared("centre-02")
    workers.approve()
    workers.finish(batches)
    authority.say("child_died", child)
    with worker(authority, Custody.OPENING, workers.aside):
        assert recalls.send(authority.home, now=NOW).raised == 1
    assert len(authority.recorded(Kind.RECALL_RAISED)) == 1
    assert authority.recorded(Kind.DELIVERY_FAILED) == [], "that it waits is no failure"
    assert workers.run("monthly_births", "bring")["notices"] == 1


@pytest.mark.parametrize(
    ("room", "work"), [(Custody.OPENING, "deliver"), (Custody.SEALING, "hear")], ids=["deliver", "hear"]
)
def test_work_that_came_to_the_wrong_worker_stops_and_says_where_it_belongs(
    workers: Workers, room: Custody, work: str
) -> None:
    authority = workers.authority
    workers.prepare()
    workers.approve()
    with (
        worker(authority, room, workers.aside),
        pytest.raises(SettingsError, match=f"a worker of the queue {OTHER[room]}"),
    ):
        if work == "deliver":
            months.deliver(authority.home, MONTH, now=NOW)
        else:
            recalls.hear(authority.home, now=NOW)
    assert authority.files() == {}


def test_every_secret_of_a_home_is_in_the_list_and_in_the_one_that_people_read(
    authority: Authority,
) -> None:
    """A key that no line knows would be laid on every machine."""
    home = authority.home
    public = {
        "keys/delivery.key.pub",
        "keys/ledger.vkey",
        "keys/approvers/allowed_signers",
        "keys/suppliers/chis.asc",
    }
    files = {str(file.relative_to(home.path)) for file in (home.path / "keys").rglob("*") if file.is_file()}
    unknown = [file for file in files - public if not custody.custody_of(home, home.at(file))]
    assert unknown == []
    guide = (Path(__file__).parents[2] / "infra" / "runbooks" / "keys.md").read_text()
    rows = dict(re.findall(r"^\| `(keys/[^`]+)` \| (\w+) \|", guide, flags=re.MULTILINE))
    assert rows == {one.where: str(one.custody) for one in custody.KEYS}
