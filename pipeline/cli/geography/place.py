"""`birthshare geography place`: where one postcode belongs, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="Where one postcode belongs, and why.")
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
    places = inputs.compiled_places(home, on=moment().date())
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


COMMANDS: tuple[click.Command, ...] = (place,)
