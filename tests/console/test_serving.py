"""`birthshare console`: what stops it says so in words, before anything is served."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from month_authority import NOW, Authority, CommandLine
from pipeline.console import beforehand, serving
from pipeline.console.application import Console, application
from pipeline.console.entrances.one_time_link import OneTimeLink
from pipeline.home import Home
from pipeline.ledger import remembered
from pipeline.roles import Role

from .conftest import Asking

GUARDIAN = 'roles = ["caldicott_guardian", "approver"]\n'
SIGN_ON = '\n[console.sign_on]\nissuer = "https://sign-on.example.org"\nclient_id = "births"\n'
ADDRESS = '\n[console]\naddress = "https://births.example.org"\n'


def _append(authority: Authority, text: str) -> None:
    file = authority.home.path / "birthshare.toml"
    file.write_text(file.read_text() + text)


def _named(authority: Authority) -> None:
    authority.setting(GUARDIAN, f'{GUARDIAN}sign_on = "guardian@example.org"\n')


def _secret(authority: Authority) -> None:
    file = authority.home.path / "keys" / "sign_on.secret"
    file.touch(0o644)
    file.write_text("a secret")


WRONG: dict[str, tuple[Callable[[Authority], None], tuple[str, ...], str]] = {
    "somebody whom nobody named": (lambda one: None, ("--as", "x@example.org"), "Name one with --as"),
    "another machine, and no sign-on": (lambda one: None, ("--listen", "0.0.0.0"), "this machine alone"),
    "a sign-on without an address": (lambda one: _append(one, SIGN_ON), (), "console.address"),
    "a sign-on for nobody": (lambda one: _append(one, ADDRESS + SIGN_ON), (), "Nobody could sign in"),
    "a sign-on and a link": (
        lambda one: _append(one, ADDRESS + SIGN_ON), ("--as", "x@example.org"), "Leave out --as",
    ),
    "a sign-on without its secret": (
        lambda one: (_named(one), _append(one, ADDRESS + SIGN_ON)), (), "A key file is missing",
    ),
    "a secret that others can read": (
        lambda one: (_named(one), _append(one, ADDRESS + SIGN_ON), _secret(one)), (), "can be read by others",
    ),
    "a sign-on without TLS": (
        lambda one: _append(one, ADDRESS + SIGN_ON.replace("https", "http")), (), "console.sign_on.issuer",
    ),
    "an address without TLS": (
        lambda one: _append(one, ADDRESS.replace("https", "http")), (), "console.address",
    ),
    "an address with the port that browsers leave out": (
        lambda one: _append(one, ADDRESS.replace(".org", ".org:443")), (),
        "console.address: leave out :443, as browsers do: https://births.example.org",
    ),
    "the same on this machine": (
        lambda one: _append(one, ADDRESS.replace("https://births.example.org", "http://localhost:80")), (),
        "console.address: leave out :80, as browsers do: http://localhost",
    ),
    "a port that there is not": (
        lambda one: _append(one, ADDRESS.replace(".org", ".org:99999")), (), "console.address: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_words(case: str, authority: Authority) -> None:
    break_, options, words = WRONG[case]
    break_(authority)
    said = CommandLine(authority)("console", "--port", "0", *options)
    assert said.code == 2
    said.says(words)
    assert "a secret" not in said.err


def test_a_port_that_is_taken_is_said_in_words(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = CommandLine(authority)("console", "--port", str(taken.getsockname()[1]))
    assert said.code == 2
    said.says("Address already in use", "--port 8471")


def test_who_does_not_say_whom_the_link_is_for_is_told_whom_and_how_to_choose(authority: Authority) -> None:
    told: list[str] = []
    serving._entrance(authority.home, None, 8470, lambda *lines: told.extend(lines))
    first, *others = [one.principal for one in authority.home.settings.console.people]
    assert f"for {first}:" in told[0]
    assert f"with --as: {', '.join(others)}." in "\n".join(told)
    serving._entrance(authority.home, first, 8470, lambda *lines: told.extend(lines[2:]))
    assert len(told) == 5


def test_doctor_says_what_a_sign_on_lacks(authority: Authority) -> None:
    _append(authority, SIGN_ON)
    said = CommandLine(authority)("doctor")
    assert "keys/sign_on.secret: proves to the sign-on" in said.out + said.err
    assert "people can sign in to the console" in said.out + said.err


def test_a_failure_that_nobody_foresaw_is_told_without_its_text(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def fails() -> Home:
        raise RuntimeError("Quillawren")

    link = OneTimeLink("caldicott.guardian@example.org", NOW)
    client = TestClient(application(Console(fails, link, lambda: NOW)))
    answer = client.get("/")
    assert answer.status_code == 500
    assert "RuntimeError. If it stays, report this." in answer.text
    assert "RuntimeError" in caplog.text
    assert "Quillawren" not in answer.text + caplog.text
    assert answer.headers["cache-control"] == "no-store"


def test_what_pages_ask_of_the_whole_past_is_read_before_somebody_asks(
    authority: Authority, asking: Callable[[Role], Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = gc.get_freeze_count()
    beforehand.remember(authority.home).join()
    assert gc.get_freeze_count() > frozen, "Python goes on searching it for garbage"
    monkeypatch.delattr(remembered, "_between")  # nothing is left to read
    for path in ("/transfers", "/transfers/flows", "/recalls", "/recalls/speed"):
        asking(Role.AUDITOR).get(path)


def test_what_fails_as_it_starts_is_told_without_its_text(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_ledger: object) -> None:
        raise RuntimeError("Quillawren")

    monkeypatch.setattr(beforehand.recalls, "recalls", fails)
    beforehand.remember(authority.home).join()
    assert "RuntimeError" in caplog.text
    assert "Quillawren" not in caplog.text
