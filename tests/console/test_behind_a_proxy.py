"""The console as a council has it: behind nginx that ends TLS, with the file that the runbook gives.

Nobody behind it hears of anybody but nginx, and everything a browser says of itself could be a lie.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from month_authority import AGREEMENT, Authority, copied
from pipeline.agreements.loading import NAMESPACE as AGREEMENTS
from pipeline.console.visit import TOKEN
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.ledger.entries import Kind
from servers.nginx import NAME, Nginx, ServerMissing, Site, nginx
from servers.ports import free_port
from servers.sign_on import SignOnServer
from software_passkey import SoftwarePasskey

from .signed_on import PEOPLE, console, log_in, set_up
from .test_passkeys import allow, authenticator

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ADDRESS = f"https://{NAME}"
LONG, SHORT, DEAD = range(3)  # the sites: as in the file; one that soon gives up; one with nobody behind it
SIGNED = f"/agreements/{AGREEMENT}/1"


@dataclass(frozen=True)
class Council:
    """An authority, its console and nginx before it."""

    authority: Authority
    sign_on: SignOnServer
    proxy: Nginx

    def asks(self, site: int = LONG, whence: str = "127.0.0.1", **more: Any) -> httpx.Client:
        """Somebody before the site, who believes nobody but the test's own authority."""
        trust = ssl.create_default_context(cafile=str(self.proxy.trust))
        return httpx.Client(
            transport=_Here(self.proxy.sites[site].port, verify=trust, local_address=whence),
            base_url=ADDRESS,
            timeout=60,
            **more,
        )


class _Here(httpx.HTTPTransport):
    """Leads to a port of this machine instead of the site's own; all else is said as to the site itself."""

    def __init__(self, port: int, **more: Any) -> None:
        super().__init__(**more)
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = NAME
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)


@pytest.fixture(scope="module")
def council(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Council]:
    port = free_port()
    try:
        with (
            nginx(Site(port), Site(port, patience="1s"), Site(free_port())) as proxy,
            copied(prototype, tmp_path_factory.mktemp("behind")) as authority,
            SignOnServer(f"{ADDRESS}/signed-in", PEOPLE) as sign_on,
        ):
            set_up(authority, sign_on, ADDRESS)
            with console(authority, port, ADDRESS):
                yield Council(authority, sign_on, proxy)
    except ServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def guardian(council: Council, chromium: Browser) -> Iterator[Page]:
    """The guardian's browser, which finds the console's name at nginx; signed in."""
    opened = chromium.browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=[
            "--no-sandbox",
            f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{council.proxy.sites[LONG].port}",
            f"--ignore-certificate-errors-spki-list={council.proxy.pin}",
        ],
    )
    try:
        page = opened.new_page(locale="en-GB")
        page.goto(ADDRESS)
        log_in(page, "guardian")
        yield page
    finally:
        opened.close()


@pytest.fixture
def inside(council: Council, guardian: Page) -> Iterator[httpx.Client]:
    """The same session without the browser."""
    with council.asks(cookies=_session(guardian)) as client:
        yield client


def _session(page: Page) -> dict[str, str]:
    [cookie] = [one for one in page.context.cookies() if one["domain"] == NAME]
    return {cookie["name"]: cookie["value"]}


def test_the_guardian_signs_in_and_signs_an_agreement_with_a_passkey(
    council: Council, guardian: Page
) -> None:
    council.authority.agreement_file().with_suffix(".caldicott_guardian.sig").unlink()
    [cookie] = [one for one in guardian.context.cookies() if one["domain"] == NAME]
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (
        "__Host-birthshare", True, True, "Lax", "/",
    )  # fmt: skip
    complaints: list[str] = []
    guardian.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    authenticator(guardian)
    guardian.goto(f"{ADDRESS}/passkeys")
    guardian.get_by_role("button", name="Make a passkey").click()
    guardian.get_by_role("heading", name="Your passkey is made").wait_for()
    allow(council.authority, guardian.locator("pre.copy").inner_text())
    guardian.goto(ADDRESS + SIGNED)
    guardian.locator(".passkey button").click()
    approval = guardian.get_by_role("listitem").filter(has_text="Caldicott guardian:")
    approval.get_by_text("signed", exact=True).wait_for()
    signature = council.authority.agreement_file().with_suffix(".caldicott_guardian.sig")
    assert "SSH SIGNATURE" in signature.read_text()
    assert complaints == []


def test_the_console_sets_the_headers_and_nginx_adds_nothing(council: Council, guardian: Page) -> None:
    """Each once, HSTS among them: two of one kind could be read as neither."""
    with council.asks(cookies=_session(guardian)) as inside:
        for path in ("/", "/nowhere", "/static/console.css"):
            given = inside.get(path).headers
            assert given.get_list("strict-transport-security") == ["max-age=31536000"]
            assert len(given.get_list("content-security-policy")) == 1
            assert "default-src 'none'" in given["content-security-policy"]
            assert given.get_list("x-frame-options") == ["DENY"]
            assert given["server"] == "nginx"


