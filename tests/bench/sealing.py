"""Making and sealing so many lists in each format, in one fresh process and one after the other.

    python sealing.py FOLDER LISTS TIMES

The lists are those of a demonstration's recipients, each made and sealed again and again, with rows counted
and all, as a month does it; about ten families each. The answer is JSON, times in seconds.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from bulk import Bulk, make

from pipeline.home import Recipient
from pipeline.lists.compile import FamilyList, compile_list
from pipeline.lists.totals import AreaNumbers
from pipeline.records import AREAS, Month, empty
from pipeline.steps import needs
from pipeline.steps.formats import sealed_for

BIRTHS = 1_500  # of sixty centres
FORMATS = {
    "workbook": {"format": "workbook"},
    "csv": {"format": "csv"},
    "zip": {"format": "zip"},
    "zip with labels": {"format": "zip", "labels": "a4-21"},
}


@dataclass(frozen=True)
class Ready:
    """A recipient and what is to be made for it."""

    recipient: Recipient
    families: FamilyList
    rows: int


def measure(folder: Path, lists: int, times: int) -> dict[str, Any]:
    """The seconds that each format takes for so many lists, by turns."""
    make(folder, BIRTHS, Month(2026, 9))
    bulk = Bulk(folder)
    births = bulk.read()
    decided = bulk.decide(births, bulk.place(births))
    ready = [_ready(bulk, births, decided, one) for one in bulk.home.recipients().values()]
    keyed = {
        is_csv: [one for one in ready if (one.recipient.format == "csv") is is_csv]
        for is_csv in (True, False)
    }
    seconds: dict[str, list[float]] = {name: [] for name in FORMATS}
    sizes: dict[str, int] = {}
    for _ in range(times):
        for name, changes in FORMATS.items():
            mine = keyed[name == "csv"]
            begun = perf_counter()
            for number in range(lists):
                sizes[name] = _sealed(bulk, mine[number % len(mine)], changes)
            seconds[name].append(perf_counter() - begun)
    families = sum(one.families.households for one in ready) / len(ready)
    return {"lists": lists, "families": families, "seconds": seconds, "bytes": sizes}


def _ready(bulk: Bulk, births: pd.DataFrame, decided: pd.DataFrame, recipient: Recipient) -> Ready:
    families = compile_list(
        births,
        decided,
        bulk.agreement,
        recipient.code,
        bulk.month,
        AreaNumbers(births=None),
        kind=recipient.kind,
        areas=empty(AREAS),
        reference_key=bulk.home.secret("subject.key"),
        pseudonym_key=needs.pseudonym_key(bulk.home, bulk.agreement),
    )
    return Ready(recipient, families, families.households)


def _sealed(bulk: Bulk, ready: Ready, changes: dict[str, str]) -> int:
    """How many bytes it has."""
    recipient = ready.recipient.model_copy(update=changes)
    content, _ = sealed_for(bulk.home, recipient, ready.families, rows=ready.rows, made_on=bulk.now.date())
    return len(content)


def main() -> None:
    folder, lists, times = sys.argv[1:]
    print(json.dumps(measure(Path(folder), int(lists), int(times))))


if __name__ == "__main__":
    main()
