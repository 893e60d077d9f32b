"""What a run of `retention` set out to destroy, so that the next one records what a killed one destroyed.

The note lies in the home from before the first thing is destroyed until the run's own entry in the ledger.
It holds classes of data and paths, no value of a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path

from pipeline.home import Home
from pipeline.ledger.entries import Kind
from pipeline.ledger.ledger import Ledger
from pipeline.staging import write_whole

Named = tuple[str, str]  # class of data, path


def begin(home: Home, ledger: Ledger, named: Collection[Named]) -> None:
    """Note what is destroyed from now on, and what was before without being recorded."""
    if named:
        said = {"entries": ledger.size, "destroying": list(named)}
        write_whole(_file(home), json.dumps(said).encode(), mode=0o600)


def cut_short(home: Home, ledger: Ledger, held: Collection[Named]) -> set[Named]:
    """What a run that was killed had destroyed without recording it: nothing of it is `held` any more."""
    try:
        said = json.loads(_file(home).read_bytes())
    except FileNotFoundError:
        return set()
    if any(entry.seq > said["entries"] for entry in ledger.entries(kinds={Kind.RETENTION_CHECKED})):
        return set()  # it was killed just after it had recorded them
    named = {(of, where) for of, where in said["destroying"]}
    return {(of, where) for of, where in named - set(held) if not os.path.lexists(home.path / where)}


def end(home: Home) -> None:
    """All of it is recorded."""
    _file(home).unlink(missing_ok=True)


def _file(home: Home) -> Path:
    return home.state / "destroying.json"
