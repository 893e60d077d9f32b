"""Many lists at once: one recipient's trouble holds nobody up, and no server is asked for too much."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Lock

import pytest

from pipeline.delivery.pace import Pace
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.push import push
from pipeline.delivery.sftp import Endpoint, connected
from pipeline.delivery.side_by_side import Task, side_by_side
from pipeline.delivery.way import Lines, far_side
from pipeline.errors import NotAllDelivered
from pipeline.home import Delivery
from pipeline.records import Permit
from servers.sshd import OpenSshServer

SETTINGS = Delivery(at_once=4, tries=3, wait_seconds=2)


def stands(part: str) -> bool:
    """Leave stands."""
    return True


class Server:
    """Counts what is brought to it, and fails the first so many times."""

    def __init__(self, problem: Problem | None = None, *, times: int = 99, takes: float = 0.0) -> None:
        self.problem, self.left, self.came, self.takes = problem, times, 0, takes
        self.now, self.most, self.lock = 0, 0, Lock()

    def bring(self) -> None:
        with self.lock:
            self.came += 1
            self.now += 1
            self.most = max(self.most, self.now)
            fails = self.problem is not None and self.left > 0
            self.left -= 1
        time.sleep(self.takes)
        with self.lock:
            self.now -= 1
        if fails:
            assert self.problem is not None
            raise DeliveryFailed(self.problem, where="NE-01")


# --- tries ----------------------------------------------------------------------------------------


def test_what_may_pass_is_tried_again_after_waits_that_grow_when_all_others_are_done() -> None:
    events: list[str] = []
    down = Server(Problem.REFUSED)

    def told(name: str, bring: Callable[[], None]) -> Callable[[], None]:
        def go() -> None:
            events.append(name)
            bring()

        return go

    tasks = [Task("down", 1, told("down", down.bring))]
    tasks += [Task(f"NE-{number}", 1, told("other", Server().bring)) for number in range(9)]
    [failure] = side_by_side(
        tasks, SETTINGS, wait_for=lambda seconds: events.append(f"wait {seconds:g}"), done=lambda count: None
    )
    assert isinstance(failure, DeliveryFailed)
    assert events[10:] == ["wait 2", "down", "wait 6", "down"]
    assert events.count("other") == 9


def test_a_server_that_comes_back_gets_its_list() -> None:
    back = Server(Problem.TIMED_OUT, times=1)
    assert side_by_side([Task("NE-01", 1, back.bring)], SETTINGS, wait_for=lambda seconds: None) == []
    assert back.came == 2


@pytest.mark.parametrize(
    "problem", sorted(set(Problem) - {one for one in Problem if DeliveryFailed(one, where="").passing})
)
def test_what_a_person_must_look_at_is_tried_once(problem: Problem) -> None:
    waits: list[float] = []
    server = Server(problem)
    [failure] = side_by_side([Task("NE-01", 1, server.bring)], SETTINGS, wait_for=waits.append)
    assert (server.came, waits) == (1, [])
    assert isinstance(failure, NotAllDelivered)


def test_only_what_may_pass_by_itself_passes() -> None:
    assert {problem for problem in Problem if DeliveryFailed(problem, where="").passing} == {
        Problem.UNREACHABLE,
        Problem.REFUSED,
        Problem.TIMED_OUT,
        Problem.LOST,
        Problem.CONNECTOR,
    }


def test_progress_counts_each_list_once() -> None:
    counted: list[int] = []
    tasks = [Task("a", 1, Server(Problem.LOST, times=1).bring), Task("b", 1, Server().bring)]
    tasks += [Task("c", 1, Server(Problem.LOST).bring)]
    side_by_side(tasks, SETTINGS, wait_for=lambda seconds: None, done=counted.append)
    assert counted == [1, 2, 3]


def test_an_interrupt_is_no_failure_to_be_tried_again() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side([Task("NE-01", 1, interrupted)], SETTINGS)


# --- how many at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2])
def test_a_recipient_has_no_more_connections_than_it_allows(limit: int) -> None:
    server = Server(takes=0.005)
    assert side_by_side([Task("NE-01", limit, server.bring) for _ in range(40)], SETTINGS) == []
    assert server.came == 40
    assert server.most == limit


def test_one_recipients_many_lists_leave_room_for_the_others() -> None:
    """Both must be at work at the same time, or the barrier breaks."""
    meeting = Barrier(2, timeout=20)
    tasks = [Task("NE-01", 1, lambda: None) for _ in range(20)]
    tasks[0] = Task("NE-01", 1, lambda: meeting.wait() and None)
    tasks.append(Task("NE-02", 1, lambda: meeting.wait() and None))
    assert side_by_side(tasks, SETTINGS.model_copy(update={"at_once": 2})) == []


# --- one session for several lists ----------------------------------------------------------------


def test_several_lists_of_one_recipient_share_a_session_that_is_closed_at_the_end(
    endpoint: Endpoint, server: OpenSshServer, folder: Path, permit_for: Callable[[bytes], Permit]
) -> None:
    came = len(server.log)
    with Lines() as lines:
        for number in range(5):
            sealed = os.urandom(1000)
            permit = replace(permit_for(sealed), file_name=f"NE-01_{number}.xlsx")
            push(sealed, permit, endpoint, stands=stands, lines=lines)
        with far_side(endpoint, lines=lines, label="NE-01") as far:
            assert far.is_open
    assert not far.is_open
    assert len(list(folder.iterdir())) == 5
    assert sum("Accepted publickey" in line for line in server.log[came:]) == 1


def test_a_session_that_died_meanwhile_is_made_anew(endpoint: Endpoint, server: OpenSshServer) -> None:
    with Lines() as lines:
        with far_side(endpoint, lines=lines) as first:
            pass
        server.kill()
        first._line.transport.join(10)
        server.start()
        with far_side(endpoint, lines=lines) as second:
            assert second.digest("none") is None
    assert second is not first


def test_a_session_on_which_something_failed_is_not_used_again(endpoint: Endpoint) -> None:
    with Lines() as lines:
        with pytest.raises(DeliveryFailed), far_side(endpoint, lines=lines) as first:
            raise DeliveryFailed(Problem.OCCUPIED, where="NE-01")
        assert not first.is_open


# --- how fast -------------------------------------------------------------------------------------


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_a_pace_is_kept_and_idle_time_is_not_saved_up() -> None:
    clock = Time()
    pace = Pace(1000, clock=lambda: clock.now, wait=clock.wait)
    pace.spend(2000)
    assert clock.now == pytest.approx(2)
    clock.now += 100
    pace.spend(500)
    assert clock.now == pytest.approx(102.5)
    assert (pace.chunk(32_768), pace.seconds(3000)) == (1000, 3)


def test_without_a_limit_nobody_waits() -> None:
    clock = Time()
    pace = Pace(None, clock=lambda: clock.now, wait=clock.wait)
    pace.spend(10**9)
    assert (clock.now, pace.chunk(32_768), pace.seconds(10**9)) == (0, 32_768, 0)


def test_a_slow_recipient_is_written_to_and_read_from_at_its_pace(
    endpoint: Endpoint, folder: Path, permit_for: Callable[[bytes], Permit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit knows of what is held back on purpose: without that, reading it would be cut short."""
    sealed, spent = os.urandom(12_000), []
    monkeypatch.setattr(Pace, "spend", lambda pace, size: spent.append(size))
    way = replace(endpoint, bytes_a_second=4096.0)
    push(sealed, permit_for(sealed), way, stands=stands)
    assert sum(spent) == 2 * len(sealed)
    assert max(spent) <= 4096
    monkeypatch.undo()
    with connected(replace(way, bytes_a_second=4_000.0, timeout_seconds=1.0)) as far:
        assert far.digest("NE-01_2026-10.xlsx") == permit_for(sealed).sealed_sha256
