"""Whatever was lost in between, the next try knows what became of the one before: nothing is sent twice.

Each rule holds over SFTP and for a folder of this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.delivery.folder import Folder, HandOver
from pipeline.delivery.manifest import manifest, manifest_name
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.push import Found, find, push
from pipeline.delivery.sftp import FarSide
from pipeline.delivery.way import Way
from pipeline.errors import Refused
from pipeline.records import Permit

SEALED = os.urandom(70_000)
NAME = "NE-01_2026-10.xlsx"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Leave:
    """Gives leave and remembers for which parts, as the ledger does."""

    parts: list[str] = field(default_factory=list)
    then: Callable[[], Any] = lambda: None  # what happens elsewhere before the list gets its name

    def __call__(self, part: str) -> bool:
        if part not in self.parts:
            self.parts.append(part)
        self.then()
        return True


@pytest.fixture
def permit(permit_for: Callable[[bytes], Permit]) -> Permit:
    return permit_for(SEALED)


@pytest.fixture
def side(way: Way) -> type:
    """The class of the far side, for what a server or a killed process does in the middle of a push."""
    return HandOver if isinstance(way, Folder) else FarSide


def killed_at(method: str, side: type, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """The next call of that method is the process' last, with or without its effect."""
    own = getattr(side, method)

    def die(*args: Any) -> None:
        if after:
            own(*args)
        monkeypatch.setattr(side, method, own)
        monkeypatch.setattr(side, "discard", discard)
        raise Killed

    discard = side.discard  # type: ignore[attr-defined]
    monkeypatch.setattr(side, method, die)
    monkeypatch.setattr(side, "discard", lambda *args: None)  # a dead process tidies nothing up


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_killed_with_leave_but_before_the_name_the_same_file_gets_its_name(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = Leave()
    killed_at("rename", side, monkeypatch, after=False)
    with pytest.raises(Killed):
        push(SEALED, permit, way, stands=leave)
    [part] = there.iterdir()
    assert part.name == f".{NAME}.{leave.parts[0]}.part"
    written = part.stat().st_ino
    assert find(way, permit, asked=leave.parts) is Found.NOTHING
    receipt = push(SEALED, permit, way, stands=leave, asked=leave.parts)
    assert (receipt.found_there, receipt.taken) == (False, False)
    assert names(there) == [NAME]
    assert (there / NAME).stat().st_ino == written
    assert len(leave.parts) == 1


def test_killed_while_writing_the_rest_is_cleared_and_the_list_sent(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at("write", side, monkeypatch, after=True)
    with pytest.raises(Killed):
        push(SEALED, permit, way, stands=Leave())
    assert NAME not in names(there)
    assert not push(SEALED, permit, way, stands=Leave()).found_there
    assert names(there) == [NAME]


def test_killed_after_the_name_the_list_is_found_there(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = Leave()
    killed_at("rename", side, monkeypatch, after=True)
    with pytest.raises(Killed):
        push(SEALED, permit, way, stands=leave)
    assert find(way, permit, asked=leave.parts) is Found.THERE
    receipt = push(SEALED, permit, way, stands=leave, asked=leave.parts)
    assert (receipt.found_there, receipt.taken) == (True, False)


def test_a_list_that_was_taken_before_we_knew_that_it_was_there_is_not_sent_again(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = Leave()
    killed_at("rename", side, monkeypatch, after=True)
    with pytest.raises(Killed):
        push(SEALED, permit, way, stands=leave)
    (there / NAME).unlink()  # by the centre's own system
    assert find(way, permit, asked=leave.parts) is Found.TAKEN
    receipt = push(SEALED, permit, way, stands=leave, asked=leave.parts)
    assert (receipt.found_there, receipt.taken) == (True, True)
    assert names(there) == []


@pytest.mark.parametrize("taken", [False, True], ids=["still there", "taken at once"])
def test_a_server_that_renames_and_says_that_it_did_not(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    rename = side.rename  # type: ignore[attr-defined]

    def renamed_but_denied(far: Any, name: str, final: str) -> None:
        rename(far, name, final)
        if taken:
            (there / NAME).unlink()
        raise DeliveryFailed(Problem.NOT_PLACED, where="NE-01")

    monkeypatch.setattr(side, "rename", renamed_but_denied)
    receipt = push(SEALED, permit, way, stands=Leave())
    assert (receipt.found_there, receipt.taken) == (True, taken)
    assert names(there) == ([] if taken else [NAME])


def test_a_refused_name_leaves_the_part_for_the_next_try(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = Leave()

    def refused(*args: Any) -> None:
        raise DeliveryFailed(Problem.NOT_PLACED, where="NE-01")

    with monkeypatch.context() as patch:
        patch.setattr(side, "rename", refused)
        for _ in range(2):
            with pytest.raises(DeliveryFailed, match="final name"):
                push(SEALED, permit, way, stands=leave, asked=leave.parts)
    assert len(leave.parts) == 1
    assert names(there) == [f".{NAME}.{leave.parts[0]}.part"]
    assert not push(SEALED, permit, way, stands=leave, asked=leave.parts).found_there
    assert names(there) == [NAME]


def test_a_part_that_is_no_longer_whole_is_not_used(way: Way, there: Path, permit: Permit) -> None:
    leave = Leave()
    spoilt = there / f".{NAME}.{'a' * 16}.part"
    spoilt.write_bytes(SEALED[:100])
    os.chown(spoilt, there.stat().st_uid, -1)
    assert not push(SEALED, permit, way, stands=leave, asked=["a" * 16]).found_there
    assert leave.parts != ["a" * 16]
    assert names(there) == [NAME]
    assert (there / NAME).read_bytes() == SEALED


# --- two runs at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [False, True], ids=["still there", "taken at once"])
def test_a_second_run_finishes_what_the_first_had_leave_for_and_the_first_finds_it_done(
    way: Way, there: Path, permit: Permit, taken: bool
) -> None:
    second = Leave()
    receipts = []

    def second_run() -> None:
        receipts.append(push(SEALED, permit, way, stands=second, asked=first.parts))
        if taken:
            (there / NAME).unlink()

    first = Leave(then=second_run)
    receipts.append(push(SEALED, permit, way, stands=first))
    assert [(one.found_there, one.taken) for one in receipts] == [(False, False), (True, taken)]
    assert second.parts == first.parts
    assert names(there) == ([] if taken else [NAME])


def test_a_run_that_lost_its_lease_takes_nothing_of_the_other_away(
    way: Way, there: Path, permit: Permit
) -> None:
    def superseded(part: str) -> bool:
        push(SEALED, permit, way, stands=Leave())
        return False

    with pytest.raises(DeliveryFailed, match="Another run"):
        push(SEALED, permit, way, stands=superseded)
    assert names(there) == [NAME]


def test_a_run_that_lost_its_lease_leaves_the_part_for_which_leave_was_given(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = Leave()
    killed_at("rename", side, monkeypatch, after=False)
    with pytest.raises(Killed):
        push(SEALED, permit, way, stands=leave)
    with pytest.raises(DeliveryFailed, match="Another run"):
        push(SEALED, permit, way, stands=lambda part: False, asked=leave.parts)
    assert find(way, permit, asked=leave.parts) is Found.NOTHING
    assert names(there) == [f".{NAME}.{leave.parts[0]}.part"]


def test_a_run_whose_leave_was_taken_back_cannot_put_its_list_over_the_newer_one(
    way: Way, there: Path, side: type, permit_for: Callable[[bytes], Permit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had leave and was about to rename, on a server that does not list names beginning with a dot."""
    own = side.rename  # type: ignore[attr-defined]
    monkeypatch.setattr(side, "known", lambda *beginnings: [])
    older, newer, leave = permit_for(SEALED), permit_for(SEALED[1:]), Leave()

    def meanwhile(far: Any, name: str, final: str) -> None:
        monkeypatch.setattr(side, "rename", own)
        push(
            SEALED[1:], newer, way, stands=Leave(),
            replaces=[older.sealed_sha256], withdrawn=leave.parts,
        )  # fmt: skip
        own(far, name, final)

    monkeypatch.setattr(side, "rename", meanwhile)
    with pytest.raises(DeliveryFailed) as stopped:
        push(SEALED, older, way, stands=leave)
    assert stopped.value.problem is Problem.OCCUPIED, "the newer list has the name"
    assert hashlib.sha256((there / NAME).read_bytes()).hexdigest() == newer.sealed_sha256


def test_a_part_that_cannot_be_withdrawn_stops_the_newer_list(
    way: Way, there: Path, side: type, permit_for: Callable[[bytes], Permit], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer, leave = permit_for(SEALED), permit_for(SEALED[1:]), Leave()
    killed_at("rename", side, monkeypatch, after=False)
    with pytest.raises(Killed):
        push(SEALED, older, way, stands=leave)
    monkeypatch.setattr(side, "discard", lambda *args: None)  # the server lets nobody remove a file
    with pytest.raises(DeliveryFailed) as stopped:
        push(SEALED[1:], newer, way, stands=Leave(), withdrawn=leave.parts)
    assert stopped.value.problem is Problem.PERMISSION
    assert NAME not in names(there)


def test_leave_that_is_refused_leaves_nothing_behind(way: Way, there: Path, permit: Permit) -> None:
    def suspended(part: str) -> bool:
        raise Refused("This agreement is suspended")

    with pytest.raises(Refused):
        push(SEALED, permit, way, stands=suspended, beside=b"{}")
    assert names(there) == []


# --- what others do in the folder -----------------------------------------------------------------


def test_a_file_that_gets_the_name_while_ours_is_written_is_left_alone(
    way: Way, there: Path, permit: Permit
) -> None:
    leave = Leave(then=lambda: (there / NAME).write_bytes(b"the centre's own notes"))
    with pytest.raises(DeliveryFailed) as failed:
        push(SEALED, permit, way, stands=leave)
    assert failed.value.problem is Problem.OCCUPIED
    assert (there / NAME).read_bytes() == b"the centre's own notes"
    (there / NAME).unlink()
    leave.then = lambda: None
    assert not push(SEALED, permit, way, stands=leave, asked=leave.parts).found_there
    assert (there / NAME).read_bytes() == SEALED


def test_a_folder_that_was_moved_away_is_not_taken_for_an_emptied_one(
    way: Way, there: Path, permit: Permit
) -> None:
    moved = there.with_name("moved")
    leave = Leave(then=lambda: there.rename(moved))
    for asked in ([], leave.parts):
        with pytest.raises(DeliveryFailed) as failed:
            push(SEALED, permit, way, stands=leave, asked=asked)
        assert failed.value.problem is Problem.NO_FOLDER
        assert NAME not in names(moved)
    moved.rename(there)
    leave.then = lambda: None
    assert not push(SEALED, permit, way, stands=leave, asked=leave.parts).found_there
    assert names(there) == [NAME]


def test_a_list_that_is_taken_while_we_look_at_it_was_there(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(SEALED, permit, way, stands=Leave())
    chunks = side._chunks  # type: ignore[attr-defined]

    def taken_meanwhile(*args: Any) -> Any:
        for chunk in chunks(*args):
            (there / NAME).unlink(missing_ok=True)
            yield chunk

    monkeypatch.setattr(side, "_chunks", taken_meanwhile)
    assert push(SEALED, permit, way, stands=Leave()).found_there
    assert names(there) == []


def test_a_part_that_is_taken_before_it_was_read_back_is_told_and_sent_again(
    way: Way, there: Path, side: type, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a system that collects whatever it sees."""
    write = side.write  # type: ignore[attr-defined]

    def taken(far: Any, name: str, content: bytes) -> None:
        write(far, name, content)
        (there / name).unlink()

    leave = Leave()
    with monkeypatch.context() as patch:
        patch.setattr(side, "write", taken)
        with pytest.raises(DeliveryFailed) as failed:
            push(SEALED, permit, way, stands=leave)
    assert failed.value.problem is Problem.VANISHED
    assert leave.parts == []
    assert not push(SEALED, permit, way, stands=leave).found_there


# --- the manifest ---------------------------------------------------------------------------------


def test_the_manifest_says_what_the_list_is_and_is_there_before_it(
    way: Way, there: Path, permit: Permit, side: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    rename = side.rename  # type: ignore[attr-defined]

    def told(far: Any, name: str, final: str) -> None:
        rename(far, name, final)
        order.append(final)

    monkeypatch.setattr(side, "rename", told)
    beside = manifest(permit, version=2, size=len(SEALED), checkpoint="a signed note")
    push(SEALED, permit, way, stands=Leave(), beside=beside)
    assert order == [manifest_name(NAME), NAME]
    said = json.loads((there / manifest_name(NAME)).read_text())
    assert said["sha256"] == hashlib.sha256((there / said["file"]).read_bytes()).hexdigest()
    assert (said["size"], said["permit"], said["checkpoint"]) == (len(SEALED), 7, "a signed note")


def test_a_manifest_of_ours_is_replaced_and_nobody_elses(way: Way, there: Path, permit: Permit) -> None:
    beside = manifest(permit, version=1, size=len(SEALED), checkpoint="newer")
    ours = manifest(permit, version=1, size=len(SEALED), checkpoint="older")
    beside_name = there / manifest_name(NAME)
    for content, problem in ((b"notes", Problem.OCCUPIED), (ours, None)):
        beside_name.write_bytes(content)
        os.chown(beside_name, there.stat().st_uid, -1)
        if problem:
            with pytest.raises(DeliveryFailed) as failed:
                push(SEALED, permit, way, stands=Leave(), beside=beside)
            assert failed.value.problem is problem
            assert beside_name.read_bytes() == content
        else:
            push(SEALED, permit, way, stands=Leave(), beside=beside)
    assert beside_name.read_bytes() == beside
    assert names(there) == sorted([NAME, manifest_name(NAME)])
