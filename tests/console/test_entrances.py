"""Who gets in by a council's own sign-on, a real one: from the address bar to the first page and out."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from month_authority import Authority, copied
from pipeline.demo.authority import Demonstration
from servers.ports import free_port
from servers.sign_on import SignOnServer

from .signed_on import MAILBOX, PEOPLE, STRANGER, console, log_in, set_up

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass
class Council:
    """An authority whose console runs by itself, and the sign-on of its council."""

    authority: Authority
    sign_on: SignOnServer
    address: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def council(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Council]:
    port = free_port()
    address = f"http://localhost:{port}"
    with (
        copied(prototype, tmp_path_factory.mktemp("sign_on")) as authority,
        SignOnServer(f"{address}/signed-in", PEOPLE) as sign_on,
    ):
        set_up(authority, sign_on, address)
        with console(authority, port, address) as process:
            yield Council(authority, sign_on, address, process)


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[[], Page]]:
    """Windows of browsers that know nothing of one another."""
    contexts = []

    def opened() -> Page:
        contexts.append(chromium.new_context(locale="en-GB"))
        contexts[-1].set_default_timeout(20000)
        return contexts[-1].new_page()

    yield opened
    for one in contexts:
        one.close()


def test_from_the_address_bar_to_the_first_page_and_out_again(council: Council, window) -> None:
    page = window()
    page.goto(council.address)
    assert page.url.startswith(council.sign_on.issuer)
    log_in(page, "guardian")
    assert page.url == f"{council.address}/"
    assert page.get_by_role("heading", level=1).inner_text() == "Waiting for you"
    assert "You are caldicott.guardian@example.org: Caldicott guardian" in page.content()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", level=1).inner_text() == "You are signed out"
    page.get_by_role("link", name="Sign out there too").click()
    page.get_by_role("button", name="Logout").click()
    page.goto(council.address)
    assert page.locator("input[name=login]").is_visible()


def test_who_has_another_password_stays_outside(council: Council, window) -> None:
    page = window()
    page.goto(council.address)
    log_in(page, "guardian", "guessed")
    assert page.url.startswith(council.sign_on.issuer)
    assert page.goto(f"{council.address}/months").url.startswith(council.sign_on.issuer)


def test_whom_nobody_named_is_told_so_in_words_that_do_not_say_who_it_is(council: Council, window) -> None:
    page = window()
    page.goto(council.address)
    log_in(page, "stranger")
    assert page.get_by_role("heading", level=1).inner_text() == "You are not named here"
    assert STRANGER not in page.content()
    assert "birthshare" not in {one["name"] for one in page.context.cookies()}


def _known_there(page: Page, council: Council) -> Page:
    """The window of somebody who has logged in at the sign-on already."""
    page.goto(f"{council.sign_on.issuer}/login")
    log_in(page, "guardian")
    return page


def _way_back(page: Page, council: Council) -> str:
    """Where the sign-on sends somebody whom it knows, before our console sees it."""
    place = f"{council.address}/sign-in"
    while urlsplit(place).path != "/signed-in":
        sent = page.request.get(place, max_redirects=0)
        place = urljoin(place, sent.headers["location"])
    return place


def test_what_the_sign_on_says_is_good_once_and_in_the_browser_that_asked(council: Council, window) -> None:
    mine, another = _known_there(window(), council), window()
    back = _way_back(mine, council)
    stolen = another.goto(back)
    assert stolen.status == 400
    assert another.get_by_role("heading", level=1).inner_text() == "Begin to sign in again"
    # Whoever tried it elsewhere has used it up.
    assert mine.goto(back).status == 400
    assert mine.goto(_way_back(mine, council)).url == f"{council.address}/"


def test_a_code_that_was_used_is_refused_by_the_sign_on(council: Council, window) -> None:
    page = _known_there(window(), council)
    first = _way_back(page, council)
    assert page.goto(first).url == f"{council.address}/"
    again = parse_qs(urlsplit(_way_back(page, council)).query)["state"][0]
    used = parse_qs(urlsplit(first).query)["code"][0]
    answer = page.goto(f"{council.address}/signed-in?state={again}&code={used}")
    assert answer.status == 502
    assert "cannot be relied on" in page.content()


@pytest.mark.parametrize(
    ("changed", "status"),
    [("state=another", 400), ("state=", 400), ("error=access_denied", 403), ("code=", 403)],
)
def test_an_answer_that_was_changed_on_the_way_lets_nobody_in(
    changed: str, status: int, council: Council
) -> None:
    with httpx.Client(base_url=council.address) as browser:
        sent = browser.get("/sign-in")
        state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
        given = {"state": state, "code": "guessed"} | dict([changed.split("=")])
        answer = browser.get("/signed-in", params=given)
        assert answer.status_code == status
        assert "birthshare" not in browser.cookies
        assert browser.get("/").headers["location"] == "/sign-in"


def test_headers_have_a_limit(council: Council) -> None:
    """One byte beyond the limit: once it is read nothing is left over, which would cut off the answer."""
    with socket.create_connection(("127.0.0.1", urlsplit(council.address).port), timeout=60) as line:
        line.sendall(b"GET / HTTP/1.1\r\nx-much: ".ljust((64 << 10) + 1, b"x"))
        assert line.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_session_is_new_at_every_sign_in_and_never_one_that_was_brought_along(
    council: Council, window
) -> None:
    page = _known_there(window(), council)
    page.context.add_cookies([{"name": "birthshare", "value": "brought", "url": council.address}])
    page.goto(_way_back(page, council))
    first = _session(page)
    page.goto(_way_back(page, council))
    assert len({"brought", first, _session(page)}) == 3
    with httpx.Client(base_url=council.address, cookies={"birthshare": first}) as old:
        assert old.get("/").status_code == 303


def _session(page: Page) -> str:
    [cookie] = [one for one in page.context.cookies() if one["name"] == "birthshare"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert cookie["expires"] == -1  # until the browser is closed
    return str(cookie["value"])


def test_who_is_taken_out_of_the_settings_is_out_at_once(council: Council, window) -> None:
    page = _known_there(window(), council)
    assert page.goto(_way_back(page, council)).ok
    council.authority.setting(f'sign_on = "{MAILBOX}"', 'sign_on = "nobody@example.org"')
    try:
        page.goto(f"{council.address}/who-may")
        assert page.get_by_role("heading", level=1).inner_text() == "You are not named here"
    finally:
        council.authority.setting('sign_on = "nobody@example.org"', f'sign_on = "{MAILBOX}"')


def test_ctrl_c_ends_it_and_nothing_that_was_said_is_in_the_terminal(council: Council) -> None:
    council.process.send_signal(signal.SIGINT)
    said = "".join(council.process.communicate(timeout=60))
    assert council.process.returncode == 130
    assert "Stopped." in said
    for secret in (MAILBOX, STRANGER, "code=", "state=", council.sign_on.client_secret, "Traceback"):
        assert secret not in said
