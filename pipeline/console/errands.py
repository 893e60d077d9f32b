"""Work that takes minutes and is asked for on a page: in a process of its own, so that no page waits for it.

    a form starts it → a file of the home has how far it is → a page shows that, and what came of it

One errand of a name is under way at a time, whoever asks and however many processes serve the console: the
lock is the errand's own, and goes with it however it ends. What it found stays until the next one.

Of a decision (`decisions`) every one has a name of its own, and they take turns. What it is given comes in by
a pipe, and what is for nobody but whoever asked goes out by one: neither stands in a file.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, time
from typing import Any, TextIO

from pipeline.console import apart
from pipeline.errors import BirthshareError
from pipeline.home import DATABASE_VARIABLE, PASSPHRASE_VARIABLE, Home
from pipeline.staging import write_whole

VERIFICATION, AREAS, RETENTION = "verification", "areas", "retention"  # the errands there are
DECISION = "decision-"  # and those whose names begin so

_EVERY = 1.0  # second, at most, is written down how far it is
_DAY = 24 * 60 * 60  # seconds

Watch = Callable[[int, int], None]  # how much was done, of how much
Answer = dict[str, Any]  # for JSON; holds no personal value
# What is for nobody but whoever asked, when it is over; None where it did not end well.
Heard = Callable[[bytes | None], None]


@dataclass(frozen=True)
class Errand:
    """How it stands with one, or what it came to."""

    by: str  # who asked for it
    begun: datetime
    done: int = 0
    of: int = 0
    ended: datetime | None = None
    answer: Answer | None = None
    problem: tuple[str, ...] = ()  # what stopped it, where, and what to do
    about: str = ""  # the address of the page on which it stands what a decision came to
    handed: bool = False  # whether something comes of it that is for nobody but whoever asked
    under_way: bool = False

    @property
    def broken_off(self) -> bool:
        """Whether it ended and nobody knows how: the machine was stopped, for one."""
        return self.ended is None and not self.under_way


def start(
    home: Home,
    name: str,
    *,
    by: str,
    now: datetime,
    given: bytes = b"",
    about: str = "",
    handed: bool = False,
    heard: Heard | None = None,
) -> bool:
    """Begin it; False where it is under way already. `heard` is told in a thread of its own."""
    _file(home, name).parent.mkdir(parents=True, exist_ok=True)
    with _lock(home, name).open("w") as lock:
        if not _taken(lock):
            return False
        _write(home, name, Errand(by, now, about=about, handed=handed))
        turn = _turn(home, name, handed=handed)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", apart.__name__, name, str(home.path), turn],
            env=_environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock.fileno()],  # the lock is the process's from now on
            start_new_session=True,  # who stops the console at a terminal does not stop it
        )
    threading.Thread(target=_see_to, args=(process, given, heard), daemon=True).start()
    return True


def _see_to(process: subprocess.Popen[bytes], given: bytes, heard: Heard | None) -> None:
    """Until it ends; nothing of it is left behind then."""
    out, _ = process.communicate(given)
    if heard is not None:
        heard(out if process.returncode == 0 else None)


def _taken(lock: TextIO) -> bool:
    """Whether the lock is ours now. Whoever only looks holds it for an instant, and is no errand."""
    while True:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False


def _environment(home: Home) -> dict[str, str]:
    """For its process: of what may be secret there, this home's alone, which may have to be asked for."""
    secret = (DATABASE_VARIABLE, PASSPHRASE_VARIABLE)
    others = {name: value for name, value in os.environ.items() if not name.startswith(secret)}
    asked = {name: home.environment[name] for name in (DATABASE_VARIABLE,) if name in home.environment}
    return others | dict(home.environment) | asked


def forget_old(home: Home) -> None:
    """Put away what is known of decisions that are over since a day."""
    before = time() - _DAY
    for file in (home.state / "console").glob(f"{DECISION}*"):
        with suppress(OSError):  # another process puts them away too
            if file.stat().st_mtime < before:
                file.unlink()


def newest(home: Home, name: str) -> Errand | None:
    """The one under way, else the last one; None for none that is known."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        under_way = _is_locked(home, name)  # before the file is read: what ends meanwhile is not broken off
        kept = json.loads(_file(home, name).read_text(encoding="utf-8"))
        ended = datetime.fromisoformat(kept.pop("ended")) if kept["ended"] else None
        begun, problem = datetime.fromisoformat(kept.pop("begun")), tuple(kept.pop("problem"))
        about = "/" + kept.pop("about").lstrip("/\\")  # a page of ours, whatever the file says
        found = {"begun": begun, "ended": ended, "problem": problem, "about": about, "under_way": under_way}
        return Errand(**kept | found)
    return None


def wait(home: Home, name: str) -> None:
    """Until it is not under way."""
    with _lock(home, name).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)


def run_in(folder: Path, name: str, given: bytes, *, waited: float) -> bytes | None:
    """Do it, and write down how far it is and what it came to; the process that `start` begins does this.

    What is for nobody but whoever asked is the answer, and is not written down; None where something stopped
    it. `waited`: seconds, for its turn.
    """
    home = Home.open(folder)
    errand, written = newest(home, name), monotonic()
    assert errand is not None

    def watch(done: int, of: int) -> None:
        nonlocal written
        if monotonic() - written > _EVERY:
            written = monotonic()
            _write(home, name, replace(errand, done=done, of=of))

    handed: bytes | None = None
    try:
        if name.startswith(DECISION):
            handed, found = _decided(home, given, watch, waited), errand
        else:
            handed, found = b"", replace(errand, answer=_work(name)(home, watch))
    except BirthshareError as error:
        found = replace(errand, problem=tuple(part for part in (error.what, error.where, error.do) if part))
    except Exception as error:  # its text could hold anything
        found = replace(errand, problem=(f"It failed: {type(error).__name__}. If that stays, report this.",))
    _write(home, name, replace(found, ended=datetime.now(UTC)))
    return handed


def _decided(home: Home, given: bytes, watch: Watch, waited: float) -> bytes:
    from pipeline.console import decisions

    return decisions.carried_out(home, given, watch, later=timedelta(seconds=waited))


def _work(name: str) -> Callable[[Home, Watch], Answer]:
    """What an errand of this name does; imported where it is done."""
    from pipeline.questions import areas, keeping, proof

    return {VERIFICATION: proof.whole, AREAS: areas.checked, RETENTION: keeping.looked_through}[name]


def _write(home: Home, name: str, errand: Errand) -> None:
    kept = asdict(errand)
    del kept["under_way"]
    moments = {key: kept[key].isoformat() if kept[key] else "" for key in ("begun", "ended")}
    write_whole(_file(home, name), json.dumps(kept | moments).encode(), mode=0o600)


def _is_locked(home: Home, name: str) -> bool:
    with _lock(home, name).open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _file(home: Home, name: str) -> Path:
    return home.state / "console" / f"{name}.json"


def _lock(home: Home, name: str) -> Path:
    return home.state / "console" / f"{name}.lock"


def _turn(home: Home, name: str, *, handed: bool) -> str:
    """The lock of whoever's turn it is; "" where several may be under way.

    Who decides does not wait for what is made for somebody to have.
    """
    turn = "making.lock" if handed else "deciding.lock"
    return str(home.state / "console" / turn) if name.startswith(DECISION) else ""
