"""The working files of a month that is not finished end too, and the month stays in a state that is told."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from typing import Any

import pytest

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline import month as months
from pipeline.cli import INTERRUPTED
from pipeline.demo.authority import APPROVERS
from pipeline.errors import NotAllDelivered, Refused, SettingsError, WaitingForPerson
from pipeline.facts import opened_ledger
from pipeline.keeping import retention
from pipeline.keeping.limits import last_day, unfinished
from pipeline.ledger.entries import Body, Entry, Kind, MonthClosed, StagingDestroyed
from pipeline.records import Month
from pipeline.steps.desk import Desk

LATE = NOW + timedelta(days=91)  # one day after the last: the extract came today
WORKING = f"state/working/{MONTH}"


def kept_for(days: int, authority: Authority) -> Any:
    return retention.run(authority.home, now=NOW + timedelta(days=days))


def at_work(authority: Authority) -> bool:
    return (authority.home.path / WORKING).exists()


def send_all_but_one(authority: Authority) -> dict[str, bytes]:
    """One recipient's server cannot be reached; what the others have."""
    authority.setting("[suppliers.chis]", "[delivery]\ntries = 1\n\n[suppliers.chis]")
    authority.change_recipient(authority.demo.centres[0], port=1)
    authority.prepare_and_approve()
    with pytest.raises(NotAllDelivered):
        months.run(authority.reopened(), MONTH, now=NOW)
    sent = authority.files()
    assert sent
    return sent


def test_a_month_is_kept_until_its_last_day_and_no_day_longer(authority: Authority) -> None:
    authority.run(until="release")
    assert kept_for(90, authority)["destroyed"] == {}
    found = kept_for(91, authority)
    assert found["destroyed"]["working_files"] == 1
    assert not at_work(authority)
    assert authority.recorded(Kind.STAGING_DESTROYED) == [StagingDestroyed()]


def test_the_time_runs_from_the_end_of_the_month_or_from_when_its_extract_came() -> None:
    from pipeline.home import Retention

    october = Month(2026, 10)
    assert last_day(Retention(), october, None) == october.last_day + timedelta(days=90)
    assert last_day(Retention(), october, october.first_day) == october.last_day + timedelta(days=90)
    late = october.last_day + timedelta(days=200)
    assert last_day(Retention(), october, late) == late + timedelta(days=90)


def test_two_weeks_before_status_warns(authority: Authority) -> None:
    authority.run(until="release")
    assert not [one for one in status(authority, 76)["warnings"] if "destroyed" in one]
    [warning] = [one for one in status(authority, 77)["warnings"] if "destroyed" in one]
    assert f"{MONTH} is not finished" in warning
    assert f"birthshare run {MONTH}" in warning
    assert kept_for(77, authority)["soon"] == [warning]


def status(authority: Authority, days: int) -> dict[str, Any]:
    return months.status(authority.home, MONTH, now=NOW + timedelta(days=days))


def test_afterwards_status_says_why_and_a_fresh_extract_begins_it_again(authority: Authority) -> None:
    """The old one is destroyed with the working files: it holds the same."""
    authority.prepare_and_approve()
    found = kept_for(91, authority)
    assert found["destroyed"] == {"working_files": 1, "sealed_files": 1}
    state = status(authority, 91)
    assert state["state"] == "open"
    assert "fresh extract" in state["waiting_for"]
    assert "was not finished in time" in state["waiting_for"]
    with pytest.raises(WaitingForPerson, match="has not arrived"):
        months.run(authority.home, MONTH, now=NOW)
    authority.send(authority.demo.extract.read_bytes())
    with pytest.raises(WaitingForPerson, match=r"not (all )?approved|approval|approv"):
        months.run(authority.home, MONTH, now=NOW)
    assert not authority.files(), "what was approved before is not approved for this release"
    authority.approve()
    assert authority.run()["state"] == "closed"


def test_a_month_of_which_all_lists_are_there_is_closed_with_its_books(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.prepare_and_approve()
    authority.run(until="delivery")
    assert at_work(authority)
    assert kept_for(91, authority)["waiting"] == []
    state = status(authority, 91)
    assert (state["state"], state["balanced"]) == ("closed", True)
    assert not at_work(authority)


class Killed(BaseException):
    """The process ends here."""


def killed_before_recording(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, of: type[Body], days: int
) -> None:
    record = Desk.record

    def killed(desk: Desk, *bodies: Body) -> list[int]:
        if any(isinstance(one, of) for one in bodies):
            raise Killed
        return record(desk, *bodies)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Desk, "record", killed)
        kept_for(days, authority)


