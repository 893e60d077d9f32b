"""The console as one web application, whichever way people get into it.

It is run alone by `birthshare console`, and mounted in Airflow's web server by our plugin there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from pipeline.console.guarding import Guarded
from pipeline.console.looking import looks_only, where_it_is_done
from pipeline.console.pages import EVERY_PAGE
from pipeline.console.rates import Allowance, TooMany
from pipeline.console.visit import (
    Entrance,
    Forged,
    NotAllowed,
    NotNamed,
    NotReadable,
    NotSignedIn,
    OnlyLooking,
    said,
)
from pipeline.console.words import words
from pipeline.errors import BirthshareError, NotNow, SettingsError
from pipeline.home import Home
from pipeline.reporting import pages as reporting

STATIC = Path(__file__).resolve().parent / "static"


def _now() -> datetime:
    return datetime.now(UTC)


def _sixty() -> Allowance:
    """A minute's worth at once, and then one a second: more than a person needs, and no flood."""
    return Allowance(60, timedelta(seconds=1))


@dataclass(frozen=True)
class Console:
    """What one console is made of."""

    home: Callable[[], Home]  # opened for every request, so that changed settings count at once
    entrance: Entrance
    clock: Callable[[], datetime] = _now
    framed_by: str = "'none'"  # who may show it inside a page of theirs, as a CSP source
    address: str = ""  # its own origin, and no other is answered; "" where the server around us sees to that
    tries: Allowance = field(default_factory=_sixty)  # at signing in, of one machine
    forms: Allowance = field(default_factory=_sixty)  # of one session


def application(console: Console) -> FastAPI:
    """All of it: entrance, pages, stylesheet, headers, and words for whatever goes wrong."""
    app = FastAPI(title="Birthshare", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    dress(app)
    app.include_router(console.entrance.router)
    for pages in EVERY_PAGE:
        app.router.routes += pages.router.routes  # as they are: included, each would be worked out again
    app.add_middleware(Guarded, address=console.address, framed_by=console.framed_by)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(NotNamed, _not_named)
    app.add_exception_handler(Forged, _forged)
    app.add_exception_handler(OnlyLooking, _only_looking)
    app.add_exception_handler(NotReadable, _not_understood)
    app.add_exception_handler(TooMany, _too_many)
    app.add_exception_handler(BirthshareError, _stopped)
    app.add_exception_handler(HTTPException, _no_such_page)
    app.add_exception_handler(RequestValidationError, _not_understood)
    return app


def dress(app: FastAPI) -> None:
    """Give the application the files that its pages are laid out with."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/pages.css", _style_of_reports, methods=["GET"])


def _style_of_reports() -> Response:
    return FileResponse(reporting.TEMPLATES / "pages.css")


def _not_signed_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotSignedIn)
    way = request.app.state.console.entrance.sign_in
    if way and request.method == "GET":
        return RedirectResponse(request.scope.get("root_path", "") + way, 303)
    return words(request, "Sign in first", [error.how], 401)


def _not_allowed(request: Request, error: Exception) -> Response:
    lines = ["Your roles do not let you do this. Whoever looks after birthshare.toml gives roles to people."]
    return words(request, "This is not for your roles", lines, 403, on=_first_page(request))


def _not_named(request: Request, error: Exception) -> Response:
    lines = [
        "You are signed in, and nobody in this authority's settings is known by that.",
        "Whoever looks after birthshare.toml names people there, under [[console.people]], with their roles.",
    ]
    return words(request, "You are not named here", lines, 403)


def _only_looking(request: Request, error: Exception) -> Response:
    lines = ["Nothing was done.", where_it_is_done(request.app.state.console.home())]
    return words(request, "This cannot be done here", lines, 409, on=_first_page(request))


def _forged(request: Request, error: Exception) -> Response:
    lines = ["Nothing was done. The form was not from this session: open the page again, and send it anew."]
    return words(request, "This form cannot be taken", lines, 403, on=_first_page(request))


def _stopped(request: Request, error: Exception) -> Response:
    assert isinstance(error, BirthshareError)
    on = _first_page(request)
    if isinstance(error, NotNow):
        return words(request, "This cannot be done now", said(error), 409, on=on)
    status = 404 if isinstance(error, SettingsError) else 409
    lines = [*said(error), *_elsewhere(request)]
    return words(request, "There is nothing to show here", lines, status, on=on)


def _elsewhere(request: Request) -> list[str]:
    """Where it can be done, if that is not here: what is missing is then not for this machine's doctor."""
    with suppress(BirthshareError):
        home = request.app.state.console.home()
        return [where_it_is_done(home)] if looks_only(home) else []
    return []


def _no_such_page(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    if status == 400:
        return _not_understood(request, error)
    lines = ["Its address is not one of ours."]
    return words(request, "There is no such page", lines, status, on=_first_page(request))


def _not_understood(request: Request, error: Exception) -> Response:
    """Without the values: they could be anything."""
    lines = ["Something was left out, or is not as it must be."]
    return words(request, "This cannot be read", lines, 422, on=_first_page(request))


def _first_page(request: Request) -> tuple[str, str]:
    """Where to go on from a page that has no menu."""
    return f"{request.scope.get('root_path', '')}/", "Go to the first page"


def _too_many(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooMany)
    seconds = max(1, ceil(error.wait.total_seconds()))
    given = words(request, "That was too often", [f"Wait {seconds} seconds, then try again."], 429)
    given.headers["Retry-After"] = str(seconds)
    return given
