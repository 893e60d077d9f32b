"""`birthshare report`: the questions that are asked about sharing, answered on screen and in files."""

from __future__ import annotations

import click

from pipeline.cli.reports import families, months, processing, quality, transfers


@click.group(short_help="Answer questions about what was shared.")
def report() -> None:
    """Answer questions about what was shared, from the ledger.

    Each answer comes on the screen; with --json for programs; and with --out FILE as a file, of the kind
    that the name's ending says.
    """


for _commands in (months, quality, transfers, families, processing):
    for _command in _commands.COMMANDS:
        report.add_command(_command)

COMMANDS = (report,)
