"""`birthshare run` and `birthshare status`: months, worked on and looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from pipeline.cli.options import MomentType, MonthType, for_home, moment
from pipeline.cli.voice import Voice
from pipeline.errors import NotAllDelivered, WaitingForPerson
from pipeline.home import Home
from pipeline.reasons import Reason
from pipeline.records import Month

STAGES = ("intake", "validation", "geography", "consent", "release", "delivery", "account")


@click.command()
@click.argument("month", type=MonthType())
@click.option("--as-of", type=MomentType(), help="Decide as of this moment instead of now.")
@click.option("--until", type=click.Choice(STAGES), default=STAGES[-1], help="The last stage to run.")
@for_home
def run(month: Month, as_of: datetime | None, until: str, home: Home, voice: Voice) -> None:
    """Take MONTH (YYYY-MM) as far as it can go today.

    Run it again after any failure, and after the release was approved: it goes on where it was. What
    was sent is not sent again.
    """
    from pipeline import month as months

    now = as_of or moment()
    try:
        with voice.progress() as watch:
            state = months.run(home, month, now=now, until=until, watch=watch)
    except (WaitingForPerson, NotAllDelivered) as error:
        tell(voice, months.status(home, month, now=now))
        error.answered = True
        raise
    tell(voice, state)


@click.command()
@click.argument("month", type=MonthType(), required=False)
@for_home
def status(month: Month | None, home: Home, voice: Voice) -> None:
    """Where MONTH stands and what it waits for; without MONTH, every month that was begun."""
    from pipeline import month as months

    if month is not None:
        tell(voice, months.status(home, month, now=moment()))
        return
    states = [months.status(home, one, now=moment()) for one in months.begun(home)]
    voice.answer({"months": states})
    rows = [(state["month"], state["state"], state["waiting_for"] or "nothing") for state in states]
    voice.table("Months", ("month", "state", "waiting for"), rows)


def tell(voice: Voice, state: Mapping[str, Any]) -> None:
    """A month's state: as JSON, or as tables that a data lead understands."""
    voice.answer(state)
    for name, agreement in state["agreements"].items():
        voice.table(
            f"{state['month']}, {name} (version {agreement['version']})",
            ("what became of the rows received", "rows"),
            [
                ("received", state["received"]),
                ("quarantined: the row broke a rule", state["quarantined"]),
                ("duplicates: an older version of another row", agreement["duplicates"]),
                ("withheld: no", agreement["withheld"]),
                ("held: not now, look again next month", agreement["held"]),
                ("shared", agreement["shared"]),
            ],
            numbers=1,
        )
        voice.table(
            "Why (a row can have several reasons)",
            ("outcome", "reason", "in words", "rows"),
            [
                (reason.outcome.word, str(reason), reason.wording, agreement["reasons"][reason])
                for reason in sorted(Reason, key=lambda reason: -agreement["reasons"].get(reason, 0))
                if reason in agreement["reasons"]
            ],
            numbers=1,
        )
    if state["recipients"]:
        voice.table(
            "Lists",
            ("recipient", "name", "agreement", "state", "households"),
            [
                (row["code"], row["name"], row["agreement"], _state(row), row["households"])
                for row in state["recipients"]
            ],
            numbers=1,
        )
    ledger = state["ledger"]
    voice.say(
        f"Books: {'balanced' if state['balanced'] else 'not closed yet'}. "
        f"Ledger: {ledger['entries']} entries, {'verified' if ledger['verified'] else 'DAMAGED'}, "
        f"root {ledger['root'][:16]}.",
        f"Waiting for: {state['waiting_for']}" if state["waiting_for"] else f"{state['month']} is closed.",
    )


def _state(row: Mapping[str, Any]) -> str:
    return f"{row['state']}: {row['problem']}" if row.get("problem") else str(row["state"])


COMMANDS = (run, status)
