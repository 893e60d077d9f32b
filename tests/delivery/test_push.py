"""A list arrives whole or not at all, once, at the server whose key was agreed, while leave for it stands."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.push import look, push
from pipeline.delivery.sftp import Endpoint, FarSide
from pipeline.errors import IntegrityError, SettingsError
from pipeline.records import Permit
from servers.sshd import OpenSshServer
from servers.wires import Wire

SEALED = os.urandom(70_000)
NAME = "NE-01_2026-10.xlsx"
PermitFor = Callable[[bytes], Permit]


def stands(part: str) -> bool:
    """Leave stands."""
    return True


def problem_of(sealed: bytes, permit: Permit, endpoint: Endpoint, **options: object) -> Problem:
    """Why the push failed; fails where it succeeds. Its message names the recipient or its server."""
    with pytest.raises(DeliveryFailed) as failed:
        push(sealed, permit, endpoint, **{"stands": stands, **options})
    assert failed.value.exit_code == 5
    assert "NE-01" in str(failed.value)
    return failed.value.problem


@pytest.mark.parametrize("size", [0, 1, 32_768, 32_769, 5_000_000])
def test_the_list_is_there_and_the_receipt_says_so(
    size: int, endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    sealed = os.urandom(size)
    permit = permit_for(sealed)
    receipt = push(sealed, permit, endpoint, stands=stands)
    assert (receipt.permit, receipt.file_name, receipt.size) == (7, NAME, size)
    assert receipt.sha256 == permit.sealed_sha256
    assert not receipt.found_there
    assert [file.name for file in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == sealed
    assert look(endpoint, NAME) == permit.sealed_sha256


def test_nothing_is_written_twice(endpoint: Endpoint, folder: Path, permit_for: PermitFor) -> None:
    permit = permit_for(SEALED)
    push(SEALED, permit, endpoint, stands=stands)
    before = (folder / NAME).stat()
    receipt = push(SEALED, permit, endpoint, stands=stands)
    after = (folder / NAME).stat()
    assert receipt.found_there
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_looking_finds_nothing_where_nothing_is(endpoint: Endpoint) -> None:
    assert look(endpoint, NAME) is None


def test_two_recipients_do_not_see_each_other(
    endpoint: Endpoint, server: OpenSshServer, permit_for: PermitFor
) -> None:
    push(SEALED, permit_for(SEALED), endpoint, stands=stands)
    other = replace(endpoint, user=server.user("NE-02"))
    assert look(other, NAME) is None
    assert list(server.files("NE-02").iterdir()) == []


def test_eight_at_once(endpoint: Endpoint, folder: Path, permit_for: PermitFor) -> None:
    lists = {f"NE-01_{number}.xlsx": os.urandom(20_000) for number in range(8)}

    def deliver(name: str) -> bool:
        permit = replace(permit_for(lists[name]), file_name=name)
        return push(lists[name], permit, endpoint, stands=stands).found_there

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(deliver, lists))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == lists


def test_other_bytes_than_the_permit_names_are_not_sent(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    with pytest.raises(IntegrityError, match="not the one that the permit names"):
        push(SEALED + b"x", permit_for(SEALED), endpoint, stands=stands)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../NE-02.xlsx", "/etc/passwd", ".hidden", "a\nb", "a b"])
def test_a_name_cannot_lead_elsewhere(name: str, endpoint: Endpoint, permit_for: PermitFor) -> None:
    with pytest.raises(IntegrityError, match="file name"):
        push(SEALED, replace(permit_for(SEALED), file_name=name), endpoint, stands=stands)
    with pytest.raises(IntegrityError, match="file name"):
        look(endpoint, name)


def test_leave_is_asked_for_when_the_list_is_written_but_not_yet_in_place(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    seen: list[list[str]] = []

    def taken_back(part: str) -> bool:
        seen.append([file.name for file in folder.iterdir()])
        return False

    assert problem_of(SEALED, permit_for(SEALED), endpoint, stands=taken_back) is Problem.SUPERSEDED
    ((part,),) = seen
    assert part.startswith(f".{NAME}.")
    assert part.endswith(".part")
    assert list(folder.iterdir()) == []


def test_a_ledger_that_cannot_be_asked_stops_the_push(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    """Its answer may have been lost after leave was recorded, so what was written keeps its own name."""

    def no_answer(part: str) -> bool:
        raise IntegrityError("The ledger cannot be read")

    with pytest.raises(IntegrityError, match="ledger"):
        push(SEALED, permit_for(SEALED), endpoint, stands=no_answer)
    assert all(file.name.endswith(".part") for file in folder.iterdir())


def test_another_file_under_the_name_is_left_alone(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    (folder / NAME).write_bytes(b"the centre's own notes")
    assert problem_of(SEALED, permit_for(SEALED), endpoint) is Problem.OCCUPIED
    assert (folder / NAME).read_bytes() == b"the centre's own notes"


def test_an_earlier_list_of_ours_is_replaced_where_that_is_asked(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    earlier = b"an earlier list"
    (folder / NAME).write_bytes(earlier)
    replaces = {hashlib.sha256(earlier).hexdigest()}
    assert not push(SEALED, permit_for(SEALED), endpoint, stands=stands, replaces=replaces).found_there
    assert (folder / NAME).read_bytes() == SEALED


def test_a_folder_under_the_name_is_left_alone(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    (folder / NAME).mkdir()
    try:
        assert problem_of(SEALED, permit_for(SEALED), endpoint) is Problem.OCCUPIED
    finally:
        (folder / NAME).rmdir()


def test_leftovers_of_killed_tries_are_cleared_and_nothing_else(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor
) -> None:
    keep = {f".{NAME}.part", "NE-01_2026-09.xlsx", f".NE-01_2026-11.xlsx.{'0' * 16}.part", "notes.part"}
    for name in (*keep, f".{NAME}.{'a' * 16}.part"):
        (folder / name).write_bytes(b"x")
        os.chown(folder / name, folder.stat().st_uid, -1)
    push(SEALED, permit_for(SEALED), endpoint, stands=stands)
    assert {file.name for file in folder.iterdir()} == keep | {NAME}


def test_what_comes_back_altered_is_not_put_in_place(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server does that converts line endings, or a scanner that rewrites what it stores."""
    write = FarSide.write

    def written_otherwise(far: FarSide, name: str, content: bytes) -> None:
        write(far, name, content)
        (folder / name).write_bytes(content.replace(content[:1], b"?", 1))

    monkeypatch.setattr(FarSide, "write", written_otherwise)
    assert problem_of(SEALED, permit_for(SEALED), endpoint) is Problem.ALTERED
    assert list(folder.iterdir()) == []


