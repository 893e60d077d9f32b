"""What servers, disks and lines do to a push: no partial list under its name, and the next try ends it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.push import Found, find, push
from pipeline.delivery.sftp import Endpoint
from pipeline.records import Permit
from servers.sshd import OpenSshServer
from servers.wires import Wire

NAME = "NE-01_2026-10.xlsx"
SEALED = os.urandom(300_000)


@pytest.fixture
def permit(permit_for: Callable[[bytes], Permit]) -> Permit:
    return permit_for(SEALED)


def stands(part: str) -> bool:
    """Leave stands."""
    return True


def check_fails(permit: Permit, endpoint: Endpoint, folder: Path, problem: Problem) -> None:
    """The push fails for that reason, and nothing is seen under the list's name."""
    with pytest.raises(DeliveryFailed) as failed:
        push(SEALED, permit, endpoint, stands=stands)
    assert failed.value.problem is problem
    assert not (folder / NAME).exists()


def check_arrives(permit: Permit, endpoint: Endpoint, folder: Path) -> None:
    """The next push brings the list, once, and clears what the one before left."""
    assert not push(SEALED, permit, endpoint, stands=stands).found_there
    assert [file.name for file in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == SEALED
    assert find(endpoint, permit) is Found.THERE


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """The folder on a disk of its own."""
    owner = folder.stat().st_uid
    mount = ["mount", "-t", "tmpfs", "-o", f"uid={owner},mode=700,{options}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        if os.environ.get("CI"):
            pytest.fail("a disk cannot be mounted")
        pytest.skip("a disk cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


# --- the line -------------------------------------------------------------------------------------


def test_a_connection_that_is_reset_in_the_middle_of_the_list(
    endpoint: Endpoint, server: OpenSshServer, folder: Path, permit: Permit
) -> None:
    with Wire(server.port, after=150_000, action=lambda: wire.reset()) as wire:
        check_fails(permit, replace(endpoint, port=wire.port), folder, Problem.LOST)
        assert wire.acted.is_set()
    check_arrives(permit, endpoint, folder)


def test_a_connection_that_is_reset_between_leave_and_name(
    endpoint: Endpoint, server: OpenSshServer, folder: Path, permit: Permit
) -> None:
    parts: list[str] = []

    def reset(part: str) -> bool:
        parts.append(part)
        wire.reset()
        return True

    with (
        Wire(server.port, after=10**9, action=lambda: True) as wire,
        pytest.raises(DeliveryFailed) as failed,
    ):
        push(SEALED, permit, replace(endpoint, port=wire.port), stands=reset)
    assert failed.value.problem is Problem.LOST
    assert [file.name for file in folder.iterdir()] == [f".{NAME}.{parts[0]}.part"]
    assert not push(SEALED, permit, endpoint, stands=stands, asked=parts).found_there
    assert [file.name for file in folder.iterdir()] == [NAME]


def test_a_server_that_is_slower_than_any_that_works(
    endpoint: Endpoint, server: OpenSshServer, folder: Path, permit: Permit
) -> None:
    """It trickles, so no single wait is long: the whole has a time limit too."""
    with trickle(server.port, bytes_a_second=4_000) as port:
        slow = replace(endpoint, port=port, timeout_seconds=0.5)
        began = time.monotonic()
        check_fails(permit, slow, folder, Problem.TIMED_OUT)
        assert time.monotonic() - began < 60
    check_arrives(permit, endpoint, folder)


@contextmanager
def trickle(target: int, *, bytes_a_second: int) -> Iterator[int]:
    """A port that forwards one connection, as slowly as that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends: list[socket.socket] = []

        def copy(source: socket.socket, sink: socket.socket) -> None:
            try:
                while data := source.recv(bytes_a_second // 20):
                    sink.sendall(data)
                    time.sleep(len(data) / bytes_a_second)
            except OSError:
                return

        def serve() -> None:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", target))
            ends.extend((near, far))
            Thread(target=copy, args=(near, far), daemon=True).start()
            copy(far, near)

        Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            for end in ends:
                end.close()


# --- the server -----------------------------------------------------------------------------------


def test_a_server_that_is_killed_between_leave_and_name(
    endpoint: Endpoint, server: OpenSshServer, folder: Path, permit: Permit
) -> None:
    parts: list[str] = []

    def killed(part: str) -> bool:
        parts.append(part)
        server.kill()
        return True

    with pytest.raises(DeliveryFailed) as failed:
        push(SEALED, permit, endpoint, stands=killed)
    assert failed.value.problem is Problem.LOST
    assert [file.name for file in folder.iterdir()] == [f".{NAME}.{parts[0]}.part"]
    server.start()
    assert find(endpoint, permit, asked=parts) is Found.NOTHING
    assert not push(SEALED, permit, endpoint, stands=stands, asked=parts).found_there
    assert [file.name for file in folder.iterdir()] == [NAME]


@pytest.mark.parametrize("options", ["#", 'expiry-time="20200101"'], ids=["taken out", "expired"])
def test_our_key_is_not_accepted_any_more(
    options: str, endpoint: Endpoint, server: OpenSshServer, folder: Path, permit: Permit
) -> None:
    server.authorise("NE-01", options)
    try:
        check_fails(permit, endpoint, folder, Problem.LOGIN)
    finally:
        server.authorise("NE-01")
    check_arrives(permit, endpoint, folder)


# --- the folder -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", ["size=128k", "size=128k,nr_inodes=1"], ids=["in the list", "before its first byte"]
)
def test_a_disk_or_quota_that_is_full(options: str, endpoint: Endpoint, folder: Path, permit: Permit) -> None:
    """OpenSSH gives one answer for a full disk, a full quota and a limit on the number of files."""
    with mounted(folder, options):
        check_fails(permit, endpoint, folder, Problem.FULL)
        assert list(folder.iterdir()) == []
    check_arrives(permit, endpoint, folder)


def test_a_disk_that_is_read_only(endpoint: Endpoint, folder: Path, permit: Permit) -> None:
    with mounted(folder, "ro"):
        check_fails(permit, endpoint, folder, Problem.FULL)
    assert "read-only" in Problem.FULL.wording
    check_arrives(permit, endpoint, folder)


@pytest.mark.parametrize("mode", [0o500, 0o300, 0o000], ids=["no writing", "no listing", "nothing"])
def test_a_folder_without_the_rights_that_we_need(
    mode: int, endpoint: Endpoint, folder: Path, permit: Permit
) -> None:
    folder.chmod(mode)
    try:
        check_fails(permit, endpoint, folder, Problem.PERMISSION)
    finally:
        folder.chmod(0o700)
    check_arrives(permit, endpoint, folder)
