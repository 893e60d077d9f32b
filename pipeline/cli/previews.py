"""`birthshare agreement preview`: what a proposed agreement would have changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import agreement_file, for_home, moment, writing
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="What a proposed version would have changed in past months.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--months", metavar="N", type=click.IntRange(1), help="Only the newest N of the months that are kept."
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page, too.")
@for_home
def preview(file: Path, months: int | None, html: Path | None, home: Home, voice: Voice) -> None:
    """Replay the agreement in FILE, signed or not, on the past months that are kept.

    It says how many families each recipient would newly have had, how many no longer, and why. Nothing
    is shared by this, and no family can be seen in it: numbers below 8 are hidden. The result is written
    beside FILE and recorded, so that a signature says which preview the signer could have seen.

    FILE is a path, or the name alone of a file among the home's agreements.
    """
    from pipeline.looking_back.preview import WORDING, preview_file
    from pipeline.looking_back.preview import preview as replayed
    from pipeline.reporting import preview_page, preview_text

    file = agreement_file(file, home.path)
    answer = replayed(home, file, months=months, now=moment())
    names = {code: one.name for code, one in home.recipients().items()}
    if html is not None:
        with writing(html):
            page = preview_page(answer, WORDING, names, authority=home.settings.authority.name)
            html.write_text(page, encoding="utf-8")
    voice.answer(answer)
    voice.advise(preview_text(answer, WORDING, names))
    voice.say("", f"Written: {preview_file(file)}")
