"""What reading the ledger again can find: each kind of damage, with its wording, and where it is."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.wording import Worded


class Damage(Worded):
    """What can be wrong with a ledger, each with its wording."""

    ALTERED = "altered", "does not say what was recorded"
    MISSING = "missing", "is not there any more"
    REORDERED = "reordered", "does not stand where it was recorded"
    CHAIN = "chain", "is not linked to the entry before it"
    HEAD = "head", "is not the end that the ledger's head names"
    ROOT = "root", "is the last of those that a checkpoint covers, and they are not what was signed"
    CHECKPOINT = "checkpoint", "is the last of a checkpoint that is not the one recorded"
    SIGNATURE = "signature", "is the last of a checkpoint whose signature is not genuine"
    LOOKUP = "lookup", "recorded something that a look-up table does not repeat"
    OPENING = "opening", "is about somebody else than what is kept beside it says"
    UNOPENED = "unopened", "has lost what told whom it is about, and nobody recorded that it was destroyed"
    STILL_OPEN = "still_open", "keeps what tells whom it is about, which was recorded as destroyed"
    INDEX = "index", "is not found by the database's own indexes, or the database's file is damaged"


@dataclass(frozen=True)
class Problem:
    """The first thing found wrong: the kind of damage, and the entry (0 for the ledger's beginning)."""

    damage: Damage
    entry: int

    def __str__(self) -> str:
        return f"entry {self.entry} {self.damage.wording}"


@dataclass(frozen=True)
class Verification:
    """What reading the ledger again found; `root` is that of the `entries` that were sound.

    Those up to number `since` were not read: they rest on a checkpoint that covers exactly them.
    """

    entries: int
    root: str  # hexadecimal
    checkpoints: int
    problem: Problem | None
    since: int = 0

    @property
    def sound(self) -> bool:
        """Nothing was found wrong."""
        return self.problem is None

    @property
    def read(self) -> int:
        """How many entries were read again and found sound."""
        return self.entries - self.since


class FoundError(Exception):
    """Ends the reading at the first damage."""

    def __init__(self, damage: Damage, entry: int) -> None:
        self.problem = Problem(damage, entry)
        super().__init__()
