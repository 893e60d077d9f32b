"""*Breach*: what happened → which lists → when it was known → who is affected → the facts for the notice.

What was answered goes on from page to page in the form, as codes and days; nothing of it is kept here. The
last two pages show what `pipeline.questions.breaches` knows; each time it is recorded who looked, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Form
from fastapi.responses import Response

from pipeline import facts
from pipeline.agreements.words import on_day
from pipeline.asking import check_works_out
from pipeline.console import deciding
from pipeline.console.permissions import Act
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import SettingsError
from pipeline.questions import transfers
from pipeline.questions.breaches import Question
from pipeline.questions.transfers import Chosen, Transfer
from pipeline.reporting import breach as reporting
from pipeline.reporting.breach_draft import data_in_words
from pipeline.reporting.pages import month_in_full
from pipeline.reporting.transfers import period, state_in_words

pages = Pages()

HAPPENED = {
    "list": (
        "One list is where it should not be",
        "It was lost, stolen, or seen by somebody who may not; or it should not have been sent.",
    ),
    "recipient": (
        "A recipient’s lists are not safe",
        "Its password, key, computer or mailbox was lost or taken; or lists went to the wrong recipient.",
    ),
    "agreement": (
        "Lists of one agreement should not have gone",
        "It did not allow what was shared, or too much was shared under it.",
    ),
}
_MOST = 40  # lists to choose from

Typed = Annotated[str, Form()]


@dataclass(frozen=True)
class Told:
    """What was answered so far, as typed; "" where it was not yet."""

    asked: str = ""  # the question whose page was sent
    happened: str = ""
    recipient: str = ""
    agreement: str = ""
    since: str = ""
    until: str = ""
    delivery: str = ""  # the file's name, or the permit's number
    day: str = ""
    clock: str = ""
    why: str = ""

    def question(self, problems: Problems) -> Question | None:
        """Which lists are meant, as far as that is known; None where it is not."""
        since, until = problems.day("since", self.since), problems.day("until", self.until)
        if problems:
            return None
        try:
            if self.happened == "list" and self.delivery:
                return Question(delivery=self.delivery)
            if self.happened == "agreement":
                return Question(agreement=self.agreement, since=since, until=until)
            return Question(recipient=self.recipient, since=since, until=until)
        except SettingsError:
            problems.add("until", "The last day is before the first one.")
            return None

    def known_since(self, problems: Problems) -> datetime | None:
        """When the organisation became aware; None where nobody said."""
        return problems.moment("day", self.day, self.clock)


def _told(
    asked: Typed = "", happened: Typed = "", recipient: Typed = "", agreement: Typed = "", since: Typed = "",
    until: Typed = "", delivery: Typed = "", day: Typed = "", clock: Typed = "", why: Typed = "",
) -> Told:  # fmt: skip
    return Told(asked, happened, recipient, agreement, since, until, delivery, day, clock, why)


Answers = Annotated[Told, Depends(_told)]


@pages.page("/breach", Act.SEE_BREACH)
def happened(visit: Asked) -> Response:
    """The first question."""
    return _ask(visit, "happened", Told(), Problems())


@pages.form("/breach", Act.SEE_BREACH)
def following(visit: Asked, told: Answers) -> Response:
    """The next question that has no answer; after the last, who is affected."""
    return _answered(visit, told, lambda visit, found: _affected(visit, told, found))


@pages.form("/breach/facts", Act.SEE_BREACH)
def all_facts(visit: Asked, told: Answers) -> Response:
    """Everything that is known of it, with the draft of the notice: to read and to print."""
    return _answered(
        visit,
        told,
        lambda visit, found: visit.report(
            lambda: reporting.breach_page(found), above="above_breach.html", told=asdict(told)
        ),
    )


@pages.form("/breach/file", Act.SEE_BREACH)
def as_page(visit: Asked, told: Answers) -> Response:
    """The same as one file."""
    return _answered(
        visit, told, lambda visit, found: visit.file(reporting.breach_page(found).encode(), "breach.html")
    )


@pages.form("/breach/text", Act.SEE_BREACH)
def as_text(visit: Asked, told: Answers) -> Response:
    """The same as text, to go on writing in."""
    return _answered(
        visit, told, lambda visit, found: visit.file(reporting.breach_text(found).encode(), "breach.txt")
    )


def _answered(visit: Visit, told: Told, answer: Callable[[Visit, Mapping[str, Any]], Response]) -> Response:
    """The answer, where all questions have theirs; else the first question that has none.

    Where the lists have very many children on them, it is made apart from the page.
    """
    with facts.sound_ledger(visit.home) as ledger:
        every = transfers.transfers(visit.home, ledger)
    for name, check in _CHECKS.items():
        problems = Problems()
        check(visit, told, every, problems)
        if problems:
            return _ask(visit, name, told, problems, every)
    question, since = told.question(Problems()), told.known_since(Problems())
    assert question is not None  # noqa: S101  # it was checked
    asked = {"principal": visit.person.principal, "purpose": told.why}
    try:
        return deciding.decide(
            visit,
            Act.SEE_BREACH,
            "breach",
            {**asked, "question": question.as_json(), "known_since": since.isoformat() if since else ""},
            about="/breach",
            show=lambda visit, handed: answer(visit, json.loads(handed)),
            form=asdict(told),
            reads=sum(row.children for row in every if question.holds(row)),
        )
    except SettingsError as error:
        problems.stopped("", error)
        return _ask(visit, "known", replace(told, asked="known"), problems, every)


def _affected(visit: Visit, told: Told, found: Mapping[str, Any]) -> Response:
    return visit.page(
        "breach_affected.html",
        found=found,
        told=asdict(told),
        heading=reporting.heading(found),
        clock=reporting.clock(found),
        summary=reporting.summary(found),
        data=data_in_words(found),
    )


# --- the questions --------------------------------------------------------------------------------


def _check_happened(visit: Visit, told: Told, every: Sequence[Transfer], problems: Problems) -> None:
    if told.happened not in HAPPENED:
        problems.add("happened", "Say what happened.")


def _check_whose(visit: Visit, told: Told, every: Sequence[Transfer], problems: Problems) -> None:
    """Whose lists, or of which agreement, and of which days."""
    agreements, recipients = transfers.known(visit.home, every)
    if told.happened == "agreement" and told.agreement not in agreements:
        problems.add("agreement", "Choose the agreement.")
    if told.happened != "agreement" and told.recipient not in recipients:
        problems.add("recipient", "Choose the recipient.")
    told.question(problems)
    if told.happened == "list" and not problems and not _lists(told, every):
        problems.add("since", "No list of this recipient is of these days.")


def _check_which(visit: Visit, told: Told, every: Sequence[Transfer], problems: Problems) -> None:
    """One list, where one is meant."""
    if told.happened == "list" and told.delivery not in {_name(row) for row in _lists(told, every)}:
        problems.add("delivery", "Choose the list.")


def _check_known(visit: Visit, told: Told, every: Sequence[Transfer], problems: Problems) -> None:
    """When it was known, and why somebody asks."""
    since = told.known_since(problems)
    if since and since > visit.now:
        problems.add("day", "That moment has not come yet.")
    try:
        check_works_out(visit.home, visit.person.principal, told.why)
    except SettingsError as error:
        problems.stopped("why", error)


_CHECKS = {
    "happened": _check_happened,
    "whose": _check_whose,
    "which": _check_which,
    "known": _check_known,
}


def _lists(told: Told, every: Sequence[Transfer]) -> list[Transfer]:
    """The recipient's lists of these days, the newest first."""
    days = Problems()
    chosen = Chosen(days.day("since", told.since), days.day("until", told.until), recipient=told.recipient)
    return [row for row in reversed(every) if row.what == "list" and chosen.holds(row)]


