"""The scheduled look gives counts and nothing else, and fails in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dag_runs import context_of, load
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