def test_a_server_with_the_bare_protocol_gets_lists_but_replaces_none(
    endpoint: Endpoint, folder: Path, permit_for: PermitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.delivery.sftp._extensions", lambda version: frozenset())
    push(SEALED, permit_for(SEALED), endpoint, stands=stands)
    assert (folder / NAME).read_bytes() == SEALED
    newer = os.urandom(100)
    replaces = {permit_for(SEALED).sealed_sha256}
    assert problem_of(newer, permit_for(newer), endpoint, replaces=replaces) is Problem.NOT_PLACED
    assert [file.name for file in folder.iterdir() if not file.name.endswith(".part")] == [NAME]
    assert (folder / NAME).read_bytes() == SEALED


def new_key(file: Path, kind: str = "ed25519") -> str:
    """A fresh SSH key; its public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)
    return file.with_suffix(".pub").read_text()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_wrong_host_key(
    kind: str, endpoint: Endpoint, server: OpenSshServer, permit_for: PermitFor, tmp_path: Path
) -> None:
    said = len(server.log)
    pinned = replace(endpoint, host_key=new_key(tmp_path / "other", kind), user="not-even-the-name")
    assert problem_of(SEALED, permit_for(SEALED), pinned) is Problem.HOST_KEY
    assert not any("not-even-the-name" in line for line in server.log[said:])


@pytest.mark.parametrize(
    "host_key", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M=", "a b c", "ssh-rsa \u00e9"]
)
def test_a_host_key_that_is_none(host_key: str, endpoint: Endpoint, permit_for: PermitFor) -> None:
    with pytest.raises(SettingsError, match="host key cannot be read"):
        push(SEALED, permit_for(SEALED), replace(endpoint, host_key=host_key), stands=stands)


def test_a_host_key_with_a_comment_does_as_well(
    endpoint: Endpoint, server: OpenSshServer, permit_for: PermitFor
) -> None:
    pinned = replace(endpoint, host_key=f"{server.host_key} root@centre\n")
    assert push(SEALED, permit_for(SEALED), pinned, stands=stands)


def test_a_wrong_login(endpoint: Endpoint, permit_for: PermitFor, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    assert (
        problem_of(SEALED, permit_for(SEALED), replace(endpoint, private_key=tmp_path / "other"))
        is Problem.LOGIN
    )
    assert problem_of(SEALED, permit_for(SEALED), replace(endpoint, user="nobody-here")) is Problem.LOGIN


def test_keys_of_an_agent_are_not_tried(
    endpoint: Endpoint,
    permit_for: PermitFor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    private_key: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(private_key.read_bytes())
    new_key(tmp_path / "other")
    assert (
        problem_of(SEALED, permit_for(SEALED), replace(endpoint, private_key=tmp_path / "other"))
        is Problem.LOGIN
    )


def test_a_private_key_that_cannot_be_used(endpoint: Endpoint, permit_for: PermitFor, tmp_path: Path) -> None:
    locked, junk = tmp_path / "locked", tmp_path / "junk"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)], check=True)
    junk.write_bytes(b"junk")
    for file in (locked, junk, tmp_path / "none"):
        with pytest.raises(SettingsError, match="log in with cannot be used"):
            push(SEALED, permit_for(SEALED), replace(endpoint, private_key=file), stands=stands)


def test_a_server_that_refuses_connections(endpoint: Endpoint, permit_for: PermitFor) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert problem_of(SEALED, permit_for(SEALED), replace(endpoint, port=port)) is Problem.REFUSED


def test_a_host_that_is_not_there(endpoint: Endpoint, permit_for: PermitFor) -> None:
    lost = replace(endpoint, host="no-such-host.invalid")
    assert problem_of(SEALED, permit_for(SEALED), lost) is Problem.UNREACHABLE


def test_a_folder_that_is_not_there(endpoint: Endpoint, permit_for: PermitFor) -> None:
    assert problem_of(SEALED, permit_for(SEALED), replace(endpoint, folder="/none")) is Problem.NO_FOLDER


def test_a_folder_that_may_not_be_written_in(endpoint: Endpoint, folder: Path, permit_for: PermitFor) -> None:
    folder.chmod(0o500)
    try:
        assert problem_of(SEALED, permit_for(SEALED), endpoint) is Problem.PERMISSION
    finally:
        folder.chmod(0o700)


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """The centre's folder on a disk of its own, of 256 kB."""
    owner = folder.stat().st_uid
    mount = ["mount", "-t", "tmpfs", "-o", f"size=256k,uid={owner},mode=700", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        if os.environ.get("CI"):
            pytest.fail("a small disk cannot be mounted")
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("size", [300_000, 6_000_000])
def test_a_full_disk(size: int, endpoint: Endpoint, small_disk: Path, permit_for: PermitFor) -> None:
    sealed = os.urandom(size)
    assert problem_of(sealed, permit_for(sealed), endpoint) is Problem.FULL
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize(
    "after", [1_500_000, 200], ids=["while the list is written", "while keys are agreed"]
)
def test_a_server_that_is_killed(
    after: int, endpoint: Endpoint, server: OpenSshServer, folder: Path, permit_for: PermitFor
) -> None:
    """And the next push, once it is up again, finishes the work and clears what was left."""
    sealed = os.urandom(3_000_000)

    def kill() -> bool:
        server.kill()
        return True

    with Wire(server.port, after=after, action=kill) as wire:
        assert problem_of(sealed, permit_for(sealed), replace(endpoint, port=wire.port)) is Problem.LOST
    assert NAME not in {file.name for file in folder.iterdir()}
    server.start()
    assert not push(sealed, permit_for(sealed), endpoint, stands=stands).found_there
    assert [file.name for file in folder.iterdir()] == [NAME]


def test_an_answer_that_was_lost_after_the_list_was_in_place(
    endpoint: Endpoint,
    server: OpenSshServer,
    folder: Path,
    permit_for: PermitFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The far side has it, we do not know: the next push finds it there."""
    rename = FarSide.rename

    def renamed_then_killed(far: FarSide, name: str, final: str) -> None:
        rename(far, name, final)
        server.kill()
        far.digest(final)

    with monkeypatch.context() as patch:
        patch.setattr(FarSide, "rename", renamed_then_killed)
        assert problem_of(SEALED, permit_for(SEALED), endpoint) is Problem.LOST
    server.start()
    assert push(SEALED, permit_for(SEALED), endpoint, stands=stands).found_there


def test_a_server_that_never_answers(endpoint: Endpoint, permit_for: PermitFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = replace(endpoint, port=silent.getsockname()[1], timeout_seconds=0.5)
        began = time.monotonic()
        assert problem_of(SEALED, permit_for(SEALED), hung) is Problem.TIMED_OUT
        assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "after", [200, 2_600, 60_000], ids=["in the key exchange", "at login", "in the list"]
)
def test_a_server_that_falls_silent(
    after: int, endpoint: Endpoint, server: OpenSshServer, permit_for: PermitFor
) -> None:
    with Wire(server.port, after=after, action=lambda: False) as wire:
        slow = replace(endpoint, port=wire.port, timeout_seconds=1.0)
        began = time.monotonic()
        assert problem_of(SEALED, permit_for(SEALED), slow) is Problem.TIMED_OUT
        assert time.monotonic() - began < 60
        assert wire.acted.is_set()


def test_something_that_is_no_ssh_server(endpoint: Endpoint, permit_for: PermitFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            connection, _ = web.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)

        pool.submit(answer)
        other = replace(endpoint, port=web.getsockname()[1])
        assert problem_of(SEALED, permit_for(SEALED), other) is Problem.LOST


def test_failures_are_not_printed(endpoint: Endpoint, permit_for: PermitFor, tmp_path: Path) -> None:
    """paramiko's own thread writes tracebacks to its log; a person at the command line sees none."""
    script = (
        "import sys; from pathlib import Path\n"
        "from pipeline.delivery.push import look\n"
        "from pipeline.delivery.sftp import Endpoint\n"
        "there = Endpoint('127.0.0.1', int(sys.argv[1]), 'u', '.', sys.argv[2], Path(sys.argv[3]), 0.3)\n"
        "try: look(there, 'a')\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        command = [sys.executable, "-c", script, port, endpoint.host_key, str(endpoint.private_key)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("DeliveryFailed\n", "")


def test_every_problem_has_a_wording_and_an_advice_of_its_own() -> None:
    assert len({problem.wording for problem in Problem}) == len(Problem)
    assert all(problem.advice for problem in Problem)
