"""Waiting for suppliers' files, and what becomes of a file that comes late: the tasks, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dag_runs import context_of
from month_authority import MONTH, NOW, Authority, authority, prototype
from pipeline import month as months
from pipeline.demo.authority import Demonstration, sftp_places
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.errors import Refused
from pipeline.ledger.entries import Kind
from pipeline.steps.desk import Desk
from servers.ports import free_port

__all__ = ["authority", "prototype"]

SERVER = """
[suppliers.chis.inbox]
host = "127.0.0.1"
port = {port}
user = "chis"
host_key = "{host_key}"
still_seconds = 0
"""


class Waiting:
    """The task on an authority's month; some time after it looked for the first time."""

    def __init__(self, modules: dict[str, ModuleType], authority: Authority) -> None:
        self._module, self.authority = modules["birthshare_arrivals"], authority

    def look(self, after: timedelta = timedelta(0), month: str = str(MONTH)) -> None:
        first = (lambda context: datetime.now(UTC) - after) if after else (lambda context: None)
        context = context_of("monthly_births", month) | {
            "ti": SimpleNamespace(get_first_reschedule_date=first)
        }
        self._module.Arrivals(task_id="arrivals").execute(context)

    def waits(self, after: timedelta = timedelta(0)) -> timedelta:
        """How long it waits before it looks again."""
        from airflow.sdk.exceptions import AirflowRescheduleException

        with pytest.raises(AirflowRescheduleException) as waiting:
            self.look(after)
        wait: timedelta = waiting.value.reschedule_date - datetime.now(UTC)
        return wait

    def fails(self, after: timedelta = timedelta(0)) -> str:
        """What it says when it gives up, for good."""
        from airflow.sdk.exceptions import AirflowFailException

        with pytest.raises(AirflowFailException) as failed:
            self.look(after)
        return str(failed.value)


LONG = timedelta(days=8)


@pytest.fixture
def arrivals(
    modules: dict[str, ModuleType], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Waiting:
    monkeypatch.setenv("BIRTHSHARE_HOME", str(authority.home.path))
    monkeypatch.setattr(Desk, "wait", staticmethod(lambda seconds: None))
    return Waiting(modules, authority)


def and_also(authority: Authority, settings: str) -> None:
    """More settings, after those that are there."""
    with (authority.home.path / "birthshare.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{settings}\n")


def test_nothing_is_awaited_where_every_file_is_here(arrivals: Waiting) -> None:
    arrivals.look()


def test_a_file_that_has_not_come_is_looked_for_again_and_less_and_less_often(arrivals: Waiting) -> None:
    arrivals.authority.sealed.unlink()
    minutes = [arrivals.waits(timedelta(minutes=since)) / timedelta(minutes=1) for since in (0, 30, 60 * 24)]
    assert 0 < minutes[0] <= 2
    assert minutes[0] < minutes[1]
    assert 59 < minutes[2] <= 60


def test_after_a_week_it_says_which_suppliers_file_has_not_come_and_what_to_do(arrivals: Waiting) -> None:
    arrivals.authority.sealed.unlink()
    said = arrivals.fails(LONG)
    assert said.startswith(f"WaitingForPerson, exit code 6: {MONTH} has waited for 7 days:")
    assert f"The extract of chis for {MONTH} has not arrived." in said
    assert "Ask the supplier. Clear this task" in said


def test_a_month_that_has_not_begun_keeps_nobody_waiting(arrivals: Waiting) -> None:
    """One run at a time: whoever types 2062 for 2026 would keep the next month from its own."""
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="2062-10 has not begun. Trigger the month that you mean"):
        arrivals.look(month="2062-10")


def test_a_file_that_comes_in_the_last_moment_is_taken(arrivals: Waiting) -> None:
    arrivals.look(LONG)


def test_answers_and_totals_are_awaited_where_the_settings_say_that_they_come(arrivals: Waiting) -> None:
    companions = (
        'consents = "consents_{supplier}_{month}.csv.gpg"\ntotals = "totals_{supplier}_{month}.csv.gpg"'
    )
    arrivals.authority.setting("[suppliers.chis]", f"[suppliers.chis]\n{companions}")
    arrivals.waits()
    said = arrivals.fails(LONG)
    assert f"The consent answers of chis for {MONTH} have not arrived." in said
    assert f"The totals of chis for {MONTH} have not arrived." in said
    assert "The extract" not in said
    for name in ("consents", "totals"):
        (arrivals.authority.inbox / f"{name}_chis_{MONTH}.csv.gpg").touch()
    arrivals.look()


