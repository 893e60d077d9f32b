"""The daily run: for one home, counts alone, and an error says what to do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import context_of
from pipeline.afterwards import recalls
from pipeline.errors import NotAllDelivered
from pipeline.home import Home

COUNTS = {"feeds": 1, "words": 3, "recalled": 2, "notices": 1}


@pytest.fixture
def hear_and_recall(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The task's own function, in a run for a home."""

    def run(home: Path | str) -> Any:
        module = modules["daily_changes"]
        monkeypatch.setenv("BIRTHSHARE_HOME", str(home))
        monkeypatch.setattr(module, "get_current_context", lambda: context_of("daily_changes"))
        return module.hear_and_recall.function()

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "birthshare.toml").write_text(
        '[authority]\nname = "Sampleshire"\ncode = "E10000031"\n[suppliers]\n'
    )
    return tmp_path


def test_the_run_is_for_the_home_that_is_given(
    hear_and_recall: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_day(given: Home, *, now: datetime) -> dict[str, int]:
        assert (given.path, now.tzinfo is not None) == (home.resolve(), True)
        return COUNTS

    monkeypatch.setattr(recalls, "run_day", run_day)
    assert hear_and_recall(home) == COUNTS


def test_a_run_without_a_home_stops(hear_and_recall: Any) -> None:
    with pytest.raises(Exception, match="No authority is named"):
        hear_and_recall("")


def test_a_centre_that_has_no_recall_yet_is_tried_again_later(
    hear_and_recall: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    def run_day(given: Home, *, now: datetime) -> dict[str, int]:
        raise NotAllDelivered("1 notices are not delivered yet", where="centre-01")

    monkeypatch.setattr(recalls, "run_day", run_day)
    with pytest.raises(AirflowException, match="centre-01") as stop:
        hear_and_recall(home)
    assert not isinstance(stop.value, AirflowFailException)
