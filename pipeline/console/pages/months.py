"""*Months* and *one month*: where they stand, what waits to be done, and what became of every row."""

from __future__ import annotations

from fastapi.responses import Response

from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages
from pipeline.questions import months
from pipeline.records import Month
from pipeline.reporting import MonthFacts
from pipeline.reporting.pages import month_shown

pages = Pages()

# What a month waits for, in few words, by its step (see `pipeline.facts.Turn`).
STEPS = {
    "": "",
    "files": "Waits for suppliers' files",
    "unlike": "A file differs from earlier ones",
    "stopped": "Has stopped",
    "approval": "Waits for approval",
    "delivery": "Lists are left to be delivered",
    "close": "Is sent, and not closed",
    "end": "Its working files are lost",
}


@pages.page("/months", Act.SEE_MONTHS)
def every_month(visit: Asked) -> Response:
    """Where each month stands, the newest first."""
    found = months.every_month(visit.home, now=visit.now)
    return visit.page("months.html", months=found, steps=STEPS, counts=months.COUNTS)


@pages.page("/months/{month}", Act.SEE_MONTHS)
def one_month(visit: Asked, month: str) -> Response:
    """The month's page, as it is reported everywhere, with what to do about it."""
    which = Month.parse(month)
    state = months.month(visit.home, which, now=visit.now)
    shown = month_shown(MonthFacts.of(state), months.maps(visit.home, which))
    return visit.page("one_month.html", **shown, which=which, step=state["step"])
