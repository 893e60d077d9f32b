"""What an answer in Airflow records, and what silence does: the task on a real month, without a server."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from dag_runs import context_of
from month_authority import MONTH, NOW, Authority, authority, prototype
from pipeline import month as months
from pipeline.ledger.entries import Kind

__all__ = ["authority", "prototype"]

LEAD, GUARDIAN = "data_lead", "caldicott_guardian"


class Question:
    """The task on one authority's month, as Airflow runs it."""

    def __init__(self, tasks: ModuleType, authority: Authority) -> None:
        self.authority, self.tasks = authority, tasks
        self.context = context_of("monthly_births", str(MONTH))
        self.pack = months.prepare(authority.home, MONTH, now=NOW).pack_sha256
        self.yes = f"Approve release {self.pack[:12]}"

    def event(self, login: str | None, *chosen: str) -> dict[str, Any]:
        return {
            "chosen_options": list(chosen),
            "params_input": {},
            "responded_by_user": login and {"id": login, "name": login},
            "timedout": login is None,
        }

    def answered(self, login: str | None, *chosen: str) -> None:
        self.resumed(self.event(login, *chosen))

    def resumed(self, event: dict[str, Any]) -> None:
        task = self.tasks.ReleaseDecision(task_id="release_decision")
        task.execute_complete(self.context, event, pack_sha256=self.pack)

    def asked(self) -> None:
        """Raises where the task goes on to ask, since there is no Airflow to ask through."""
        self.tasks.ReleaseDecision(task_id="second_decision").execute(self.context)

    @property
    def approvals(self) -> list[str]:
        return [one.principal for one in self.authority.recorded(Kind.RELEASE_APPROVED)]


@pytest.fixture
def question(asking: ModuleType, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Question:
    monkeypatch.setenv("BIRTHSHARE_HOME", str(authority.home.path))
    return Question(asking, authority)


@pytest.fixture
def of_two(asking: ModuleType, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Question:
    authority.ask_two()
    monkeypatch.setenv("BIRTHSHARE_HOME", str(authority.home.path))
    return Question(asking, authority)


def test_a_yes_is_recorded_for_the_person_behind_the_login(question: Question) -> None:
    question.answered(LEAD, question.yes)
    assert question.approvals == ["data.lead@example.org"]


def test_where_one_is_enough_nobody_is_asked_a_second_time(question: Question) -> None:
    question.answered(LEAD, question.yes)
    question.asked()


def test_where_two_are_needed_one_answer_is_not_the_end(of_two: Question) -> None:
    of_two.answered(LEAD, of_two.yes)
    with pytest.raises(Exception, match="exit code 1"):  # it goes on to ask, and there is no Airflow
        of_two.asked()
    of_two.answered(GUARDIAN, of_two.yes)
    of_two.asked()
    assert of_two.authority.run()["state"] == "closed"


def test_the_same_login_twice_does_not_count(of_two: Question) -> None:
    of_two.answered(LEAD, of_two.yes)
    with pytest.raises(Exception, match="approved this release already"):
        of_two.answered(LEAD, of_two.yes)
    assert of_two.approvals == ["data.lead@example.org"]


def test_a_no_is_recorded_with_its_reason_and_ends_it(of_two: Question) -> None:
    of_two.answered(LEAD, of_two.yes)
    with pytest.raises(Exception, match="was refused: the numbers are not what I expect"):
        of_two.answered(GUARDIAN, "Refuse: the numbers are not what I expect")
    [refusal] = of_two.authority.recorded(Kind.RELEASE_REFUSED)
    assert (refusal.principal, refusal.note) == (
        "caldicott.guardian@example.org", "the numbers are not what I expect",
    )  # fmt: skip
    with pytest.raises(Exception, match="refused already"):
        of_two.answered(LEAD, of_two.yes)
    assert of_two.authority.files() == {}


@pytest.mark.parametrize(
    "silence",
    [
        {"chosen_options": [], "params_input": {}, "responded_by_user": None, "timedout": True},
        {"error": "no response in time", "error_type": "timeout"},
        {},
    ],
    ids=["swept by the scheduler", "ended by a trigger", "nothing at all"],
)
def test_no_timeout_ever_approves(question: Question, silence: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="was not answered"):
        question.resumed(silence)
    assert question.approvals == []


def test_a_timeout_with_an_answer_that_nobody_gave_approves_nothing(question: Question) -> None:
    """As it would come if somebody configured a default answer."""
    with pytest.raises(Exception, match="did not come from an approver"):
        question.answered(None, question.yes)
    assert question.approvals == []


def test_a_yes_to_another_release_approves_nothing(question: Question) -> None:
    with pytest.raises(Exception, match="for another release"):
        question.answered(LEAD, "Approve release ffffffffffff")
    assert question.approvals == []
