"""The console for tests: asked by one person at a time through the one-time link, or served to a browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from starlette.testclient import TestClient

from month_authority import NOW, Authority, authority, prototype  # noqa: F401  # fixtures
from pipeline.console.application import Console, application
from pipeline.console.entrances.one_time_link import OneTimeLink
from pipeline.console.visit import TOKEN
from pipeline.demo.authority import Demonstration
from pipeline.home import Home
from pipeline.roles import Role

from .crowded import Crowded, crowded

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ADDRESS = "http://localhost"
ASKED_OF_AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what is well is not listed: that takes as long again
    "preload": False,  # of styles and films elsewhere, and there are none
}


class Asking:
    """One signed-in person before the console, without a browser."""

    def __init__(self, home: Home, principal: str, clock: Callable[[], datetime]) -> None:
        entrance = OneTimeLink(principal, clock())
        app = application(Console(lambda: Home.open(home.path), entrance, clock))
        self.client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
        assert self.client.get(entrance.path).status_code == 303

    def get(self, path: str, status: int = 200) -> str:
        """A page, which must come with this status."""
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.text

    def post(self, path: str, status: int = 303, /, **fields: str) -> str:
        """Send a form with the token of this session; where it leads, or the page that comes instead."""
        answer = self.client.post(path, data={TOKEN: self.token(), **fields})
        assert answer.status_code == status, (answer.status_code, answer.text)
        return str(answer.headers.get("location", answer.text))

    def token(self) -> str:
        """As every form of theirs carries it."""
        found = re.search(rf'name="{TOKEN}" value="([0-9a-f]+)"', self.get("/who-may"))
        assert found
        return found[1]


def principal_of(home: Home, role: Role) -> str:
    """The first person in the settings who has this role; the more roles, the later."""
    mine = [one for one in home.settings.console.people if role in one.roles]
    return min(mine, key=lambda one: len(one.roles)).principal


@pytest.fixture
def asking(authority: Authority) -> Callable[[Role], Asking]:  # noqa: F811
    """Somebody in this role, signed in at the console of the test's own authority."""
    return lambda role: Asking(authority.home, principal_of(authority.home, role), lambda: NOW)


@pytest.fixture(scope="session")
def crowd(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowded]:  # noqa: F811
    """An authority to look at, and to change nothing in."""
    with crowded(prototype, tmp_path_factory.mktemp("crowd")) as made:
        yield made


@pytest.fixture
def asking_crowded(crowd: Crowded) -> Callable[[Role], Asking]:
    """Somebody who has this role and no other, at the console of that authority."""
    return lambda role: Asking(crowd.authority.home, crowd.principal(role), lambda: NOW)


@contextmanager
def served(app: object) -> Iterator[str]:
    """The application on a port of this machine, for a real browser; gives its address."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))  # type: ignore[arg-type]
    started = threading.Event()
    startup = server.startup

    async def and_tell(sockets: object = None) -> None:
        await startup(sockets)  # type: ignore[arg-type]
        started.set()

    server.startup = and_tell  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        [listening] = [one for every in server.servers for one in every.sockets][:1]
        yield f"http://localhost:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


class Screen:
    """One signed-in person before the console, in a real browser."""

    def __init__(self, chromium: Browser, address: str, entrance: OneTimeLink) -> None:
        self.address = address
        self.page: Page = chromium.new_page(locale="en-GB", timezone_id="Europe/London")
        self.complaints: list[str] = []  # of the browser: errors of scripts, and what our own headers forbid
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address + entrance.path)

    def open(self, path: str) -> Page:
        """Go to a page of the console."""
        self.page.goto(self.address + path)
        return self.page

    def look_over(self) -> None:
        """Nothing for axe to find, nothing beside a screen of 320 pixels, no complaint of the browser.

        What only leads to other pages is not printed.
        """
        self.page.wait_for_load_state()  # with its stylesheets
        found = Axe().run(self.page, options=ASKED_OF_AXE)
        assert found.violations_count == 0, found.generate_report()
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": 320, "height": 640})
        beside = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        self.page.set_viewport_size(size or {"width": 1280, "height": 720})
        assert beside <= 0, f"{beside} pixels stand beside a screen of 320"
        self.page.emulate_media(media="print")
        printed = self.page.locator("a:visible, button:visible").filter(has_text="Back to").all_inner_texts()
        self.page.emulate_media(media="screen")
        assert printed == []
        assert self.complaints == []


@pytest.fixture
def screens(chromium: Browser, authority: Authority) -> Iterator[Callable[[Role], Screen]]:  # noqa: F811
    """Somebody in this role before the console of the test's own authority, in a real browser."""
    with ExitStack() as stack:

        def screen(role: Role) -> Screen:
            entrance = OneTimeLink(principal_of(authority.home, role), NOW)
            app = application(Console(lambda: Home.open(authority.home.path), entrance, lambda: NOW))
            made = Screen(chromium, stack.enter_context(served(app)), entrance)
            stack.callback(made.page.close)
            return made

        yield screen
