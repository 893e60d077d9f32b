"""`birthshare ledger`: checkpoints that are kept and countersigned elsewhere."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
