"""`birthshare geography build`: the postcode directory from a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="Build the postcode directory from a release.")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@for_home
def build(source: Path, home: Home, voice: Voice) -> None:
    """Build the directory from SOURCE: an ONSPD or NSPL release as published, zip or CSV."""
    from pipeline.geography.directory import build_directory

    with voice.progress() as watch:
        facts = build_directory(source, home.at(home.settings.geography.directory), watch=watch)
    voice.answer({"release": facts.release, "sha256": facts.sha256, "rows": facts.rows, "live": facts.live})
    voice.say(f"Built from {facts.release}: {facts.rows:,} postcodes, {facts.live:,} of them live.")


COMMANDS: tuple[click.Command, ...] = (build,)
