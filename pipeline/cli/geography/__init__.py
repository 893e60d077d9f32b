"""`birthshare geography`: the postcode directory, the reach areas, and where a postcode belongs."""

from __future__ import annotations

import click

from pipeline.cli.geography import areas, directory, moves, place, review, upgrade


@click.group(short_help="Keep the areas right; see where postcodes belong.")
def geography() -> None:
    """Build the postcode directory, check the reach areas, and see where postcodes belong."""


for command in (
    *directory.COMMANDS,
    *areas.COMMANDS,
    *moves.COMMANDS,
    *place.COMMANDS,
    *review.COMMANDS,
    *upgrade.COMMANDS,
):
    geography.add_command(command)

COMMANDS = (geography,)
