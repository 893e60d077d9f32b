"""The leaves that ledger.py left, in a tree of pymerkle's in an SQLite file: run by a Python that has it.

    python ledger_pymerkle.py FILE

Appended in batches; proofs with nothing cached, as ours are made, and once more with what the first round
left in its cache. Whether its root and audit paths are ours is said too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from pymerkle import SqliteTree


def main() -> None:
    """Append, prove and compare."""
    file = Path(sys.argv[1])
    given = json.loads(file.read_text())
    leaves = [leaf.encode() for leaf in given["leaves"]]
    size, batch = len(leaves), given["batch"]
    with SqliteTree(str(file.with_suffix(".db"))) as tree:
        begun = perf_counter()
        for first in range(0, size, batch):
            tree.append_entries(leaves[first : first + batch])
        appended = perf_counter() - begun
        proofs = [tree.prove_inclusion(place, size) for place in given["places"]]
        paths = [[node.hex() for node in proof.path[1:]] for proof in proofs]
        answer = {
            "leaves": size,
            "append_seconds": appended,
            "inclusion": {
                name: _timed(tree, lambda place: tree.prove_inclusion(place, size), given["places"], cold)
                for name, cold in (("cold", True), ("cached", False))
            },
            "consistency": {
                name: _timed(tree, lambda place: tree.prove_consistency(place, size), given["places"], cold)
                for name, cold in (("cold", True), ("cached", False))
            },
            "agree": tree.get_root(size).hex() == given["root"] and paths == given["inclusion"],
        }
    print(json.dumps(answer))


def _timed(tree: Any, act: Callable[[int], Any], places: list[int], cold: bool) -> dict[str, float]:
    each = []
    for place in places:
        if cold:
            tree.cache_clear()
        begun = perf_counter()
        act(place)
        each.append(perf_counter() - begun)
    return {"median": median(each), "slowest": max(each)}


if __name__ == "__main__":
    main()
