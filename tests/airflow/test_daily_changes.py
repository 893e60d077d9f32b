"""The daily run: for one home, counts alone, and the half of it that failed is not hidden."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import context_of
from pipeline.afterwards import recalls
from pipeline.errors import IntegrityError, NotAllDelivered
from pipeline.home import Home

HEARD = {"feeds": 1, "words": 3, "recalled": 2}
CALLED_BACK = {"recalled": 0, "notices": 1}


@pytest.fixture
def run(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A task's own function, in a run for a home."""

    def task(name: str, home: Path | str) -> Any:
        module = modules["daily_changes"]
        monkeypatch.setenv("BIRTHSHARE_HOME", str(home))
        monkeypatch.setattr(module, "get_current_context", lambda: context_of("daily_changes"))
        return getattr(module, name).function()

    return task


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "birthshare.toml").write_text(
        '[authority]\nname = "Sampleshire"\ncode = "E10000031"\n[suppliers]\n'
    )
    return tmp_path


@pytest.mark.parametrize(("task", "counts"), [("hear", HEARD), ("call_back", CALLED_BACK)])
def test_the_run_is_for_the_home_that_is_given(
    run: Any, home: Path, monkeypatch: pytest.MonkeyPatch, task: str, counts: dict[str, int]
) -> None:
    def day(given: Home, *, now: datetime) -> dict[str, int]:
        assert (given.path, now.tzinfo is not None) == (home.resolve(), True)
        return counts

    monkeypatch.setattr(recalls, task, day)
    assert run(task, home) == counts


@pytest.mark.parametrize("task", ["hear", "call_back"])
def test_a_run_without_a_home_stops(run: Any, task: str) -> None:
    with pytest.raises(Exception, match="No authority is named"):
        run(task, "")


@pytest.mark.parametrize(
    ("task", "problem", "again"),
    [
        ("call_back", NotAllDelivered("1 notices are not delivered yet", where="centre-01"), True),
        ("call_back", recalls.NotHeard("Later words wait", where="centre-01"), True),
        ("hear", IntegrityError("A feed was refused", where="centre-01"), False),
    ],
    ids=["a centre that has no recall yet", "a word that nobody heard", "a feed that a person must see to"],
)
def test_only_what_may_pass_is_tried_again_by_itself(
    run: Any, home: Path, monkeypatch: pytest.MonkeyPatch, task: str, problem: Exception, again: bool
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    def day(given: Home, *, now: datetime) -> dict[str, int]:
        raise problem

    monkeypatch.setattr(recalls, task, day)
    with pytest.raises(AirflowException, match="centre-01") as stop:
        run(task, home)
    assert isinstance(stop.value, AirflowFailException) is not again


def test_recalls_are_brought_whatever_became_of_hearing_and_the_last_task_tells(dags: dict[str, Any]) -> None:
    """That task is red while a word is unheard (recalls.call_back), so a run that failed never looks well."""
    day = dags["daily_changes"]
    assert day.get_task("call_back").upstream_task_ids == {"hear"}
    assert day.get_task("call_back").trigger_rule == "all_done"
    assert [task.task_id for task in day.leaves] == ["call_back"]


def test_a_month_is_never_well_where_hearing_failed(dags: dict[str, Any]) -> None:
    """Beside the month recalls are brought in any case; the month's own end still needs every step."""
    month = dags["monthly_births"]
    assert {task.task_id for task in month.leaves} == {"bring", "close"}
    assert month.get_task("bring").trigger_rule == "all_done"
    assert "hear" in month.get_task("deliver").upstream_task_ids
    for name in ("hear", "deliver", "close"):
        assert month.get_task(name).trigger_rule == "all_success"
