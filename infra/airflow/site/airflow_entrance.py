"""How people get into the console beside Airflow: by Airflow's login, as the person whom the settings name.

Airflow has checked the login before the console is asked anything (`birthshare_pages`), and says here who it
is. What it says travels in the request's scope, where nothing that a browser sends can stand.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request

from pipeline.console import people
from pipeline.console.visit import Guest, NotNamed
from pipeline.home import Home

_LOGIN = "birthshare.login"


@dataclass(frozen=True)
class Login:
    """Somebody whom Airflow knows."""

    user: str  # as Airflow's auth manager names logins
    token: str = field(repr=False)  # that Airflow gave them when they logged in


def logged_in(scope: dict[str, Any], login: Login) -> dict[str, Any]:
    """The request, with whoever sent it."""
    return {**scope, _LOGIN: login}


class AirflowEntrance:
    """Whoever Airflow has let in, and the settings name."""

    sign_in = sign_out = ""

    def __init__(self, secret_key: str) -> None:
        self.router = APIRouter()
        self._key = secret_key.encode()

    def guest(self, request: Request, home: Home) -> Guest | None:
        """The person; None where Airflow said nothing; raises NotNamed where nobody is this login.

        What forms' tokens are made from is bound to the login's own token, and the same in every process of
        the web server: all have Airflow's secret key.
        """
        login = request.scope.get(_LOGIN)
        if not isinstance(login, Login) or not login.token:
            return None
        person = people.by_airflow_user(home.settings, login.user)
        if person is None:
            raise NotNamed
        session = b"birthshare console\x00" + login.token.encode()
        return Guest(person, hmac.digest(self._key, session, "sha256"))
