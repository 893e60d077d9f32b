"""A link that is printed in the terminal and good once: for the demonstration, on this machine alone."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from threading import Lock

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.console import people
from pipeline.console.entrances.sessions import Cookie, Sessions
from pipeline.console.visit import Guest, NotSignedIn, checked_form
from pipeline.console.words import words
from pipeline.home import Home

GOOD_FOR = timedelta(minutes=10)
_AGAIN = "stop birthshare console in its terminal (Ctrl-C) and start it again: it prints a new link."
_HOW = f"Open the link that birthshare console printed. Where it was opened before: {_AGAIN}"


class OneTimeLink:
    """One link for one person of the settings; whoever opens it first, and soon, is that person."""

    sign_in = ""
    sign_out = "/sign-out"

    def __init__(self, principal: str, made: datetime) -> None:
        self._sessions = Sessions(Cookie.at("", "strict"))
        self._principal, self._until = principal, made + GOOD_FOR
        self._word = secrets.token_urlsafe(32)
        self._lock = Lock()
        self.path = f"/enter/{self._word}"
        self.router = APIRouter()
        self.router.add_api_route("/enter/{word}", self._enter, methods=["GET"])
        self.router.add_api_route(
            self.sign_out, self._leave, methods=["POST"], dependencies=[Depends(checked_form)]
        )

    def guest(self, request: Request, home: Home) -> Guest | None:
        """The person, where the request is of a session that is open; raises NotSignedIn."""
        session = self._sessions.find(request, request.app.state.console.clock())
        person = people.by_principal(home.settings.console, session.whose) if session else None
        if session is None or person is None:
            raise NotSignedIn(_HOW)
        return Guest(person, session.secret)

    def _enter(self, request: Request, word: str) -> Response:
        console = request.app.state.console
        now = console.clock()
        console.tries.take(request.client and request.client.host, now)
        with self._lock:
            good = bool(self._word) and hmac.compare_digest(word.encode(), self._word.encode())
            if good:
                self._word = ""
        if not good or now > self._until:
            lines = [f"It is good once, and for ten minutes. To get in, {_AGAIN}"]
            return words(request, "This link is not good any more", lines, 401)
        answer = RedirectResponse(request.scope.get("root_path", "") + "/", 303)
        self._sessions.begin(request, answer, self._principal, now)
        return answer

    def _leave(self, request: Request) -> Response:
        answer = words(request, "You are signed out", [f"To come back, {_AGAIN}"], 200)
        self._sessions.end(request, answer)
        return answer