def test_killed_before_it_recorded_what_it_destroyed_the_next_run_does(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.run(until="release")
    killed_before_recording(authority, monkeypatch, StagingDestroyed, 91)
    assert not [file for file in (authority.home.path / WORKING).iterdir() if file.suffix == ".sealed"]
    kept_for(92, authority)
    assert authority.recorded(Kind.STAGING_DESTROYED) == [StagingDestroyed()]
    assert not at_work(authority)
    assert "was not finished in time" in status(authority, 92)["waiting_for"]


def test_after_it_was_destroyed_the_time_runs_anew_from_a_fresh_extract(authority: Authority) -> None:
    authority.run(until="release")
    kept_for(91, authority)
    authority.home.at(WORKING).mkdir(parents=True)
    with opened_ledger(authority.home) as ledger:
        [first] = ledger.entries(kinds={Kind.EXTRACT_RECEIVED})
        days = authority.home.settings.retention.working_files_days
        for again in (95, 99):  # the first of the fresh ones counts
            ledger.append(Entry(first.body, str(MONTH)), at=NOW + timedelta(days=again))
        assert unfinished(authority.home, ledger) == {MONTH: (NOW + timedelta(days=95 + days)).date()}
        ledger.append(Entry(MonthClosed(), str(MONTH)), at=NOW + timedelta(days=99))
        assert unfinished(authority.home, ledger) == {}


def test_a_month_that_was_killed_while_it_was_closed_is_closed_and_needs_no_person(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.prepare_and_approve()
    authority.run(until="delivery")
    killed_before_recording(authority, monkeypatch, StagingDestroyed, 91)
    assert status(authority, 91)["waiting_for"] == "`birthshare run`, to close the month"
    assert kept_for(92, authority)["waiting"] == []
    assert (status(authority, 92)["state"], status(authority, 92)["balanced"]) == ("closed", True)
    assert authority.recorded(Kind.STAGING_DESTROYED) == [StagingDestroyed()]


def test_a_month_that_is_half_sent_waits_for_a_person_and_is_never_sent_twice(authority: Authority) -> None:
    sent = send_all_but_one(authority)
    found = kept_for(91, authority)
    [waiting] = [one for one in found["waiting"] if one["class"] == "working_files"]
    assert waiting["where"] == WORKING
    assert f"birthshare run {MONTH}" in waiting["do"] and "release forgo" in waiting["do"]
    assert at_work(authority)
    with pytest.raises(NotAllDelivered):
        months.run(authority.reopened(), MONTH, now=LATE)
    assert authority.files() == sent


def test_a_closed_months_files_that_turn_up_again_are_destroyed_at_once(authority: Authority) -> None:
    authority.prepare_and_approve()
    copied = {
        file.name: file.read_bytes() for file in (authority.home.path / WORKING).iterdir() if file.is_file()
    }
    authority.run()
    folder = authority.home.path / WORKING
    folder.mkdir()
    for name, content in copied.items():
        (folder / name).write_bytes(content)
    assert kept_for(0, authority)["destroyed"] == {"working_files": 1}
    assert not at_work(authority)
    assert status(authority, 0)["balanced"]


def test_a_run_at_work_is_not_disturbed(authority: Authority) -> None:
    authority.run(until="release")
    with months.alone(authority.home, MONTH, NOW):
        [waiting] = [one for one in kept_for(91, authority)["waiting"] if one["class"] == "working_files"]
    assert "Another run is working" in waiting["do"]
    assert at_work(authority)
    assert kept_for(91, authority)["destroyed"]["working_files"] == 1


# --- a month whose working files are lost ---------------------------------------------------------


def test_a_month_whose_working_files_are_lost_is_ended_and_sends_nothing_more(
    birthshare: CommandLine,
) -> None:
    authority = birthshare.authority
    sent = send_all_but_one(authority)
    with months.alone(authority.home, MONTH, NOW) as desk:
        desk.staging.destroy()
    assert f"birthshare retention end {MONTH}" in status(authority, 0)["waiting_for"]
    assert birthshare.run().code == 3
    who = ("--as", APPROVERS["data_lead"], "--why", "a disk was lost")
    assert birthshare("retention", "end", str(MONTH), *who).code == 0
    again = birthshare.run()
    assert (again.code, again.json["state"], again.json["balanced"]) == (0, "closed", False)
    assert authority.files() == sent
    [ended] = authority.recorded(Kind.STAGING_DESTROYED)
    assert isinstance(ended, StagingDestroyed)
    assert (ended.principal, ended.note) == (APPROVERS["data_lead"], "a disk was lost")
    assert birthshare("ledger", "verify").code == 0
    assert birthshare("retention").code == 0


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code", "ends"), [("n\n", INTERRUPTED, 0), ("y\n", 0, 1)])
def test_at_a_terminal_it_asks_before_it_ends_a_month(
    birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, ends: int
) -> None:
    authority = birthshare.authority
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    who = ("--as", APPROVERS["data_lead"], "--why", "a disk was lost")
    answer = birthshare("retention", "end", str(MONTH), *who)
    assert f"End {MONTH} for good?" in answer.out + answer.err
    assert answer.code == code
    assert len(authority.recorded(Kind.MONTH_CLOSED)) == ends


def test_a_month_that_is_still_to_come_is_not_ended_by_mistake(authority: Authority) -> None:
    who = {"principal": APPROVERS["data_lead"], "why": "a disk was lost"}
    with pytest.raises(SettingsError, match="still to come"):
        retention.end(authority.home, MONTH.plus(2), now=NOW, **who)
    assert months.begun(authority.home) == []


def test_a_month_that_can_be_finished_is_not_ended_without_books(authority: Authority) -> None:
    authority.run(until="release")
    with pytest.raises(SettingsError, match="can be finished with its books"):
        end(authority)
    authority.approve()
    authority.run()
    with pytest.raises(SettingsError, match="closed already"):
        end(authority)


def test_only_a_known_person_ends_a_month_and_says_why(authority: Authority) -> None:
    with pytest.raises(Refused, match="not known here"):
        end(authority, principal="somebody@example.org")
    with pytest.raises(SettingsError, match="said why"):
        end(authority, why=" ")
    with pytest.raises(SettingsError, match="cannot be recorded"):
        end(authority, why="the family at 12")
    assert not authority.recorded(Kind.MONTH_CLOSED)


def end(authority: Authority, principal: str = APPROVERS["data_lead"], why: str = "a disk was lost") -> None:
    retention.end(authority.home, MONTH, principal=principal, why=why, now=NOW)
