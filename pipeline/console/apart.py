"""The process of one errand: a decision waits for its turn here, before anything that takes memory is loaded.

They take turns, for each reads the whole record, and of several none would be done sooner.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from time import monotonic

_GIVES_WAY = 10  # to whoever waits for a page; see nice(1)


def main(name: str, folder: str, turn: str) -> None:
    """Do it, in turn where `turn` is a file; "" for at once."""
    os.nice(_GIVES_WAY)
    begun = monotonic()
    with Path(turn or os.devnull).open("w") as lock:
        if turn:
            fcntl.flock(lock, fcntl.LOCK_EX)
        from pipeline.console import errands

        handed = errands.run_in(Path(folder), name, sys.stdin.buffer.read(), waited=monotonic() - begun)
    if handed is None:
        sys.exit(1)
    try:
        sys.stdout.buffer.write(handed)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the console was stopped meanwhile, and nobody is there to have it
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
