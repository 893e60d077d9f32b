"""`birthshare intake`: the front door, where suppliers' files come in."""

from __future__ import annotations

import click

from pipeline.cli.intake import drift, files, inbox, reports


@click.group(short_help="Try, fetch and accept suppliers' files.")
def intake() -> None:
    """Connect a supplier: try its first file, draft its profile, fetch its files, accept what changed."""


for _commands in (files, inbox, drift, reports):
    for _command in _commands.COMMANDS:
        intake.add_command(_command)

COMMANDS = (intake,)
