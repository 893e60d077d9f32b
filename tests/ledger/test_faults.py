"""An append that is killed, or to which the system says no, at every system call that it makes on files.

Whatever happened: the next who opens the ledger finds all of the append or nothing of it, proves the ledger,
and adds to it. Who was told that it was recorded is never wrong.
"""

from __future__ import annotations

import os
import resource
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.errors import IntegrityError, NotNow, SettingsError
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import verify
from pipeline.records import OnList
from servers.failing_calls import KILL, Act, CannotTrace, Fault, Made, made

# Everything by which SQLite looks at, changes, names and removes files and holds locks on them.
CALLS = (
    "openat", "pread64", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "unlink", "fcntl",
    "close", "newfstatat", "fstat", "lseek", "fchown", "fchmod", "access",
)  # fmt: skip
CHANGING = ("pwrite64", "fdatasync", "unlink", "ftruncate")
CLOSED = Entry(MonthClosed(), MONTH)
ON_LIST = [OnList(child(1)), OnList(child(2))]
BEFORE = 254  # so that the append completes a subtree
ADDED = 1 + len(ON_LIST)  # the permit, and the disclosures with their openings and look-ups


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file that nobody has open."""
    file = tmp_path_factory.mktemp("faults") / "ledger.db"
    with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
        ledger.append(APPROVED, *[CLOSED] * (BEFORE - 1), at=datetime.fromisoformat("2026-11-03T09:30Z"))
    return file


@pytest.fixture
def append(prepared: Path, tmp_path: Path, now: datetime) -> Callable[..., Made]:
    """Give leave for a list, in a fresh copy and a process of its own, which a fault befalls."""
    file = tmp_path / "ledger.db"

    def act(begin: Callable[[], None]) -> None:
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
            begin()
            ledger.permit(permit_body(), ON_LIST, month=MONTH, at=now)

    def played(fault: Fault | None = None) -> Made:
        for left in tmp_path.iterdir():
            left.unlink()
        shutil.copyfile(prepared, file)
        return traced(act, CALLS, fault)

    return played


def traced(act: Act, calls: Sequence[str], fault: Fault | None) -> Made:
    """As `made`, where this machine can be made to do it."""
    try:
        return made(act, calls, fault)
    except CannotTrace as reason:
        if os.environ.get("CI") and not reason.forbidden:
            raise
        pytest.skip(f"no system calls can be made to fail: {reason}")


def check_whole(folder: Path, ended: Made, now: datetime) -> int:
    """What was appended is there whole or not at all, everything is proved, and the next append works."""
    with closing(Ledger.open(f"sqlite:///{folder / 'ledger.db'}")) as ledger:
        size = ledger.size
        assert size in (BEFORE, BEFORE + ADDED)
        if not ended.killed and ended.error is None:
            assert size == BEFORE + ADDED, "it was told to be recorded"
        assert len(ledger.disclosures_of([child(1)])) == (size > BEFORE)
        assert ledger.append(CLOSED, at=now) == [size + 1]
        assert verify(ledger, check_note=None).problem is None
    assert [file.name for file in folder.iterdir()] == ["ledger.db"]
    return size


def faults(calls: list[str], what: str, *, of: tuple[str, ...] = CALLS, lasting: bool = False) -> list[Fault]:
    """One for each call that the undisturbed append made."""
    return [
        Fault(name, number, what, lasting)
        for name, count in Counter(calls).items()
        if name in of
        for number in range(1, count + 1)
    ]


def sampled(every: list[Fault], one_in: int) -> list[Fault]:
    """Some of them, the first and the last included; all of them where `make crash` asks for that."""
    return every if os.environ.get("BIRTHSHARE_EVERY_CALL") else [*every[::one_in], every[-1]]


def test_the_undisturbed_append_makes_the_calls_that_are_made_to_fail(
    append: Callable[..., Made], tmp_path: Path, now: datetime
) -> None:
    undisturbed = append()
    assert (undisturbed.killed, undisturbed.error, undisturbed.printed) == (False, None, "")
    assert {"pwrite64", "fdatasync", "unlink", "fcntl"} <= set(undisturbed.calls)
    assert check_whole(tmp_path, undisturbed, now) == BEFORE + ADDED


def test_the_folder_is_on_the_disk_before_anybody_is_told(append: Callable[..., Made]) -> None:
    """Else a power cut could bring back the journal that undoes a permit whose list was sent."""
    calls = append().calls
    removed = calls.index("unlink")
    assert calls[removed : removed + 4] == ["unlink", "openat", "fdatasync", "close"]


def test_killed_at_every_call(append: Callable[..., Made], tmp_path: Path, now: datetime) -> None:
    left = Counter[int]()
    for fault in faults(append().calls, KILL):
        ended = append(fault)
        assert ended.killed, fault
        left[check_whole(tmp_path, ended, now)] += 1
    assert set(left) == {BEFORE, BEFORE + ADDED}


# What is said of each, in a word or two of the message.
SAID = {"EIO": "does not read or write", "ENOSPC": "is full", "EDQUOT": "does not read or write"}


@pytest.mark.parametrize(
    ("what", "lasting"),
    [("EIO", False), ("EIO", True), ("ENOSPC", True), ("EDQUOT", False)],
    ids=["a write fails", "all fail from there on", "no space from there on", "the quota is used up once"],
)
def test_failed_at_every_call_that_changes_a_file(
    append: Callable[..., Made], tmp_path: Path, now: datetime, what: str, lasting: bool
) -> None:
    words = Counter[bool]()
    for fault in sampled(faults(append().calls, what, of=CHANGING, lasting=lasting), one_in=2):
        ended = append(fault)
        check_told_plainly(ended, fault)
        words[SAID[what] in ended.words] += 1
        check_whole(tmp_path, ended, now)
    assert words[True] > words[False]  # the same failure of another call may have another name


def test_failed_at_every_other_call(append: Callable[..., Made], tmp_path: Path, now: datetime) -> None:
    others = tuple(name for name in CALLS if name not in CHANGING)
    for fault in sampled(faults(append().calls, "EIO", of=others), one_in=2):
        ended = append(fault)
        check_told_plainly(ended, fault)
        check_whole(tmp_path, ended, now)


def test_interrupted_calls_are_made_again(append: Callable[..., Made], tmp_path: Path, now: datetime) -> None:
    for fault in sampled(faults(append().calls, "EINTR", of=("openat", "pread64", "pwrite64")), one_in=6):
        ended = append(fault)
        assert ended.error is None, fault
        check_whole(tmp_path, ended, now)


def check_told_plainly(ended: Made, fault: Fault) -> None:
    """An error of ours that says where, or none; and nothing that only a programmer would read."""
    assert (ended.killed, ended.printed) == (False, ""), fault
    if ended.error is not None:
        # What cannot be read looks like damage.
        allowed = (SettingsError, IntegrityError) if fault.call == "pread64" else SettingsError
        assert issubclass(ended.error, allowed), (fault, ended.words)
        assert "ledger.db: SQLITE_" in ended.words, fault


# --- the other transactions of the ledger ---------------------------------------------------------


@pytest.mark.parametrize("what", [KILL, "EIO"])
def test_cut_short_while_the_tables_are_made_they_are_made_by_the_next(
    tmp_path: Path, now: datetime, what: str
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"

    def act(begin: Callable[[], None]) -> None:
        begin()
        Ledger.open(url).close()

    calls = traced(act, CALLS, None).calls
    for fault in [None, *sampled(faults(calls, what, of=CHANGING), one_in=15)]:
        for left in tmp_path.iterdir():
            left.unlink()
        ended = traced(act, CALLS, fault)
        assert ended.printed == "", fault
        # A journal that is left holds what the file holds.
        assert {stat.S_IMODE(left.stat().st_mode) for left in tmp_path.iterdir()} <= {0o600}, fault
        with closing(Ledger.open(url)) as ledger:
            assert ledger.append(CLOSED, at=now) == [1]
            assert verify(ledger, check_note=None).sound
        assert ended.killed or ended.error in (None, NotNow), fault


@pytest.mark.parametrize("what", [KILL, "EIO"])
def test_cut_short_while_it_is_destroyed_whom_a_list_named_is_gone_whole_or_not_at_all(
    prepared: Path, tmp_path: Path, now: datetime, what: str
) -> None:
    permitted, file = tmp_path / "permitted.db", tmp_path / "ledger.db"
    shutil.copyfile(prepared, permitted)
    with closing(Ledger.open(f"sqlite:///{permitted}")) as ledger:
        ledger.permit(permit_body(), ON_LIST, month=MONTH, at=now)
        disclosed = [one.seq for one in ledger.disclosures_of([child(1), child(2)])]

    def act(begin: Callable[[], None]) -> None:
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
            begin()
            ledger.destroy_openings(disclosed, because="retention", at=now)

    def played(fault: Fault | None = None) -> Made:
        file.with_name("ledger.db-journal").unlink(missing_ok=True)
        shutil.copyfile(permitted, file)
        return traced(act, CALLS, fault)

    for fault in [None, *sampled(faults(played().calls, what, of=CHANGING), one_in=5)]:
        ended = played(fault)
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
            known = len(ledger.disclosures_of([child(1), child(2)]))
            assert (known, ledger.size) in ((2, BEFORE + ADDED), (0, BEFORE + ADDED + 1)), fault
            if not ended.killed and ended.error is None:
                assert known == 0, fault
            assert verify(ledger, check_note=None).problem is None
            ledger.destroy_openings(disclosed, because="retention", at=now)
            assert ledger.disclosures_of([child(1), child(2)]) == []
            assert verify(ledger, check_note=None).problem is None


# --- more than fits into memory, or onto the disk -------------------------------------------------


def test_killed_within_a_batch_that_is_written_before_it_is_kept(
    prepared: Path, tmp_path: Path, now: datetime
) -> None:
    """SQLite puts a large transaction into the file while it lasts; the journal must undo that."""
    file = tmp_path / "ledger.db"

    def act(begin: Callable[[], None]) -> None:
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
            begin()
            ledger.append(*[CLOSED] * 8000, at=now)

    def played(fault: Fault | None = None) -> Made:
        shutil.copyfile(prepared, file)
        return traced(act, ["pwrite64"], fault)

    writes = len(played().calls)
    changed = 0
    for part in (4, 2, 1.3, 1.02):
        assert played(Fault("pwrite64", int(writes / part), KILL)).killed
        changed += file.stat().st_size > prepared.stat().st_size
        with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
            assert ledger.size == BEFORE
            assert verify(ledger, check_note=None).problem is None
            assert ledger.append(CLOSED, at=now) == [BEFORE + 1]
    assert changed > 1, "the file was not yet written to when they were killed"


def test_a_file_that_may_not_grow_holds_what_was_kept_and_goes_on_when_it_may(
    prepared: Path, tmp_path: Path, now: datetime
) -> None:
    file = tmp_path / "ledger.db"
    shutil.copyfile(prepared, file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
        kept = BEFORE
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20_000, hard))
        try:
            with pytest.raises(SettingsError, match="does not read or write"):
                while True:
                    [*_, kept] = ledger.append(*[CLOSED] * 20, at=now)
            assert ledger.size == kept
            with pytest.raises(SettingsError):
                ledger.append(*[CLOSED] * 20, at=now)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert kept > BEFORE
        assert verify(ledger, check_note=None).problem is None
        assert ledger.append(CLOSED, at=now) == [kept + 1]
        assert verify(ledger, check_note=None).sound
