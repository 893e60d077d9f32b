"""How a recipient's server is reached: straight, through a jump host, or through a program.

What travels on each road is the same SSH line with the same pinned host key, so a road need not be
trusted: it can stop a list, and neither read nor change it.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os import killpg
from pathlib import Path
from typing import Protocol

from pipeline.delivery.line import Connection, opened, read_pin, read_private_key
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.errors import SettingsError
from pipeline.home import Jump

_TOKEN = re.compile(r"%(.?)", re.DOTALL)
_GRACE = 2.0  # seconds that a program gets to end by itself


class Goal(Protocol):
    """What a road must know of an endpoint (pipeline.delivery.sftp.Endpoint)."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def private_key(self) -> Path: ...
    @property
    def timeout_seconds(self) -> float: ...
    @property
    def jump(self) -> Jump | None: ...
    @property
    def proxy_command(self) -> tuple[str, ...]: ...


@contextmanager
def road(goal: Goal, where: str) -> Iterator[Connection]:
    """A connection to the goal's server, closed at the end of the block.

    Raises DeliveryFailed, and SettingsError where the jump host's key or the program cannot be used.
    """
    if goal.jump is not None:
        way = _through_jump(goal, goal.jump, where)
    elif goal.proxy_command:
        way = _through_program(goal, where)
    else:
        way = _straight(goal.host, goal.port, goal.timeout_seconds, where)
    with way as connection:
        yield connection


@contextmanager
def _straight(host: str, port: int, seconds: float, where: str) -> Iterator[socket.socket]:
    problem = Problem.UNREACHABLE
    try:
        connection = socket.create_connection((host, port), timeout=seconds)
    except ConnectionRefusedError:
        problem = Problem.REFUSED
    except TimeoutError:
        problem = Problem.TIMED_OUT
    except (OSError, UnicodeError):
        problem = Problem.UNREACHABLE
    else:
        with connection:
            # paramiko leaves Nagle's algorithm on, which makes small files four times slower.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection
        return
    raise DeliveryFailed(problem, where=where)


@contextmanager
def _through_jump(goal: Goal, jump: Jump, where: str) -> Iterator[Connection]:
    """A channel that the jump host forwards; its own host key is pinned, and our key logs in there too."""
    address = f"{jump.host}:{jump.port}"
    way = f"{where}: the jump host {address}"
    pin, key = read_pin(jump.host_key, address), read_private_key(goal.private_key)
    seconds = goal.timeout_seconds
    with (
        _straight(jump.host, jump.port, seconds, way) as connection,
        opened(connection, user=jump.user, pin=pin, key=key, seconds=seconds, where=way) as line,
    ):
        with line.worded(Problem.UNREACHABLE):
            channel = line.transport.open_channel(
                "direct-tcpip", (goal.host, goal.port), ("127.0.0.1", 0), timeout=2 * seconds
            )
        with channel:
            yield channel


@contextmanager
def _through_program(goal: Goal, where: str) -> Iterator[socket.socket]:
    """A program's input and output as the connection, as OpenSSH's ProxyCommand; ended with the block."""
    command = expanded(goal)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = _started(command, theirs)
        try:
            yield ours
        except DeliveryFailed as failure:
            if failure.problem is Problem.LOST and _has_failed(process):
                raise DeliveryFailed(Problem.CONNECTOR, where=f"{where}: {command[0]}") from None
            raise
        finally:
            ours.close()
            _end(process)


def expanded(goal: Goal) -> list[str]:
    """The program with its arguments, %h, %p, %r and %% replaced; raises SettingsError for others."""
    values = {"h": goal.host, "p": str(goal.port), "r": goal.user, "%": "%"}

    def value(token: re.Match[str]) -> str:
        if token[1] not in values:
            raise SettingsError(
                "A recipient's proxy_command holds a token that is not known",
                where=f"{goal.proxy_command[0]}: {token[0]}",
                do="Use %h for the host, %p for the port, %r for the user, and %% for a percent sign.",
            )
        return values[token[1]]

    return [_TOKEN.sub(value, argument) for argument in goal.proxy_command]


def _started(command: Sequence[str], end: socket.socket) -> subprocess.Popen[bytes]:
    # A session of its own, so that whatever the program starts is ended with it.
    with suppress(OSError, ValueError):
        return subprocess.Popen(
            command,
            stdin=end.fileno(),
            stdout=end.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    raise SettingsError(
        "The program that makes the connection to a recipient cannot be started",
        where=command[0],
        do="Correct proxy_command in reference/recipients.yaml, or install the program.",
    )


def _has_failed(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_GRACE) != 0
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and whatever it started, gently first."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
