"""`birthshare report`: what was shared about one family, as a statement for a parent."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
