"""What the console makes of a sign-on's words about a person, once they are known to be the sign-on's."""

from __future__ import annotations

import ssl
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc.jwk import KeySet
from starlette.testclient import TestClient

from month_authority import NOW
from pipeline.console.application import Console, application
from pipeline.console.entrances.openid import Asked, Provider
from pipeline.console.entrances.sign_on import CouncilSignOn
from pipeline.home import SignOn

WHO = "guardian@example.org"
PLACES = dict.fromkeys(
    ("authorization_endpoint", "token_endpoint", "jwks_uri"), "https://sign-on.example.org"
)


def says(monkeypatch: pytest.MonkeyPatch, claim: str, **claims: Any) -> str:
    """Whom the provider names with these claims."""
    line = SimpleNamespace(get=lambda place: SimpleNamespace(raise_for_status=lambda: None, json=dict))
    client = SimpleNamespace(fetch_token=lambda place, **given: {"id_token": ""})
    monkeypatch.setattr(Provider, "_line", lambda self: nullcontext(line))
    monkeypatch.setattr(Provider, "_metadata", lambda self, line: PLACES)
    monkeypatch.setattr(Provider, "_client", lambda self, line: client)
    monkeypatch.setattr(KeySet, "import_key_set", lambda given: None)
    monkeypatch.setattr(Provider, "_checked", lambda self, token, keys, asked: {"sub": "1", **claims})
    settings = SignOn(issuer="https://sign-on.example.org", client_id="births", claim=claim)
    provider = Provider(settings, "", "https://births.example.org/signed-in", ssl.create_default_context())
    return provider.says(Asked("browser", NOW), "code")


@pytest.mark.parametrize("verified", [False, "false", "no", 0, None, ["true"]])
def test_a_mailbox_that_nobody_verified_is_nobody_s(
    monkeypatch: pytest.MonkeyPatch, verified: object
) -> None:
    """Some sign-ons write it as text."""
    assert says(monkeypatch, "email", email=WHO, email_verified=verified) == ""


@pytest.mark.parametrize("said", [{"email_verified": True}, {"email_verified": "true"}, {}])
def test_a_mailbox_is_believed_where_the_sign_on_raises_no_doubt(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, object]
) -> None:
    assert says(monkeypatch, "email", email=WHO, **said) == WHO


@pytest.mark.parametrize("said", [["guardian@example.org"], {"guardian@example.org": 1}, 7, True, None])
def test_a_claim_that_is_no_text_names_nobody(monkeypatch: pytest.MonkeyPatch, said: object) -> None:
    assert says(monkeypatch, "upn", upn=said) == ""


@pytest.mark.parametrize("cookie", ["\u00e9", "\u00ff" * 500, '"', "=;="])
def test_whatever_a_browser_says_that_it_is_called_it_can_sign_in(cookie: str) -> None:
    """Another page of the same host name may have given it that cookie."""
    provider: Any = SimpleNamespace(way_in=lambda asked: f"https://sign-on.example.org/?state={asked.state}")
    entrance = CouncilSignOn(provider, "http://localhost")
    app = application(Console(lambda: None, entrance, lambda: NOW, address="http://localhost"))  # type: ignore[arg-type, return-value]
    client = TestClient(app, base_url="http://localhost", follow_redirects=False)
    state = client.get("/sign-in").headers["location"].rpartition("=")[2]
    client.cookies.clear()
    said = {"Cookie": f"birthshare-browser={cookie}".encode("latin-1")}
    assert client.get("/sign-in", headers=said).status_code == 303
    assert client.get(f"/signed-in?code=x&state={state}", headers=said).status_code == 400
