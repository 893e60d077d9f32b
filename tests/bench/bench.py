"""The figures of the README: `make bench`, or `python tests/bench/bench.py --out figures.json`.

Three questions, each answered in fresh processes: how long the demonstration's month takes and on
what; what Birthshare costs beside a plain script that does the same job without its guarantees
(rival.py); how births of a hundred thousand families go through geography and consent. Machines
differ, so what to compare between them are the ratios, taken within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from figures import as_text
from measure import run
from pairs import BIRTHSHARE, compare

HERE = Path(__file__).resolve().parent
INTERPRETED = 100  # births for the reference interpreter, whose time grows with the square of them

Figures = dict[str, Any]


def main(arguments: Sequence[str]) -> None:
    """Measure, print the tables, and write the figures where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it still runs")
    parser.add_argument("--pairs", type=int, help="pairs of runs against the rival")
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    chosen = parser.parse_args(arguments)
    sizes = {"births": 120, "centres": 4, "many": 1_000, "pairs": 1} if chosen.quick else {
        "births": 1_500, "centres": 60, "many": 100_000, "pairs": 3,
    }  # fmt: skip
    if chosen.pairs:
        sizes["pairs"] = chosen.pairs
    with tempfile.TemporaryDirectory(prefix="birthshare-bench-") as folder:
        figures = measured(Path(folder), **sizes)
    print(as_text(figures))
    if chosen.out:
        chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def measured(folder: Path, *, births: int, centres: int, many: int, pairs: int) -> Figures:
    """All figures; every time is in seconds, every size in MiB."""
    month = _last_month()
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "on": str(date.today())},
        "demo": _demo(folder / "demo"),
        "against_rival": compare(folder, births=births, centres=centres, month=month, pairs=pairs),
        "many": _many(folder / "many", many, month),
    }


def _last_month() -> str:
    return f"{date.today().replace(day=1) - timedelta(days=1):%Y-%m}"


def _demo(folder: Path) -> Figures:
    """The demonstration as a newcomer runs it, its servers and keys included."""
    cost = run([str(BIRTHSHARE), "demo", "--json", "--dir", str(folder)])
    state = json.loads(cost.answer)
    return {
        "births": state["received"],
        "centres": len(state["recipients"]),
        "balanced": state["balanced"],
        "seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_mib": cost.peak_mib,
        "stages": state["seconds"],
    }


def _many(folder: Path, births: int, month: str) -> Figures:
    folder.mkdir()
    bulk = [sys.executable, str(HERE / "bulk.py")]
    run([*bulk, "make", str(folder), str(births), month])
    figures: Figures = json.loads(run([*bulk, "measure", str(folder), str(INTERPRETED)]).answer)
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
