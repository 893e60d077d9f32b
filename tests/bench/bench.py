"""The figures of the README: `make bench`, or `python tests/bench/bench.py --out figures.json`.

Questions, each answered in fresh processes: how long the demonstration's month takes and on
what; what Birthshare costs beside a plain script that does the same job without its guarantees
(rival.py); how births of a hundred thousand families go through geography and consent; how fast a
million births are decided under three agreements on one core, beside the reference interpreter and
the policy language Cedar; how long it takes to bring lists to many recipients, and many lists to one
(pushes.py), to seal them in each format (sealing.py), and to call families back whose lists went out
years ago (called_back.py); how fast the ledger records, verifies, finds and proves (ledger.py); how long
a file of many births takes from its opened bytes to the validated frame (intake.py); how long the postcode
directory of the real size takes to build, to compile and to ask (postcodes.py); and, with `--only airflow`,
what Airflow adds to a month (airflow_month.py), with `--only console` how fast the console's pages are beside
a long past, and with 20 people at once (console.py). Machines differ, so what
to compare between them are the ratios, taken within one run.

Cedar is measured where a Python is named that has it: `pip install cedarpy` into an environment of
its own, then `--cedar ENVIRONMENT/bin/python`. So is Airflow's SFTP provider: `pip install
apache-airflow apache-airflow-providers-sftp`, then `--airflow ENVIRONMENT/bin/python`. So is pymerkle: `pip
install pymerkle`, then `--pymerkle ENVIRONMENT/bin/python`. So is pandera: `pip install pandera
pyarrow`, then `--pandera ENVIRONMENT/bin/python`; and DuckDB: `pip install duckdb pandas pyarrow`, then
`--duckdb ENVIRONMENT/bin/python`. Birthshare needs none of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from airflow_month import compare_ways
from figures import as_text
from measure import run
from pairs import BIRTHSHARE, compare

HERE = Path(__file__).resolve().parent
PARTS = (
    "demo", "against_rival", "many", "decisions", "pushes", "sealing", "called_back", "ledger", "intake",
    "geography",
)  # fmt: skip
# Only where they are asked for: one starts a whole Airflow several times, the other needs 10 GB on the disk.
ASKED_FOR = ("airflow", "console")
INTERPRETED = 100  # births for the reference interpreter, whose time grows with the square of them

FULL = {
    "births": 1_500, "centres": 60, "many": 100_000, "pairs": 3, "decided": 1_000_000,
    "lists": 2_400, "disclosures": 1_000_000, "changes": 10_000, "entries": 10_000_000,
    "recorded": 100_000, "times": 3, "intake": 1_000_000,
    "letters": ascii_uppercase, "asked": 1_500, "placed": 1_000_000,
}  # fmt: skip
QUICK = {
    "births": 120, "centres": 4, "many": 1_000, "pairs": 1, "decided": 4_000,
    "lists": 8, "disclosures": 2_000, "changes": 40, "entries": 3_000, "recorded": 2_000, "times": 1,
    "intake": 2_000, "letters": "Y", "asked": 300, "placed": 12_000,
}  # fmt: skip

OTHERS = ("cedar", "airflow", "pymerkle", "pandera", "duckdb")
TURNS = 3  # of cold processes with few postcodes, each time

Figures = dict[str, Any]


def main(arguments: Sequence[str]) -> None:
    """Measure, print the tables, and write the figures where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it still runs")
    parser.add_argument("--pairs", type=int, help="pairs of runs against the rival")
    parser.add_argument(
        "--only", choices=PARTS + ASKED_FOR, action="append", help="this part alone; may be repeated"
    )
    parser.add_argument("--cedar", default="", help="a Python that has cedarpy")
    parser.add_argument("--airflow", default="", help="a Python that has Airflow's SFTP provider")
    parser.add_argument("--pymerkle", default="", help="a Python that has pymerkle")
    parser.add_argument("--pandera", default="", help="a Python that has pandera")
    parser.add_argument("--duckdb", default="", help="a Python that has DuckDB, pandas and pyarrow")
    parser.add_argument("--entries", type=int, help="how long the ledger is that is verified")
    parser.add_argument("--times", type=int, help="how often pushes and recalls are measured")
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    chosen = parser.parse_args(arguments)
    sizes = dict(QUICK if chosen.quick else FULL)
    if chosen.pairs:
        sizes["pairs"] = chosen.pairs
    if chosen.entries:
        sizes["entries"] = chosen.entries
    if chosen.times:
        sizes["times"] = chosen.times
    with tempfile.TemporaryDirectory(prefix="birthshare-bench-") as folder:
        others = {name: getattr(chosen, name) for name in OTHERS}
        figures = measured(Path(folder), chosen.only or PARTS, sizes, others)
    print(as_text(figures))
    if chosen.out:
        chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def measured(
    folder: Path, parts: Sequence[str], sizes: Mapping[str, Any], others: Mapping[str, str]
) -> Figures:
    """The figures of these parts; every time is in seconds, every size in MiB. `others`: their Pythons."""
    month, many, times = _last_month(), sizes["many"], sizes["times"]
    measure: dict[str, Callable[[], Figures]] = {
        "demo": lambda: _demo(folder / "demo"),
        "against_rival": lambda: compare(
            folder, births=sizes["births"], centres=sizes["centres"], month=month, pairs=sizes["pairs"]
        ),
        "many": lambda: _many(folder / "many", many, month),
        "decisions": lambda: _decisions(folder / "decisions", many, sizes["decided"], month, others["cedar"]),
        "pushes": lambda: _asked(
            "pushes", folder, sizes["centres"], sizes["lists"], times, others["airflow"]
        ),
        "sealing": lambda: _asked("sealing", folder, sizes["lists"], 1),
        "called_back": lambda: _asked(
            "called_back", folder, sizes["disclosures"], sizes["changes"], sizes["centres"], times
        ),
        "ledger": lambda: _asked(
            "ledger", folder, sizes["entries"], sizes["recorded"], times, others["pymerkle"]
        ),
        "intake": lambda: _intake(folder / "intake", sizes["intake"], times, others["pandera"]),
        "geography": lambda: _postcodes(folder / "geography", sizes, TURNS * times, others["duckdb"]),
        "console": lambda: _asked("console", folder, sizes["entries"]),
        "airflow": lambda: compare_ways(
            folder / "airflow", births=sizes["births"], centres=sizes["centres"], month=month, times=times
        ),
    }
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "on": str(date.today())}
    return {"machine": machine, **{part: measure[part]() for part in measure if part in parts}}


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