def test_without_tls_there_is_nothing_but_the_way_to_the_right_address(council: Council) -> None:
    plain = f"http://127.0.0.1:{council.proxy.sites[LONG].plain}"
    answer = httpx.get(f"{plain}/months?a=b", headers={"host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (301, f"{ADDRESS}/months?a=b")
    assert httpx.get(f"{plain}//evil.example").headers["location"].startswith(f"{ADDRESS}/")
    with socket.create_connection(("127.0.0.1", council.proxy.sites[LONG].plain)) as line:
        line.sendall(b"GET .evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 400 ")


FALSE = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/evil",
    "Forwarded": "for=1.2.3.4;host=evil.example;proto=http",
    "X-Real-IP": "1.2.3.4",
    "X-Forwarded-For": "1.2.3.4",
}


def test_what_a_browser_says_of_where_it_comes_from_changes_nothing(council: Council) -> None:
    with council.asks() as outside:
        sent = outside.get("/sign-in", headers=FALSE)
        assert sent.headers["location"].startswith(council.sign_on.issuer)
        [back] = parse_qs(urlsplit(sent.headers["location"]).query)["redirect_uri"]
        assert back == f"{ADDRESS}/signed-in"
        [cookie] = sent.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-birthshare-browser=")
        assert "Secure" in cookie
        assert outside.get("/", headers=FALSE).headers["location"] == "/sign-in"
        for host in ("evil.example", f"{NAME}.evil.example", f"{NAME}:444", "127.0.0.1", "localhost"):
            assert outside.get("/", headers={**FALSE, "host": host}).status_code == 421


def test_tries_are_counted_by_whom_nginx_sees_whatever_they_say(council: Council) -> None:
    with council.asks(whence="127.0.0.2") as somebody, council.asks(whence="127.0.0.3") as another:
        assert somebody.get("/signed-in").status_code == 400  # nobody who was sent to the sign-on
        lies = ({"X-Forwarded-For": f"10.0.0.{number}, 127.0.0.1"} for number in range(250))
        assert any(somebody.get("/signed-in", headers=one).status_code == 429 for one in lies)
        assert another.get("/signed-in").status_code == 400


def test_a_form_is_taken_from_a_page_of_the_console_s_own_address_alone(inside: httpx.Client) -> None:
    token = _token(inside)
    for origin in ("https://evil.example", f"http://{NAME}", f"{ADDRESS}:444", "null", ""):
        answer = inside.post("/family", data={TOKEN: token}, headers={"origin": origin})
        assert answer.status_code == 403
        assert "This form cannot be taken" in answer.text
    assert (
        "This form cannot be taken"
        not in inside.post("/family", data={TOKEN: token}, headers={"origin": ADDRESS}).text
    )
    assert inside.post("/family", content=b"x" * (2 << 20)).status_code == 413


def test_what_people_send_lies_in_no_file_of_nginx(council: Council) -> None:
    folder = council.proxy.folder / "body"
    before = folder.stat().st_mtime_ns
    with council.asks() as somebody:
        assert somebody.post("/family/found", content=b"x" * (1 << 19)).status_code < 500
    assert folder.stat().st_mtime_ns == before


def test_a_decision_that_nginx_did_not_wait_for_is_taken_once(
    council: Council, guardian: Page, inside: httpx.Client
) -> None:
    """Another program writes into the ledger meanwhile, for longer than nginx waits."""
    passkey = SoftwarePasskey(NAME)
    allow(council.authority, passkey.line(APPROVERS["caldicott_guardian"], AGREEMENTS))
    page = inside.get(f"{SIGNED}/suspend").text
    [challenge] = re.findall(r'data-challenge="([^"]+)"', page)
    [digest] = re.findall(r'name="digest" value="([^"]+)"', page)
    form = {
        TOKEN: _token(inside), "role": "caldicott_guardian", "note": "wrong areas", "digest": digest,
        **passkey.used(challenge, origin=ADDRESS),
    }  # fmt: skip
    suspended = partial(council.authority.recorded, Kind.AGREEMENT_SUSPENDED)
    with council.asks(SHORT, cookies=_session(guardian)) as hasty:
        writing = sqlite3.connect(council.authority.home.database_url.removeprefix("sqlite:///"))
        writing.execute("BEGIN IMMEDIATE")
        assert hasty.post(f"{SIGNED}/suspend", data=form).status_code == 504
        assert suspended() == []
        writing.rollback()
        writing.close()
    for _ in range(1_000):  # nobody waits for it any more, and it goes on
        if suspended():
            break
    inside.post(f"{SIGNED}/suspend", data=form)
    assert len(suspended()) == 1


def test_a_console_that_is_down_is_told_and_no_address_is_written_down(council: Council) -> None:
    with council.asks(DEAD) as outside:
        assert outside.get("/signed-in?state=secretly&code=secretly").status_code == 502
    assert "secretly" not in council.proxy.said


def _token(client: httpx.Client) -> str:
    return client.get("/who-may").text.split(f'name="{TOKEN}" value="')[1].split('"')[0]
