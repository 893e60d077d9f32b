"""The scheduled look gives counts and nothing else, and fails in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag_runs import context_of, load
from pipeline.afterwards import receipts
from receipts.centres import Town
from scenarios.arrangement import MONTH

DAGS = Path(__file__).resolve().parent.parent.parent / "dags"


@pytest.fixture
def look_and_remind(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], dict[str, int]]:
    """The task's own function, as a worker calls it for the town's home."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("_AIRFLOW__AS_LIBRARY", "1")
    monkeypatch.syspath_prepend(str(DAGS))
    monkeypatch.setenv("BIRTHSHARE_HOME", str(town.home.path))
    module = load(DAGS / "receipts.py")
    monkeypatch.setattr(module, "get_current_context", lambda: context_of("receipts"))
    function: Callable[[], dict[str, int]] = module.look_and_remind.function
    return function


def test_the_task_gives_counts_alone(look_and_remind: Callable[[], dict[str, int]], town: Town) -> None:
    town["north"].takes(town["north"].list_of(MONTH))
    assert look_and_remind() == {"collected": 1, "reminders": 0}
    assert look_and_remind() == {"reminders": 0}


def test_a_task_whose_first_try_still_looks_is_tried_again(
    look_and_remind: Callable[[], dict[str, int]], town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its scheduler was killed: a person need not clear it, and nothing is recorded twice."""
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    real, second = receipts.visits.visit, list[BaseException]()

    def while_another_tries(*arguments: Any, **named: Any) -> Any:
        if not second:
            with pytest.raises(AirflowException, match="Busy.*is looking for receipts") as told:
                look_and_remind()
            second.append(told.value)
        return real(*arguments, **named)

    monkeypatch.setattr(receipts.visits, "visit", while_another_tries)
    town["north"].takes(town["north"].list_of(MONTH))
    assert look_and_remind() == {"collected": 1, "reminders": 0}
    assert not isinstance(second[0], AirflowFailException), "that would leave the task no other try"


def test_the_task_fails_while_a_centre_cannot_be_looked_at(
    look_and_remind: Callable[[], dict[str, int]], town: Town
) -> None:
    from airflow.sdk.exceptions import AirflowException

    away = town["north"].folder.rename(town["north"].folder.with_name("away"))
    try:
        with pytest.raises(AirflowException, match="exit code 5: 1 recipients could not be looked at"):
            look_and_remind()
    finally:
        away.rename(town["north"].folder)
