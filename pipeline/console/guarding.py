"""What stands before every page: to whose address we answer, how much may be sent, and what browsers may do.

It is ASGI middleware, so that what is refused here is never read by anything behind it.
"""

from __future__ import annotations

import logging
from urllib.parse import unquote_to_bytes, urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.console.words import words

log = logging.getLogger(__name__)

MOST_BYTES, MOST_FIELDS = 1_000_000, 200  # of one form
LONGEST = 2_000  # bytes of an address, and of what stands after its question mark
FORM = "application/x-www-form-urlencoded"
_MAY_BE_KEPT = ("/static/", "/pages.css")  # by browsers, which ask each time whether it is still the same


class Broken(Exception):
    """A page failed when its answer had begun: it cannot be put right any more, only cut short."""


class _Refused(Exception):
    """A request that no page is to see."""

    def __init__(self, status: int, heading: str, line: str) -> None:
        self.status, self.heading, self.line = status, heading, line
        super().__init__()


class Guarded:
    """The application behind its guard.

    `address` is its own origin, "" where the server around us checks it; `framed_by` is a CSP source.
    """

    def __init__(self, app: ASGIApp, *, address: str, framed_by: str) -> None:
        self._app, self._address, self._framed_by = app, address, framed_by

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Whatever nobody foresaw is told without its text: it could hold anything."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, begun = Request(scope, receive), False
        # Now, for a mount changes the scope as it hands it on.
        kept = scope["path"].removeprefix(scope.get("root_path", "")).startswith(_MAY_BE_KEPT)

        async def headed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(self._headers(request, kept))
            await send(message)

        try:
            await self._answer(request, headed)
        except ClientDisconnect:
            return
        except Exception as error:
            log.error("A page of the console failed: %s", type(error).__name__)
            if begun:
                raise Broken from None
            await _failed(request, error)(scope, receive, headed)

    async def _answer(self, request: Request, send: Send) -> None:
        try:
            self._check(request)
            receive = await _with_body(request)
        except _Refused as no:
            await words(request, no.heading, [no.line], no.status)(request.scope, request.receive, send)
            return
        await self._app(request.scope, receive, send)

    def _check(self, request: Request) -> None:
        """Raises _Refused for an address that is not ours, or that no link of ours has."""
        host = request.headers.get("host", "").lower()
        if self._address and host != urlsplit(self._address).netloc:
            raise _Refused(421, "This is not the console's address", f"It is at {self._address}.")
        path, asked = request.scope["path"].encode(), request.scope["query_string"]
        if max(len(path), len(asked)) > LONGEST or any(
            byte < 0x20 or byte == 0x7F for byte in path + unquote_to_bytes(asked)
        ):
            raise _Refused(400, "There is no such page", "Its address is not one of ours.")

    def _headers(self, request: Request, kept: bool) -> dict[str, str]:
        given = headers(getattr(request.state, "nonce", ""), self._framed_by)
        if kept:
            given["Cache-Control"] = "no-cache"
        if self._address.startswith("https:"):
            given["Strict-Transport-Security"] = "max-age=31536000"
        return given


def headers(nonce: str, framed_by: str) -> dict[str, str]:
    """What a browser may do with our pages: show them, and nothing from anywhere else."""
    styles = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {styles}; style-src-attr 'unsafe-inline'; "
        "script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {framed_by}",
        "X-Frame-Options": "DENY" if framed_by == "'none'" else "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "same-origin",  # with none at all, browsers send forms as from no origin
        "Cache-Control": "no-store",
    }


async def _with_body(request: Request) -> Receive:
    """The request's body, read whole before anything looks into it; raises _Refused for what is no form."""
    if request.method in ("GET", "HEAD"):
        return request.receive
    body = await _read(request)
    if body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise _Refused(
            415, "This form cannot be taken", "It was not sent as our forms are. Nothing was done."
        )
    if body.count(b"&") >= MOST_FIELDS:
        raise _too_large()
    begun = False

    async def receive() -> Message:
        nonlocal begun
        if begun:
            return await request.receive()
        begun = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _read(request: Request) -> bytes:
    """At most so many bytes, whatever the request says that it holds."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> _Refused:
    return _Refused(413, "This form is too large", "It holds more than any form of ours. Nothing was done.")


def _failed(request: Request, error: Exception) -> Response:
    line = f"{type(error).__name__}. If it stays, report this."
    return words(request, "This page cannot be shown", [line], 500)
