"""One person's request: who it is, the home, the moment, and how pages are shown to them.

Every page of the console is a function `(visit, …) -> Response`, registered by `Pages` with the `Act` that
it is; it does not run for anybody who may not do that, nor, where it changes something, without the token
that only our own forms have.
"""

from __future__ import annotations

import hmac
import inspect
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from pipeline.console.commands import led
from pipeline.console.looking import looks_only, where_it_is_done
from pipeline.console.permissions import Act
from pipeline.errors import BirthshareError
from pipeline.facts import opened_ledger
from pipeline.home import Home, Person
from pipeline.questions.agreements import titles
from pipeline.reporting.pages import Frame, called, environment, framed

TEMPLATES = Path(__file__).resolve().parent / "templates"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")  # of files
TOKEN = "token"  # the name of the hidden field in every form  # noqa: S105  # no password


@dataclass(frozen=True)
class Guest:
    """Somebody who came in by an entrance."""

    person: Person
    secret: bytes = field(repr=False)  # of this session alone; what its forms' tokens are made from


class NotSignedIn(Exception):
    """Nobody is signed in; `how` tells them what to do."""

    def __init__(self, how: str = "Sign in, then open this page again.") -> None:
        self.how = how
        super().__init__()


class NotAllowed(Exception):
    """This person may not do this."""


class NotNamed(Exception):
    """Somebody is signed in elsewhere, as nobody whom the settings name."""


class Forged(Exception):
    """A form was not one of ours, or is older than the session."""


class NotReadable(Exception):
    """A form holds signs that no text has."""


class OnlyLooking(Exception):
    """A form was sent where there is not all that it takes."""


class Entrance(Protocol):
    """How people get in."""

    router: APIRouter  # its own pages: signing in and out
    sign_in: str  # where somebody is sent who is not signed in; "" where that is not our matter
    sign_out: str  # where the form to leave is sent; "" where people leave by another way

    def guest(self, request: Request, home: Home) -> Guest | None:
        """Who this is; None for nobody whom the settings name."""
        ...


