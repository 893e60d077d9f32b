"""`birthshare geography`: check the reach areas, upgrade them, and see what changed ones would change."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