def _asked(script: str, folder: Path, *given: int | str) -> Figures:
    """What a script of that name answers, in a folder of its own."""
    place = folder / script
    place.mkdir()
    command = [sys.executable, str(HERE / f"{script}.py"), str(place), *map(str, given)]
    figures: Figures = json.loads(run(command).answer)
    return figures


def _intake(folder: Path, rows: int, times: int, pandera: str) -> Figures:
    """One file, read and checked as a month does it and by hand; then what rivals can check of it, too."""
    folder.mkdir()

    def asked(*given: str, python: str = sys.executable) -> Figures:
        answer: Figures = json.loads(run([python, str(HERE / "intake.py"), *given, str(folder)]).answer)
        return answer

    made = json.loads(run([sys.executable, str(HERE / "intake.py"), "make", str(folder), str(rows)]).answer)
    turns = [{way: asked(way) for way in ("by_hand", "ours")} for _ in range(times)]
    rivals = {way: asked("checks", way) for way in ("ours", "gx")}
    rivals["pandera"] = asked("checks", "pandera", python=pandera) if pandera else None
    return {**made, "turns": turns, "checks": rivals}


def _postcodes(folder: Path, sizes: Mapping[str, Any], turns: int, duckdb: str) -> Figures:
    """The postcode directory: built, compiled, and asked by us and by others."""
    folder.mkdir()
    given = [str(sizes[name]) for name in ("letters", "asked", "placed")]
    script = [sys.executable, str(HERE / "postcodes.py"), "measure", str(folder), *given, str(turns)]
    figures: Figures = json.loads(run([*script, *([duckdb] if duckdb else [])]).answer)
    return figures


def _many(folder: Path, births: int, month: str) -> Figures:
    folder.mkdir()
    bulk = [sys.executable, str(HERE / "bulk.py")]
    run([*bulk, "make", str(folder), str(births), month])
    figures: Figures = json.loads(run([*bulk, "measure", str(folder), str(INTERPRETED)]).answer)
    return figures


def _decisions(folder: Path, distinct: int, most: int, month: str, cedar: str) -> Figures:
    """At a quarter, half and all of the births, so that one sees how time and memory grow."""
    folder.mkdir()
    run([sys.executable, str(HERE / "bulk.py"), "make", str(folder), str(distinct), month])
    script = [sys.executable, str(HERE / "decisions.py")]
    sizes = []
    for births in (most // 4, most // 2, most):
        run([*script, "make", str(folder), str(births)])
        sizes.append(json.loads(run([*script, "measure", str(folder), str(births)]).answer))
    beside: Figures = json.loads(run([*script, "beside", str(folder), str(most // 4)]).answer)
    asked = run([cedar, str(HERE / "cedar.py"), str(folder)]).answer if cedar else "null"
    return {"sizes": sizes, **beside, "cedar": json.loads(asked)}


if __name__ == "__main__":
    main(sys.argv[1:])
