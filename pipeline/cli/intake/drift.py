"""`birthshare intake changes and accept`: how a file differs from earlier ones."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
