"""`birthshare intake check and propose`: a file that nobody knows yet."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
