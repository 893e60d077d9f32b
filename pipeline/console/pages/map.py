"""*Map*: births in each recipient's area, month by month; what is wrong with areas; what is to be settled."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response
from markupsafe import Markup

from pipeline.console import deciding, errands
from pipeline.console.moments import in_london
from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages, Visit
from pipeline.questions import areas
from pipeline.questions.areas import Counted
from pipeline.records import Month
from pipeline.reporting.areas_page import Drawn, areas_page
from pipeline.reporting.maps import births_map

pages = Pages()


@pages.page("/map", Act.SEE_MAP)
def births(visit: Asked, month: str = "") -> Response:
    """Births in each area, rounded, of a month; of the newest that was counted where none is named."""
    seen = areas.seen(visit.home, Month.parse(month) if month else None)
    names = {code: one.name for code, one in visit.home.recipients().items()}
    return visit.page(
        "map.html",
        month=seen.month,
        months=[(str(one), one.in_full) for one in seen.months],
        counted=seen.counted,
        maps={
            one.agreement: _drawn(visit, at, one, seen.month, names) for at, one in enumerate(seen.counted, 1)
        },
        names=names,
        unplaced=seen.unplaced,
        errand=errands.newest(visit.home, errands.AREAS),
        in_london=in_london,
    )


def _drawn(visit: Visit, at: int, one: Counted, month: Month | None, names: dict[str, str]) -> Markup | None:
    if one.drawn is None or month is None:
        return None
    beside = {head: counts for head, counts in one.numbers.items() if counts is not one.births}
    agreement = visit.titled(one.agreement)
    return births_map(f"areas-{at}", agreement, month.in_full, one.drawn, one.births, names, beside)


# --- the areas themselves -------------------------------------------------------------------------


@pages.form("/map/areas", Act.SEE_MAP)
def check(visit: Asked) -> Response:
    """Have the reach areas looked at, unless that is under way."""
    return deciding.have_done(visit, errands.AREAS)


@pages.page("/map/areas", Act.SEE_MAP)
def checked(visit: Asked) -> Response:
    """What was found when they were last looked at, or that it is under way."""
    errand = errands.newest(visit.home, errands.AREAS)
    if errand is None:
        return visit.to("/map")
    if errand.answer is None:
        return visit.page("areas_errand.html", errand=errand, in_london=in_london)
    answer, names = errand.answer, {code: one.name for code, one in visit.home.recipients().items()}
    authority = visit.home.settings.authority.name
    return visit.report(
        lambda: _areas_page(authority, answer, names),
        above="above_areas.html",
        looked_at=in_london(errand.begun),
    )


def _areas_page(authority: str, found: dict[str, Any], names: dict[str, str]) -> str:
    maps = {
        network: Drawn(one["side"], {(column, row): code for column, row, code in one["tiles"]})
        for network, one in found["maps"].items()
    }
    return areas_page(
        found["answer"], maps, names, found["headings"], year=found["year"], authority=authority
    )
