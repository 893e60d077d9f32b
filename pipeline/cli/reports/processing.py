"""`birthshare report`: the record of processing (UK GDPR, Article 30) and the register of data flows."""

from __future__ import annotations

import click

COMMANDS: tuple[click.Command, ...] = ()
