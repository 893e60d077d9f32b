"""The console as a unit of a machine: served behind its walls, without the keys that it has no use for."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

import install
from airflow_served import parts_of
from pipeline.custody import KEYS, Custody
from pipeline.home import Home
from pipeline.recipients.register import present_text
from servers.machine import Installed, install_at, place_for_a_machine, walls_possible
from servers.ports import free_port
from servers.units import behind_walls

ADDRESS = "https://console.example.org"


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """A machine whose authority has set up how people sign in to its console."""
    walls_possible()
    with place_for_a_machine() as place:
        made = install_at(place, with_home=sign_on_set_up)
        install.share_keys(made.machine, made.settings)
        yield made


def sign_on_set_up(home: Path) -> None:
    """As infra/runbooks/console.md says it."""
    file = home / "birthshare.toml"
    people = file.read_text(encoding="utf-8").replace(
        'principal = "auditor@example.org"\n',
        'principal = "auditor@example.org"\nsign_on = "auditor@example.org"\n',
    )
    console = f'[console]\naddress = "{ADDRESS}"\nport = {free_port()}\n'
    sign_on = '[console.sign_on]\nissuer = "https://sign-on.example.org"\nclient_id = "birthshare"\n'
    secret = home / "keys" / "sign_on.secret"
    secret.write_text("a secret that the sign-on gave\n")
    secret.chmod(0o600)
    file.write_text(people.replace("[[console.people]]", f"{console}\n{sign_on}\n[[console.people]]", 1))


def test_it_is_started_with_everything_else_once_people_can_sign_in(installed: Installed) -> None:
    assert "birthshare-console.service" in (installed.machine.units / "birthshare.target").read_text()
    assert parts_of(installed.settings)[-1] == "console"


def test_it_answers_behind_its_walls_at_its_own_address_alone(installed: Installed) -> None:
    port = Home.open(installed.demo.home).settings.console.port
    console = installed.unit("console").start(installed.machine.units.parent / "console")
    try:
        wait_for(console, port)
        answers = {host: asked(port, host) for host in (ADDRESS.removeprefix("https://"), "evil.example.org")}
        assert console.poll() is None
    finally:
        console.kill()
        console.wait()
    assert answers == {"console.example.org": 303, "evil.example.org": 421}


def wait_for(console: subprocess.Popen[bytes], port: int) -> None:
    """Until it listens; fails where it ends instead."""
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended: {console.wait(timeout=0.1)}") from None
            assert time.monotonic() < end


def asked(port: int, host: str) -> int:
    """The status of the first page."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status


def test_it_can_decide_and_sees_no_key_that_opens_sends_or_signs_for_the_authority(
    installed: Installed,
) -> None:
    """A change of the register is bound to recipients' keys, and it words that as who has all keys does."""
    seen, statement = behind(installed, SEEN).split("\n", 1)
    assert seen == "takes forms: True; opens: False; seals: False"
    assert statement == present_text(Home.open(installed.demo.home), None)
    keys = [key for key in KEYS if key.custody is not Custody.BOTH and "recipients" not in key.where]
    hidden = [str(file) for key in keys for file in installed.demo.home.glob(key.where)]
    assert len(hidden) > 2
    there = f"import pathlib; print([one for one in {hidden!r} if pathlib.Path(one).exists()])"
    assert behind(installed, there) == "[]\n"


SEEN = """
import sys
from pathlib import Path
from pipeline.console.looking import looks_only
from pipeline.custody import opens, seals
from pipeline.home import Home
from pipeline.recipients.register import present_text
home = Home.open(Path(HOME))
print(f"takes forms: {not looks_only(home)}; opens: {opens(home)}; seals: {seals(home)}")
sys.stdout.write(present_text(home, None))
"""


def test_it_writes_nowhere_but_where_decisions_are_kept(installed: Installed) -> None:
    home = installed.demo.home
    tried = ["birthshare.toml", "keys/approvers/allowed_signers", "inbox/x", "agreements/x", "reference/x"]
    script = "\n".join(
        f"try:\n    open({str(home / name)!r}, 'a').close(); print({name!r})\nexcept OSError:\n    pass"
        for name in tried
    )
    assert behind(installed, script).split() == ["agreements/x", "reference/x"]
    for name in tried[-2:]:
        (home / name).unlink()


def test_beside_airflow_the_same_application_only_looks(installed: Installed) -> None:
    look = SEEN.partition("sys.stdout")[0]
    assert behind(installed, look, unit="api-server").startswith("takes forms: False")


def behind(installed: Installed, script: str, *, unit: str = "console") -> str:
    """What a program says that runs where the unit does."""
    said = installed.machine.units.parent / "said"
    said.unlink(missing_ok=True)
    script = script.replace("HOME", repr(str(installed.demo.home)))
    done = behind_walls(installed.unit(unit), [sys.executable, "-c", script], output=said)
    assert done.wait(timeout=60) == 0, said.read_text()
    return said.read_text()
