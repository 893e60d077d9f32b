"""What is measured of months and of what waits, for a monitoring system: names, tags and numbers.

Whoever watches machines is not among those who may know about families. So a number of births or families is
told as NHS England tells small numbers: 0 stays 0, 1 to 7 become 5, others go to the nearest 5. Whoever
subtracts one of them from another is left with several possibilities. Lists, files and things that wait are
counted as they are, and tags hold codes alone, never a month: a row for each month could be compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.lists.telling import round_to_5
from pipeline.questions.things import Thing, Waits

PREFIX = "birthshare"

# What each is, by its name; `infra/generate.py` makes a page of it.
MEANINGS = {
    "rows_received": "Rows of the suppliers' files of the newest month, rounded",
    "rows_quarantined": "Rows of them that cannot be used, rounded",
    "births": "Births by agreement and outcome (shared, held, withheld), rounded",
    "reasons": "Births by agreement and reason's code, rounded; one birth can have several",
    "lists": "Lists of the newest month by state (waiting, failed, delivered, forgone)",
    "waiting": "Things that wait for a person, by kind; 0 where none does",
    "stage_duration": "How long a stage of a task took, in milliseconds, by DAG, task and stage",
    "task_duration": "How long a task took, in milliseconds, by DAG and task",
    "tasks_stopped": "Tries of a task that ended with an error, by DAG, task and the error's class",
}

STATES = ("waiting", "failed", "delivered", "forgone")
OUTCOMES = ("shared", "held", "withheld")


@dataclass(frozen=True)
class Measure:
    """One number at this moment."""

    name: str
    value: int
    tags: Mapping[str, str] = field(default_factory=dict)


def of_month(state: Mapping[str, Any]) -> Iterator[Measure]:
    """Of a month's state, as `pipeline.facts` gives it."""
    yield Measure("rows_received", round_to_5(state["received"]))
    yield Measure("rows_quarantined", round_to_5(state["quarantined"]))
    for name, agreement in state["agreements"].items():
        for outcome in OUTCOMES:
            tags = {"agreement": name, "outcome": outcome}
            yield Measure("births", round_to_5(agreement[outcome]), tags)
        for reason, count in agreement["reasons"].items():
            yield Measure("reasons", round_to_5(count), {"agreement": name, "reason": str(reason)})
    lists = Counter(row["state"] for row in state["recipients"])
    yield from (Measure("lists", lists[one], {"state": one}) for one in STATES)


def of_waiting(things: Iterable[Thing]) -> Iterator[Measure]:
    """Of what waits for people: how many of each kind."""
    found = Counter(one.kind for one in things)
    yield from (Measure("waiting", found[kind], {"kind": str(kind)}) for kind in Waits)


def logged(state: Mapping[str, Any]) -> dict[str, Any]:
    """A month's counts, not rounded, for the log of its tasks: whoever reads that may see the release."""
    return {
        "received": state["received"],
        "quarantined": state["quarantined"],
        "agreements": {
            name: {**{outcome: one[outcome] for outcome in OUTCOMES}, "reasons": dict(one["reasons"])}
            for name, one in state["agreements"].items()
        },
        "lists": dict(Counter(row["state"] for row in state["recipients"])),
    }


def render_page() -> str:
    """All of it, as a page for whoever sets up monitoring."""
    rows = [f"| `airflow.{PREFIX}.{name}` | {meaning} |" for name, meaning in MEANINGS.items()]
    kinds = [f"| `{kind}` | {kind.urgency} | {kind.role.words} | {_blank(kind.wording)} |" for kind in Waits]
    return "\n".join(
        [
            "# What can be watched",
            "",
            "Made by `infra/generate.py` from the code. Every metric has the tag `authority` (its code).",
            "Numbers of births are rounded: 0 stays 0, 1 to 7 become 5, others go to the nearest 5.",
            "",
            "| metric | meaning |",
            "|---|---|",
            *rows,
            "",
            "Worth an alert: `waiting` of a kind that is due now and stays above 0 for a day, any",
            "`tasks_stopped` of `close` or `check_ledger`, no `task_duration` of `ledger_check` for a day.",
            "[alerts.yaml](alerts.yaml) has these as rules for Prometheus, behind a collector.",
            "",
            "## How to turn it on",
            "",
            "Under `[extra]` in Airflow's settings, on every machine that runs tasks:",
            "",
            '    METRICS__OTEL_ON = "True"',
            '    METRICS__OTEL_HOST = "127.0.0.1"',
            '    METRICS__OTEL_PORT = "4318"',
            "",
            "That is an OpenTelemetry collector, for OTLP by HTTP; Airflow's metrics go there too. StatsD",
            "is not there: its plain form has no tags, so that one agreement's number would overwrite",
            "another's, and its client is in none of our locks. A collector hands on to StatsD where needed.",
            "",
            "## Kinds of things that wait for a person",
            "",
            "| kind | due, where no day says so | whose turn | words |",
            "|---|---|---|---|",
            *kinds,
            "",
        ]
    )


def _blank(wording: str) -> str:
    """With each code's name in capitals, in its place."""
    return re.sub(r"{(\w+)}", lambda name: name[1].upper(), wording)
