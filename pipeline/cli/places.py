"""`birthshare geography`: the postcode directory, and why a postcode belongs where it does."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.group()
def geography() -> None:
    """Build the postcode directory and see where postcodes belong."""


@geography.command(short_help="Build the postcode directory from a release.")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@for_home
def build(source: Path, home: Home, voice: Voice) -> None:
    """Build the directory from SOURCE: an ONSPD or NSPL release as published, zip or CSV."""
    from pipeline.geography.directory import build_directory

    with voice.progress() as watch:
        facts = build_directory(source, home.at(home.settings.geography.directory), watch=watch)
    voice.answer({"release": facts.release, "sha256": facts.sha256, "rows": facts.rows, "live": facts.live})
    voice.say(f"Built from {facts.release}: {facts.rows:,} postcodes, {facts.live:,} of them live.")


@geography.command(short_help="Where one postcode belongs, and why.")
@click.option(
    "--network",
    metavar="NAME",
    required=True,
    help="Which network of reach areas to place it in: as in the agreement, such as childrens_centres.",
)
@for_home
def place(network: str, home: Home, voice: Voice) -> None:
    """Where one postcode belongs and why. It is asked for at a prompt (or read from stdin), not recorded."""
    import pandas as pd

    from pipeline.geography.place import explain
    from pipeline.geography.place import place as place_in
    from pipeline.steps import inputs

    postcode = click.prompt("Postcode", err=True)
    places = inputs.compiled_places(home, on=_today())
    asked = pd.DataFrame({"reference": [1], "postcode": pd.Series([postcode], dtype="str")})
    found = place_in(
        asked,
        directory=places.directory,
        reach=places.reach,
        network=network,
        hospital_postcodes=inputs.hospitals(home),
    ).iloc[0]
    words = explain(found["status"], found["matched"], network)
    answer = {name: str(found[name]) for name in ("status", "reason", "recipient", "matched", "authority")}
    voice.answer({**answer, "in_words": words, "hospital": bool(found["hospital"])})
    voice.say(
        f"{found['recipient'] or 'No recipient'}: {words}.",
        f"Local authority: {found['authority'] or 'not known'}.",
        *(["It is on the list of hospital postcodes."] if found["hospital"] else []),
    )


def _today() -> date:
    return moment().date()


COMMANDS = (geography,)
