"""`birthshare intake fetch`: files that wait at a supplier's server."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
