"""A recipient is reached through a jump host or a program as it is straight, and no road need be trusted."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.delivery.line import opened, read_pin, read_private_key
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.push import look, push
from pipeline.delivery.sftp import Endpoint
from pipeline.errors import SettingsError
from pipeline.home import Jump
from pipeline.records import Permit
from servers import relay
from servers.sshd import OpenSshServer

NAME = "NE-01_2026-10.xlsx"
SEALED = os.urandom(200_000)
RELAY = (sys.executable, str(relay.__file__), "%h", "%p")


def stands(part: str) -> bool:
    """Leave stands."""
    return True


@pytest.fixture(scope="module")
def jump_host(running: OpenSshServer, private_key: Path) -> Iterator[OpenSshServer]:
    """A second server, which forwards connections."""
    with OpenSshServer(["jump"], public_key=private_key.with_suffix(".key.pub"), forwards=True) as server:
        yield server


@pytest.fixture
def jump(jump_host: OpenSshServer) -> Jump:
    """The way into the jump host."""
    return Jump(
        host="127.0.0.1", port=jump_host.port, user=jump_host.user("jump"), host_key=jump_host.host_key
    )


def failure_of(way: Endpoint) -> DeliveryFailed:
    """Why nothing can be seen there."""
    with pytest.raises(DeliveryFailed) as failed:
        look(way, NAME)
    return failed.value


# --- a jump host ----------------------------------------------------------------------------------


def test_a_list_goes_through_a_jump_host(
    endpoint: Endpoint,
    folder: Path,
    jump: Jump,
    jump_host: OpenSshServer,
    permit_for: Callable[[bytes], Permit],
) -> None:
    came = len(jump_host.log)
    way = replace(endpoint, jump=jump)
    assert not push(SEALED, permit_for(SEALED), way, stands=stands).found_there
    assert (folder / NAME).read_bytes() == SEALED
    assert any("Accepted publickey" in line for line in jump_host.log[came:])


def test_a_jump_host_with_another_key_learns_nothing(
    endpoint: Endpoint, jump: Jump, jump_host: OpenSshServer, server: OpenSshServer
) -> None:
    came = len(jump_host.log)
    wrong = jump.model_copy(update={"host_key": server.host_key, "user": "not-even-the-name"})
    failure = failure_of(replace(endpoint, jump=wrong))
    assert failure.problem is Problem.HOST_KEY
    assert "the jump host 127.0.0.1" in str(failure)
    assert not any("not-even-the-name" in line for line in jump_host.log[came:])


def test_a_jump_host_cannot_lead_to_another_server(
    endpoint: Endpoint, jump: Jump, jump_host: OpenSshServer
) -> None:
    failure = failure_of(replace(endpoint, jump=jump, host_key=jump_host.host_key))
    assert failure.problem is Problem.HOST_KEY
    assert "jump host" not in str(failure)


def test_a_jump_host_that_does_not_know_our_key(endpoint: Endpoint, jump: Jump) -> None:
    failure = failure_of(replace(endpoint, jump=jump.model_copy(update={"user": "nobody-here"})))
    assert failure.problem is Problem.LOGIN
    assert "the jump host" in str(failure)


def test_a_jump_host_that_is_down(endpoint: Endpoint, jump: Jump, jump_host: OpenSshServer) -> None:
    jump_host.kill()
    try:
        failure = failure_of(replace(endpoint, jump=jump))
    finally:
        jump_host.start()
    assert failure.problem is Problem.REFUSED
    assert "the jump host" in str(failure)


def test_a_jump_host_that_forwards_nothing(endpoint: Endpoint, server: OpenSshServer) -> None:
    closed = Jump(host="127.0.0.1", port=server.port, user=server.user("NE-02"), host_key=server.host_key)
    failure = failure_of(replace(endpoint, jump=closed))
    assert failure.problem is Problem.UNREACHABLE
    assert failure.passing


def test_a_server_behind_the_jump_host_that_is_down(endpoint: Endpoint, jump: Jump) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        way = replace(endpoint, jump=jump, port=closed.getsockname()[1])
        assert failure_of(way).problem is Problem.UNREACHABLE


def test_a_jump_host_that_is_killed_in_the_middle_is_a_lost_line(
    endpoint: Endpoint,
    folder: Path,
    jump: Jump,
    jump_host: OpenSshServer,
    permit_for: Callable[[bytes], Permit],
) -> None:
    way = replace(endpoint, jump=jump)

    def killed(part: str) -> bool:
        parts.append(part)
        jump_host.kill()
        return True

    parts: list[str] = []
    with pytest.raises(DeliveryFailed) as failed:
        push(SEALED, permit_for(SEALED), way, stands=killed)
    assert failed.value.problem is Problem.LOST
    jump_host.start()
    assert not push(SEALED, permit_for(SEALED), way, stands=stands, asked=parts).found_there
    assert [file.name for file in folder.iterdir()] == [NAME]


# The transport's own thread closes the connection too, and nobody hears what it raises.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_connection_that_cannot_even_be_closed_is_no_other_failure_than_a_lost_line(
    endpoint: Endpoint, private_key: Path
) -> None:
    """As a channel through a jump host that is gone: closing it sends a word over a line that is dead."""

    class Gone(socket.socket):
        def close(self) -> None:
            super().close()
            raise EOFError

    ours, theirs = socket.socketpair()
    theirs.close()
    dead = Gone(fileno=ours.detach())
    pin, key = read_pin(endpoint.host_key, endpoint.address), read_private_key(private_key)
    with pytest.raises(DeliveryFailed) as failed:  # noqa: SIM117 - what is raised is raised on the way out, too
        with opened(dead, user="nobody", pin=pin, key=key, seconds=5, where="there"):
            pytest.fail("nobody is there")
    assert failed.value.problem is Problem.LOST


# --- a program ------------------------------------------------------------------------------------


def test_a_list_goes_through_a_program_which_is_ended_then(
    endpoint: Endpoint, folder: Path, permit_for: Callable[[bytes], Permit], tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    way = replace(endpoint, proxy_command=(*RELAY, str(note)))
    assert not push(SEALED, permit_for(SEALED), way, stands=stands).found_there
    assert (folder / NAME).read_bytes() == SEALED
    assert not Path(f"/proc/{note.read_text()}").exists()


def test_a_list_goes_through_the_ssh_program_and_a_jump_host(
    endpoint: Endpoint,
    folder: Path,
    jump: Jump,
    permit_for: Callable[[bytes], Permit],
    tmp_path: Path,
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[{jump.host}]:{jump.port} {jump.host_key}\n")
    options = ["BatchMode=yes", f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes"]
    command = ("ssh", "-q", "-F", "none", *(word for option in options for word in ("-o", option)),
               "-i", str(endpoint.private_key), "-p", str(jump.port), "-W", "%h:%p",
               f"{jump.user}@{jump.host}")  # fmt: skip
    way = replace(endpoint, proxy_command=command)
    assert not push(SEALED, permit_for(SEALED), way, stands=stands).found_there
    assert (folder / NAME).read_bytes() == SEALED


def test_a_program_that_hangs_is_ended_too(endpoint: Endpoint, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    hangs = (sys.executable, "-c", script, str(note))
    failure = failure_of(replace(endpoint, proxy_command=hangs, timeout_seconds=1.0))
    assert failure.problem is Problem.TIMED_OUT
    assert not Path(f"/proc/{note.read_text()}").exists()


def test_a_program_that_fails_is_named(endpoint: Endpoint) -> None:
    failure = failure_of(replace(endpoint, proxy_command=("false",)))
    assert failure.problem is Problem.CONNECTOR
    assert "false" in str(failure)
    assert failure.passing


def test_a_program_that_is_not_there(endpoint: Endpoint) -> None:
    with pytest.raises(SettingsError, match="cannot be started"):
        look(replace(endpoint, proxy_command=("/no/such/program",)), NAME)


def test_what_a_program_is_told_is_never_read_by_a_shell(endpoint: Endpoint, tmp_path: Path) -> None:
    made = tmp_path / "made"
    failure_of(replace(endpoint, proxy_command=("false", f"; touch {made}")))
    assert not made.exists()


def test_a_token_that_is_not_known(endpoint: Endpoint) -> None:
    with pytest.raises(SettingsError, match="%x"):
        look(replace(endpoint, proxy_command=("relay", "%x")), NAME)


def test_a_percent_sign_is_written_twice(endpoint: Endpoint) -> None:
    from pipeline.delivery.roads import expanded

    way = replace(endpoint, host="host", port=22, user="me", proxy_command=("go", "%r@%h:%p", "5%%"))
    assert expanded(way) == ["go", "me@host:22", "5%"]
