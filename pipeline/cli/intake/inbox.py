"""`birthshare intake fetch`: files that wait at a supplier's server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.suppliers.visit import Fetched


@click.command(short_help="Bring the files that wait at suppliers' servers.")
@click.argument("suppliers", metavar="[SUPPLIER]...", nargs=-1)
@for_home
def fetch(home: Home, voice: Voice, suppliers: tuple[str, ...]) -> None:
    """Bring what waits at the suppliers' SFTP servers into the inbox, or of these SUPPLIERs alone.

    Only whole files are taken, and only under the names that were agreed. What came is written into the
    ledger, acknowledged at the server, and then archived or removed there, as birthshare.toml says.
    `birthshare run` and `birthshare changes apply` do this by themselves.
    """
    from pipeline.afterwards.changes import between_months
    from pipeline.suppliers import fetching

    with voice.progress() as watch, between_months(home, moment(), watch) as desk:
        visits = fetching.fetch(desk, suppliers)
    voice.answer({"suppliers": [_as_json(one) for one in visits]})
    if not visits:
        voice.say("No supplier's files wait at a server: they come into the home's inbox by themselves.")
        return
    rows = [(one.supplier, one.files, one.again, one.waiting, one.others) for one in visits]
    heads = ("supplier", "new", "came before", "not whole yet", "other names")
    voice.table("Fetched", heads, rows, numbers=4)
    for one in visits:
        voice.say(*_left(home, one))
    problems = [found for one in visits for found in (one.problem, one.untidy) if found]
    for problem in problems[1:]:
        voice.say(str(problem))
    if problems:
        problems[0].answered = True
        raise problems[0]


def _left(home: Home, one: Fetched) -> Iterator[str]:
    """Why something was left at a supplier's server, and when it is taken."""
    from pipeline.intake.profiles import files_of

    inbox = home.supplier(one.supplier).inbox
    if one.waiting and inbox:
        whole = _WHOLE[inbox.whole_when].format(inbox)
        yield f"{one.supplier}: a file is whole when {whole}. Fetch again then."
    if one.others:
        files = files_of(home, one.supplier)
        agreed = (files.file_name, files.consents, files.changes, files.totals)
        names = (name.replace("{supplier}", one.supplier) for name in agreed if name)
        yield f"{one.supplier}: other names were left alone; agreed are {', '.join(names)}."


_WHOLE = {
    "still": "it has stood still for {0.still_seconds:g} seconds, and a zip when its signature is there too",
    "marker": "X.done lies beside X",
    "manifest": "{0.manifest} beside it has its SHA-256",
}


def _as_json(one: Fetched) -> dict[str, Any]:
    counts = {name: getattr(one, name) for name in ("supplier", "files", "again", "waiting", "others")}
    return counts | {"problem": str(one.problem or ""), "untidy": str(one.untidy or "")}


COMMANDS: tuple[click.Command, ...] = (fetch,)
