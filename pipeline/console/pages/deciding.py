"""*Your decision is being recorded*: how far it is, where it leads, and what stopped it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from fastapi.responses import Response

from pipeline.console import deciding
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages

pages = Pages()

Key = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@pages.page("/deciding/{key}", Act.SEE_WAITING)
def how_far(visit: Asked, key: Key) -> Response:
    """How far a decision of one's own is; when it is recorded, the page that it is about."""
    errand, kept = deciding.standing(visit, key)
    over = not errand.under_way and (kept is None or kept.ended)
    if over and errand.ended and not errand.problem and not errand.handed:
        return visit.to(errand.about)
    return visit.page("deciding.html", errand=errand, over=over, kept=kept, in_london=in_london)


@pages.form("/deciding/{key}", Act.SEE_WAITING)
def have(visit: Asked, key: Key) -> Response:
    """What was made for this person, once."""
    return deciding.hand(visit, key) or visit.to(f"/deciding/{key}")
