"""What we say to an OpenID provider, a council's own sign-on, and what we take its word for.

Authorization code with PKCE (RFC 7636) and a nonce. The provider is asked anew for its addresses and keys
whenever somebody signs in, so a key that it replaced is not trusted for a moment longer.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from pipeline.errors import BirthshareError, IntegrityError, NotNow
from pipeline.home import SignOn

# Signatures of a provider's private key; none that who knows our secret could make as well.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_SCOPES = {"email": "openid email", "sub": "openid"}  # by the claim that is asked; we ask for no more
_BASIC = "client_secret_basic"  # how we prove who asks, where the provider does not say how
_CLOCKS_DIFFER = 60  # seconds
_TIMEOUT = 10.0  # seconds
_METADATA = "/.well-known/openid-configuration"
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Asked:
    """One browser that was sent to the provider, and what must come back with it."""

    browser: str
    at: datetime
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def came_from(self, browser: str) -> bool:
        """Whether it is this browser, whatever its cookie says."""
        return hmac.compare_digest(self.browser.encode(), browser.encode())


@dataclass(frozen=True)
class Provider:
    """The sign-on and our registration there; `back` is where it sends people."""

    settings: SignOn
    secret: str = field(repr=False)
    back: str
    trusted: ssl.SSLContext

    def way_in(self, asked: Asked) -> str:
        """Where a browser is sent; raises NotNow where the provider cannot be asked."""
        with self._line() as line:
            known = self._metadata(line)
            client = self._client(line)
            place, _ = client.create_authorization_url(
                known["authorization_endpoint"],
                state=asked.state,
                nonce=asked.nonce,
                code_verifier=asked.verifier,
            )
        return str(place)

    def way_out(self) -> str:
        """Where somebody signs out there too; "" where the provider has no such page, or does not answer."""
        try:
            with self._line() as line:
                place = self._metadata(line).get("end_session_endpoint", "")
        except BirthshareError:
            return ""
        return f"{place}?{urlencode({'client_id': self.settings.client_id})}" if place else ""

    def says(self, asked: Asked, code: str) -> str:
        """What the claim of the settings is of whoever came back with this code; "" where there is none.

        Raises IntegrityError where it is not the provider's word to us about this browser, and NotNow.
        """
        with self._line() as line:
            known = self._metadata(line)
            token = self._client(line).fetch_token(
                known["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=asked.verifier,
                **self._proof(known),
            )
            keys = jwk.KeySet.import_key_set(_json(line.get(known["jwks_uri"])))
            claims = self._checked(token, keys, asked)
            if self.settings.claim not in claims and "userinfo_endpoint" in known:
                claims = claims | self._of_userinfo(line, known["userinfo_endpoint"], token, claims["sub"])
        if self.settings.claim == "email" and claims.get("email_verified", True) not in (True, "true"):
            return ""  # some write it as text
        said = claims.get(self.settings.claim)
        return said if isinstance(said, str) else ""

    def _client(self, line: httpx.Client) -> OAuth2Client:
        return OAuth2Client(
            line,
            self.settings.client_id,
            redirect_uri=self.back,
            scope=_SCOPES.get(self.settings.claim, "openid email profile"),
            code_challenge_method="S256",
        )

    def _proof(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """That it is us who ask, in the way that the provider takes it."""
        ours = self.settings.client_id, self.secret
        if _BASIC in known.get("token_endpoint_auth_methods_supported", [_BASIC]):
            return {"auth": httpx.BasicAuth(*ours)}
        return {"auth": httpx.Auth(), "client_id": ours[0], "client_secret": ours[1]}

    def _checked(self, token: Mapping[str, Any], keys: jwk.KeySet, asked: Asked) -> dict[str, Any]:
        """The ID token's claims; raises JoseError where it is not signed for us and this browser, now."""
        read = jwt.decode(str(token["id_token"]), keys, algorithms=_ALGORITHMS)
        claims = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "value": self.settings.issuer},
                "aud": {"essential": True, "value": self.settings.client_id},
                "nonce": {"essential": True, "value": asked.nonce},
            },
            {
                "client_id": self.settings.client_id,
                "nonce": asked.nonce,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=_CLOCKS_DIFFER)
        return dict(claims)

    def _of_userinfo(
        self, line: httpx.Client, place: str, token: Mapping[str, Any], sub: str
    ) -> dict[str, Any]:
        """What the provider says besides, where that is of the same person."""
        answer = _json(line.get(place, headers={"Authorization": f"Bearer {token['access_token']}"}))
        return dict(answer) if answer.get("sub") == sub else {}

    def _metadata(self, line: httpx.Client) -> dict[str, Any]:
        known: dict[str, Any] = _json(line.get(self.settings.issuer.rstrip("/") + _METADATA))
        places = [known[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        places += [known[name] for name in ("userinfo_endpoint", "end_session_endpoint") if name in known]
        if known["issuer"] != self.settings.issuer or not all(map(_is_kept_secret, places)):
            raise IntegrityError(
                "The sign-on has another name than in the settings, or addresses without TLS",
                where=self.settings.issuer,
                do=f"Write console.sign_on.issuer exactly as its page {_METADATA} does, slash for slash.",
            )
        return known

    @contextmanager
    def _line(self) -> Iterator[httpx.Client]:
        """To the provider. What it answers is never repeated: it is another's words, about a person."""
        for noisy in ("httpx", "httpcore"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        where = self.settings.issuer
        try:
            with httpx.Client(verify=self.trusted, timeout=_TIMEOUT) as line:
                yield line
        except httpx.HTTPError as error:
            raise NotNow(
                f"The sign-on cannot be asked: {type(error).__name__}", where=where, do="Try again soon."
            ) from None
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"What the sign-on answered cannot be relied on: {type(error).__name__}",
                where=where,
                do="Sign in again. If it stays, show this to whoever looks after the sign-on.",
            ) from None


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    said = answer.json()
    if not isinstance(said, dict):
        raise TypeError
    return said


def _is_kept_secret(address: str) -> bool:
    """Whether what is said to this address is said over TLS, or never leaves this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
