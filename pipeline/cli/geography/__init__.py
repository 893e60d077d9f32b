"""`birthshare geography`: the postcode directory, the reach areas, and where a postcode belongs."""

from __future__ import annotations

import click

from pipeline.cli.geography import areas, directory, place, review


@click.group()
def geography() -> None:
    """Build the postcode directory, check the reach areas, and see where postcodes belong."""


for command in (*directory.COMMANDS, *areas.COMMANDS, *place.COMMANDS, *review.COMMANDS):
    geography.add_command(command)

COMMANDS = (geography,)
