"""`birthshare geography`: postcodes that wait for a person."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
