"""What goes wrong at a recipient, seen from the month: nothing lost, nothing twice, and a true ledger.

The first centre has a real OpenSSH server of its own; the others' are never in trouble.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from month_authority import AGREEMENT, MONTH, NOW, Authority
from pipeline import month as months
from pipeline.delivery.manifest import manifest_name
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.sftp import FarSide
from pipeline.errors import NotAllDelivered, SettingsError
from pipeline.facts import opened_ledger, verified
from pipeline.ledger.entries import Delivered, Disclosure, Kind
from pipeline.steps.dispatch import endpoint
from servers.sshd import CannotServe, OpenSshServer

FIRST = "centre-01"


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def running(prototype: Any) -> Iterator[OpenSshServer]:
    """The first centre's own server."""
    key = prototype.home / "keys" / "delivery.key.pub"
    try:
        with OpenSshServer([FIRST], public_key=key) as server:
            yield server
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")


@pytest.fixture
def server(running: OpenSshServer) -> OpenSshServer:
    for file in running.files(FIRST).iterdir():
        file.unlink()
    return running


@pytest.fixture
def folder(server: OpenSshServer) -> Path:
    """The first centre's folder, as its own staff would see it."""
    return server.files(FIRST)


@pytest.fixture
def approved(authority: Authority, server: OpenSshServer) -> Authority:
    """A month that waits for nothing but its delivery."""
    authority.change_recipient(
        FIRST,
        port=server.port,
        user=server.user(FIRST),
        folder=server.folder,
        host_key=server.host_key,
        contact="Centre office, 01632 960 001",
    )
    authority.prepare_and_approve()
    return authority


def lists(folder: Path) -> list[Path]:
    """The lists that the centre sees: neither notices nor manifests, nor names that begin with a dot."""
    return [file for file in folder.iterdir() if file.match(f"{AGREEMENT}_*.xlsx")]


def permits_of(authority: Authority, code: str) -> set[int]:
    with opened_ledger(authority.home) as ledger:
        permits = ledger.entries(kinds={Kind.PERMIT})
        return {entry.seq for entry in permits if entry.body.recipient == code}  # type: ignore[attr-defined]


def arrivals(authority: Authority, code: str) -> list[Delivered]:
    """What the ledger says arrived at a recipient."""
    mine = permits_of(authority, code)
    return [body for body in authority.recorded(Kind.DELIVERED) if body.permit in mine]  # type: ignore[attr-defined]


def problems(authority: Authority) -> list[str]:
    return [body.problem for body in authority.recorded(Kind.DELIVERY_FAILED)]  # type: ignore[attr-defined]


def check_whole(authority: Authority, folder: Path, *, lying_there: int = 1) -> None:
    """The month is closed, its ledger true, and the centre had exactly the one list that it says."""
    [arrival] = arrivals(authority, FIRST)
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in lists(folder)]
    assert digests == [arrival.sha256] * lying_there
    assert not [file for file in folder.iterdir() if file.name.endswith(".part")]
    with opened_ledger(authority.home) as ledger:
        assert verified(authority.home, ledger).problem is None


