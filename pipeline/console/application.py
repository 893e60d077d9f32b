"""The console as one web application, whichever way people get into it.

It is run alone by `birthshare console`, and mounted in Airflow's web server by our plugin there.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from pipeline.console.pages import EVERY_PAGE
from pipeline.console.visit import TEMPLATES, Entrance, Forged, NotAllowed, NotSignedIn, said
from pipeline.errors import BirthshareError, SettingsError
from pipeline.home import Home
from pipeline.reporting import pages as reporting
from pipeline.reporting.pages import Frame, environment, framed

log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Console:
    """What one console is made of."""

    home: Callable[[], Home]  # opened for every request, so that changed settings count at once
    entrance: Entrance
    clock: Callable[[], datetime] = _now
    framed_by: str = "'none'"  # who may show it inside a page of theirs, as a CSP source


def application(console: Console) -> FastAPI:
    """All of it: entrance, pages, stylesheet, headers, and words for whatever goes wrong."""
    app = FastAPI(title="Birthshare", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/pages.css", _style_of_reports, methods=["GET"])
    app.include_router(console.entrance.router)
    for pages in EVERY_PAGE:
        app.include_router(pages.router)
    app.middleware("http")(_guarded)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(Forged, _forged)
    app.add_exception_handler(BirthshareError, _stopped)
    app.add_exception_handler(HTTPException, _no_such_page)
    app.add_exception_handler(RequestValidationError, _not_understood)
    return app


def _style_of_reports() -> Response:
    return FileResponse(reporting.TEMPLATES / "pages.css")


async def _guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Put the headers on every answer; tell what nobody foresaw without its text: it could hold anything."""
    try:
        given = await answer(request)
    except Exception as error:
        log.error("A page of the console failed: %s", type(error).__name__)
        given = words(
            request, "This page cannot be shown", [f"{type(error).__name__}. If it stays, report this."], 500
        )
    nonce = getattr(request.state, "nonce", "")
    frames = request.app.state.console.framed_by
    given.headers.update(_headers(nonce, frames))
    return given


def _headers(nonce: str, frames: str) -> dict[str, str]:
    """What a browser may do with our pages: show them, and nothing from anywhere else."""
    styles = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {styles}; style-src-attr 'unsafe-inline'; "
        "script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {frames}",
        "X-Frame-Options": "DENY" if frames == "'none'" else "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def words(request: Request, heading: str, lines: list[str], status: int) -> HTMLResponse:
    """A page of words alone, for whoever it may be."""
    root = str(request.scope.get("root_path", ""))
    with framed(Frame(TEMPLATES, {"visit": None, "root": root})):
        made = environment().get_template("words.html").render(heading=heading, lines=lines)
    return HTMLResponse(made, status)


def _not_signed_in(request: Request, error: Exception) -> Response:
    way = request.app.state.console.entrance.sign_in
    if way and request.method == "GET":
        return RedirectResponse(request.scope.get("root_path", "") + way, 303)
    return words(request, "Sign in first", ["Sign in, then open this page again."], 401)


def _not_allowed(request: Request, error: Exception) -> Response:
    lines = ["Your roles do not let you do this. Whoever looks after birthshare.toml gives roles to people."]
    return words(request, "This is not for your roles", lines, 403)


def _forged(request: Request, error: Exception) -> Response:
    lines = ["Nothing was done. The form was not from this session: open the page again, and send it anew."]
    return words(request, "This form cannot be taken", lines, 403)


def _stopped(request: Request, error: Exception) -> Response:
    assert isinstance(error, BirthshareError)
    status = 404 if isinstance(error, SettingsError) else 409
    return words(request, "There is nothing to show here", said(error), status)


def _no_such_page(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return words(request, "There is no such page", ["See what is in the menu."], status)


def _not_understood(request: Request, error: Exception) -> Response:
    """Without the values: they could be anything."""
    return words(request, "This cannot be read", ["Something was left out, or is not as it must be."], 422)