@dataclass(frozen=True)
class Visit:
    """One person's request."""

    request: Request
    home: Home
    guest: Guest
    now: datetime
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def person(self) -> Person:
        """Who it is."""
        return self.guest.person

    @property
    def root(self) -> str:
        """What stands before every address of ours: "" alone, and where we are mounted beside Airflow."""
        return str(self.request.scope.get("root_path", ""))

    @property
    def here(self) -> str:
        """The page's own address, without what stands before every address of ours."""
        return str(self.request.scope["path"]).removeprefix(self.root) or "/"

    def may(self, act: Act) -> bool:
        """Whether this person may do that."""
        return bool(act.roles & set(self.person.roles))

    def able(self, act: Act) -> bool:
        """Whether this person may do that, and it can be done on this machine."""
        return self.may(act) and not self.looks_only

    @property
    def token(self) -> str:
        """What every form of this session carries."""
        return hmac.digest(self.guest.secret, b"form", "sha256").hex()

    @property
    def sign_out(self) -> str:
        """Where the form to leave is sent; "" where people leave by another way."""
        return str(self.request.app.state.console.entrance.sign_out)

    @property
    def looks_only(self) -> bool:
        """Whether no form is taken here."""
        return looks_only(self.home)

    @property
    def where_it_is_done(self) -> str:
        """Where forms are taken instead, as a sentence."""
        return where_it_is_done(self.home)

    def page(self, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page of the console's own templates."""
        return self.report(lambda: environment().get_template(template).render(**shown), status)

    def report(
        self, made: Callable[[], str], status: int = 200, *, above: str = "", **shown: Any
    ) -> HTMLResponse:
        """A page of `pipeline.reporting`, with the console around it; a fragment of one comes out bare.

        `above` is a template of ours for what stands before it on the screen and is not printed, such as
        links; it finds what is `shown` in `around()`.
        """
        with framed(Frame(TEMPLATES, {**self._names(), "above": above, **shown})):
            return HTMLResponse(made(), status)

    def file(self, content: bytes | Iterator[bytes], name: str) -> Response:
        """A file to download, whole or as it is made; no browser shows it as a page of ours."""
        safe = _NOT_IN_NAMES.sub("-", name)  # parts of it may have been typed
        named = {"Content-Disposition": f'attachment; filename="{safe}"'}
        if isinstance(content, bytes):
            return Response(content, media_type="application/octet-stream", headers=named)
        return StreamingResponse(content, media_type="application/octet-stream", headers=named)

    def to(self, path: str) -> RedirectResponse:
        """To a page of ours, after something was done. `path` begins with "/"."""
        return RedirectResponse(self.root + path, 303)

    def titled(self, agreement: str) -> str:
        """An agreement by its title, with its id."""
        return called(agreement, self._titles)

    @cached_property
    def _titles(self) -> Mapping[str, str]:
        with opened_ledger(self.home) as ledger:
            return titles(self.home, ledger)

    def _names(self) -> Mapping[str, Any]:
        return {
            "visit": self,
            "root": self.root,
            "here": self.here,
            "authority": self.home.settings.authority.name,
            "led": lambda text: led(text, self.root, self.may),
            "titled": self.titled,
            "Act": Act,
        }


def visiting(request: Request) -> Visit:
    """The request as a visit; raises NotSignedIn."""
    console = request.app.state.console
    home = console.home()
    guest = console.entrance.guest(request, home)
    if guest is None:
        raise NotSignedIn
    visit = Visit(request, home, guest, console.clock())
    request.state.nonce = visit.nonce
    return visit


async def checked_form(request: Request, visit: Annotated[Visit, Depends(visiting)]) -> None:
    """Raises Forged where the form did not come from a page of ours, in this session.

    Raises TooMany where this session sends form after form, and NotReadable for a text with steering signs.
    """
    console = request.app.state.console
    console.forms.take(visit.guest.secret, visit.now)
    form = await request.form()
    given = form.get(TOKEN)
    if not _is_our_origin(request, console.address) or not (
        isinstance(given, str) and hmac.compare_digest(given.encode(), visit.token.encode())
    ):
        raise Forged
    if any(_steers(text) for pair in form.multi_items() for text in pair):
        raise NotReadable


def _is_our_origin(request: Request, address: str) -> bool:
    """Whether the browser says that the form was on a page of ours, where it says anything."""
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return origin == address if address else urlsplit(origin).netloc == request.headers.get("host", "")


def _steers(text: object) -> bool:
    return not isinstance(text, str) or any(sign < " " and sign not in "\t\r\n" for sign in text)


def _can_be_done(visit: Annotated[Visit, Depends(visiting)]) -> None:
    """Raises OnlyLooking where what forms ask for could not be done whole."""
    if visit.looks_only:
        raise OnlyLooking


def _allowed(act: Act) -> Callable[[Visit], None]:
    def check(visit: Annotated[Visit, Depends(visiting)]) -> None:
        if not visit.may(act):
            raise NotAllowed

    return check


class Pages:
    """Pages of the console, each with the act that it is."""

    def __init__(self) -> None:
        self.router = APIRouter()
        self.acts: dict[tuple[str, str], Act] = {}

    def page(self, path: str, act: Act) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """Register a function that shows something, and changes nothing but what must be recorded."""
        return self._registered("GET", path, act)

    def form(self, path: str, act: Act) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """Register a function that does what a form asks."""
        return self._registered("POST", path, act)

    def _registered(
        self, method: str, path: str, act: Act
    ) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        self.acts[method, path] = act
        of_forms = [Depends(checked_form), Depends(_can_be_done)] if method == "POST" else []
        checks = [Depends(_allowed(act)), *of_forms]

        def register(shown: Callable[..., Response]) -> Callable[..., Response]:
            if inspect.iscoroutinefunction(shown):
                raise TypeError("pages wait for files and databases, and would hold up everybody")
            self.router.add_api_route(path, shown, methods=[method], dependencies=checks)
            return shown

        return register


Asked = Annotated[Visit, Depends(visiting)]


def said(error: BirthshareError) -> list[str]:
    """What stopped somebody and what to do, as an error summary shows it: one line each."""
    return [part for part in str(error).splitlines() if part.strip()]
