"""System calls that fail, or kill who makes them: strace changes what a real kernel answers to a process.

made(act)                                  the calls that an act makes, in order
made(act, Fault("pwrite64", 3, "EIO"))     the third write fails
made(act, Fault("unlink", 1, "SIGKILL"))   killed when it is about to remove a file
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from servers.installing import provided

KILL = "SIGKILL"
SECONDS = 120  # in which an act must have ended
_PR_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)
_CALL = re.compile(r"^(?:\d+ +)?([a-z_0-9]+)\(", re.MULTILINE)

Act = Callable[[Callable[[], None]], object]  # is told when to begin; what it did before is not looked at


class CannotTrace(RuntimeError):
    """This machine has no strace, or does not let one process look at another."""

    forbidden = False  # by the machine: no installation helps


@dataclass(frozen=True)
class Fault:
    """What befalls which call: the `number`th of its name from 1, or all from there on (`lasting`)."""

    call: str
    number: int
    what: str  # SIGKILL, or the name of an error
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.number}{'+' if self.lasting else ''} {self.what}"

    @property
    def option(self) -> str:
        """As strace wants it."""
        what = f"signal={self.what}" if self.what == KILL else f"error={self.what}"
        return f"inject={self.call}:{what}:when={self.number}{'+' if self.lasting else ''}"


@dataclass(frozen=True)
class Made:
    """How an act ended."""

    killed: bool
    error: type[BaseException] | None  # what it raised
    words: str  # of the error
    calls: list[str]  # the names of the calls that were looked at, in order
    printed: str  # on stdout and stderr


def made(act: Act, calls: Sequence[str], fault: Fault | None = None) -> Made:
    """Play an act in a process of its own, looking at its `calls`; raises CannotTrace."""
    ensure_possible()
    ours, its = multiprocessing.Pipe()
    with ours, tempfile.TemporaryDirectory(prefix="birthshare-calls-") as place:
        folder = Path(place)
        process = multiprocessing.get_context("fork").Process(target=_alone, args=(act, its, folder))
        process.start()
        its.close()
        assert ours.recv() == "ready"
        looked_at = ",".join(f"?{call}" for call in calls)  # "?": not every machine has every call
        options = ["-e", f"trace={looked_at}", *(["-e", fault.option] if fault else [])]
        with _attached(process, folder / "trace", options):
            ours.send("go")
            try:
                error, words = ours.recv()
            except EOFError:
                error, words = None, ""
            process.join(SECONDS)
        assert process.exitcode in (0, -9), process.exitcode
        names = _CALL.findall((folder / "trace").read_text(encoding="utf-8", errors="replace"))
        printed = (folder / "printed").read_text(encoding="utf-8", errors="replace")
        return Made(process.exitcode != 0, error, words, names, printed)


def _alone(act: Act, parent: Connection, folder: Path) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
    with (folder / "printed").open("wb") as printed:
        for descriptor in (1, 2):
            os.dup2(printed.fileno(), descriptor)

    def begin() -> None:
        parent.send("ready")
        parent.recv()

    error, words = None, ""
    try:
        act(begin)
    except Exception as raised:
        error, words = type(raised), str(raised)
    parent.send((error, words))
    os._exit(0)


@contextmanager
def _attached(process: BaseProcess, trace: Path, options: Sequence[str]) -> Iterator[None]:
    """strace at a process, until that has ended."""
    command = ["strace", "-o", str(trace), *options, "-p", str(process.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        if "attached" not in said:
            process.kill()
            process.join()
            refused = CannotTrace(f"strace may not look at a process here: {said.strip()}")
            refused.forbidden = True
            raise refused
        yield
        strace.communicate(timeout=SECONDS)


def ensure_possible() -> None:
    """Install strace where it is missing; raises CannotTrace where that is not possible."""
    if not provided("strace", lambda: shutil.which("strace")):
        raise CannotTrace("strace is missing; install the Debian package strace")
