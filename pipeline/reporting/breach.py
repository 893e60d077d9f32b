"""The answer about a breach as a page to print, and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.reporting.breach_draft import data_in_words, moment_in_words, people_in_words
from pipeline.reporting.pages import environment
from pipeline.reporting.transfers import period, state_in_words

Facts = Mapping[str, Any]

_MOST_LISTS = 300  # on a page; more are in the register of transfers, whose command is given
_MOST_EVENTS = 300
_BLANK = "[to be filled in]"


def breach_page(facts: Facts) -> str:
    """One HTML file for an officer: what to do first, then who and what, the draft, the lists, the time line.

    `facts` is what `pipeline.questions.breaches.breach` gives.
    """
    return (
        environment()
        .get_template("breach.html")
        .render(
            facts=facts,
            draft=facts["draft"],
            heading=heading(facts),
            summary=summary(facts),
            clock=clock(facts),
            data=data_in_words(facts),
            lists=[{**one, "words": state_in_words(one)} for one in facts["lists"][:_MOST_LISTS]],
            events=facts["events"][:_MOST_EVENTS],
            register=register_command(facts),
            moment=moment_in_words,
        )
    )


def breach_text(facts: Facts) -> str:
    """The same for a terminal, without the single lists."""
    return "\n".join(_lines(facts))


def heading(facts: Facts) -> str:
    """What the breach is about."""
    about = facts["about"]
    if about["delivery"]:
        return f"Delivery {about['delivery']}"
    named = [f"recipient {about['recipient']}"] if about["recipient"] else []
    named += [f"agreement {about['agreement']}"] if about["agreement"] else []
    days = [period(about["since"], about["until"])] if about["since"] or about["until"] else []
    words = ", ".join([*named, *days])
    return words[:1].upper() + words[1:]


def summary(facts: Facts) -> list[str]:
    """How many lists, in what state, and how many people."""
    states = ", ".join(f"{many} {state}" for state, many in facts["states"].items()) or "none"
    here = [f"Lists: {len(facts['lists'])} ({states}). Notices: {len(facts['notices'])}."]
    return [*here, *people_in_words(facts)]


def clock(facts: Facts) -> str:
    """How much time is left to report it; says so where nobody gave the moment."""
    deadline = facts["deadline"]
    if deadline is None:
        return (
            "The 72 hours run from the moment at which your organisation became aware. Ask again and say when"
            " that was, to have the last moment here."
        )
    left = deadline["hours_left"]
    words = f"{left} hours are left." if left >= 0 else "That is over. Report it now, and say why it is late."
    return f"Report it by {moment_in_words(deadline['report_by'])}. {words}"


def register_command(facts: Facts) -> str:
    """The command that gives every single list."""
    about = facts["about"]
    names = ("agreement", "recipient", "since", "until")
    only = [f"--{name} {about[name]}" for name in names if about[name]]
    return " ".join(["birthshare report transfers", *only, "--out transfers.xlsx"])


def _lines(facts: Facts) -> Iterator[str]:
    draft = facts["draft"]
    yield from [f"Breach: {heading(facts)}", "", clock(facts), *summary(facts)]
    yield from _steps("Do now", draft["do_now"])
    yield from _steps("Tell", draft["tell"])
    yield from ["", "What the lists show", *(f"- {words}" for words in data_in_words(facts))]
    yield from ["", "How the families can be found", *(f"- {words}" for words in draft["identify"])]
    yield from ["", "The draft of the notice (UK GDPR, Article 33(3))"]
    for part in draft["notice"]:
        yield from ["", f"{part['heading']} ({part['article']})"]
        yield from (f"- {words}" for words in part["known"])
        yield from (f"- {_BLANK} {question}" for question in part["blanks"])
    yield from ["", "Must the families be told? (Article 34)"]
    yield from (f"- For: {words}" for words in draft["high_risk"]["for"])
    yield from (f"- Against: {words}" for words in draft["high_risk"]["against"])
    yield from (f"- {_BLANK} {question}" for question in draft["high_risk"]["blanks"])
    yield from ["", "What was recorded"]
    yield from (f"- {event_in_words(one)}" for one in facts["events"][:_MOST_EVENTS])
    if len(facts["events"]) > _MOST_EVENTS:
        yield f"- and {len(facts['events']) - _MOST_EVENTS} more lines, in the answer for programs."
    if not facts["about"]["delivery"]:
        yield from ["", "Every list:", f"  {register_command(facts)}"]
    yield from [
        "",
        f"Asked by {facts['recorded']['by']}; recorded with SHA-256 {facts['recorded']['sha256']}.",
    ]


def event_in_words(event: Facts) -> str:
    """One line of the time line."""
    times = f" ({event['times']} times)" if event["times"] > 1 else ""
    where = " ".join(word for word in (event["month"], event["agreement"]) if word)
    by = f", by {', '.join(event['principals'])}" if event["principals"] else ""
    return (
        f"{moment_in_words(event['at'])}: {event['words']}{times}{by}. {where + ', ' if where else ''}"
        f"{entries_in_words(event)}."
    )


def entries_in_words(event: Facts) -> str:
    """The numbers of the entries of one line."""
    first, last = event["first_entry"], event["last_entry"]
    return f"entry {first}" if first == last else f"entries {first} to {last}"


def _steps(title: str, steps: list[dict[str, Any]]) -> Iterator[str]:
    yield from ["", title]
    for number, step in enumerate(steps, start=1):
        yield f"{number}. {step['what']}"
        yield from (f"  {command}" for command in step["commands"])
