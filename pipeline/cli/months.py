"""`birthshare run` and `birthshare status`: months, worked on and looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import MomentType, MonthType, for_home, moment
from pipeline.cli.voice import Voice
from pipeline.errors import IntegrityError, NotAllDelivered, WaitingForPerson
from pipeline.stages import STAGES
from pipeline.wording import SHOWN

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month


@click.command(short_help="Take a month as far as it can go today.")
@click.argument("month", type=MonthType())
@click.option(
    "--as-of",
    type=MomentType(),
    help="Decide as of this moment instead of now. What leaves is always asked again as of now.",
)
@click.option(
    "--until",
    metavar="STAGE",
    type=click.Choice(STAGES),
    default=STAGES[-1],
    help=f"Stop after this stage. They are, in order: {', '.join(STAGES)}.",
)
@for_home
def run(month: Month, as_of: datetime | None, until: str, home: Home, voice: Voice) -> None:
    """Take MONTH, written YYYY-MM, as far as it can go today.

    Run it again after any failure, and after the release was approved: it goes on where it was. What
    was sent is not sent again.
    """
    from pipeline import month as months

    now = moment()
    try:
        with voice.progress() as watch:
            state = months.run(home, month, now=now, until=until, as_of=as_of, watch=watch)
    except (WaitingForPerson, NotAllDelivered) as error:
        tell(voice, months.status(home, month, now=now))
        error.answered = True
        raise
    tell(voice, state)
    _check_sound(state)


@click.command(short_help="See where a month stands and what it waits for.")
@click.argument("month", type=MonthType(), required=False)
@for_home
def status(month: Month | None, home: Home, voice: Voice) -> None:
    """Where MONTH stands and what it waits for; without MONTH, every month that was begun."""
    from pipeline import month as months

    if month is not None:
        state = months.status(home, month, now=moment())
        tell(voice, state)
        voice.advise(state["to_do"])
        _check_sound(state)
        return
    states = months.overview(home, now=moment())
    warnings = states[-1]["warnings"] if states else []
    voice.answer({"months": states, "warnings": warnings})
    voice.warn(warnings)
    if not states:
        voice.say("No month was begun yet. Begin one: birthshare run MONTH")
        return
    rows = [(state["month"], state["state"], state["waiting_for"] or "nothing") for state in states]
    voice.table("Months", ("month", "state", "waiting for"), rows)
    _check_sound(states[-1])


def _check_sound(state: Mapping[str, Any]) -> None:
    if not state["ledger"]["verified"]:
        error = IntegrityError("The ledger is damaged", do="Find out where: birthshare ledger verify")
        error.answered = True
        raise error


def tell(voice: Voice, state: Mapping[str, Any]) -> None:
    """A month's state: as JSON, or as tables that a data lead understands."""
    voice.answer(state)
    voice.warn(state["warnings"])
    for name, agreement in state["agreements"].items():
        _tell_agreement(voice, f"{state['month']}, {name} (version {agreement['version']})", agreement)
    for one in state["totals"]:
        voice.say(one["words"])
    if state["recipients"]:
        _tell_lists(voice, state)
    if state["approvals"]:
        _tell_decisions(voice, state)
    ledger = state["ledger"]
    unbalanced = (
        "none, since the month was ended without them" if state["state"] == "closed" else "not closed yet"
    )
    voice.say(
        f"Books: {'balanced' if state['balanced'] else unbalanced}. "
        f"Ledger: {ledger['entries']} entries, {'verified' if ledger['verified'] else 'DAMAGED'}, "
        f"root {ledger['root'][:16]}.",
        f"Waiting for: {state['waiting_for']}" if state["waiting_for"] else f"{state['month']} is closed.",
    )


def _tell_agreement(voice: Voice, title: str, agreement: Mapping[str, Any]) -> None:
    from pipeline.reasons import Reason

    voice.table(
        title,
        ("what became of the rows received", "rows"),
        [
            ("received", agreement["received"]),
            ("quarantined: the row broke a rule", agreement["quarantined"]),
            ("duplicates: an older version of another row", agreement["duplicates"]),
            ("withheld: no", agreement["withheld"]),
            ("held: not now, look again next month", agreement["held"]),
            ("shared", agreement["shared"]),
        ],
        numbers=1,
    )
    counts = agreement["reasons"]
    if not counts:
        return
    found = [reason for reason in Reason if reason in counts]
    voice.table(
        "Why not (a row can have several reasons)",
        ("outcome", "reason, and its code", "rows"),
        [
            (reason.outcome.word, f"{reason.wording}  [{reason}]", counts[reason])
            for reason in sorted(found, key=lambda reason: (-reason.outcome, -counts[reason]))
        ],
        numbers=1,
    )


def _tell_lists(voice: Voice, state: Mapping[str, Any]) -> None:
    """The lists; the agreement is named only where there are several."""
    several = len(state["agreements"]) > 1
    voice.table(
        "Lists",
        ("recipient", "name", *(["agreement"] if several else []), "state", "families"),
        [
            (
                row["code"],
                row["name"],
                *([row["agreement"]] if several else []),
                _state(row),
                row["households"],
            )
            for row in state["recipients"]
        ],
        numbers=1,
    )


def _tell_decisions(voice: Voice, state: Mapping[str, Any]) -> None:
    """Who decided how on which release, and, once nobody is asked any more, what they wrote."""
    voice.table(
        "Decisions",
        ("release", "who", "decision", "when", "in their words"),
        [
            (
                one["pack_sha256"][:SHOWN],
                one["principal"],
                "approved" if one["approve"] else "refused",
                one["at"][:16].replace("T", " "),
                one["note"],
            )
            for one in state["approvals"]
        ],
    )
    if state["to_do"]:
        voice.say("What they wrote is shown when all have decided.")


def _state(row: Mapping[str, Any]) -> str:
    """How far its delivery came; once it is there, what its recipient did since and must take off it."""
    from pipeline.delivery.problems import in_words

    if row.get("problem"):
        return f"{row['state']}: {in_words(row['problem'])}"
    receipt, back = row.get("receipt"), row.get("called_back")
    said = receipt["state"] if receipt else str(row["state"])
    late = " and ".join(receipt["overdue"]) if receipt else ""
    parts = [said, *([f"{late} OVERDUE"] if late else [])]
    if back and back["open"]:
        parts.append(f"{back['open']} called back{' OVERDUE' if back['overdue'] else ''}")
    return ", ".join(parts)


COMMANDS = (run, status)
