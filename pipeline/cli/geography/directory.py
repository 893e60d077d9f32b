"""`birthshare geography build`: the postcode directory from a release, and what a newer one changes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.geography.comparing import Changes, Move
    from pipeline.home import Home
    from pipeline.places.directories import Difference, Release

_SHOWN = 20  # lines of reach areas


@click.command(short_help="Build the postcode directory from a release, or see what it would change.")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--preview", is_flag=True, help="Only say what the release would change. The one in use stays in use."
)
@click.option(
    "--part",
    is_flag=True,
    help="SOURCE holds a part of the country on purpose, and is no broken download.",
)
@for_home
def build(source: Path, preview: bool, part: bool, home: Home, voice: Voice) -> None:
    """Build the directory from SOURCE: an ONSPD or NSPL release as published, zip or CSV.

    Its content is checked first, and it is held against the directory in use: which postcodes came and
    went, and how many homes' postcodes go to another centre under the present reach areas.
    """
    from pipeline.places.directories import bring_in

    with voice.progress() as watch:
        release = bring_in(home, source, now=moment(), part=part, preview=preview, watch=watch)
    voice.answer(_answer(release, preview))
    voice.warn(release.warnings)
    facts, of = release.facts, release.released.in_full if release.released else "month not known"
    vintages = f"small areas of {' and '.join(facts.vintages)}" if facts.vintages else "no small areas"
    voice.say(
        f"{'Read' if preview else 'Built'} from {facts.release} ({of}): {facts.rows:,} postcodes, "
        f"{facts.live:,} of them live; {vintages}; authorities by {facts.columns['authority']}, "
        f"wards by {facts.columns['ward']}."
    )
    if release.same:
        voice.say("It is the very directory that is in use.")
    elif release.difference is None:
        voice.say("No directory is in use that it could be held against.")
    else:
        _show(release.difference, voice)
    if preview:
        voice.say("Nothing was changed. To use it, build it without --preview.")


def _answer(release: Release, preview: bool) -> dict[str, Any]:
    """What a program is told."""
    facts, difference = release.facts, release.difference
    return {
        "release": facts.release,
        "product": release.product,
        "released": str(release.released or ""),
        "source_sha256": facts.source_sha256,
        "sha256": facts.sha256,
        "rows": facts.rows,
        "live": facts.live,
        "vintages": list(facts.vintages),
        "columns": facts.columns,
        "in_use": not preview,
        "changes": None
        if difference is None
        else {
            "before": {"release": difference.before.release, "sha256": difference.before.sha256},
            **asdict(difference.changes),
            "moves": [move._asdict() for move in difference.moves],
            "lost_lines": list(difference.lost),
            "not_compared": difference.not_compared,
        },
        "warnings": release.warnings,
    }


def _show(difference: Difference, voice: Voice) -> None:
    """What it changes, in sentences and one table."""
    voice.say("", f"Against {difference.before.release}, which {_changes(difference.changes)}")
    if difference.not_compared:
        voice.say(f"Who serves whom could not be compared: {difference.not_compared}")
    elif difference.moves:
        voice.table(
            "Live postcodes that change hands under the reach areas in force today",
            ("Network", "From", "To", "Postcodes"),
            [_row(move) for move in difference.moves],
            numbers=1,
        )
    else:
        voice.say("Under the reach areas in force today no live postcode changes hands.")
    if difference.lost:
        voice.say("Lines of the reach areas whose place it does not know:")
        voice.say(*(f"  {line}" for line in difference.lost[:_SHOWN]))
    if len(difference.lost) > _SHOWN:
        voice.say(f"  and {len(difference.lost) - _SHOWN} more; `--json` names them all")


def _changes(changes: Changes) -> str:
    """The counts as the rest of a sentence about the directory in use."""
    moved = {
        "authority": changes.authority,
        "ward": changes.ward,
        "small area of 2011": changes.lsoa11,
        "small area of 2021": changes.lsoa21,
    }
    elsewhere = ", ".join(
        f"{count:,} in another {kind}" for kind, count in moved.items() if count is not None
    )
    return (
        f"is in use: postcodes new {changes.new:,}, terminated {changes.terminated:,}, live again "
        f"{changes.live_again:,}, gone {changes.gone:,}. Of those live in both: {elsewhere}."
    )


def _row(move: Move) -> tuple[str, str, str, int]:
    from pipeline.geography.comparing import GONE, NEW
    from pipeline.networks import NOBODY, SEVERAL

    words = {
        NOBODY: "no area",
        SEVERAL: "several claim it",
        NEW: "(a new postcode)",
        GONE: "(not known any more)",
    }
    return (
        move.network,
        words.get(move.before, move.before),
        words.get(move.after, move.after),
        move.postcodes,
    )


COMMANDS: tuple[click.Command, ...] = (build,)
