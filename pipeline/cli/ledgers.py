"""`birthshare ledger`: prove that the record was not altered, and sign how far it goes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli import evidence, witnesses
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
@for_home
def verify(kept: tuple[Path, ...], home: Home, voice: Voice) -> None:
    """Read the whole ledger again and recompute every hash; names the first damage."""
    from pipeline import facts

    notes = [_note(home, file) for file in kept]
    with facts.opened_ledger(home) as opened:
        found = facts.verified(home, opened, kept_elsewhere=notes)
    voice.answer(
        {
            "entries": found.entries,
            "root": found.root,
            "checkpoints": found.checkpoints,
            "verified": found.problem is None,
        }
    )
    if found.problem is not None:
        error = IntegrityError(
            "The ledger is damaged", where=str(found.problem), do="Keep the database and restore a backup."
        )
        error.answered = True
        raise error
    voice.say(
        f"Sound. Entries: {found.entries}. Signed checkpoints: {found.checkpoints}. Root: {found.root}",
        "It fits what was kept elsewhere."
        if kept
        else "Give a checkpoint from outside with --kept to rule out that all of it was rewritten.",
    )


@ledger.command(short_help="Sign how far the ledger goes.")
@for_home
def checkpoint(home: Home, voice: Voice) -> None:
    """Sign how long the ledger is and its root; keep the result somewhere else."""
    from pipeline import facts

    with facts.opened_ledger(home) as opened:
        signed = opened.checkpoint(partial(facts.sign, home), origin=facts.origin(home))
    voice.answer({"size": signed.size, "root": signed.root, "note": signed.note})
    voice.say(signed.note.rstrip("\n"))


def _note(home: Home, file: Path) -> str:
    """A kept checkpoint, which says nothing about the ledger unless its own signature is genuine."""
    from pipeline import facts
    from pipeline.encryption.signing import note_verifier, verify_note

    note = file.read_text(encoding="utf-8", errors="replace").rstrip() + "\n"
    try:
        verify_note(note, note_verifier(facts.origin(home), home.secret("ledger.key")))
    except IntegrityError as error:
        raise IntegrityError(
            f"This is no checkpoint of this ledger. {error.what}",
            where=str(file),
            do="Use the note exactly as it was given.",
        ) from None
    return note


for _commands in (witnesses, evidence):
    for _command in _commands.COMMANDS:
        ledger.add_command(_command)

COMMANDS = (ledger,)
