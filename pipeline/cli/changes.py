"""`birthshare changes`: deaths, withdrawals and protected families that become known between months."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.recalls import followed_as_json, tell_followed
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.afterwards.changes import Applied
    from pipeline.afterwards.recalls import Followed
    from pipeline.home import Home


@click.group()
def changes() -> None:
    """Record deaths, withdrawals and protected families."""


@changes.command(short_help="Apply a list, or the feeds in the inboxes.")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--as", "principal", metavar="WHO", help="Who you are, as in birthshare.toml; needed with FILE."
)
@click.option(
    "--word",
    metavar="WORD",
    help="FILE is a bare list of NHS numbers, and this is said of each, such as national_opt_out.",
)
@for_home
def apply(file: Path | None, principal: str | None, word: str | None, home: Home, voice: Voice) -> None:
    """Apply the authority's own list FILE, or, without FILE, every feed that waits in an inbox.

    FILE is a CSV as schemas/CHANGES.md says: a suppression list, or any later words. It is applied whole
    or not at all, and applying it again adds nothing. Only keyed references of it are kept. Every
    recipient of a list that one of these families is on is sent a recall at once.
    """
    from pipeline.afterwards import recalls
    from pipeline.suppliers import waiting

    if file is None and (principal or word):
        raise SettingsError("--as and --word belong to a list of your own", do="Name its FILE.")
    with voice.progress() as watch:
        if file is None:
            applied, followed = recalls.apply_feeds(home, now=moment(), watch=watch)
        elif principal is None:
            raise SettingsError("Somebody must vouch for the list", do="Say who you are: --as YOU")
        else:
            one, followed = recalls.apply_list(
                home, file, principal=principal, word=word, now=moment(), watch=watch
            )
            applied = [one]
    voice.warn(waiting.warnings(home))
    _tell(voice, applied, followed)


def _tell(voice: Voice, applied: list[Applied], followed: Followed) -> None:
    voice.answer({"files": [_as_json(one) for one in applied], "recalls": followed_as_json(followed)})
    for one in applied:
        if one.problem is None:
            said = ", ".join(f"{word} {count}" for word, count in sorted(one.words.items())) or "no words"
            voice.say(f"Applied: {one.file} ({one.source}). Rows: {one.rows}. {said}. New: {one.new}.")
        if one.silent:
            voice.say(
                f"  {one.silent} of the messages say only that a record changed, and nothing follows from "
                "that. What changed must come with the supplier's next extract, or in its feed."
            )
    if not applied:
        voice.say("No feed waits that was not applied before.")
    refused = [one.problem for one in applied if one.problem is not None]
    for problem in refused[1:]:
        voice.say(f"Refused: {problem}")
    tell_followed(voice, followed, fails=not refused)
    if refused:
        refused[0].answered = True
        raise refused[0]


def _as_json(one: Applied) -> dict[str, Any]:
    return {
        "source": one.source,
        "file": one.file,
        "applied": one.problem is None,
        "why_not": str(one.problem or ""),
        "rows": one.rows,
        "words": one.words,
        "new": one.new,
        "silent": one.silent,
    }


@changes.command(name="list", short_help="What was applied, in counts.")
@for_home
def list_(home: Home, voice: Voice) -> None:
    """What was applied when, by whom, and how many words of each kind stand; nobody is named."""
    from pipeline.afterwards.changes import listed

    found = listed(home)
    voice.answer(found)
    rows = [
        (one["at"], one["source"], one["by"], _counts(one["words"]), one["rows"]) for one in found["applied"]
    ]
    if rows:
        voice.table("Applied", ("when", "source", "by", "words", "rows"), rows, numbers=1)
    else:
        voice.say("No feed or list was applied yet.")
    voice.table("Words on record", ("word", "subjects"), found["words"].items(), numbers=1)


def _counts(words: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(words.items()))


COMMANDS = (changes,)