def _ask(visit: Visit, name: str, told: Told, problems: Problems, every: Sequence[Transfer] = ()) -> Response:
    """A question's page; what is wrong with the answer is said to whoever gave one."""
    wrong = problems if told.asked == name else Problems()
    return visit.page(
        f"breach_{name}.html",
        422 if wrong else 200,
        told=asdict(told),
        problems=wrong,
        so_far=_so_far(visit, Told(happened=told.happened) if name == "whose" else told),
        **(_CHOICES[name](visit, told, every) if name in _CHOICES else {}),
    )


def _so_far(visit: Visit, told: Told) -> list[tuple[str, str]]:
    """What was answered, in words."""
    words, _ = HAPPENED.get(told.happened, ("", ""))
    register = visit.home.recipients()
    recipient = register[told.recipient].name if told.recipient in register else told.recipient
    named = (
        ("What happened", words),
        ("Recipient", recipient),
        ("Agreement", told.agreement and visit.titled(told.agreement)),
        ("Days", _days(told)),
    )
    return [(what, value) for what, value in (*named, ("List", told.delivery)) if value]


def _days(told: Told) -> str:
    """Its days in words; "" where there are none, or what was typed is none."""
    unread = Problems()
    since, until = unread.day("since", told.since), unread.day("until", told.until)
    return period(str(since or ""), str(until or "")) if since or until else ""


def _what_happened(visit: Visit, told: Told, every: Sequence[Transfer]) -> dict[str, Any]:
    return {"choices": [(code, words, more) for code, (words, more) in HAPPENED.items()]}


def _who_has_it(visit: Visit, told: Told, every: Sequence[Transfer]) -> dict[str, Any]:
    agreements, recipients = transfers.known(visit.home, every)
    register = visit.home.recipients()
    names = {one: f"{register[one].name} ({one})" if one in register else one for one in recipients}
    titles = [(one, visit.titled(one)) for one in sorted(agreements)]
    return {"agreements": titles, "recipients": sorted(names.items())}


def _which_there_are(visit: Visit, told: Told, every: Sequence[Transfer]) -> dict[str, Any]:
    lists = {_name(row): row for row in reversed(_lists(told, every))}  # of the same name the newest counts
    choices = [_choice(name, row) for name, row in reversed(lists.items())]
    return {"choices": choices[:_MOST], "more": max(0, len(choices) - _MOST)}


def _name(row: Transfer) -> str:
    """How a list is named: its file, or the number of its entry where it was never made."""
    return row.file or str(row.entry)


def _choice(name: str, row: Transfer) -> tuple[str, str, str]:
    state = state_in_words(row.as_json())
    children = "1 child" if row.children == 1 else f"{row.children} children"
    words = row.file or f"{row.agreement}, {month_in_full(row.month)}"
    return name, words, f"{on_day(row.day)}, {state}: {children}"


_CHOICES = {"happened": _what_happened, "whose": _who_has_it, "which": _which_there_are}