def test_every_supplier_is_awaited(arrivals: Waiting) -> None:
    authority = arrivals.authority
    settings = (authority.home.path / "birthshare.toml").read_text()
    signing = [line for line in settings.splitlines() if line.startswith("signing_")]
    and_also(authority, "\n".join(["[suppliers.north]", 'name = "North"', *signing]))
    text = authority.agreement_file().read_text()
    assert text.count("suppliers: [chis]") == 1
    authority.agreement_file().write_text(text.replace("suppliers: [chis]", "suppliers: [chis, north]"))
    authority.sign_agreement(1)
    said = arrivals.fails(LONG)
    assert f"The extract of north for {MONTH} has not arrived." in said
    assert "chis" not in said


def test_a_file_that_is_here_and_cannot_be_used_is_not_awaited(arrivals: Waiting) -> None:
    """What is wrong with it, `prepare` finds out, and records."""
    arrivals.authority.sealed.write_bytes(b"no file of ours")
    arrivals.look()
    other = arrivals.authority.sealed.with_name(f"births_chis_{MONTH} (1).csv.gpg")
    other.write_bytes(b"nor this")
    arrivals.look()


def test_a_zip_is_awaited_until_its_signature_is_here(arrivals: Waiting) -> None:
    zips = 'sealed = "zip"\npassphrase = "keys/chis.passphrase"\nfile_name = "births_{supplier}_{month}.zip"'
    arrivals.authority.setting("[suppliers.chis]", f"[suppliers.chis]\n{zips}")
    file = arrivals.authority.inbox / f"births_chis_{MONTH}.zip"
    file.touch()
    assert "The signature of a file of chis has not arrived." in arrivals.fails(LONG)
    file.with_name(f"{file.name}.sig").touch()
    arrivals.look()


def test_a_day_by_which_files_are_due_is_said(arrivals: Waiting) -> None:
    arrivals.authority.setting("[suppliers.chis]", "[suppliers.chis]\ndue_day = 5")
    arrivals.authority.sealed.unlink()
    home, due = arrivals.authority.reopened(), MONTH.plus(1).first_day.replace(day=5)
    told = [
        months.awaited(home, MONTH, now=datetime(due.year, due.month, day, 12, tzinfo=UTC)) for day in (5, 6)
    ]
    [[in_time], [late]] = told
    assert (in_time.late, late.late) == (False, True)
    assert in_time.words.endswith(f"has not arrived; it is due by 5 {due:%B %Y}")
    assert late.words.endswith(f"has not arrived; it was due by 5 {due:%B %Y}")


# --- at suppliers' servers --------------------------------------------------------------------------


