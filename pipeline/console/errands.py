"""Work that takes minutes and is asked for on a page: in a process of its own, so that no page waits for it.

    a form starts it → a file of the home has how far it is → a page shows that, and what came of it

One errand of a name is under way at a time, whoever asks and however many processes serve the console: the
lock is the errand's own, and goes with it however it ends. What it found stays until the next one.
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
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from pipeline.errors import BirthshareError
from pipeline.home import Home
from pipeline.staging import write_whole

VERIFICATION, AREAS, RETENTION = "verification", "areas", "retention"  # the errands there are

_EVERY = 1.0  # second, at most, is written down how far it is
_GIVES_WAY = 10  # to whoever waits for a page; see nice(1)

Watch = Callable[[int, int], None]  # how much was done, of how much
Answer = dict[str, Any]  # for JSON; holds no personal value


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
    under_way: bool = False

    @property
    def broken_off(self) -> bool:
        """Whether it ended and nobody knows how: the machine was stopped, for one."""
        return self.ended is None and not self.under_way


def start(home: Home, name: str, *, by: str, now: datetime) -> bool:
    """Begin it; False where it is under way already."""
    _file(home, name).parent.mkdir(parents=True, exist_ok=True)
    with _lock(home, name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        _write(home, name, Errand(by, now))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pipeline.console.errands", name, str(home.path)],
            env={**os.environ, **home.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock.fileno()],  # the lock is the process's from now on
        )
    threading.Thread(target=process.wait, daemon=True).start()  # nothing of it is left behind when it ends
    return True


def newest(home: Home, name: str) -> Errand | None:
    """The one under way, else the last one; None for none that is known."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        under_way = _is_locked(home, name)  # before the file is read: what ends meanwhile is not broken off
        kept = json.loads(_file(home, name).read_text(encoding="utf-8"))
        ended = datetime.fromisoformat(kept.pop("ended")) if kept["ended"] else None
        begun, problem = datetime.fromisoformat(kept.pop("begun")), tuple(kept.pop("problem"))
        return Errand(**kept | {"begun": begun, "ended": ended, "problem": problem, "under_way": under_way})
    return None


def wait(home: Home, name: str) -> None:
    """Until it is not under way."""
    with _lock(home, name).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)


def run(home: Home, name: str) -> None:
    """Do it, and write down how far it is and what it came to; the process that `start` begins does this."""
    errand, written = newest(home, name), monotonic()
    assert errand is not None

    def watch(done: int, of: int) -> None:
        nonlocal written
        if monotonic() - written > _EVERY:
            written = monotonic()
            _write(home, name, replace(errand, done=done, of=of))

    try:
        found = replace(errand, answer=_work(name)(home, watch))
    except BirthshareError as error:
        found = replace(errand, problem=tuple(part for part in (error.what, error.where, error.do) if part))
    except Exception as error:  # its text could hold anything
        found = replace(errand, problem=(f"It failed: {type(error).__name__}. If that stays, report this.",))
    _write(home, name, replace(found, ended=datetime.now(UTC)))


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


def main(name: str, folder: str) -> None:
    """The process of one errand."""
    os.nice(_GIVES_WAY)
    run(Home.open(Path(folder)), name)


if __name__ == "__main__":
    main(*sys.argv[1:])
