"""A console that runs by itself, as an authority starts it, and the sign-on of its council."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from month_authority import Authority
from servers.sign_on import PASSWORD, SignOnServer
from servers.terminal import hears_ctrl_c

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAILBOX, STRANGER = "guardians@example.org", "somebody.else@example.org"  # as the sign-on knows them
PEOPLE = [("guardian", MAILBOX), ("stranger", STRANGER)]


def set_up(authority: Authority, sign_on: SignOnServer, address: str) -> None:
    """What the authority writes into its settings, and the secret that the sign-on gave it."""
    authority.setting(
        'roles = ["caldicott_guardian", "approver"]\n\n[[console',
        f'roles = ["caldicott_guardian", "approver"]\nsign_on = "{MAILBOX}"\n\n[[console',
    )
    settings = authority.home.path / "birthshare.toml"
    with settings.open("a") as file:
        file.write(
            f'\n[console]\naddress = "{address}"\n'
            f'[console.sign_on]\nissuer = "{sign_on.issuer}"\nclient_id = "{sign_on.client_id}"\n'
        )
    secret = authority.home.path / "keys" / "sign_on.secret"
    secret.touch(0o600)
    secret.write_text(sign_on.client_secret)


@contextmanager
def console(authority: Authority, port: int, address: str) -> Iterator[subprocess.Popen[str]]:
    """`birthshare console`, as somebody starts it in a terminal, when it listens."""
    home = str(authority.home.path)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "console", "--home", home, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert f"Open {address}" in said, process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def log_in(page: Page, login: str, password: str = PASSWORD) -> None:
    """On the sign-on's own pages."""
    for field, typed in (("login", login), ("password", password)):
        page.locator(f"input[name={field}]").fill(typed)
        with page.expect_navigation():
            page.locator(f"input[name={field}]").press("Enter")
