"""The nightly run: for one home, counts alone, and damage is red with what to do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dag_runs import context_of
from pipeline import facts
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.outside import check


@pytest.fixture
def check_ledger(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The task's own function, in a run for a home."""

    def run(home: Path | str) -> Any:
        module = modules["ledger_check"]
        monkeypatch.setenv("BIRTHSHARE_HOME", str(home))
        monkeypatch.setattr(module, "get_current_context", lambda: context_of("ledger_check"))
        return module.check_ledger.function()

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose ledger has three entries."""
    make_home(tmp_path / "home")
    with facts.opened_ledger(Home.open(tmp_path / "home")) as ledger:
        ledger.append(*[Entry(MonthClosed(), "2026-10")] * 3, at=datetime.fromisoformat("2026-11-22T03:30Z"))
    return tmp_path / "home"


def test_the_run_checks_the_home_that_is_given_and_gives_counts(check_ledger: Any, home: Path) -> None:
    counts = {"entries": 3, "recorded": 1, "countersigned": 0, "places_lacking": 0, "warnings": 0}
    assert check_ledger(home) == counts
    assert check_ledger(home) == counts | {"entries": 4, "recorded": 0}


def test_a_run_without_a_home_stops(check_ledger: Any) -> None:
    with pytest.raises(Exception, match="No authority is named"):
        check_ledger("")


def test_damage_is_red_at_once_and_says_what_to_do(check_ledger: Any, home: Path, tmp_path: Path) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    check_ledger(home)
    older = (home / "state" / "birthshare.db").read_bytes()
    with facts.opened_ledger(Home.open(home)) as ledger:
        ledger.append(Entry(MonthClosed(), "2026-10"), at=datetime.fromisoformat("2026-11-22T03:30Z"))
    check.run_day(Home.open(home), now=datetime.fromisoformat("2026-11-22T03:30Z"))
    (home / "state" / "birthshare.db").write_bytes(older)
    with pytest.raises(AirflowFailException, match="exit code 4.*older than it was.*put back"):
        check_ledger(home)