def once(method: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Something happens in the first call of a far side's method on the first centre's server."""
    own = getattr(FarSide, method)

    def first(far: FarSide, name: str, *rest: Any) -> Any:
        if FIRST not in name or "manifest" in name:
            return own(far, name, *rest)
        monkeypatch.setattr(FarSide, method, own)
        return instead(lambda: own(far, name, *rest))

    monkeypatch.setattr(FarSide, method, first)


# --- tries and words ------------------------------------------------------------------------------


def test_a_server_that_comes_back_within_the_run_gets_its_list(
    approved: Authority, server: OpenSshServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    others: list[int] = []

    def back_up(seconds: float) -> None:
        waits.append(seconds)
        others.append(len(approved.files()))
        server.start()

    monkeypatch.setattr("pipeline.steps.desk.Desk.wait", staticmethod(back_up))
    server.kill()
    assert approved.run()["state"] == "closed"
    assert waits == [2.0]
    assert others == [3]  # nobody else waited for it
    assert problems(approved) == ["refused"]
    check_whole(approved, folder)


def test_after_the_last_try_the_month_stays_open_and_says_whom_to_call(
    approved: Authority, server: OpenSshServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("pipeline.steps.desk.Desk.wait", staticmethod(waits.append))
    server.kill()
    with pytest.raises(NotAllDelivered, match=r"(?s)1 of 4 lists.*Call Centre office, 01632 960 001"):
        approved.run()
    assert waits == [2.0, 6.0]
    assert problems(approved) == ["refused"] * 3
    server.start()
    assert approved.run()["state"] == "closed"
    check_whole(approved, folder)


def test_a_changed_host_key_is_never_tried_again(
    approved: Authority, server: OpenSshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("pipeline.steps.desk.Desk.wait", staticmethod(waits.append))
    monkeypatch.setattr("pipeline.delivery.line._check_host_key", wrong_host_key)
    with pytest.raises(NotAllDelivered, match="host key that was agreed"):
        approved.run()
    assert waits == []


def wrong_host_key(transport: object, pin: object, where: str) -> None:
    raise DeliveryFailed(Problem.HOST_KEY, where=where)


# --- killed between leave and receipt -------------------------------------------------------------


def killed_at_the_name(authority: Authority, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """A run whose process is gone when the first centre's list gets its name, or has just got it."""

    def die(rename: Callable[[], None]) -> None:
        if after:
            rename()
        raise Killed

    once("rename", die, monkeypatch)
    with pytest.raises(Killed):
        authority.run()


def test_a_list_with_leave_but_without_its_name_gets_it_in_the_next_run(
    approved: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at_the_name(approved, monkeypatch, after=False)
    assert lists(folder) == []
    assert approved.run()["state"] == "closed"
    check_whole(approved, folder)
    assert not arrivals(approved, FIRST)[0].found_there


def test_a_list_that_was_collected_before_we_knew_of_its_arrival_is_never_sent_twice(
    approved: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at_the_name(approved, monkeypatch, after=True)
    [collected] = lists(folder)
    collected.unlink()
    assert approved.run()["state"] == "closed"
    check_whole(approved, folder, lying_there=0)
    [arrival] = arrivals(approved, FIRST)
    assert arrival.found_there
    assert [body.of for body in approved.recorded(Kind.COLLECTED)] == [arrival.permit]  # type: ignore[attr-defined]


@pytest.mark.parametrize("after", [False, True], ids=["not named", "taken"])
def test_of_a_list_on_its_way_to_a_former_place_nobody_guesses_whether_it_arrived(
    approved: Authority, server: OpenSshServer, folder: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Neither twice nor lost: it waits for a person, and is finished where it was begun."""
    killed_at_the_name(approved, monkeypatch, after=after)
    if after:
        lists(folder)[0].unlink()
    new = folder / "new"
    new.mkdir()
    os.chown(new, folder.stat().st_uid, -1)
    try:
        approved.change_recipient(FIRST, folder=f"{server.folder}/new")
        approved.prepare_and_approve()
        with pytest.raises(NotAllDelivered, match="another place"):
            approved.run()
        assert (list(new.iterdir()), arrivals(approved, FIRST), problems(approved)) == ([], [], ["moved"])
    finally:
        new.rmdir()
    approved.change_recipient(FIRST, folder=server.folder)
    approved.prepare_and_approve()
    assert approved.run()["state"] == "closed"
    check_whole(approved, folder, lying_there=0 if after else 1)


def test_a_word_that_comes_before_the_name_takes_the_family_off_and_nothing_is_left(
    approved: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at_the_name(approved, monkeypatch, after=False)
    child = approved.shared(FIRST)[0]
    approved.say("child_died", child)
    assert approved.run()["state"] == "closed"
    check_whole(approved, folder)
    [arrival] = arrivals(approved, FIRST)
    assert child not in children(approved, arrival.permit)


def test_a_word_that_comes_after_the_list_was_collected_makes_no_second_list(
    approved: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is needed then is a recall."""
    killed_at_the_name(approved, monkeypatch, after=True)
    [collected] = lists(folder)
    collected.unlink()
    child = approved.shared(FIRST)[0]
    approved.say("child_died", child)
    approved.run()
    check_whole(approved, folder, lying_there=0)
    [arrival] = arrivals(approved, FIRST)
    assert child in children(approved, arrival.permit)
    assert len(permits_of(approved, FIRST)) == 1


def children(authority: Authority, permit: int) -> set[str]:
    disclosed = authority.recorded(Kind.DISCLOSURE)
    return {one.child for one in disclosed if isinstance(one, Disclosure) and one.permit == permit}


# --- two runs, and clocks -------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [False, True], ids=["still there", "collected at once"])
def test_two_runs_at_the_same_list_record_one_arrival(
    approved: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """The second takes over while the first is about to give the list its name."""

    def overtaken(rename: Callable[[], None]) -> None:
        months.deliver(approved.home, MONTH, now=NOW)
        if taken:
            lists(folder)[0].unlink()
        rename()

    once("rename", overtaken, monkeypatch)
    assert approved.run()["state"] == "closed"
    check_whole(approved, folder, lying_there=0 if taken else 1)
    assert len(approved.recorded(Kind.DELIVERED)) == 4


@pytest.mark.parametrize("jump", [timedelta(minutes=-50), timedelta(hours=11)], ids=["back", "forward"])
def test_a_clock_that_jumps_between_two_runs(
    approved: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    killed_at_the_name(approved, monkeypatch, after=False)
    assert months.run(approved.home, MONTH, now=NOW + jump)["state"] == "closed"
    check_whole(approved, folder)


# --- what lies beside -----------------------------------------------------------------------------


def test_the_manifest_carries_the_lists_digest_and_the_ledgers_signed_head(
    approved: Authority, folder: Path
) -> None:
    approved.run()
    [list_file] = lists(folder)
    content = (folder / manifest_name(list_file.name)).read_text()
    said = json.loads(content)
    assert said["sha256"] == hashlib.sha256(list_file.read_bytes()).hexdigest()
    assert (said["recipient"], said["month"], said["version"]) == (FIRST, str(MONTH), 1)
    assert {said["permit"]} == permits_of(approved, FIRST)
    with opened_ledger(approved.home) as ledger:
        assert verified(approved.home, ledger, kept_elsewhere=[said["checkpoint"]]).problem is None
    extract = approved.extract()
    for column in ("nhs_number", "family_name", "postcode", "address_line_1"):
        assert not [value for value in extract[column] if len(value) > 5 and value in content]


# --- a folder instead of a server -----------------------------------------------------------------


def test_a_recipient_with_a_carrier_gets_its_list_in_a_folder(authority: Authority, tmp_path: Path) -> None:
    hand_over = tmp_path / "mesh" / "out"
    hand_over.mkdir(parents=True)
    hand_over.chmod(0o750)
    authority.change_recipient(
        FIRST, via="folder", folder=str(hand_over), host=None, port=None, user=None, host_key=None
    )
    authority.prepare_and_approve()
    assert authority.run()["state"] == "closed"
    check_whole(authority, hand_over)


def test_two_recipients_never_share_a_folder_however_it_is_written(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to(tmp_path)
    nothing = {"host": None, "port": None, "user": None, "host_key": None}
    for code, folder in ((FIRST, "out"), ("centre-02", "link/./out/")):
        authority.change_recipient(code, signed=False, via="folder", folder=f"{tmp_path}/{folder}", **nothing)
    with pytest.raises(SettingsError, match="the same account: centre-01, centre-02"):
        authority.run()


@pytest.mark.parametrize("folder", ["{home}", "{home}/outbox/{code}", "{home}/state/..", "/", "out", "."])
def test_a_folder_for_hand_over_lies_apart_from_the_home(authority: Authority, folder: str) -> None:
    written = folder.format(home=authority.home.path, code=FIRST)
    known = authority.home.recipients()[FIRST].model_copy(update={"via": "folder", "folder": written})
    with pytest.raises(SettingsError, match="must be written from the root"):
        endpoint(authority.home, known)
