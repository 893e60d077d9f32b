"""What centres do with their lists: open them, take them away, and say so in small text files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from pipeline.afterwards import receipts
from pipeline.afterwards.receipts import Looked
from pipeline.afterwards.sent import Sent, states
from pipeline.demo.authority import sign_register
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import Body, Kind
from pipeline.lists.references import CODE_FORM
from pipeline.records import Month
from scenarios.arrangement import MONTH, Arrangement, principal

LEAD = principal("data_lead")


@dataclass(frozen=True, eq=False)
class Centre:
    """One centre's own side: its folder at the server, and its own computer."""

    code: str
    town: Arrangement
    computer: Path

    @property
    def folder(self) -> Path:
        """Where the authority puts its lists."""
        return self.town.received / self.code

    def list_of(self, month: Month = MONTH) -> Path:
        """The sealed list of a month, where it lies."""
        return self.folder / next(name for name in self.town.files(self.code) if f"_{month}_" in name)

    def code_in(self, file: Path) -> str:
        """The code inside a list or notice, read from the opened file as its reader would."""
        sheets = self.town.opened(self.code, file)
        if "" in sheets:
            heading, first, *_ = sheets[""]
            return str(first[heading.index("receipt_code")])
        explained = [sheet for name, sheet in sheets.items() if name in ("Conditions of use", "What to do")]
        said = "\n".join(str(cell) for sheet in explained for row in sheet for cell in row)
        [code] = set(re.findall(rf"(?:^|the code )({CODE_FORM})\b", said, re.MULTILINE))
        return str(code)

    def words_in(self, file: Path) -> str:
        """Everything that stands in an opened list or notice."""
        sheets = self.town.opened(self.code, file).values()
        return " ".join(str(cell) for sheet in sheets for row in sheet for cell in row)

    def takes(self, file: Path) -> Path:
        """Move a list out of the folder."""
        self.computer.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(file, self.computer / file.name))

    def says(self, word: str, file: Path, content: str | bytes | None = None) -> Path:
        """Put a receipt beside a list, with the code that stands inside it if nothing else is given."""
        receipt = self.folder / f"{file.name}.{word}.txt"
        said = self.code_in(file) if content is None else content
        receipt.write_bytes(said if isinstance(said, bytes) else said.encode())
        return receipt


@dataclass
class Town:
    """An authority whose two months are closed, at one moment, and its three centres."""

    arrangement: Arrangement
    computers: Path
    now: datetime

    @property
    def home(self) -> Home:
        return self.arrangement.home

    def __getitem__(self, code: str) -> Centre:
        return Centre(code, self.arrangement, self.computers / code)

    def days_pass(self, days: int) -> None:
        """Later things happen so many days later."""
        self.now += timedelta(days=days)

    def looks(self) -> Looked:
        """The authority looks into every folder."""
        return receipts.look(self.home, now=self.now)

    def warnings(self) -> list[str]:
        """What `birthshare status` and `birthshare receipts` warn of."""
        return list(receipts.shown(self.home, now=self.now)["warnings"])

    def change_recipient(self, code: str, **changes: object) -> None:
        """Change a recipient in the register, which two persons sign."""
        file = self.home.path / "reference" / "recipients.yaml"
        listed = yaml.safe_load(file.read_text())
        for entry in listed["recipients"]:
            if entry["code"] == code:
                entry.update(changes)
        file.write_text(yaml.safe_dump(listed))
        sign_register(self.home, self.arrangement.ground.approver_keys)

    def recorded(self, kind: Kind) -> list[Body]:
        """What the ledger says of one kind, oldest first."""
        with opened_ledger(self.home) as ledger:
            return [entry.body for entry in ledger.entries(kinds={kind})]

    def row(self, code: str, month: Month = MONTH) -> Sent:
        """Where a centre's list of a month stands."""
        [row] = [one for one in self.rows() if (one.recipient, one.month) == (code, str(month))]
        return row

    def rows(self) -> list[Sent]:
        """Every list and notice."""
        with opened_ledger(self.home) as ledger:
            return states(ledger)


@contextmanager
def copied(town: Arrangement, folder: Path) -> Iterator[Town]:
    """The town with a home of its own; its centres' folders are as they were afterwards."""
    shutil.copytree(town.home.path, folder / "home")
    kept = folder / "kept"
    shutil.copytree(town.received, kept)
    own = replace(town, home=Home.open(folder / "home"))
    try:
        yield Town(own, folder / "computers", own.now)
    finally:
        for place in town.received.iterdir():
            if (kept / place.name).is_dir():
                _restore(kept / place.name, place)


def _restore(kept: Path, place: Path) -> None:
    """Every file as it was; the folder itself stays, since a server may have it open."""
    for file in place.iterdir():
        file.unlink()
    for file in kept.iterdir():
        shutil.copy2(file, place / file.name)
