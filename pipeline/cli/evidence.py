"""`birthshare ledger`: evidence that an outsider can check without this program."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
