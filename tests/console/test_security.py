"""What the console does with whatever no page of ours would send, and with what others wrote."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from canaries import Search
from month_authority import MONTH, NOW
from pipeline.console.application import Console, application
from pipeline.console.entrances.one_time_link import GOOD_FOR, OneTimeLink
from pipeline.console.entrances.sessions import IDLE, WHOLE
from pipeline.console.guarding import FORM, LONGEST, MOST_BYTES, MOST_FIELDS
from pipeline.console.visit import TOKEN, Visit
from pipeline.home import Home
from pipeline.roles import Role

from .conftest import ADDRESS, Asking, served
from .crowded import MARKUP, Crowded
from .routes import ROUTES, address

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FORMS = [path for method, path, _ in ROUTES if method == "POST"]
PAGES = [path for method, path, _ in ROUTES if method == "GET"]
FORGED = "This form cannot be taken"
SECOND = timedelta(seconds=1)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outside(crowd: Crowded, clock: Clock) -> tuple[TestClient, OneTimeLink]:
    """A browser before the console, and the link that was printed."""
    link = OneTimeLink(crowd.principal(Role.GUARDIAN), clock())
    app = application(Console(lambda: Home.open(crowd.authority.home.path), link, clock, address=ADDRESS))
    return TestClient(app, base_url=ADDRESS, follow_redirects=False), link


@pytest.fixture
def inside(outside: tuple[TestClient, OneTimeLink]) -> TestClient:
    """The guardian, signed in."""
    client, link = outside
    assert client.get(link.path).status_code == 303
    return client


def token_of(client: TestClient) -> str:
    return client.get("/who-may").text.split(f'name="{TOKEN}" value="')[1].split('"')[0]


# --- the one-time link, and how long a session lasts ------------------------------------------------


def test_the_link_is_good_once(outside: tuple[TestClient, OneTimeLink]) -> None:
    client, link = outside
    client.cookies.set("birthshare", "brought", domain="localhost.local")
    assert client.get(link.path).headers["location"] == "/"
    with_what_was_brought = {"cookie": "birthshare=brought"}  # a name that somebody chose opens nothing
    assert TestClient(client.app, base_url=ADDRESS).get("/", headers=with_what_was_brought).status_code == 401
    again = TestClient(client.app, base_url=ADDRESS, follow_redirects=False).get(link.path)
    assert again.status_code == 401
    assert "birthshare console" in again.text
    assert "set-cookie" not in again.headers


def test_the_link_is_good_for_ten_minutes(outside: tuple[TestClient, OneTimeLink], clock: Clock) -> None:
    client, link = outside
    clock.now += GOOD_FOR + SECOND
    assert client.get(link.path).status_code == 401


def test_nobody_can_try_links_one_after_the_other(
    outside: tuple[TestClient, OneTimeLink], clock: Clock
) -> None:
    client, link = outside
    tried = [client.get(f"/enter/{number}") for number in range(70)]
    assert [one.status_code for one in tried] == [401] * 60 + [429] * 10
    assert tried[-1].headers["retry-after"] == "1"
    assert "Wait 1 seconds" in tried[-1].text
    clock.now += SECOND
    assert client.get(link.path).status_code == 303


def test_a_session_ends_when_nobody_is_there(inside: TestClient, clock: Clock) -> None:
    clock.now += IDLE
    assert inside.get("/").status_code == 200
    clock.now += IDLE + SECOND
    assert inside.get("/").status_code == 401


def test_a_session_ends_after_a_working_day(inside: TestClient, clock: Clock) -> None:
    end = clock.now + WHOLE
    while clock.now < end:
        assert inside.get("/who-may").status_code == 200
        clock.now += IDLE
    clock.now = end + SECOND
    assert inside.get("/who-may").status_code == 401


def test_who_signs_out_is_out_also_with_the_old_cookie(inside: TestClient) -> None:
    old, token = inside.cookies["birthshare"], token_of(inside)
    answer = inside.post("/sign-out", data={TOKEN: token})
    assert "You are signed out" in answer.text
    assert "birthshare" not in inside.cookies
    inside.cookies.set("birthshare", old)
    assert inside.get("/").status_code == 401


# --- forms --------------------------------------------------------------------------------------------


def test_a_form_is_taken_from_a_page_of_this_session_alone(
    inside: TestClient, clock: Clock, asking_crowded
) -> None:
    token, another = token_of(inside), asking_crowded(Role.GUARDIAN).token()
    for path in [*FORMS, "/sign-out"]:
        clock.now += 20 * SECOND
        for fields in ({}, {TOKEN: ""}, {TOKEN: another}, {TOKEN: "é"}):
            answer = inside.post(address(path), data=fields)
            assert answer.status_code == 403, path
            assert (FORGED in answer.text) == ("not for your roles" not in answer.text)
        for origin in ("https://evil.example", "http://localhost:1", "null", ""):
            answer = inside.post(address(path), data={TOKEN: token}, headers={"origin": origin})
            assert answer.status_code == 403, path
    assert inside.get("/who-may").status_code == 200


def test_a_token_dies_with_its_session(inside: TestClient, outside, clock: Clock) -> None:
    stale = token_of(inside)
    clock.now += IDLE + SECOND
    assert inside.post("/sign-out", data={TOKEN: stale}).status_code == 401


def test_forms_one_after_the_other_have_an_end(inside: TestClient, clock: Clock) -> None:
    tried = [inside.post("/family", data={}).status_code for _ in range(61)]
    assert tried == [403] * 60 + [429]
    clock.now += 5 * SECOND
    assert inside.post("/family", data={}).status_code == 403
    assert inside.get("/").status_code == 200


def _in_parts(size: int) -> Iterator[bytes]:
    """A body whose length nobody says beforehand."""
    for _ in range(size // 1000):
        yield b"x" * 1000


NO_FORMS = [
    (b"x" * (MOST_BYTES + 1), FORM, 413),
    (_in_parts(MOST_BYTES + 1000), FORM, 413),
    (b"&".join([b"a=1"] * (MOST_FIELDS + 1)), FORM, 413),
    (b"{}", "application/json", 415),
    (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
    (b"token=1", "", 415),
    (b"<x/>", "text/xml", 415),
    (b"token=%FF%FE&%ED%A0%80=%", FORM, 403),
    (b"=&=&&;;%%%", f"{FORM}; charset=utf-7", 403),
    (b"token", FORM.upper(), 403),
]


def test_what_is_no_form_of_ours_is_refused_in_words(inside: TestClient) -> None:
    for body, kind, status in NO_FORMS:
        answer = inside.post("/family", content=body, headers={"content-type": kind})
        assert answer.status_code == status
        assert "<h1>" in answer.text
        assert "Traceback" not in answer.text


def test_signs_that_no_text_has_are_refused(inside: TestClient) -> None:
    for sign in ("%00", "%1B", "%08"):
        body = f"{TOKEN}={token_of(inside)}&number={sign}"
        answer = inside.post("/family", content=body, headers={"content-type": FORM})
        assert answer.status_code == 422
        assert "This cannot be read" in answer.text


# --- addresses ----------------------------------------------------------------------------------------


TRICKS = [
    "/static/../application.py", "/static/..%2fapplication.py", "/static/%2e%2e/application.py",
    "/static/%252e%252e/application.py", "/static/..%5c..%5capplication.py", "/static/..;/application.py",
    "/static/%c0%ae%c0%ae/application.py",
    "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/", "/static", "/openapi.json", "/docs",
    "//evil.example/", "/%5cevil.example", "/months/..%2f..%2fetc", "/checks/..%2F..%2Fbirthshare.toml",
    "/months/%00", "/months/a%0d%0aSet-Cookie:%20x=1", f"/{'x' * (LONGEST + 1)}", "/months/%F0%9F%92%A9",
    "/agreements/..%2F..%2Fkeys%2Fsubject/1", "/recipients/..%2f..", "/agreements/x/99999999999999999999",
    f"/months/{'9' * 400}", "/months/2026-13", "/months/2026-10%0A", "/map/review/x/y", "/enter/",
    f"/transfers?since={quote('<script>')}", "/transfers?since=%00", f"/?x={'y' * (LONGEST + 1)}",
]  # fmt: skip


def test_tricks_with_addresses_lead_nowhere(inside: TestClient) -> None:
    for path in TRICKS:
        answer = inside.get(path)
        assert answer.status_code in (200, 307, 400, 403, 404, 405, 409, 422)
        assert answer.status_code != 307 or answer.headers["location"].startswith(f"{ADDRESS}/")
        for never in ("BEGIN", "root:", "Traceback", "from __future__", "[authority]", "<script>"):
            assert never not in answer.text
        assert "x" not in inside.cookies


def test_nothing_is_asked_in_another_way_than_our_pages_ask_it(inside: TestClient) -> None:
    said = {TOKEN: token_of(inside)}
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        for path in ("/", "/sign-out", "/family"):
            assert inside.request(method, path).status_code == 405
    assert inside.get("/sign-out", params=said).status_code == 405
    assert inside.get("/sign-out", headers={"X-HTTP-Method-Override": "POST"}).status_code == 405
    assert inside.post("/who-may", data=said).status_code == 405
    assert inside.post("/sign-out", params=said).status_code == 403  # a token in an address is none
    assert inside.get("/").status_code == 200


def test_no_page_sends_anybody_elsewhere(inside: TestClient) -> None:
    asked = "&".join(
        f"{name}=https://elsewhere.example/" for name in ("next", "url", "return_to", "redirect")
    )
    for path in PAGES:
        answer = inside.get(f"{address(path)}?{asked}")
        assert "elsewhere.example" not in answer.text + answer.headers.get("location", "")


def test_the_console_answers_to_its_own_address_alone(inside: TestClient) -> None:
    for host in ("evil.example", "localhost:1", "localhost.evil.example", "127.0.0.1", ""):
        answer = inside.get("/", headers={"host": host})
        assert answer.status_code == 421
        assert ADDRESS in answer.text


# --- what browsers are told ---------------------------------------------------------------------------


def test_a_file_s_name_says_nothing_to_a_browser_but_itself() -> None:
    """Days and codes that somebody typed are in some."""
    given = Visit.file(cast(Visit, None), b"", "x\"; filename*=UTF-8''y.html\r\nSet-Cookie: a=b\u00e9")
    [said] = [value for name, value in given.raw_headers if name == b"content-disposition"]
    assert said == b'attachment; filename="x-filename-UTF-8-y.html-Set-Cookie-a-b-"'


def test_every_answer_has_the_headers(inside: TestClient) -> None:
    for path in ("/", "/nowhere", "/static/console.css", "/sign-out", "/enter/x"):
        given = inside.get(path).headers
        assert "default-src 'none'" in given["content-security-policy"]
        assert "unsafe-inline'; script-src 'self'" in given["content-security-policy"]
        assert "frame-ancestors 'none'" in given["content-security-policy"]
        assert given["x-frame-options"] == "DENY"
        assert given["x-content-type-options"] == "nosniff"
        assert given["referrer-policy"] == "same-origin"
        assert given["cache-control"] == ("no-cache" if "static" in path else "no-store")
        assert "server" not in given
        assert "strict-transport-security" not in given


def test_over_tls_cookies_and_addresses_stay_over_tls(crowd: Crowded) -> None:
    link = OneTimeLink(crowd.principal(Role.GUARDIAN), NOW)
    home = crowd.authority.home.path
    app = application(Console(lambda: Home.open(home), link, lambda: NOW, address="https://births.example"))
    given = TestClient(app, base_url="https://births.example").get("/").headers
    assert given["strict-transport-security"] == "max-age=31536000"


def test_a_browser_runs_no_script_of_others_and_shows_the_console_in_no_frame(
    chromium: Browser, crowd: Crowded
) -> None:
    link = OneTimeLink(crowd.principal(Role.GUARDIAN), NOW)
    home = crowd.authority.home.path
    app = application(Console(lambda: Home.open(home), link, lambda: NOW))
    with served(app) as here, served(another := _Another()) as elsewhere:
        page = chromium.new_page()
        page.goto(here + link.path)
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text))
        page.evaluate(
            "const made = document.createElement('script'); made.textContent = 'window.ran = true';"
            "document.body.append(made);"
            f"const image = document.createElement('img'); image.src = '{elsewhere}/image';"
            "document.body.append(image)"
        )
        assert page.evaluate("window.ran") is None
        assert any("script-src" in one for one in refused)
        for path in ("/", f"/months/{MONTH}", "/recipients", "/agreements"):
            page.goto(here + path)
        assert another.asked == []
        page.goto(f"{elsewhere}/?{here}/who-may")
        page.wait_for_load_state("networkidle")
        assert another.asked == ["/"]
        assert page.frames[1].url.startswith("chrome-error:")
        assert any("frame-ancestors" in one for one in refused)
        page.close()


class _Another:
    """Somebody else's pages, with what the question names in a frame."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        self.asked.append(scope["path"])
        frame = f'<link rel="icon" href="data:,"><iframe src="{scope["query_string"].decode()}"></iframe>'
        kind = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send({"type": "http.response.body", "body": frame.encode()})


