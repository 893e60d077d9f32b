"""A run that is killed anywhere is finished by running it again: once each, nothing lost, nothing twice."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from month_authority import MONTH, NOW, Authority
from pipeline import month as months
from pipeline.delivery import push as pushing
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Kind
from pipeline.ledger.ledger import Ledger
from pipeline.staging import Staging

KILLED = 9
# Everything that outlives the process: working files, ledger entries, what a recipient sees.
DURABLE = [
    (Staging, "put"),
    (Staging, "destroy"),
    (Ledger, "append"),
    (Ledger, "permit"),
    (Ledger, "checkpoint"),
    (pushing, "push"),
]


def steps_of(home: Path) -> int:
    """How many durable steps a whole run has."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_count, (home,))


def killed_after(home: Path, step: int) -> int:
    """Run the month in a process that dies as soon as that durable step has taken effect."""
    process = multiprocessing.get_context("fork").Process(target=_run_until, args=(home, step))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


def _count(home: Path) -> int:
    taken: list[str] = []
    _watch_steps(lambda name, go: (taken.append(name), go())[1])
    months.run(Home.open(home), MONTH, now=NOW)
    return len(taken)


def _run_until(home: Path, step: int) -> None:
    taken: list[str] = []

    def die(name: str, go: Callable[[], Any]) -> Any:
        taken.append(name)
        done = go()
        if len(taken) == step:
            os._exit(KILLED)
        return done

    _watch_steps(die)
    months.run(Home.open(home), MONTH, now=NOW)


def _watch_steps(step: Callable[[str, Callable[[], Any]], Any]) -> None:
    for owner, name in DURABLE:
        own = getattr(owner, name)

        def watched(*args: Any, _own: Any = own, _name: str = name, **kwargs: Any) -> Any:
            return step(_name, lambda: _own(*args, **kwargs))

        setattr(owner, name, watched)


@pytest.fixture
def one_at_a_time(authority: Authority) -> Authority:
    """Lists are sent one after the other, so that a step means the same in every run."""
    settings = authority.home.path / "birthshare.toml"
    settings.write_text(settings.read_text() + "\n[delivery]\nat_once = 1\n")
    return authority


@pytest.mark.timeout(280)
def test_killed_anywhere_and_run_again_the_month_is_whole(one_at_a_time: Authority, tmp_path: Path) -> None:
    authority = one_at_a_time
    authority.prepare_and_approve()
    original = authority.home.path

    rehearsal = tmp_path / "rehearsal"
    shutil.copytree(original, rehearsal)
    steps = steps_of(rehearsal)
    clear(authority.received)
    assert steps > 15

    for step in range(1, steps + 1):
        home = tmp_path / f"home-{step}"
        shutil.copytree(original, home)
        assert killed_after(home, step) == KILLED
        state = months.run(Home.open(home), MONTH, now=NOW)
        check_whole(state, home, authority.received)
        clear(authority.received)
        shutil.rmtree(home)


def check_whole(state: dict[str, Any], home: Path, received: Path) -> None:
    """Closed, proved, and each recipient has exactly the one list that the ledger permits."""
    assert state["state"] == "closed"
    assert state["ledger"]["verified"] is True
    assert state["balanced"] is True
    for row in state["recipients"]:
        [file] = [one for one in (received / row["code"]).iterdir() if one.name.startswith("welcome-card")]
        assert file.name == row["file"]
    with opened_ledger(Home.open(home)) as ledger:
        delivered = list(ledger.entries(kinds={Kind.DELIVERED}))
        assert len(delivered) == len(state["recipients"])
        assert len(list(ledger.entries(kinds={Kind.MONTH_CLOSED}))) == 1


def clear(received: Path) -> None:
    for folder in received.iterdir():
        for file in folder.iterdir():
            if "welcome-card" in file.name:
                file.unlink()
