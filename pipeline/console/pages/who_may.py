"""*Who may what*: the table of permissions, as the program itself asks it."""

from __future__ import annotations

from fastapi.responses import Response

from pipeline.console.permissions import Act
from pipeline.console.visit import Asked, Pages
from pipeline.roles import Role

pages = Pages()


@pages.page("/who-may", Act.SEE_WHO_MAY)
def who_may(visit: Asked) -> Response:
    """Every act, and the roles that may."""
    return visit.page("who_may.html", roles=list(Role))
