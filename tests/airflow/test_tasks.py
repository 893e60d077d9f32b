"""What the DAGs share: quiet failures, the month of a run, batches, and a question that binds its answer."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import context_of
from pipeline.errors import IntegrityError, NotAllDelivered, Refused, SettingsError
from pipeline.home import Approver

PLANTED = "PLANTED-NAME"
PACK = "0123456789abcdef" * 4


def stopped_by(tasks: ModuleType, error: Exception) -> Exception:
    """What a task lets out when `error` is raised in it while another error is handled."""

    @tasks.quietly
    def task() -> None:
        row = PLANTED
        try:
            raise ValueError(row)
        except ValueError as lower:
            raise error from lower

    with pytest.raises(Exception) as caught:
        task()
    return caught.value


def everything_of(error: BaseException) -> str:
    return (
        "".join(traceback.format_exception(error))
        + repr(error)
        + repr(error.__context__)
        + repr(error.__cause__)
    )


def test_an_unforeseen_error_shows_its_class_and_place_and_nothing_else(tasks: ModuleType) -> None:
    stop = stopped_by(tasks, KeyError(PLANTED))
    assert str(stop).startswith("KeyError at test_tasks.py:")
    assert "exit code 1" in str(stop)
    assert PLANTED not in everything_of(stop)


def test_an_error_of_ours_keeps_its_message_and_loses_its_causes(tasks: ModuleType) -> None:
    stop = stopped_by(
        tasks, IntegrityError("The file is cut off", where="births.csv.gpg", do="Ask for it again.")
    )
    assert str(stop) == "IntegrityError, exit code 4: The file is cut off (births.csv.gpg). Ask for it again."
    assert PLANTED not in everything_of(stop)


def test_only_what_may_help_by_itself_is_tried_again(tasks: ModuleType) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    assert not isinstance(stopped_by(tasks, NotAllDelivered("two centres")), AirflowFailException)
    assert not isinstance(stopped_by(tasks, OSError()), AirflowFailException)
    assert isinstance(stopped_by(tasks, Refused("suspended")), AirflowFailException)


def run(month: str = "", key: str | None = None) -> dict[str, Any]:
    return context_of("monthly_births", month, key)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of an authority in which one approver of two answers in Airflow."""
    (tmp_path / "birthshare.toml").write_text(
        """
        [authority]
        name = "Sampleshire"
        code = "E10000031"
        [suppliers.chis]
        name = "Child Health"
        signing_key = "keys/suppliers/chis.asc"
        signing_fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567"
        [[approvers]]
        principal = "data.lead@example.org"
        roles = ["data_lead"]
        airflow_user = "lead"
        [[approvers]]
        principal = "caldicott.guardian@example.org"
        roles = ["caldicott_guardian"]
        """
    )
    monkeypatch.setenv("BIRTHSHARE_HOME", str(tmp_path))
    return tmp_path


def test_the_month_comes_from_the_schedule_or_from_the_person(tasks: ModuleType, home: Path) -> None:
    for context in (run(key="2026-10"), run(month="2026-10"), run("2026-10", "2026-10")):
        opened, month = tasks.run_of(context)
        assert (opened.path, str(month)) == (home.resolve(), "2026-10")


@pytest.mark.parametrize(("month", "key"), [("", None), ("", ""), ("2026-09", "2026-10")])
def test_a_month_is_never_guessed(tasks: ModuleType, home: Path, month: str, key: str | None) -> None:
    with pytest.raises(SettingsError, match="one month"):
        tasks.run_of(run(month, key))


def test_the_run_of_the_third_is_for_the_month_before_in_london(dags: dict[str, Any]) -> None:
    from pendulum import datetime

    schedule = dags["monthly_births"].schedule
    summer = datetime(2026, 8, 3, 5)  # 6 o'clock in British Summer Time
    winter = datetime(2027, 1, 3, 6)
    assert schedule._get_partition_info(summer)[1] == "2026-07"
    assert schedule._get_partition_info(winter)[1] == "2026-12"


def test_batches_lose_nobody_and_are_full(tasks: ModuleType) -> None:
    assert tasks.batches(2 * tasks.BATCH) == [0, 1]
    assert tasks.batches(2 * tasks.BATCH + 1) == [0, 1, 2]


def test_a_month_with_nothing_to_send_still_reaches_its_end(tasks: ModuleType) -> None:
    assert tasks.batches(0) == [0]


def test_a_yes_counts_for_the_release_that_it_names_alone(asking: ModuleType) -> None:
    assert asking._reason({"chosen_options": ["Approve release 0123456789ab"]}, PACK) == ""


