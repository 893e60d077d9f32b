"""A town with three centres, what becomes known there later, and what its centres find in their folders."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from month_authority import Answer, CommandLine
from pipeline.afterwards import recalls
from pipeline.afterwards.recalls import Followed
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Body, Kind, RecallRaised
from pipeline.lists.references import CODE_FORM
from receipts.centres import _restore
from scenarios.arrangement import (
    EARLIER,
    EAST,
    EAST_WARD,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    Ground,
    Row,
    arranged,
    born,
    child,
    sign_agreement,
    twin,
    word,
)

WELCOME = "welcome-card-first-visit"
FEEDS = {"changes": "changes_{supplier}_{date}.csv.gpg"}
BORN = {"date_of_birth": born(EARLIER)}
BEA = child("Bea", number_of_births="2", **BORN)
FAMILIES = [
    child("Ada", **BORN),
    BEA,
    twin(BEA, "Ben"),
    child("Cleo", postcode=SOUTH, **BORN),
    child("Dora", postcode=EAST, **BORN),
]
WHERE = {"Ada": "north", "Bea": "north", "Ben": "north", "Cleo": "south", "Dora": "east"}


@dataclass
class Town:
    """An authority that has closed the month EARLIER."""

    arrangement: Arrangement

    @property
    def home(self) -> Home:
        return self.arrangement.home

    @property
    def received(self) -> Path:
        return self.arrangement.received

    def hears(self, *words: Row) -> Followed:
        """A supplier's feed arrives, and the daily run reads it."""
        columns = dict.fromkeys((name for row in words for name in row), "")
        self.arrangement.feeds("chis", [columns | row for row in words])
        _, followed = recalls.apply_feeds(self.home, now=self.arrangement.now)
        return followed

    def tries_again(self) -> Followed:
        """`birthshare recalls send`."""
        return recalls.send(self.home, now=self.arrangement.now)

    def commands(self, *arguments: str | Path) -> Answer:
        """The command line on this home."""
        return CommandLine(self.arrangement)(*arguments)  # type: ignore[arg-type]  # it needs the home alone

    def recorded(self, kind: Kind) -> list[Body]:
        """What the ledger says of one kind, oldest first."""
        with opened_ledger(self.home) as ledger:
            return [entry.body for entry in ledger.entries(kinds={kind})]

    def raised(self) -> list[RecallRaised]:
        """The recalls that were raised."""
        return [one for one in self.recorded(Kind.RECALL_RAISED) if isinstance(one, RecallRaised)]

    def notices(self, recipient: str) -> list[Path]:
        """The notices in a recipient's folder, oldest first."""
        return sorted(
            file for file in (self.received / recipient).iterdir() if file.name.startswith("recall_")
        )

    def read(self, recipient: str, file: Path) -> Notice:
        """A notice, opened as its recipient would."""
        sheets = self.arrangement.opened(recipient, file)
        text = "\n".join(str(cell) for sheet in sheets.values() for row in sheet for cell in row)
        if "" in sheets:
            heading, *rows = sheets[""]
            lines = [tuple(row[heading.index(name)] for name in _COLUMNS) for row in rows]
            return Notice(lines, str(rows[0][heading.index("receipt_code")]), text)
        _, *rows = sheets["References"]
        [code] = set(re.findall(rf"the code ({CODE_FORM})", text))
        return Notice([tuple(row) for row in rows], str(code), text)

    def only_notice(self, recipient: str) -> Notice:
        """The one notice that a recipient has, opened."""
        [file] = self.notices(recipient)
        return self.read(recipient, file)

    def reference(self, name: str) -> str:
        """What a family's row is called on its list, read from the opened list as the centre would."""
        rows = self.arrangement.rows(WHERE[name], EARLIER)
        [found] = {
            str(row.get("Reference", row.get("list_reference")))
            for row in rows
            if any(re.search(rf"\b{name}\b", str(cell)) for cell in row.values())
        }
        return found


_COLUMNS = ("list_file", "month", "list_reference")


@dataclass(frozen=True)
class Notice:
    """What a centre reads in a notice."""

    lines: list[tuple[Any, ...]]  # list, month, reference
    code: str
    text: str


def said(name: str, what: str, subject: str = "child") -> Row:
    """A later word about somebody."""
    return word(subject, name, what)


def said_of_home(name: str, what: str) -> Row:
    """A later word about a family's address."""
    family = next(one for one in FAMILIES if one["given_name"] == name)
    where = {column: family[column] for column in ("address_line_1", "postcode")}
    return {"subject": "address", "word": what, "since": "", **where}


@contextmanager
def closed_town(ground: Ground, folder: Path) -> Iterator[Town]:
    """A town whose centres have the lists of a month."""
    with arranged(
        ground,
        folder,
        WELCOME,
        areas=[
            ("childrens_centres", "north", NORTH_WARD),
            ("childrens_centres", "south", SOUTH_WARD),
            ("childrens_centres", "east", EAST_WARD),
        ],
        recipients=dict.fromkeys(("north", "south", "east"), "childrens_centre"),
        formats={"east": "csv"},
        supplier_settings=FEEDS,
    ) as arrangement:
        _let_families_settle_at_once(arrangement)
        arrangement.sends("chis", FAMILIES, EARLIER)
        arrangement.runs(EARLIER)
        yield Town(arrangement)


def _let_families_settle_at_once(arrangement: Arrangement) -> None:
    """Else somebody who moves would have to wait for longer than an extract stays fresh."""
    [agreement] = arrangement.agreements
    file = arrangement.home.agreements / f"{agreement.id}.v{agreement.version}.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count("settling_days: 35") == 1
    file.write_text(text.replace("settling_days: 35", "settling_days: 0"), encoding="utf-8")
    for role in agreement.approvers:
        sign_agreement(arrangement.ground, file, role)


@contextmanager
def own(town: Town, folder: Path) -> Iterator[Town]:
    """The town with a home of its own; its centres' folders are as they were afterwards."""
    shutil.copytree(town.home.path, folder / "home")
    shutil.copytree(town.received, folder / "kept")
    try:
        yield Town(replace(town.arrangement, home=Home.open(folder / "home")))
    finally:
        for place in town.received.iterdir():
            if (folder / "kept" / place.name).is_dir():
                _restore(folder / "kept" / place.name, place)
