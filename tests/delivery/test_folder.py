"""A folder of this machine is handed over in only where nobody else can look, and nothing is lost."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.delivery.folder import Folder, is_on_this_machine, opened
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.push import look, push
from pipeline.records import Permit

NAME = "NE-01_2026-10.xlsx"
SEALED = os.urandom(70_000)


def stands(part: str) -> bool:
    """Leave stands."""
    return True


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder for hand-over."""
    folder = tmp_path / "hand-over"
    folder.mkdir(mode=0o750)
    return folder


def problem_of(folder: Path) -> Problem:
    with pytest.raises(DeliveryFailed) as failed:
        look(Folder(folder), NAME)
    assert str(folder) in str(failed.value)
    return failed.value.problem


def test_the_list_is_handed_over_whole_for_the_group_to_read(
    there: Path, permit_for: Callable[[bytes], Permit]
) -> None:
    receipt = push(SEALED, permit_for(SEALED), Folder(there), stands=stands)
    assert (receipt.size, receipt.found_there) == (len(SEALED), False)
    [file] = there.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (NAME, 0o640)
    assert file.read_bytes() == SEALED
    assert push(SEALED, permit_for(SEALED), Folder(there), stands=stands).found_there


@pytest.mark.parametrize("mode", [0o755, 0o757, 0o751])
def test_a_folder_that_others_may_look_into_is_not_used(there: Path, mode: int) -> None:
    there.chmod(mode)
    assert problem_of(there) is Problem.NOT_OURS


def test_a_folder_that_is_not_there(there: Path) -> None:
    assert problem_of(there / "none") is Problem.NO_FOLDER


def test_a_file_or_a_link_is_no_folder(there: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(there)
    assert problem_of(tmp_path / "file") is Problem.NO_FOLDER
    assert problem_of(tmp_path / "link") is Problem.NO_FOLDER


@pytest.mark.parametrize(
    ("kind", "here"),
    [("ext4", True), ("tmpfs", True), ("nfs4", False), ("cifs", False), ("fuse.sshfs", False)],
)
def test_a_folder_on_another_machine_is_not_used(tmp_path: Path, kind: str, here: bool) -> None:
    place = tmp_path / "a place"
    place.mkdir()
    point = str(place).replace(" ", "\\040")
    mounts = f"/dev/root / ext4 rw 0 0\n/dev/x {point} ext4 rw 0 0\nserver:/x {point} {kind} rw 0 0\n"
    assert is_on_this_machine(place / "below", mounts) is here
    assert is_on_this_machine(tmp_path, mounts)


@pytest.mark.parametrize("make", ["link", "pipe", "folder", "socket"])
def test_what_is_no_file_is_not_read_and_not_replaced(
    there: Path, make: str, permit_for: Callable[[bytes], Permit], tmp_path: Path
) -> None:
    place, elsewhere = there / NAME, tmp_path / "elsewhere"
    elsewhere.write_bytes(SEALED)  # a link to the very bytes is not the list
    with socket.socket(socket.AF_UNIX) as listener:
        {
            "link": lambda: place.symlink_to(elsewhere),
            "pipe": lambda: os.mkfifo(place),
            "folder": lambda: place.mkdir(),
            "socket": lambda: _bound(listener, there),
        }[make]()
        kind = place.lstat().st_mode
        with pytest.raises(DeliveryFailed) as failed:
            push(SEALED, permit_for(SEALED), Folder(there), stands=stands)
    assert failed.value.problem is Problem.OCCUPIED
    assert place.lstat().st_mode == kind
    assert elsewhere.read_bytes() == SEALED


def _bound(listener: socket.socket, folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # a socket's path must be short
    try:
        listener.bind(NAME)
    finally:
        os.chdir(here)


@pytest.fixture
def small_disk(there: Path) -> Iterator[Path]:
    """The folder on a disk of its own, of 64 kB."""
    import subprocess

    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", str(there)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield there
    subprocess.run(["umount", "--lazy", str(there)], check=True)


def test_a_full_disk(small_disk: Path, permit_for: Callable[[bytes], Permit]) -> None:
    sealed = os.urandom(200_000)
    with pytest.raises(DeliveryFailed) as failed:
        push(sealed, permit_for(sealed), Folder(small_disk), stands=stands)
    assert failed.value.problem is Problem.FULL
    assert list(small_disk.iterdir()) == []


def test_a_receipt_is_read_up_to_its_limit_and_no_further(there: Path) -> None:
    (there / "a.txt").write_bytes(b"x" * 100)
    with opened(Folder(there)) as far:
        assert far.read("a.txt", 100) == b"x" * 100
        assert far.names(re.compile("a.*")) == ["a.txt"]
        for name, problem in (("a.txt", Problem.TOO_LARGE), ("none.txt", Problem.VANISHED)):
            with pytest.raises(DeliveryFailed) as failed:
                far.read(name, 99)
            assert failed.value.problem is problem
