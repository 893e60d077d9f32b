"""The postcode directory of the real size: built, compiled for one authority, and asked.

    python postcodes.py measure FOLDER LETTERS FEW MANY TIMES [DUCKDB]

LETTERS are those that the postcodes begin with. The times of few postcodes are of whole processes, which
take turns; those of many are of the placing alone, once the frame is read. DUCKDB is a Python that has it.
`make` and `areas` are steps of it, in processes of their own: see measure.py.
"""

from __future__ import annotations

import csv
import json
import random
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from measure import NOTHING, Cost, run

HERE = Path(__file__).resolve().parent
BIRTHSHARE = Path(sys.executable).with_name("birthshare")
NETWORK, CENTRES, PART = "childrens_centres", 60, 1_000_000  # fewer postcodes than that are a part
BUILD = (
    "import sys; from pathlib import Path; from pipeline.geography.building import build_directory; "
    "build_directory(Path(sys.argv[1]), Path(sys.argv[2]), part=bool(sys.argv[3:]))"
)
COMPILE = (
    "import sys; from datetime import date; from pathlib import Path; "
    "from pipeline.geography.compiling import build_reach; "
    "areas, directory, reach = map(Path, sys.argv[1:]); "
    "build_reach([areas], directory, reach, on=date.today())"
)
Figures = dict[str, Any]


def make(folder: Path, letters: str) -> None:
    """The release as it is published, and an authority's home without a directory."""
    sys.path.insert(0, str(HERE.parent))
    from geography.full_size import write
    from pipeline.demo.run import laid_out
    from pipeline.records import Month

    now = datetime.now(UTC)
    month = Month(now.year, now.month).plus(-1)
    with laid_out(folder / "authority", month=month, births=0, centres=4, seed=1, now=now) as demo:
        (demo.home / "reference" / "postcodes.sqlite").unlink()
    print(write(folder / "release.zip", wide=True, letters=letters))


