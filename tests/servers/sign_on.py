"""A real OpenID provider for tests, as a council has one: Canaille, on loopback, remembering nothing.

    with SignOnServer("http://localhost:8480/signed-in", [("guardian", "guardian@example.org")]) as server:
        server.issuer, server.client_id, server.client_secret

Every person logs in on its own pages, with the same password.
"""

from __future__ import annotations

import secrets
import threading
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwk
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

PASSWORD = secrets.token_urlsafe(16)


class SignOnServer:
    """`with SignOnServer(back, people) as server`; `people` are (login, mailbox)."""

    def __init__(self, back: str, people: list[tuple[str, str]]) -> None:
        self.back, self.people = back, people
        self.client_id, self.client_secret = "birthshare", secrets.token_urlsafe(16)

    def __enter__(self) -> SignOnServer:
        later = _Later()
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, later, threaded=True, request_handler=_Quiet
        )
        self.issuer = f"http://localhost:{self._server.server_port}"
        later.app = self.app = _canaille(
            f"localhost:{self._server.server_port}", urlsplit(self.back).hostname
        )
        with self.app.app_context():
            self._fill()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _fill(self) -> None:
        from canaille.app import models
        from canaille.backends import Backend

        for login, mailbox in self.people:
            Backend.instance.save(
                models.User(
                    user_name=login,
                    family_name=login,
                    formatted_name=login,
                    emails=[mailbox],
                    password=PASSWORD,
                )
            )
        client = models.Client(
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_name="Birthshare",
            client_uri=self.back,
            redirect_uris=[self.back],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "email"],
            token_endpoint_auth_method="client_secret_basic",
        )
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *said: Any) -> None:
        """Say nothing."""


class _Later:
    """A WSGI application that is made when the port is known."""

    app: Any = None

    def __call__(self, environ: Any, start: Any) -> Any:
        return self.app(environ, start)


def _canaille(name: str, ours: str | None) -> Any:
    from canaille import create_app
    from canaille.backends.memory.backend import MemoryBackend

    class Exact(MemoryBackend):
        """Canaille's memory finds what fits one of several filters; a provider must find what fits all."""

        __module__ = MemoryBackend.__module__  # beside which Canaille looks for what it keeps

        def do_query(self, model: Any, *args: Any, **filters: Any) -> Any:
            fitting = [super(Exact, self).do_query(model, *args, **dict([one])) for one in filters.items()]
            if len(fitting) < 2:
                return super().do_query(model, *args, **filters)
            known = set.intersection(*({each.id for each in found} for found in fitting))
            return [each for each in fitting[0] if each.id in known]

    return create_app(
        {
            "SECRET_KEY": secrets.token_hex(16),
            "SERVER_NAME": name,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "CAPTCHA_ENABLED": False, "HTMX": False, "JAVASCRIPT": False},
            "CANAILLE_OIDC": {
                "ACTIVE_JWKS": [jwk.RSAKey.generate_key(2048).as_dict(private=True)],
                "TRUSTED_DOMAINS": [ours],  # whoever logs in for the council's own pages is not asked again
            },
        },
        backend=Exact({}),
    )
