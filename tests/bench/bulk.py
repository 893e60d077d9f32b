"""Many births through place and decide, in one fresh process.

    python bulk.py make FOLDER BIRTHS MONTH      an authority's places, and its births as Parquet
    python bulk.py measure FOLDER SAMPLE         the figures, as JSON

The floor is what pandas needs only to read the same births from Parquet. The reference interpreter
of the tests, one record at a time in plain Python, decides a sample of them: as a second opinion,
and to say what the columns gain.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pandas as pd

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement
from pipeline.consent.decide import decide
from pipeline.demo.authority import TEMPLATE
from pipeline.geography.place import place
from pipeline.home import Home
from pipeline.places.compiled import compiled_places, hospitals
from pipeline.records import DISCLOSURES, SUPPRESSIONS, Month, declared, empty

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CENTRES = 60
TIMES = 5
SETTING = "setting.json"
EVERY_SUPPRESSED, EVERY_SHARED_BEFORE = 200, 10  # one birth of so many


def make(folder: Path, births: int, month: Month) -> None:
    """Lay out an authority in `folder` and leave its births there, as validation hands them on."""
    from pipeline.contract import load_contract
    from pipeline.demo.births import synthetic_extract
    from pipeline.demo.places import sample_postcodes
    from pipeline.demo.run import laid_out
    from pipeline.records import Extract
    from pipeline.validation.checks import validate

    now, contract = datetime.now(UTC), load_contract()
    with laid_out(folder / "authority", month=month, births=0, centres=CENTRES, seed=1, now=now) as demo:
        home = Home.open(demo.home)
    postcodes = sample_postcodes(home.at(home.settings.geography.directory))
    text = synthetic_extract(month, births, seed=1, places=postcodes, columns=contract.names)
    extract = Extract("chis", month, text.assign(row=range(1, len(text) + 1)), "", "", now)
    valid = validate(extract, contract=contract, reference_key=os.urandom(32)).births
    valid.to_parquet(folder / "births.parquet")
    (folder / SETTING).write_text(json.dumps({"month": str(month), "now": now.isoformat()}))


class Bulk:
    """What the measured steps work on."""

    def __init__(self, folder: Path) -> None:
        setting = json.loads((folder / SETTING).read_text())
        self.file = folder / "births.parquet"
        self.month, self.now = Month.parse(setting["month"]), datetime.fromisoformat(setting["now"])
        self.home = Home.open(folder / "authority" / "home")
        self.places = compiled_places(self.home, on=self.month.last_day)
        self.agreement: Agreement = read_agreement(self.home.agreements / TEMPLATE.name)[0]

    def read(self) -> pd.DataFrame:
        """The floor."""
        return pd.read_parquet(self.file)

    def place(self, births: pd.DataFrame, network: str | None = None) -> pd.DataFrame:
        """Geography, as the month calls it; in the agreement's network unless another is named."""
        return place(
            births[["reference", "postcode"]],
            directory=self.places.directory,
            reach=self.places.reach,
            network=network or self.agreement.recipients.placed_in,
            hospital_postcodes=hospitals(self.home),
        )

    def decide(self, births: pd.DataFrame, placements: pd.DataFrame, *earlier: pd.DataFrame) -> pd.DataFrame:
        """Consent, as the month calls it."""
        words, shared = earlier or (empty(SUPPRESSIONS), empty(DISCLOSURES))
        return decide(
            births, placements, words, shared, self.agreement,
            month=self.month, moment=self.now, demonstration=True,
        )  # fmt: skip

    def earlier(self, births: pd.DataFrame, placements: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Later words about some children, and some who were on an earlier month's list."""
        since, before = pd.Timestamp(self.month.first_day), str(self.month.plus(-1))
        suppressed = births["child"].iloc[::EVERY_SUPPRESSED]
        words = pd.DataFrame({"subject": suppressed, "word": "suppressed", "since": since})
        shared = pd.DataFrame({"child": births["child"], "recipient": placements["recipient"]})
        shared = shared.iloc[::EVERY_SHARED_BEFORE].assign(agreement=self.agreement.id, month=before)
        return declared(words, SUPPRESSIONS), declared(shared, DISCLOSURES)


def measure(folder: Path, sample: int) -> dict[str, Any]:
    """Seconds, rows a second, memory, and the interpreter beside the engine on a sample."""
    bulk = Bulk(folder)
    read_seconds, births = _timed(bulk.read)
    before = _peak_mib()
    place_seconds, placements = _timed(lambda: bulk.place(births))
    earlier = bulk.earlier(births, placements)
    decide_seconds, decisions = _timed(lambda: bulk.decide(births, placements, *earlier))
    together = place_seconds + decide_seconds
    return {
        "births": len(births),
        "shared": int((decisions["outcome"] == 0).sum()),
        "read_seconds": read_seconds,
        "place_seconds": place_seconds,
        "decide_seconds": decide_seconds,
        "rows_a_second": round(len(births) / together),
        "times_the_floor": together / read_seconds,
        "births_mib": births.memory_usage(deep=True).sum() / 2**20,
        "peak_mib_before": before,
        "peak_mib": _peak_mib(),
        "interpreter": _interpreted(bulk, births.head(sample), placements),
    }


def _interpreted(bulk: Bulk, births: pd.DataFrame, placements: pd.DataFrame) -> dict[str, Any]:
    from spec.interpreter import interpret
    from spec.world import World, plain

    theirs = placements[placements["reference"].isin(births["reference"])]
    world = World(
        births=plain_rows(births), placements=plain_rows(theirs), agreement=bulk.agreement,
        month=bulk.month, moment=bulk.now, demonstration=True,
    )  # fmt: skip
    begun = perf_counter()
    interpreted = interpret(world)
    seconds = perf_counter() - begun
    engine_seconds, decisions = _timed(lambda: bulk.decide(births, theirs))
    return {
        "births": len(births),
        "seconds": seconds,
        "engine_seconds": engine_seconds,
        "agree": interpreted == plain(decisions),
    }


def plain_rows(frame: pd.DataFrame, *, at: tuple[str, ...] = ("last_updated",)) -> tuple[dict[str, Any], ...]:
    """Records of plain Python values: dates, moments in the columns `at`, numbers, text; None for no date."""
    columns = {name: _plain_values(frame[name], is_moment=name in at) for name in frame}
    return tuple(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _plain_values(column: pd.Series, *, is_moment: bool) -> list[Any]:
    if column.dtype.kind != "M":
        return column.tolist()
    moments = [None if pd.isna(one) else one.to_pydatetime() for one in column]
    return moments if is_moment else [one and one.date() for one in moments]


def _timed(work: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    """The median of a few times, and the result."""
    seconds = []
    for _ in range(TIMES):
        begun = perf_counter()
        result = work()
        seconds.append(perf_counter() - begun)
    return median(seconds), result


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    action, folder, number, *month = sys.argv[1:]
    if action == "make":
        make(Path(folder), int(number), Month.parse(month[0]))
    else:
        print(json.dumps(measure(Path(folder), int(number))))


if __name__ == "__main__":
    main()
