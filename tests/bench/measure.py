"""Running a command in a fresh process and saying what it cost.

Whoever imports this stays small: Linux counts the memory of the process that starts a command as if
it were the command's own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

NOTHING = Path(os.devnull)
MIB = 1024  # of the KiB that Linux counts in


@dataclass(frozen=True)
class Cost:
    """What one command, with every program that it started and waited for, took and said."""

    seconds: float  # wall clock
    cpu_seconds: float
    peak_mib: float  # of the largest of its processes
    answer: str  # its standard output

    def __add__(self, other: Cost) -> Cost:
        """One command after the other; the answer is the last one's."""
        return Cost(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_mib, other.peak_mib),
            other.answer,
        )


class CommandFailed(RuntimeError):
    """A command ended with a code that was not expected."""


def run(
    command: Sequence[str],
    *,
    expected: int = 0,
    environment: Mapping[str, str] | None = None,
    given: Path = NOTHING,
) -> Cost:
    """Run a command to its end, with the file that is `given` as its standard input.

    Raises CommandFailed, with what it complained of, for any code but the one that is expected.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained, given.open("rb") as asked:
        begun = perf_counter()
        process = subprocess.Popen(
            command, stdin=asked, stdout=said, stderr=complained,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        seconds = perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            complained.seek(0)
            raise CommandFailed(f"{command[:4]}: code {process.returncode}\n{complained.read().decode()}")
        said.seek(0)
        cpu = used.ru_utime + used.ru_stime
        return Cost(seconds, cpu, used.ru_maxrss / MIB, said.read().decode())
