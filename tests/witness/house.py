"""An authority with a ledger and nothing else, and what is done in it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import facts
from pipeline.encryption.signing import note_verifier
from pipeline.home import Home
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.ledger.entries import Entry, Kind, MonthClosed
from pipeline.outside import check, countersigned
from pipeline.outside.witness import Witness
from pipeline.steps import closing

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
NAME = "council.example.org/witness"


@dataclass(frozen=True)
class House:
    """One authority's home, and what is done in it."""

    path: Path

    @property
    def home(self) -> Home:
        """With its settings as they are now."""
        return Home.open(self.path)

    @property
    def verifier(self) -> str:
        """The public key of its ledger."""
        return note_verifier(facts.origin(self.home), self.home.secret("ledger.key"))

    def grow(self, entries: int = 1, month: str = "2026-10") -> None:
        """Record something."""
        with facts.opened_ledger(self.home) as ledger:
            ledger.append(*(Entry(MonthClosed(), month) for _ in range(entries)), at=NOW)

    def sign(self) -> Checkpoint:
        """A checkpoint of what is recorded."""
        with facts.opened_ledger(self.home) as ledger:
            return closing.sign_ledger(self.home, ledger)

    def request(self, *, since: int | None = None, witness: str = NAME) -> str:
        """What a witness is asked."""
        with facts.opened_ledger(self.home) as ledger:
            return countersigned.request(self.home, ledger, witness, since=since)

    def grown_request(self, entries: int = 1, *, since: int | None = None, month: str = "2026-10") -> str:
        """Record something more, sign it, and ask."""
        self.grow(entries, month)
        self.sign()
        return self.request(since=since)

    def take_home(self, answer: str, now: datetime = NOW) -> list[Any]:
        """Record a witness's answer."""
        with facts.opened_ledger(self.home) as ledger:
            return countersigned.take_home(self.home, ledger, answer, now=now)

    def check(self, now: datetime = NOW) -> dict[str, Any]:
        """The nightly check."""
        return check.run(self.home, now=now)

    def recorded(self, kind: Kind) -> list[Any]:
        """What the ledger says of one kind, oldest first."""
        with facts.opened_ledger(self.home) as ledger:
            return [entry.body for entry in ledger.entries(kinds={kind})]

    @property
    def size(self) -> int:
        """How many entries there are."""
        with facts.opened_ledger(self.home) as ledger:
            return ledger.size

    def count_on(self, *witnesses: Witness, needed: int = 0) -> None:
        """Name witnesses in the settings; places come after."""
        keys = ", ".join(f'"{one.verifier}"' for one in witnesses)
        self.set(f"[ledger]\nwitnesses = [{keys}]\nwitnesses_needed = {needed}")

    def keep_at(self, folder: Path, witness: str = "", name: str = "") -> Path:
        """Name a folder in the settings, and make it."""
        folder.mkdir(exist_ok=True)
        self.set(
            f'[[ledger.places]]\nname = "{name or folder.name}"\nfolder = "{folder}"\nwitness = "{witness}"'
        )
        return folder

    def set(self, text: str) -> None:
        """Add to the settings."""
        with (self.path / "birthshare.toml").open("a") as file:
            file.write(f"\n{text}\n")

    def copied(self, to: Path) -> House:
        """The same home once more, as a thief or a backup has it: with the key."""
        shutil.copytree(self.path, to)
        return House(to)
