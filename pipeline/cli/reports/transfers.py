"""`birthshare report`: the register of transfers, and who is affected by a breach."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
