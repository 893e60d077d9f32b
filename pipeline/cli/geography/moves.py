"""`birthshare geography preview`: how many families changed reach areas would move."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import DayType, for_home, moment
from pipeline.cli.reports.files import as_json, check_kind, out_option, write_answer
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from datetime import date

    from pipeline.home import Home


@click.command(short_help="How many families changed reach areas would move.")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, dir_okay=False)
)
@click.option(
    "--months", metavar="N", type=click.IntRange(1), help="Only the newest N of the months that are kept."
)
@click.option(
    "--on", type=DayType(), metavar="DAY", help="The day whose lines of FILE count. Default: today."
)
@out_option
@for_home
def preview(
    files: tuple[Path, ...], months: int | None, on: date | None, out: Path | None, home: Home, voice: Voice
) -> None:
    """Try the proposed reach areas in FILE, signed or not, on the past months that are kept.

    FILE is what would stand in place of today's reach areas: all of them, in one file or several. It says
    how many families would have had another recipient, or none, and how many postcodes that is. Nothing
    changes by this, and no family can be seen in it: numbers below 8 are hidden. It is recorded.

    The answer's FILE may end in .html or .json.
    """
    from pipeline.places.moves import preview as tried
    from pipeline.reporting.moves import moves_page

    check_kind(out, (".html", ".json"))
    answer = tried(home, files, on=on, months=months, now=moment())
    names = {code: one.name for code, one in home.recipients().items()}
    said = write_answer(
        out,
        {
            ".html": lambda: moves_page(answer, names, authority=home.settings.authority.name).encode(),
            ".json": lambda: as_json(answer),
        },
    )
    voice.answer(answer)
    _tell(voice, answer, names)
    voice.say(*([said] if said else []))


def _tell(voice: Voice, answer: Mapping[str, Any], names: Mapping[str, str]) -> None:
    from pipeline.reporting.moves import KINDS, asides, rows_of, summary
    from pipeline.reporting.preview_text import counted

    if voice.as_json:
        return
    voice.say(summary(answer))
    voice.warn(asides(answer))
    for one in answer["networks"]:
        voice.say(
            "",
            f"{one['network']}: families that would move, {counted(one['moved'])}",
            f"  of those in one of its areas, before or after: {counted(one['families'])}",
        )
        voice.say(*(f"  {words}: {counted(one['kinds'][kind])}" for kind, words in KINDS.items()))
        if one["moves"]:
            voice.table(
                "Who would move",
                ("from", "to", "authority", "postcodes", "families", "on lists"),
                rows_of(one, names),
                numbers=3,
            )


COMMANDS: tuple[click.Command, ...] = (preview,)
