"""A link that is printed in the terminal and good once: for the demonstration, on this machine alone."""

from __future__ import annotations

import hmac
import secrets
from threading import Lock

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.console import people
from pipeline.console.entrances.sessions import Sessions
from pipeline.console.visit import Guest, NotSignedIn
from pipeline.home import Home

COOKIE = "birthshare"


class OneTimeLink:
    """One link for one person of the settings; whoever opens it first is that person."""

    sign_in = ""

    def __init__(self, principal: str) -> None:
        self.sessions = Sessions()
        self._principal = principal
        self._word = secrets.token_urlsafe(32)
        self._lock = Lock()
        self.router = APIRouter()
        self.router.add_api_route("/enter/{word}", self._enter, methods=["GET"])
        self.path = f"/enter/{self._word}"

    def guest(self, request: Request, home: Home) -> Guest | None:
        """The person, where the cookie is of a session that is open."""
        now = request.app.state.console.clock()
        session = self.sessions.find(request.cookies.get(COOKIE, ""), now)
        person = people.by_principal(home.settings.console, session.principal) if session else None
        return Guest(person, session.secret) if session and person else None

    def _enter(self, request: Request, word: str) -> Response:
        with self._lock:
            good = bool(self._word) and hmac.compare_digest(word.encode(), self._word.encode())
            if not good:
                raise NotSignedIn
            self._word = ""
        now = request.app.state.console.clock()
        answer = RedirectResponse(request.scope.get("root_path", "") + "/", 303)
        answer.set_cookie(COOKIE, self.sessions.begin(self._principal, now), httponly=True, samesite="strict")
        return answer
