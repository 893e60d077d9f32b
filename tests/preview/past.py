"""Past months, kept as the end of a month keeps them: from plain records, without running one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.agreements.model import Agreement
from pipeline.founding import make_home
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.records import ANSWERS as ANSWER_COLUMNS
from pipeline.records import KEYED_PLACES, Month, declared, keyed_references
from pipeline.steps import release
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import (
    ANSWERS,
    BIRTHS,
    DISCLOSED,
    KEYED,
    PLACEMENTS,
    columns_of,
    decisions_of,
    terms_of,
    words_of,
)
from pipeline.steps.pack import PACK
from spec.world import COLUMNS, MONTH, Row, World, agreement, birth, frame

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def new_home(folder: Path) -> Home:
    """An authority's home with fresh keys, and nothing in it."""
    make_home(folder)
    for name in ("staging.key", "subject.key", "ledger.key"):
        key = folder / "keys" / name
        if not key.exists():
            key.write_bytes(bytes(range(32)))
            key.chmod(0o600)
    return Home.open(folder)


def family(reference: int, month: Month = MONTH, **changes: Any) -> Row:
    """A birth of that month with nothing against it when the month is decided, with changes."""
    first = month.first_day
    usual = {
        "child": f"child-{month}-{reference}", "parent": f"parent-{month}-{reference}",
        "dwelling": f"dwelling-{month}-{reference}", "date_of_birth": first + timedelta(7),
        "consent_date": first + timedelta(19), "notice_date": first + timedelta(9),
        "last_updated": datetime(month.year, month.number, 25, 12),
    }  # fmt: skip
    return birth(reference, **(usual | changes))


def decided_in(month: Month) -> datetime:
    """The moment at which a past month was decided."""
    return datetime(month.plus(1).year, month.plus(1).number, 3, 9, 30, tzinfo=UTC)


def world(*births: Row, month: Month = MONTH, **others: Any) -> World:
    """A month of these births."""
    return World.of(*births, month=month, moment=decided_in(month), **others)


def keep(
    home: Home, past: World, *, final: pd.DataFrame | None = None, columns: set[str] | None = None
) -> None:
    """Leave the working files of a month that is about to be closed, and keep it."""
    with desk_of(home, past.month) as desk:
        lay_out(desk, past, columns=columns)
        decided = desk.staging.frame(decisions_of(past.agreement.id))
        kept.keep(desk, {past.agreement.id: decided if final is None else final})
        desk.staging.destroy()


@contextmanager
def desk_of(home: Home, month: Month) -> Iterator[Desk]:
    desk = Desk(home, month, NOW)
    try:
        yield desk
    finally:
        desk.close()


def lay_out(desk: Desk, past: World, *, columns: set[str] | None = None) -> None:
    """The working files of one decided month."""
    name = past.agreement.id
    births, placements, words, disclosures = past.frames
    answers = frame(past.answers, ANSWER_COLUMNS).assign(supplier="trust").astype({"supplier": "str"})
    for file, content in {
        BIRTHS: births, PLACEMENTS: placements, KEYED: keyed(desk.home, births), ANSWERS: answers,
        DISCLOSED: disclosures, words_of(name): words, decisions_of(name): past.decide(),
    }.items():  # fmt: skip
        desk.staging.put_frame(file, content)
    desk.staging.put(terms_of(name), past.agreement.model_dump_json().encode())
    for supplier in past.agreement.suppliers:
        desk.staging.put(columns_of(supplier), json.dumps(sorted(columns or COLUMNS)).encode())
    pack = {"inputs": {"agreements": {name: "0" * 64}}, "decided_at": past.moment.isoformat()}
    desk.staging.put(PACK, release.canonical(pack))


def keyed(home: Home, births: pd.DataFrame) -> pd.DataFrame:
    """By which places the births were placed; their postcodes are written well."""
    read = births["postcode"].str.replace(" ", "").tolist()
    places = keyed_references(home.secret("subject.key"), "place", read)
    return declared(births.assign(place=places), KEYED_PLACES)


def proposed(folder: Path, **parts: Any) -> Path:
    """The file of a proposed version 2 of the sample agreement, with parts changed."""
    return written(folder, agreement(version=2, replaces=1, **parts))


def written(folder: Path, content: Agreement) -> Path:
    file = folder / f"{content.id}.v{content.version}.yaml"
    file.write_text(yaml.safe_dump(content.model_dump(mode="json")))
    return _with_dates(file)


def _with_dates(file: Path) -> Path:
    """Dates as an agreement writes them: without quotes."""
    file.write_text(re.sub(r"'(\d{4}-\d{2}-\d{2})'", r"\1", file.read_text()))
    return file
