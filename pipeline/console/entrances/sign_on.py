"""A council's own sign-on: whoever it names, and the settings name too, gets in.

    /sign-in → the sign-on → /signed-in → the first page

There is no address in any of these where somebody is sent afterwards: it is always the first page.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.console import people
from pipeline.console.entrances.openid import Asked, Provider
from pipeline.console.entrances.sessions import Cookie, Sessions
from pipeline.console.visit import Guest, NotNamed, checked_form
from pipeline.console.words import words
from pipeline.errors import BirthshareError, NotNow
from pipeline.home import Home

log = logging.getLogger(__name__)

BACK = "/signed-in"
_GOOD_FOR, _MOST = timedelta(minutes=10), 1_000  # of browsers that are at the sign-on
_AGAIN = ("/sign-in", "Sign in")


class CouncilSignOn:
    """Whoever comes back from the sign-on as somebody whom the settings name."""

    sign_in = "/sign-in"
    sign_out = "/sign-out"

    def __init__(self, provider: Provider, address: str) -> None:
        self._provider = provider
        self._sessions = Sessions(Cookie.at(address, "lax"))
        self._browser = Cookie.at(address, "lax", of="-browser")
        self._away: OrderedDict[str, Asked] = OrderedDict()  # by state
        self._lock = Lock()
        self.router = APIRouter()
        self.router.add_api_route(self.sign_in, self._go, methods=["GET"])
        self.router.add_api_route(BACK, self._come, methods=["GET"])
        self.router.add_api_route(
            self.sign_out, self._leave, methods=["POST"], dependencies=[Depends(checked_form)]
        )

    def guest(self, request: Request, home: Home) -> Guest | None:
        """Whom the settings name now by what the sign-on said at the beginning of the request's session."""
        session = self._sessions.find(request, request.app.state.console.clock())
        person = people.by_sign_on(home.settings.console, session.whose) if session else None
        return Guest(person, session.secret) if session and person else None

    def _go(self, request: Request) -> Response:
        console = request.app.state.console
        now = console.clock()
        console.tries.take(request.client and request.client.host, now)
        asked = self._asked(self._browser.of(request), now)
        try:
            answer = RedirectResponse(self._provider.way_in(asked), 303)
        except BirthshareError as error:
            return _stopped(request, error)
        self._browser.give(answer, asked.browser)
        return answer

    def _asked(self, browser: str, now: datetime) -> Asked:
        """A browser may be at the sign-on in several windows; then it keeps its name."""
        with self._lock:
            known = any(one.came_from(browser) for one in self._away.values())
            asked = Asked(browser if known else secrets.token_urlsafe(32), now)
            self._away[asked.state] = asked
            if len(self._away) > _MOST:
                self._away.popitem(last=False)
        return asked

    def _come(self, request: Request, state: str = "", code: str = "", error: str = "") -> Response:
        console = request.app.state.console
        now = console.clock()
        console.tries.take(request.client and request.client.host, now)
        with self._lock:
            asked = self._away.pop(state, None)
        ours = asked is not None and asked.came_from(self._browser.of(request))
        if asked is None or not ours or now - asked.at > _GOOD_FOR:
            lines = ["It began in another browser, or too long ago, or was finished before."]
            return words(request, "Begin to sign in again", lines, 400, on=_AGAIN)
        if error or not code:
            return words(request, "The sign-on did not let you in", ["You can try again."], 403, on=_AGAIN)
        try:
            said = self._provider.says(asked, code)
        except BirthshareError as stopped:
            return _stopped(request, stopped)
        if people.by_sign_on(console.home().settings.console, said) is None:
            raise NotNamed
        answer = RedirectResponse("/", 303)
        self._sessions.begin(request, answer, said, now)
        self._browser.take_back(answer)
        return answer

    def _leave(self, request: Request) -> Response:
        way_out = self._provider.way_out()
        lines = ["You may still be signed in at the sign-on; whoever uses this browser could come back."]
        on = (way_out, "Sign out there too") if way_out else None
        answer = words(request, "You are signed out", lines, 200, on=on)
        self._sessions.end(request, answer)
        return answer


def _stopped(request: Request, error: BirthshareError) -> Response:
    log.warning("Nobody could sign in: %s", error)
    silent = isinstance(error, NotNow)
    line = "It does not answer." if silent else "What it answered cannot be relied on."
    lines = [line, error.do]
    return words(request, "The sign-on cannot be used now", lines, 503 if silent else 502, on=_AGAIN)
