"""`birthshare report`: a month, and how recipients keep to retention and recalls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import MonthType, for_home, moment, since_option, until_option
from pipeline.cli.reports.files import as_json, out_option, write_answer
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from datetime import date

    from pipeline.home import Home
    from pipeline.records import Month


@click.command(short_help="One month: its books, how it went, and the months before it.")
@click.argument("month", type=MonthType())
@out_option
@for_home
def month(month: Month, out: Path | None, home: Home, voice: Voice) -> None:
    """One month, open or closed: books, reasons, approvals, what is open of it, and what is unusual.

    FILE may end in .html (the month's page, with charts) or .json.
    """
    from pipeline.questions.months import maps
    from pipeline.questions.months import month as found
    from pipeline.reporting import MonthFacts, month_page

    state = found(home, month, now=moment())
    said = write_answer(
        out,
        {
            ".html": lambda: month_page(MonthFacts.of(state), maps(home, month)).encode(),
            ".json": lambda: as_json(state),
        },
    )
    voice.answer(state)
    _tell_month(voice, state)
    voice.say(*([said] if said else []))


def _tell_month(voice: Voice, state: Mapping[str, Any]) -> None:
    from pipeline.cli.months import tell
    from pipeline.reporting import MonthFacts

    if voice.as_json:
        return
    tell(voice, state)
    facts = MonthFacts.of(state)
    history = facts.history
    if history.compared_with < history.fewest:
        voice.say(f"Earlier months with books: {history.compared_with}, too few to say what is usual.")
    elif not history.unusual:
        voice.say(f"No count is out of the ordinary, beside {history.compared_with} earlier months.")
    else:
        voice.table(
            f"Out of the ordinary, beside {history.compared_with} earlier months",
            ("agreement", "what", "before", "median", "now"),
            [(one.agreement, one.words, one.range, f"{one.median:g}", one.now) for one in history.unusual],
            numbers=2,
        )


@click.command(short_help="Evidence that data went when it should.")
@since_option
@until_option
@out_option
@for_home
def retention(since: date | None, until: date | None, out: Path | None, home: Home, voice: Voice) -> None:
    """What is kept, for how long and why; what was destroyed, when and by which rule; lists at recipients.

    FILE may end in .html, .xlsx, .csv or .json. Nothing is destroyed by this: birthshare retention does that.
    """
    from pipeline import facts
    from pipeline.questions.keeping import report
    from pipeline.reporting import keeping

    with facts.opened_ledger(home) as ledger:
        found = report(home, ledger, since=since, until=until, now=moment())
    authority = home.settings.authority.name
    said = write_answer(
        out,
        {
            ".html": lambda: keeping.retention_page(found, authority=authority).encode(),
            ".xlsx": lambda: keeping.retention_workbook(found, authority=authority),
            ".csv": lambda: keeping.retention_csv(found),
            ".json": lambda: as_json(found),
        },
    )
    voice.answer(found)
    _tell_retention(voice, found)
    voice.say(*([said] if said else []))


def _tell_retention(voice: Voice, found: Mapping[str, Any]) -> None:
    from pipeline.reporting.keeping import FATES, checks_in_words, went

    rows = [(one["class"], one["limit"], one["kept"], one["overdue"]) for one in found["classes"]]
    voice.table(
        "What is kept in this home",
        ("class of data", "limit", "files", "overdue"),
        [(name, limit, "" if kept is None else kept, overdue or "") for name, limit, kept, overdue in rows],
        numbers=2,
    )
    voice.table(
        "What went",
        ("day", "what", "by which rule", "how many"),
        [(day, what, rule, number) for day, what, number, rule in went(found)],
        numbers=1,
    )
    voice.table(
        "Lists at recipients",
        ("recipient", "lists", *FATES.values(), "reminders"),
        [
            (one["recipient"], one["lists"], *(one[fate] for fate in FATES), one["reminders"])
            for one in found["lists"]
        ],
        numbers=len(FATES) + 2,
    )
    voice.say(
        checks_in_words(found["checks"]),
        f"Families that asked to be forgotten: {len(found['erasures'])}.",
    )
    overdue = sum(one["overdue"] for one in found["classes"])
    if overdue or found["unknown"]:
        unknown = f"{found['unknown']} unknown"
        voice.warn([f"Here: {overdue} overdue, {unknown}. What to do about each: birthshare retention"])


@click.command(short_help="How fast families were taken off lists.")
@since_option
@until_option
@out_option
@for_home
def recalls(since: date | None, until: date | None, out: Path | None, home: Home, voice: Voice) -> None:
    """Every row of a list that was called back: after which kind of word, and how soon it was off the list.

    Those that were raised between the two days, and those from before that are open. FILE may end in .html,
    .xlsx, .csv or .json.
    """
    from pipeline import facts
    from pipeline.questions.recalls import report
    from pipeline.reporting import recalls as pages

    with facts.sound_ledger(home) as ledger:
        found = report(ledger, since=since, until=until, now=moment())
    authority = home.settings.authority.name
    said = write_answer(
        out,
        {
            ".html": lambda: pages.recalls_page(found, authority=authority).encode(),
            ".xlsx": lambda: pages.recalls_workbook(found, authority=authority),
            ".csv": lambda: pages.recalls_csv(found),
            ".json": lambda: as_json(found),
        },
    )
    voice.answer(found)
    _tell_recalls(voice, found)
    voice.say(*([said] if said else []))


def _tell_recalls(voice: Voice, found: Mapping[str, Any]) -> None:
    from pipeline.reporting.recalls import STEPS, hours_in_words, step_in_words

    if not found["recalls"]:
        voice.say("No row was called back from any list.")
        return
    for title, key in (("word", "by_word"), ("recipient", "by_recipient"), ("agreement", "by_agreement")):
        voice.table(
            f"By {title}",
            (title, "median", "worst", "rows", "open", "late"),
            [
                (
                    one["words"],
                    hours_in_words(one["median"]),
                    hours_in_words(one["worst"]),
                    *(one[name] for name in ("rows", "open", "late")),
                )
                for one in found[key]
            ],
            numbers=3,
        )
    voice.say("Time from the word about a family until")
    voice.say(*(f"  {words}: {step_in_words(found['steps'][step])}" for step, words in STEPS.items()))


COMMANDS: tuple[click.Command, ...] = (month, retention, recalls)
