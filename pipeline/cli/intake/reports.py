"""`birthshare intake report`: suppliers' reports on their rows, and whether they arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="See and send suppliers' reports on their rows.")
@click.option("--send", is_flag=True, help="Try again to bring the reports that wait.")
@for_home
def report(send: bool, home: Home, voice: Voice) -> None:
    """Which reports were brought to their suppliers, and which still wait and why.

    A report says which rows of a supplier's file were set aside or should be looked at: row, field, rule and
    what to do, never a value. A month brings it by itself; so does birthshare changes apply. It goes to the
    place that the supplier's settings name under `reports`; without one it stays in the outbox.
    """
    from pipeline.afterwards.changes import between_months
    from pipeline.facts import opened_ledger
    from pipeline.suppliers import reports

    brought = reports.Brought()
    if send:
        with voice.progress() as watch, between_months(home, moment(), watch) as desk:
            brought = reports.bring(desk)
    with opened_ledger(home) as ledger:
        rows = reports.shown(home, ledger)
    voice.answer({"reports": rows, "brought": brought.delivered})
    if not rows and not any(one.reports for one in home.settings.suppliers.values()):
        voice.say(
            f"Reports stay in {home.outbox}/SUPPLIER: birthshare.toml names no place to bring them to.",
            "Pass them on by hand, or name one under [suppliers.CODE.reports].",
        )
    elif not rows:
        voice.say("No report was to be sent yet.")
    else:
        header = ("supplier", "month", "file", "state", "delivered")
        named = [(one["supplier"], one["month"] or "changes", one["file"], one["state"]) for one in rows]
        days = [one["delivered_at"][:16].replace("T", " ") for one in rows]
        table = [(*some, day) for some, day in zip(named, days, strict=True)]
        voice.table("Reports to suppliers", header, table)
    voice.warn(dict.fromkeys(one["why"] for one in rows if one["why"] and not send))
    error = brought.failure
    if error is not None:
        error.answered = True
        raise error


COMMANDS: tuple[click.Command, ...] = (report,)
