"""`birthshare report quality`: what was wrong with suppliers' rows, month by month."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