def areas(folder: Path, few: int, many: int) -> None:
    """Reach areas of every kind for the largest authority; and the tables and postcodes for the rivals."""
    import pandas as pd

    chance = random.Random(1)
    connection = sqlite3.connect(folder / "postcodes.sqlite")
    rows = connection.execute("SELECT postcode, terminated, authority, ward, lsoa21, gridind FROM postcode")
    known = pd.DataFrame(rows.fetchall(), columns=[name for name, *_ in rows.description])
    english = known.loc[known["authority"].str.startswith("E"), "authority"]
    inside = known[known["authority"] == english.mode()[0]]
    small, wards = (sorted(set(inside[name]) - {""}) for name in ("lsoa21", "ward"))
    live = inside.loc[inside["terminated"] == "", "postcode"].tolist()
    sectors = sorted({postcode[:-2] for postcode in live})
    chosen = {
        "lsoa21": small[: len(small) * 9 // 10],
        "ward": wards,
        "sector": chance.sample(sectors, len(sectors) // 8),
        "postcode": chance.sample(live, len(live) // 100),
    }
    with (folder / "reach_areas.csv").open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(("network", "recipient", "kind", "code", "from", "to"))
        for kind, codes in chosen.items():
            for code in codes:
                lines.writerow((NETWORK, f"CC{chance.randrange(CENTRES):02d}", kind, code, "2020-04-01", ""))
    known[["postcode", "terminated", "authority", "gridind"]].to_parquet(folder / "postcodes.parquet")
    drawn = known["postcode"].sample(min(many, len(known)), random_state=1)
    spaced = drawn.str[:-3] + " " + drawn.str[-3:]
    asked = pd.DataFrame({"reference": range(len(spaced)), "postcode": spaced.to_numpy()})
    asked.to_parquet(folder / "asked.parquet")
    ours = inside["postcode"].sample(min(few, len(inside)), random_state=1)
    (folder / "few.txt").write_text("\n".join(ours.str[:-3] + " " + ours.str[-3:]) + "\n")
    (folder / "one.txt").write_text(f"{ours.iloc[0]}\n")
    print(json.dumps({"authority": len(inside), "lines": sum(map(len, chosen.values()))}))


def tables(folder: Path) -> None:
    """The compiled index as tables for the rivals."""
    import pandas as pd

    connection = sqlite3.connect(folder / "reach.sqlite")
    served = connection.execute("SELECT postcode, recipient, matched FROM served").fetchall()
    pd.DataFrame(served, columns=["postcode", "recipient", "matched"]).to_parquet(folder / "reach.parquet")
    covered = connection.execute("SELECT authority FROM covered").fetchall()
    pd.DataFrame(covered, columns=["authority"]).to_parquet(folder / "covered.parquet")


def measure(folder: Path, letters: str, few: int, many: int, times: int, duckdb: str) -> Figures:
    """Everything, in one run."""
    this = [sys.executable, str(Path(__file__).resolve())]
    directory, reach, home = (
        folder / "postcodes.sqlite",
        folder / "reach.sqlite",
        folder / "authority" / "home",
    )
    rows = int(run([*this, "make", str(folder), letters]).answer)
    part = ["--part"] if rows < PART else []
    built = run([sys.executable, "-c", BUILD, str(folder / "release.zip"), str(directory), *part])
    made = json.loads(run([*this, "areas", str(folder), str(few), str(many)]).answer)
    compiled = run([sys.executable, "-c", COMPILE, *map(str, (folder / "reach_areas.csv", directory, reach))])
    run([*this, "tables", str(folder)])
    (home / "reference" / "reach_areas.csv").write_bytes((folder / "reach_areas.csv").read_bytes())
    command = [str(BIRTHSHARE), "geography", "build", str(folder / "release.zip"), *part, "--home", str(home)]
    at_the_command_line = run(command)
    return {
        "postcodes": rows,
        **made,
        "built": _cost(built),
        "built_by_command": _cost(at_the_command_line),
        "compiled": _cost(compiled),
        "few": _few(folder, home, times),
        "many": _many(folder, max(1, times // 3), duckdb),
    }


def _few(folder: Path, home: Path, times: int) -> Figures:
    """Cold processes that take turns: the bare script, the room, the command line, pandas."""
    files = [str(folder / "postcodes.sqlite"), str(folder / "reach.sqlite"), str(folder / "few.txt")]
    tables = [str(folder / "postcodes.parquet"), str(folder / "reach.parquet"), files[2]]
    place = [str(BIRTHSHARE), "geography", "place", "--network", NETWORK, "--home", str(home), "--json"]
    ways = {
        "bare": [sys.executable, str(HERE / "postcodes_bare.py"), *files],
        "ours": [sys.executable, str(HERE / "postcodes_ours.py"), *files],
        "command": place,
        "pandas": [sys.executable, str(HERE / "postcodes_pandas.py"), *tables],
    }

    def one(name: str) -> Cost:
        return run(ways[name], given=folder / "one.txt" if name == "command" else NOTHING)

    first = {name: one(name) for name in ways}  # the files are in memory from here on
    costs = {name: [] for name in ways}
    for turn in range(times):
        for name in ways:
            if name != "pandas" or turn < 3:
                costs[name].append(one(name))
    return {
        "seconds": {name: median(cost.seconds for cost in each) for name, each in costs.items()},
        "cpu_seconds": {name: median(cost.cpu_seconds for cost in each) for name, each in costs.items()},
        "peak_mib": {name: max(cost.peak_mib for cost in each) for name, each in costs.items()},
        "placed": {name: int(first[name].answer) for name in ("bare", "ours", "pandas")},
        "asked": sum(1 for _ in (folder / "few.txt").open()),
    }


def _many(folder: Path, times: int, duckdb: str) -> Figures:
    """A frame of very many postcodes, by us and by DuckDB in turns."""
    ours = [sys.executable, str(HERE / "postcodes_bulk.py")]
    ours += [str(folder / name) for name in ("postcodes.sqlite", "reach.sqlite", "asked.parquet")]
    theirs = [duckdb, str(HERE / "postcodes_duckdb.py")]
    theirs += [str(folder / f"{name}.parquet") for name in ("postcodes", "reach", "covered", "asked")]
    found = {"ours": json.loads(run([*ours, str(times)]).answer)}
    found["duckdb"] = json.loads(run([*theirs, str(times)]).answer) if duckdb else None
    agree = not duckdb or all(
        found["ours"][key] == found["duckdb"][key] for key in ("statuses", "placed", "hospital")
    )
    return {**found, "agree": agree}


def _cost(cost: Cost) -> Figures:
    return {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "peak_mib": cost.peak_mib}


if __name__ == "__main__":
    step, place, *given = sys.argv[1:]
    if step == "make":
        make(Path(place), given[0])
    elif step == "areas":
        areas(Path(place), int(given[0]), int(given[1]))
    elif step == "tables":
        tables(Path(place))
    else:
        few, many, times = map(int, given[1:4])
        print(json.dumps(measure(Path(place), given[0], few, many, times, "".join(given[4:]))))
