"""*Recalls and receipts*: what recipients still have to do with their lists, what is late, and how it went.

From the ledger: nobody's folder is looked into for a page.
"""

from __future__ import annotations

from datetime import date, timedelta

from fastapi.responses import Response

from pipeline import facts
from pipeline.afterwards.sent import day_of
from pipeline.agreements.words import on_day
from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages
from pipeline.questions import recalls as questions
from pipeline.questions import receipts
from pipeline.reporting.recalls import recalls_page

pages = Pages()

_YEAR = timedelta(days=365)


@pages.page("/recalls", Act.SEE_RECALLS)
def recalls(visit: Asked) -> Response:
    """What is late, what was called back and is not off its list, and how each recipient stands."""
    with facts.sound_ledger(visit.home) as ledger:
        found = receipts.report(visit.home, ledger, now=visit.now)
    return visit.page(
        "recalls_and_receipts.html",
        found=found,
        clocks=receipts.CLOCKS,
        names={code: one.name for code, one in visit.home.recipients().items()},
        on_day=lambda written: on_day(date.fromisoformat(written)),
    )


@pages.page("/recalls/speed", Act.SEE_RECALLS)
def speed(visit: Asked) -> Response:
    """How fast families were taken off lists in the last twelve months; open recalls are older, too."""
    with facts.sound_ledger(visit.home) as ledger:
        found = questions.report(ledger, since=day_of(visit.now) - _YEAR, until=None, now=visit.now)
    authority = visit.home.settings.authority.name
    return visit.report(lambda: recalls_page(found, authority=authority))
