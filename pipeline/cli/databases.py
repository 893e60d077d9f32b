"""`birthshare ledger migrate`: bring the ledger's tables up to date, as whoever owns them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="Bring the ledger's tables up to date.")
@for_home
def migrate(home: Home, voice: Voice) -> None:
    """Bring the ledger's tables up to date after a newer program was installed. Make a backup before.

    Needed only on a PostgreSQL server with a role of its own for this (infra/runbooks/database.md): name that
    role in BIRTHSHARE_DATABASE. Everywhere else every command does it by itself.
    """
    from contextlib import closing

    from pipeline.ledger.database import REVISION, Database

    with closing(Database(home.database_url)) as database:
        before = database.found
    voice.answer({"before": before, "now": REVISION})
    if before == REVISION:
        voice.say(f"The tables are up to date: step {REVISION}. Nothing was done.")
        return
    voice.say(f"Done: from step {before or 'none'} to {REVISION}.")
    voice.say("On PostgreSQL, now run infra/postgresql/roles.sql again, for tables that are new.")


COMMANDS = (migrate,)
