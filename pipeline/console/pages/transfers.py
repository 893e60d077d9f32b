"""*Transfers*: the register, what it comes to, the same as a file; and records for the regulator."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query
from fastapi.responses import Response

from pipeline import facts
from pipeline.agreements.words import on_day
from pipeline.console import deciding, errands, workbook
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.typed import Problems
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.errors import SettingsError
from pipeline.questions import flows, processing
from pipeline.questions import transfers as questions
from pipeline.questions.transfers import Chosen, Transfer
from pipeline.reporting import keeping as keeping_pages
from pipeline.reporting import processing as processing_pages
from pipeline.reporting import transfers as reporting
from pipeline.reporting.pages import month_in_full

pages = Pages()

_ROWS = 50  # on one page


@dataclass(frozen=True)
class Typed:
    """Which rows are meant, as it stands in the address: codes and days."""

    agreement: str
    recipient: str
    since: str
    until: str
    state: str

    def chosen(self, problems: Problems) -> Chosen:
        """The same as the register takes it; every row where something is wrong with it."""
        since, until = problems.day("since", self.since), problems.day("until", self.until)
        try:
            return Chosen(since, until, self.agreement, self.recipient, self.state)
        except SettingsError:
            problems.add("until", "The last day is before the first one.")
            return Chosen()

    @property
    def address(self) -> str:
        """What stands behind the question mark; "" where everything is meant."""
        return urlencode({name: value for name, value in asdict(self).items() if value})


def _typed(
    agreement: str = "", recipient: str = "", since: str = "", until: str = "", state: str = ""
) -> Typed:
    return Typed(agreement, recipient, since, until, state)


Wanted = Annotated[Typed, Depends(_typed)]


@pages.page("/transfers", Act.SEE_TRANSFERS)
def transfers(visit: Asked, typed: Wanted, page: Annotated[int, Query(ge=1)] = 1) -> Response:
    """The register, newest rows first, some on a page."""
    problems = Problems()
    chosen = typed.chosen(problems)
    with facts.sound_ledger(visit.home) as ledger:
        every = questions.transfers(visit.home, ledger)
    choices = _choices(visit, every)
    for name in ("agreement", "recipient", "state"):
        if getattr(typed, name) not in ("", *dict(choices[name])):
            problems.add(name, f"The register knows no such {name}.")
    rows = [] if problems else chosen.among(reversed(every))
    last = max(1, -(-len(rows) // _ROWS))
    at = min(page, last)
    return visit.page(
        "register_of_transfers.html",
        422 if problems else 200,
        typed=typed,
        problems=problems,
        choices=choices,
        heading=reporting.heading(chosen.as_json()),
        sums=questions.totals(rows),
        many=len(rows),
        rows=[row.as_json() for row in rows[(at - 1) * _ROWS : at * _ROWS]],
        state=reporting.state_in_words,
        day=lambda written: on_day(date.fromisoformat(written)),
        month=month_in_full,
        at=at,
        last=last,
    )


def _choices(visit: Visit, every: Collection[Transfer]) -> dict[str, list[tuple[str, str]]]:
    """What can be chosen, by field: codes with their words."""
    agreements, recipients = questions.known(visit.home, every)
    names = {row.recipient: row.recipient_name for row in every}
    names |= {code: one.name for code, one in visit.home.recipients().items()}
    return {
        "agreement": [(one, visit.titled(one)) for one in sorted(agreements)],
        "recipient": [
            (one, f"{names[one]} ({one})" if names.get(one) else one) for one in sorted(recipients)
        ],
        "state": [(one, one.capitalize()) for one in questions.STATES],
    }


@pages.page("/transfers/register.csv", Act.EXPORT_TRANSFERS)
def as_csv(visit: Asked, typed: Wanted) -> Response:
    """Exactly the rows that are chosen, oldest first, as the command line exports them."""
    with facts.sound_ledger(visit.home) as ledger:
        rows = questions.chosen_rows(visit.home, ledger, _chosen(typed))
    return visit.file(reporting.transfers_csv_parts(row.as_json() for row in rows), "transfers.csv")


@pages.page("/transfers/register.xlsx", Act.EXPORT_TRANSFERS)
def as_workbook(visit: Asked, typed: Wanted) -> Response:
    """The same as a workbook, with its sums."""
    with facts.sound_ledger(visit.home) as ledger:
        found = questions.register(visit.home, ledger, **asdict(_chosen(typed)), now=visit.now)
    return visit.file(workbook.made(found), "transfers.xlsx")


def _chosen(typed: Typed) -> Chosen:
    problems = Problems()
    chosen = typed.chosen(problems)
    if problems:
        raise SettingsError(
            " ".join(words for _, words in problems.found), do="Choose again under Transfers."
        )
    return chosen


# --- records for the regulator --------------------------------------------------------------------


@pages.page("/transfers/processing", Act.SEE_TRANSFERS)
def article30(visit: Asked) -> Response:
    """The record of processing activities."""
    with facts.sound_ledger(visit.home) as ledger:
        found = processing.article30(visit.home, ledger, now=visit.now)
    return visit.report(lambda: processing_pages.article30_page(found))


@pages.page("/transfers/flows", Act.SEE_TRANSFERS)
def dataflows(visit: Asked) -> Response:
    """The register of data flows."""
    with facts.sound_ledger(visit.home) as ledger:
        found = flows.register(visit.home, ledger, now=visit.now)
    return visit.report(lambda: processing_pages.flows_page(found))


@pages.form("/transfers/retention", Act.SEE_TRANSFERS)
def look_through(visit: Asked) -> Response:
    """Have all that is kept looked through, as the daily run does, unless that is under way."""
    return deciding.have_done(visit, errands.RETENTION)


@pages.page("/transfers/retention", Act.SEE_TRANSFERS)
def retention(visit: Asked) -> Response:
    """Evidence that data went when it should, as it was when somebody last had it looked through."""
    errand = errands.newest(visit.home, errands.RETENTION)
    if errand is None or errand.answer is None:
        return visit.page("retention_errand.html", errand=errand, in_london=in_london)
    found, authority = errand.answer, visit.home.settings.authority.name
    return visit.report(
        lambda: keeping_pages.retention_page(found, authority=authority),
        above="above_retention.html",
        looked_at=in_london(errand.begun),
    )
