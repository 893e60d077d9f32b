"""What proves the record: how far it is signed, who countersigned that, and who outside keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import facts
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.ledger.leaves import leaves
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import Verification, Watch, no_watch
from pipeline.outside import countersigned, places

VERIFIER = "verify_birthshare.py"
# Beside the package, as in the source: an installed package has it there too (pyproject.toml).
_BESIDE = Path(__file__).resolve().parents[2] / "infra"


@dataclass(frozen=True)
class Witness:
    """An organisation that countersigns the ledger, and what it signed last."""

    name: str
    size: int  # entries; 0 for nothing yet
    at: datetime | None


@dataclass(frozen=True)
class Proof:
    """How far the record is proved, as of now."""

    entries: int
    read: Verification  # what was recorded since the newest checkpoint, read again now
    damage: IntegrityError | None
    checkpoint: Checkpoint | None  # the newest, if anything was signed yet
    note: str  # it with all countersignatures; "" for none
    up_to: datetime | None  # when the last entry that it covers was recorded
    witnesses: tuple[Witness, ...]
    witnesses_needed: int
    places: tuple[places.Visit, ...]  # with size 0 where nothing is known to lie
    warnings: tuple[str, ...]


def proof(home: Home, *, now: datetime) -> Proof:
    """Everything that is known of it without reading the whole ledger, or asking anybody outside.

    Raises SettingsError for witnesses' keys that cannot be used.
    """
    with facts.opened_ledger(home) as ledger:
        found = facts.verified(home, ledger, whole=False)
        newest = ledger.latest_checkpoint()
        return Proof(
            entries=ledger.size,
            read=found,
            damage=facts.damaged(home, found) if found.problem else None,
            checkpoint=newest,
            note=countersigned.newest_note(home, ledger),
            up_to=_recorded_at(ledger, newest.size) if newest else None,
            witnesses=tuple(_witnesses(home, ledger)),
            witnesses_needed=home.settings.ledger.witnesses_needed,
            places=tuple(_places(home)),
            warnings=(*places.warnings(home), *countersigned.warnings(home, ledger, now)),
        )


def whole(home: Home, watch: Watch = no_watch) -> dict[str, Any]:
    """The whole ledger read again, and compared with every checkpoint that is at hand.

    Keys: entries, checkpoints, root, and kept (where and size: what it was compared with). Raises
    IntegrityError for the first damage that is found.
    """
    with facts.opened_ledger(home) as ledger:
        found = facts.verified(home, ledger, watch=watch)
    compared = facts.kept(home)
    if found.problem is not None:
        raise facts.damaged(home, found, compared)
    return {
        "entries": found.entries,
        "checkpoints": found.checkpoints,
        "root": found.root,
        "kept": [{"where": one.where, "size": one.size} for one in compared],
    }


def verifier() -> bytes:
    """The program of one file with which outsiders check; raises SettingsError where it is missing."""
    try:
        return (_BESIDE / VERIFIER).read_bytes()
    except OSError:
        raise SettingsError(
            "The verifier is not installed here",
            where=VERIFIER,
            do="Take it from the project's source, where it is in the folder infra.",
        ) from None


def _recorded_at(ledger: Ledger, number: int) -> datetime | None:
    return next((datetime.fromisoformat(one.at) for one in leaves(ledger, [number])), None)


def _witnesses(home: Home, ledger: Ledger) -> Iterator[Witness]:
    for name in countersigned.witnesses(home):
        last = countersigned.last(ledger, name)
        yield Witness(name, last.size if last else 0, last.cosigned_at if last else None)


def _places(home: Home) -> Iterator[places.Visit]:
    known = {one.name: one for one in places.remembered(home)}
    for place in home.settings.ledger.places:
        yield known.get(place.name, places.Visit(place.name, 0))