def test_every_no_carries_its_reason_as_it_may_be_recorded(asking: ModuleType) -> None:
    from pipeline.ledger.entries import check_note
    from pipeline.steps.release import check_reason

    assert len(asking.REFUSALS) == len(asking.REASONS) > 1
    for option, reason in asking.REFUSALS.items():
        assert asking._reason({"chosen_options": [option]}, PACK) == check_note(reason)
        check_reason(reason)


@pytest.mark.parametrize(
    "chosen",
    [
        None,
        [],
        ["Approve"],
        ["Refuse"],
        ["Approve release ffffffffffff"],
        ["Approve release 0123456789ab", "Refuse: the numbers are not what I expect"],
    ],
)
def test_any_other_answer_is_refused(asking: ModuleType, chosen: list[str] | None) -> None:
    with pytest.raises(Refused, match="another release"):
        asking._reason({"chosen_options": chosen}, PACK)


@pytest.mark.parametrize("task", ["release_decision", "second_decision"])
def test_waiting_long_is_no_answer(dags: dict[str, Any], task: str) -> None:
    """Nothing is chosen beforehand, no timeout answers, and there is no field to write a name into."""
    question = dags["monthly_births"].get_task(task)
    assert question.defaults is None
    assert question.response_timeout is None
    assert question.execution_timeout is None
    assert question.multiple is False
    assert not question.params


@pytest.mark.parametrize(
    "event",
    [
        {"chosen_options": [], "params_input": {}, "responded_by_user": None, "timedout": True},
        {"error": "no response within the time", "error_type": "timeout"},
    ],
    ids=["swept by the scheduler", "ended by a trigger"],
)
def test_the_event_of_a_timeout_approves_nothing(asking: ModuleType, event: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        asking._reason(event, PACK)


def test_a_default_answer_of_a_timeout_is_nobodys(asking: ModuleType) -> None:
    event = {"chosen_options": ["Approve release 0123456789ab"], "responded_by_user": None, "timedout": True}
    with pytest.raises(Refused, match="approver"):
        asking._principal(LOGINS, event)


LOGINS = {"lead": "data.lead@example.org"}


def test_the_answer_is_recorded_for_the_approver_behind_the_login(asking: ModuleType) -> None:
    answer = {"responded_by_user": {"id": "lead", "name": "x"}}
    assert asking._principal(LOGINS, answer) == "data.lead@example.org"


@pytest.mark.parametrize("user", [None, {"id": "", "name": "lead"}, {"id": "other", "name": "lead"}])
def test_nobody_else_can_answer(asking: ModuleType, user: dict[str, str] | None) -> None:
    with pytest.raises(Refused, match="approver"):
        asking._principal(LOGINS, {"responded_by_user": user})


def test_a_sign_on_that_numbers_its_logins_knows_approvers_by_number_and_never_by_name(
    asking: ModuleType,
) -> None:
    """As Flask AppBuilder does: a login that was deleted and made again has another number."""
    logins = asking._logins([Approver(principal="lead@example.org", roles=("data_lead",), airflow_user="7")])
    assert (
        asking._principal(logins, {"responded_by_user": {"id": "7", "name": "anybody"}}) == "lead@example.org"
    )
    for user in ({"id": 7, "name": "lead"}, {"id": "8", "name": "7"}, {"id": "07", "name": "lead"}):
        with pytest.raises(Refused, match="approver"):
            asking._principal(logins, {"responded_by_user": user})


@pytest.mark.parametrize("user", ["admin", "Anonymous", "LEAD", "lead "])
def test_no_login_stands_for_an_approver_but_its_own(asking: ModuleType, user: str) -> None:
    """Nor where Airflow is told that everybody is an admin, and lets anybody answer."""
    with pytest.raises(Refused, match="approver"):
        asking._principal(LOGINS, {"responded_by_user": {"id": user, "name": "lead"}})


def test_a_login_that_two_approvers_share_is_refused(asking: ModuleType) -> None:
    people = [
        Approver(principal=f"{role}@example.org", roles=(role,), airflow_user="lead")
        for role in ("data_lead", "caldicott_guardian")
    ]
    with pytest.raises(SettingsError, match="share a login"):
        asking._logins(people)


def test_with_nobody_to_ask_the_task_says_how_else_to_approve(asking: ModuleType) -> None:
    with pytest.raises(SettingsError, match="birthshare release approve"):
        asking._logins([])


def test_a_task_with_nothing_to_do_is_skipped_and_not_failed(tasks: ModuleType) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    stop = stopped_by(tasks, AirflowSkipException("The month is closed."))
    assert isinstance(stop, AirflowSkipException)
    assert PLANTED not in everything_of(stop)
