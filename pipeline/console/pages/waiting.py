"""*Waiting for you*: what waits for people now, first what waits for whoever looks."""

from __future__ import annotations

from fastapi.responses import Response

from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages
from pipeline.questions.waiting_for_people import things_to_do

pages = Pages()


@pages.page("/", Act.SEE_WAITING)
def waiting(visit: Asked) -> Response:
    """The list, by whose turn it is."""
    things = things_to_do(visit.home, visit.now)
    mine = [one for one in things if one.role in visit.person.roles]
    return visit.page("waiting.html", mine=mine, others=[one for one in things if one not in mine])