# --- what others wrote --------------------------------------------------------------------------------


# What stands before the HTML in each text that somebody wrote: names of the authority, a recipient and the
# agreement's title, the reason of a refusal.
WRITTEN = ("(demonstration)", "Centre ", "Text ", "Refused ")


class _Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.evil: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if said.get("class") == "evil" or "evil.example" in (said.get("src") or ""):
            self.evil.append(tag)
        self.evil += [name for name in said if name.startswith("on")]


@pytest.mark.parametrize("role", Role)
def test_no_page_holds_html_of_others_or_a_personal_value(
    role: Role, asking_crowded, crowd: Crowded, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does the log, a cookie, a title or an address."""
    caplog.set_level(logging.DEBUG)
    somebody: Asking = asking_crowded(role)
    search, written = Search(crowd.canaries), set(WRITTEN)
    for path in PAGES:
        answer = somebody.client.get(address(path))
        search.bytes(path, answer.content)
        search.text(f"headers of {path}", str(answer.headers.raw))
        if "html" in answer.headers.get("content-type", ""):
            page = _Elements()
            page.feed(answer.text)
            assert page.evil == [], path
            written -= {text for text in WRITTEN if text + str(escape(MARKUP)) in answer.text}
    search.text("log", caplog.text)
    assert search.found == set()
    assert written == set(), "these are shown nowhere, so nothing was tried"
