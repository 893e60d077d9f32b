"""What witnesses countersigned, as the authority knows it: they are asked, and their answers taken home."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.ledger import remembered
from pipeline.ledger.checkpoints import Checkpoint, unsigned
from pipeline.ledger.entries import CheckpointWitnessed, Entry, Kind
from pipeline.ledger.ledger import Ledger
from pipeline.outside.messages import write_request

if TYPE_CHECKING:
    from pipeline.encryption.cosigning import Cosignature

_AHEAD = timedelta(hours=1)  # how far a witness's clock may be before ours


@dataclass(frozen=True)
class Countersigned:
    """A checkpoint that enough witnesses countersigned."""

    size: int
    at: datetime  # when the last of those that were needed did so
    note: str  # with their lines


def witnesses(home: Home) -> dict[str, str]:
    """The witnesses' verifier keys by name; raises SettingsError for one that is none."""
    from pipeline.encryption.cosigning import witness_of

    try:
        return {witness_of(vkey)[0]: vkey for vkey in home.settings.ledger.witnesses}
    except SettingsError:
        pass
    raise SettingsError(
        "A witness's key is none",
        where="birthshare.toml, ledger.witnesses",
        do="Copy it again, whole: `birthshare ledger witness init` showed it to the other organisation.",
    )


def request(home: Home, ledger: Ledger, witness: str, *, since: int | None = None) -> str:
    """A request that this witness countersign the newest checkpoint.

    It begins with what the witness signed last, as far as is known here, or `since` that many entries. Raises
    SettingsError where there is no checkpoint, or none that long.
    """
    newest = ledger.latest_checkpoint()
    if newest is None:
        raise SettingsError("There is no checkpoint yet", do="Sign one: birthshare ledger checkpoint")
    known = last(ledger, witness)
    old = (known.size if known else 0) if since is None else since
    if old > newest.size:
        raise SettingsError(
            f"The newest checkpoint has {newest.size} entries, and not {old} or more",
            do="If the witness has signed more than that, this database is older than it should be: see "
            "infra/runbooks/backups.md.",
        )
    with ledger.proving() as proofs:
        return write_request(old, proofs.consistency(old, newest.size), newest.note)


def last(ledger: Ledger, witness: str) -> CheckpointWitnessed | None:
    """What this witness countersigned last, as far as was taken home."""
    known = [one for one in _recorded(ledger) if one.witness == witness]
    return max(known, key=lambda one: (one.size, one.cosigned_at), default=None)


def take_home(home: Home, ledger: Ledger, answer: str, *, now: datetime) -> list[CheckpointWitnessed]:
    """Record what witnesses answered, each line once; gives those that are new.

    `answer` is signature lines, or a note that has them. Raises IntegrityError where no line is a good
    countersignature of one of our witnesses on one of our checkpoints.
    """
    lines = [line.strip() for line in answer.splitlines() if line.startswith("\u2014 ")]
    checkpoint, given = _meant(home, ledger, lines)
    ahead = [one.witness for one in given if one.at > now + _AHEAD]
    if ahead:
        raise IntegrityError(
            "A countersignature is from the future",
            where=", ".join(ahead),
            do="Set the clocks, of this machine or the witness's, and ask for another one.",
        )
    known = {one.line for one in _recorded(ledger)}
    new = [
        CheckpointWitnessed(
            size=checkpoint.size,
            root=checkpoint.root,
            witness=one.witness,
            cosigned_at=one.at,
            line=one.line,
        )
        for one in given
        if one.line not in known
    ]
    if new:
        ledger.append(*(Entry(one) for one in new), at=now)
    return new


def newest_note(home: Home, ledger: Ledger) -> str:
    """The newest checkpoint's note, with every countersignature on it that was taken home.

    Blank where nothing was signed yet.
    """
    newest = ledger.latest_checkpoint()
    return _with_lines(home, newest, _recorded(ledger)) if newest else ""


def newest_countersigned(home: Home, ledger: Ledger) -> Countersigned | None:
    """The newest checkpoint that as many witnesses countersigned as the settings ask for, at least one."""
    recorded = _recorded(ledger)
    ours = witnesses(home) if recorded else {}
    needed = max(1, home.settings.ledger.witnesses_needed)
    moments: defaultdict[int, dict[str, datetime]] = defaultdict(dict)
    for one in recorded:
        if one.witness in ours:
            moments[one.size][one.witness] = one.cosigned_at
    enough = [size for size, by in moments.items() if len(by) >= needed]
    if not enough:
        return None
    size = max(enough)
    checkpoint = ledger.checkpoint_over(size)
    if checkpoint is None:
        return None
    at = sorted(moments[size].values(), reverse=True)[needed - 1]
    return Countersigned(size, at, _with_lines(home, checkpoint, recorded))


def warnings(home: Home, ledger: Ledger, now: datetime) -> list[str]:
    """Whether the newest countersigned checkpoint is older than the settings allow, in words."""
    settings = home.settings.ledger
    if not settings.witnesses_needed or ledger.latest_checkpoint() is None:
        return []
    try:
        newest = newest_countersigned(home, ledger)
    except SettingsError as error:
        return [str(error)]
    if newest and now - newest.at <= timedelta(days=settings.witness_days):
        return []
    many = f"{settings.witnesses_needed} witness{'' if settings.witnesses_needed == 1 else 'es'}"
    since = f"since {newest.at:%Y-%m-%d}" if newest else "yet"
    return [f"No checkpoint of the ledger was countersigned by {many} {since}: birthshare ledger request"]


def _meant(home: Home, ledger: Ledger, lines: list[str]) -> tuple[Checkpoint, list[Cosignature]]:
    """Which of our checkpoints the lines are about, and those of them that are our witnesses'."""
    from pipeline.encryption.cosigning import cosignatures

    vkeys = list(witnesses(home).values())
    with ledger.checkpoints() as known:
        for checkpoint in known:
            try:
                given = cosignatures(lines, unsigned(checkpoint.note), vkeys)
            except IntegrityError:  # good for another one, or for none
                continue
            if given:
                return checkpoint, given
            break  # no line is of any witness of ours
    raise IntegrityError(
        "This is no countersignature of a witness of ours on a checkpoint of this ledger",
        do="Use the answer exactly as it came. Whose countersignatures count stands in birthshare.toml, "
        "ledger.witnesses.",
    )


def _with_lines(home: Home, checkpoint: Checkpoint, recorded: Iterable[CheckpointWitnessed]) -> str:
    lines = {
        one.witness: one.line
        for one in recorded
        if (one.size, one.root) == (checkpoint.size, checkpoint.root)
    }
    return checkpoint.note + "".join(f"{line}\n" for line in lines.values())


def _recorded(ledger: Ledger) -> list[CheckpointWitnessed]:
    found = remembered.entries(ledger, {Kind.CHECKPOINT_WITNESSED})
    return [entry.body for entry in found if isinstance(entry.body, CheckpointWitnessed)]
