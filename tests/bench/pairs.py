"""A month run by Birthshare and by the rival script, in turns, from the same sealed extract."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from measure import Cost, run

HERE = Path(__file__).resolve().parent
BIRTHSHARE = Path(sys.executable).with_name("birthshare")
APPROVER = "data.lead@example.org"

Answer = dict[str, Any]
Ask = Callable[..., Answer]


@dataclass(frozen=True)
class Side:
    """One measured run: what it cost, its stages in seconds, and what arrived."""

    cost: Cost
    stages: dict[str, float]
    arrived: Answer


def compare(folder: Path, *, births: int, centres: int, month: str, pairs: int) -> Answer:
    """So many pairs of runs, each in fresh processes and, for Birthshare, on a fresh home."""
    decisions = folder / "decisions.csv"
    with host(folder / "authority", births, centres, month) as (places, ask):
        ours, theirs = [], []
        for number in range(pairs):
            home = folder / f"home-{number}"
            shutil.copytree(places["home"], home)
            ours.append(_arrived(ask, *_birthshare(home, places, month, decisions)))
            theirs.append(_arrived(ask, *_rival(places, month)))
            shutil.rmtree(home)
        more = sorted(set(theirs[0].arrived["homes"]) - set(ours[0].arrived["homes"]))
        reasons = ask("why", decisions=str(decisions), homes=more)
    return {
        "births": births,
        "centres": centres,
        "server": places["server"],
        "birthshare": _summary(ours),
        "rival": _summary(theirs),
        "wall_ratio": _ratio(ours, theirs, "seconds"),
        "cpu_ratio": _ratio(ours, theirs, "cpu_seconds"),
        "memory_ratio": _ratio(ours, theirs, "peak_mib"),
        "homes": _difference(ours[0].arrived["homes"], theirs[0].arrived["homes"]),
        "reasons_against_homes_of_rival_only": reasons,
    }


@contextmanager
def host(folder: Path, births: int, centres: int, month: str) -> Iterator[tuple[Answer, Ask]]:
    """The other side in its own process: its places, and how to ask it (see host.py)."""
    command = [sys.executable, str(HERE / "host.py"), str(folder), str(births), str(centres), month]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None and other.stdout is not None
        questions, answers = other.stdin, other.stdout

        def ask(question: str, **given: Any) -> Answer:
            print(json.dumps([question, given]), file=questions, flush=True)
            answer: Answer = json.loads(answers.readline())
            return answer

        yield json.loads(answers.readline()), ask


def _arrived(ask: Ask, cost: Cost, stages: dict[str, float]) -> Side:
    arrived = ask("open")
    ask("clear")
    return Side(cost, stages, arrived)


def _birthshare(home: Path, places: Answer, month: str, decisions: Path) -> tuple[Cost, dict[str, float]]:
    """As a data lead does it: run, approve, run again; three processes. The export is not counted."""
    where = ["--home", str(home), "--json"]
    decision = ["approve", month, "--as", APPROVER, "--key", places["approver_key"]]
    until_asked = run([str(BIRTHSHARE), "run", month, "--until", "release", *where])
    approved = run([str(BIRTHSHARE), "release", *decision, *where])
    run([str(BIRTHSHARE), "release", "export", month, "--decisions", str(decisions), *where])
    to_the_end = run([str(BIRTHSHARE), "run", month, *where])
    stages = json.loads(until_asked.answer)["seconds"] | json.loads(to_the_end.answer)["seconds"]
    return until_asked + approved + to_the_end, stages


def _rival(places: Answer, month: str) -> tuple[Cost, dict[str, float]]:
    command = [sys.executable, str(HERE / "rival.py"), places["home"], month, places["postcodes"]]
    cost = run(command, environment={"GNUPGHOME": places["keyring"]})
    return cost, json.loads(cost.answer)["seconds"]


def _ratio(ours: list[Side], theirs: list[Side], what: str) -> float:
    """The median, over the pairs, of what Birthshare took for each one that the rival took."""
    pairs = zip(ours, theirs, strict=True)
    return round(median(getattr(one.cost, what) / getattr(other.cost, what) for one, other in pairs), 2)


def _summary(sides: list[Side]) -> Answer:
    stages = {name: round(median(side.stages[name] for side in sides), 3) for name in sides[0].stages}
    return {
        "seconds": [round(side.cost.seconds, 2) for side in sides],
        "cpu_seconds": [round(side.cost.cpu_seconds, 2) for side in sides],
        "peak_mib": round(median(side.cost.peak_mib for side in sides)),
        "lists": sides[0].arrived["lists"],
        "rows": sides[0].arrived["rows"],
        "stages": stages,
    }


def _difference(ours: list[str], theirs: list[str]) -> Answer:
    one, other = set(ours), set(theirs)
    return {"both": len(one & other), "birthshare_only": len(one - other), "rival_only": len(other - one)}
