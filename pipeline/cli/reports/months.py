"""`birthshare report`: a month, and how recipients keep to retention and recalls."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
