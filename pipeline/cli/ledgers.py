"""`birthshare ledger`: prove that the record was not altered, and sign how far it goes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from pipeline.cli import databases, evidence, witnesses
from pipeline.cli.options import for_home
from pipeline.cli.voice import Voice
from pipeline.errors import IntegrityError

if TYPE_CHECKING:
    from pipeline.home import Home


@click.group(short_help="Prove that the record was not altered, or sign it.")
def ledger() -> None:
    """Prove that the ledger was not altered, or sign how far it goes."""


@ledger.command(short_help="Prove that nothing was altered.")
@click.option(
    "--kept",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint kept outside this database; only such can show that everything was rewritten.",
)
@click.option(
    "--since",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint that you hold: only what was recorded after it is read.",
)
@for_home
def verify(kept: tuple[Path, ...], since: Path | None, home: Home, voice: Voice) -> None:
    """Read the ledger again and recompute every hash; names the first damage.

    The whole ledger, or with --since what was recorded after a checkpoint: the tree of what is before must
    be the one that was signed, and what it says is not read again.
    """
    from pipeline import facts

    notes = [_note(home, file) for file in kept]
    begun = perf_counter()
    with facts.opened_ledger(home) as opened, voice.progress() as watch:
        found = facts.verified(
            home,
            opened,
            kept_elsewhere=notes,
            since=_note(home, since) if since else None,
            watch=partial(watch, "reading"),
        )
    seconds = perf_counter() - begun
    compared = [*facts.kept(home), *facts.given(home, kept, notes)]
    voice.answer(
        {
            "entries": found.entries,
            "since": found.since,
            "read": found.read,
            "root": found.root,
            "checkpoints": found.checkpoints,
            "verified": found.problem is None,
            "kept": [{"where": one.where, "size": one.size} for one in compared],
            "seconds": round(seconds, 3),
        }
    )
    if found.problem is not None:
        error = facts.damaged(home, found, compared)
        error.answered = True
        raise error
    voice.say(
        f"Sound. Entries: {found.entries}. Signed checkpoints: {found.checkpoints}. Root: {found.root}",
        *(f"It fits the checkpoint of {one.size} entries from {one.where}." for one in compared),
    )
    if since:
        voice.say(
            f"Read: the {found.read} entries after number {found.since}. What is before rests on the "
            f"checkpoint in {since}: the hashes are those that were signed, and what it says was not read."
        )
    elif not kept:
        voice.say("Give a checkpoint from outside with --kept to rule out that all of it was rewritten.")


@ledger.command(short_help="Sign how far the ledger goes.")
@for_home
def checkpoint(home: Home, voice: Voice) -> None:
    """Sign how long the ledger is and its root; keep the result somewhere else."""
    from pipeline import facts
    from pipeline.steps.closing import sign_ledger

    with facts.opened_ledger(home) as opened:
        signed = sign_ledger(home, opened)
    voice.answer({"size": signed.size, "root": signed.root, "note": signed.note})
    voice.say(signed.note.rstrip("\n"))


@ledger.command(short_help="Let a new key sign the ledger.")
@for_home
def renew(home: Home, voice: Voice) -> None:
    """Let a new key sign the ledger from now on; what the one until now signed still counts.

    Do this when the key may have been seen by somebody, or who had it leaves. Witnesses and auditors then
    need the new verifier key, which this shows.
    """
    from pipeline import facts
    from pipeline.keeping.renewal import renew_ledger_key

    last, verifier = renew_ledger_key(home), facts.verifier(home)
    voice.answer({"size": last.size, "verifier_key": verifier})
    voice.say(f"A new key signs from entry {last.size} on. Give its verifier key to witnesses and auditors:")
    voice.say(verifier)


def _note(home: Home, file: Path) -> str:
    """A kept checkpoint, which says nothing about the ledger unless its own signature is genuine."""
    from pipeline import facts

    note = file.read_text(encoding="utf-8", errors="replace").rstrip() + "\n"
    try:
        facts.note_check(home)(note)
    except IntegrityError as error:
        raise IntegrityError(
            f"This is no checkpoint of this ledger. {error.what}",
            where=str(file),
            do="Use the note exactly as it was given.",
        ) from None
    return note


for _commands in (witnesses, evidence, databases):
    for _command in _commands.COMMANDS:
        ledger.add_command(_command)

COMMANDS = (ledger,)
