"""*Months* and *one month*."""

from __future__ import annotations

from fastapi.responses import Response

from pipeline import month as months
from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages

pages = Pages()


@pages.page("/months", Act.SEE_MONTHS)
def every_month(visit: Asked) -> Response:
    """Where each month stands, the newest first."""
    return visit.page("months.html", months=months.overview(visit.home, now=visit.now)[::-1])