@pytest.fixture
def server(prototype: Demonstration) -> Iterator[DemonstrationSftp]:
    """A server on which the supplier's folder is."""
    (prototype.folder / "recipients" / "chis").mkdir()
    with DemonstrationSftp(**sftp_places(prototype.folder)) as running:
        yield running
    for file in sorted((prototype.folder / "recipients" / "chis").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (prototype.folder / "recipients" / "chis").rmdir()


def test_each_look_fetches_what_waits_at_a_suppliers_server(
    arrivals: Waiting, server: DemonstrationSftp
) -> None:
    authority = arrivals.authority
    and_also(authority, SERVER.format(port=server.port, host_key=server.host_key))
    content = authority.sealed.read_bytes()
    authority.sealed.unlink()
    arrivals.waits()
    (authority.received / "chis" / authority.sealed.name).write_bytes(content)
    arrivals.look()
    assert authority.sealed.read_bytes() == content


def test_a_server_that_cannot_be_reached_is_awaited_too(arrivals: Waiting, server: DemonstrationSftp) -> None:
    """A death may wait there, though the extract is here."""
    and_also(arrivals.authority, SERVER.format(port=free_port(), host_key=server.host_key))
    arrivals.waits()
    assert "chis: The supplier's server " in arrivals.fails(LONG)


def test_what_only_a_person_can_put_right_at_a_server_is_told_at_once(
    arrivals: Waiting, server: DemonstrationSftp, prototype: Demonstration
) -> None:
    other = (prototype.home / "keys" / "delivery.key.pub").read_text().split()[:2]
    and_also(arrivals.authority, SERVER.format(port=server.port, host_key=" ".join(other)))
    assert "does not show the host key that was agreed" in arrivals.fails()


# --- later than the month ---------------------------------------------------------------------------


class Tasks:
    """The tasks of the month's DAG, one at a time."""

    def __init__(
        self, modules: dict[str, ModuleType], authority: Authority, patch: pytest.MonkeyPatch
    ) -> None:
        self._module, self.authority = modules["monthly_births"], authority
        self.context = context_of("monthly_births", str(MONTH)) | {"task": SimpleNamespace(outlets=[])}
        patch.setattr(self._module, "get_current_context", lambda: self.context)

    def run(self, task: str, *arguments: int) -> Any:
        return getattr(self._module, task).function(*arguments)

    def skipped(self, task: str) -> None:
        from airflow.sdk.exceptions import AirflowSkipException

        with pytest.raises(AirflowSkipException):
            self.run(task)

    def asked(self) -> str:
        found = months.pack_asked_about(self.authority.home, MONTH, now=NOW)
        assert found
        return found[1]


@pytest.fixture
def tasks_of(
    arrivals: Waiting, modules: dict[str, ModuleType], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Tasks:
    return Tasks(modules, authority, monkeypatch)


def newer(authority: Authority) -> None:
    """The supplier sends the month once more, without its last rows, in place of the first file."""
    authority.send(authority.extract().iloc[:-3])


def test_a_newer_file_before_the_approval_makes_another_release(tasks_of: Tasks) -> None:
    tasks_of.run("prepare")
    first = tasks_of.asked()
    newer(tasks_of.authority)
    tasks_of.run("prepare")
    assert tasks_of.asked() != first
    with pytest.raises(Refused, match="no longer"):
        tasks_of.authority.decide(first, approve=True)


def test_a_newer_file_after_the_first_list_waits_for_the_next_month(tasks_of: Tasks) -> None:
    authority = tasks_of.authority
    tasks_of.run("prepare")
    authority.decide(tasks_of.asked(), approve=True)
    months.deliver(authority.home, MONTH, now=NOW, only=months.planned(authority.home, MONTH, now=NOW)[:1])
    asked = tasks_of.asked()
    newer(authority)
    tasks_of.run("prepare")
    assert tasks_of.asked() == asked
    assert tasks_of.run("deliver", 0) == 4
    assert tasks_of.run("close") is True
    assert len(authority.recorded(Kind.EXTRACT_RECEIVED)) == 1


def test_a_file_that_comes_after_the_month_was_closed_changes_nothing(
    tasks_of: Tasks, arrivals: Waiting
) -> None:
    authority = tasks_of.authority
    authority.prepare_and_approve()
    authority.run()
    before = authority.files()
    newer(authority)
    arrivals.look()
    tasks_of.skipped("prepare")
    assert authority.files() == before
    assert len(authority.recorded(Kind.EXTRACT_RECEIVED)) == 1


def test_files_that_are_gone_when_the_month_is_closed_are_not_awaited(arrivals: Waiting) -> None:
    arrivals.authority.prepare_and_approve()
    arrivals.authority.run()
    arrivals.authority.sealed.unlink(missing_ok=True)
    arrivals.look()
    assert months.awaited(arrivals.authority.home, MONTH, now=NOW) == []


def test_no_server_is_asked_for_a_month_that_is_closed(arrivals: Waiting) -> None:
    arrivals.authority.prepare_and_approve()
    arrivals.authority.run()
    and_also(arrivals.authority, SERVER.format(port=free_port(), host_key="ssh-ed25519 AAAA"))
    arrivals.look()


def test_tasks_in_any_order_send_each_list_once(tasks_of: Tasks) -> None:
    authority = tasks_of.authority
    tasks_of.run("prepare")
    tasks_of.run("prepare")
    for too_early in (("deliver", 0), ("close",)):
        with pytest.raises(Exception, match="exit code [3-6]"):
            tasks_of.run(*too_early)
    authority.decide(tasks_of.asked(), approve=True)
    assert tasks_of.run("deliver", 0) == 4
    sent = authority.files()
    for again in (
        ("deliver", 0),
        ("prepare",),
        ("deliver", 0),
        ("deliver", 7),
        ("close",),
        ("deliver", 0),
        ("close",),
    ):
        tasks_of.run(*again)
    tasks_of.skipped("prepare")
    assert authority.files() == sent
    assert len(authority.recorded(Kind.PERMIT)) == len(authority.recorded(Kind.DELIVERED)) == 4
