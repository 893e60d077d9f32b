"""`birthshare demo`, `init` and `doctor`: an authority's home, invented or real."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pipeline.cli.months import tell
from pipeline.cli.options import MonthType, for_home, moment, speaking
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.records import Month


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
)
@click.option("--births", type=click.IntRange(1), default=400, show_default=True, help="Rows of the extract.")
@click.option("--centres", type=click.IntRange(1), default=12, show_default=True)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The same seed invents the same families."
)
@click.option("--month", type=MonthType(), help="The month to run; the last whole one if not given.")
@speaking
def demo(folder: Path, births: int, centres: int, seed: int, month: Month | None, voice: Voice) -> None:
    """Make a whole invented authority in a folder and run a month in it.

    Real keys, a real SFTP server on this machine, invented families: see what Birthshare does before
    you trust it with anything.
    """
    from pipeline.demo.run import run_demo

    now = moment()
    month = month or Month(now.year, now.month).plus(-1)
    with voice.progress() as watch:
        state = run_demo(folder, month=month, births=births, centres=centres, seed=seed, now=now, watch=watch)
    tell(voice, state)
    voice.say(*_where_to_look(folder, state))


def _where_to_look(folder: Path, state: Mapping[str, Any]) -> list[str]:
    first, last = state["recipients"][0], state["recipients"][-1]
    home, month = folder / "home", state["month"]
    return [
        "",
        "The release was approved with the demonstration's own key of its data lead. In a real authority a",
        "person does that, with a key that only they have.",
        "",
        "Where to look:",
        f"  a centre's list          {folder / 'recipients' / first['code'] / first['file']}",
        f"    and how to open it     {folder / 'recipients' / first['code'] / 'HOW-TO-OPEN.txt'}",
        f"  a technical recipient's  {folder / 'recipients' / last['code'] / last['file']}",
        f"  the month's page         {home / 'outbox' / 'months' / f'{month}.html'}",
        f"  the report to the trust  {home / 'outbox' / 'chis' / f'quarantine_chis_{month}.csv'}",
        f"  the extract, unsealed    {folder / 'supplier'}  (only the demonstration keeps it)",
        f"  the agreement            {home / 'agreements'}",
        "",
        "What to try:",
        f"  birthshare status {month} --home {home}",
        f"  birthshare ledger verify --home {home}",
        f"  birthshare geography place --network childrens_centres --home {home}",
        f"  birthshare run {month} --home {home}      (the month is closed: nothing changes)",
    ]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@speaking
def init(folder: Path, voice: Voice) -> None:
    """Make FOLDER the home of a real authority: folders, settings to fill in, fresh secret keys."""
    from pipeline.founding import make_home

    make_home(folder)
    voice.answer({"home": str(folder)})
    voice.say(
        f"Made: {folder}",
        f"Fill in {folder / 'birthshare.toml'}, then ask what is missing: birthshare doctor --home {folder}",
    )


@click.command()
@for_home
def doctor(home: Home, voice: Voice) -> None:
    """Say in plain words what is missing before a month can run."""
    from pipeline.founding import examine

    findings = list(examine(home, now=moment()))
    voice.answer({"findings": [vars(one) for one in findings], "well": all(one.well for one in findings)})
    rows = [("ok" if one.well else "MISSING", one.what, "" if one.well else one.advice) for one in findings]
    voice.table("What a month needs", ("", "what", "what to do"), rows)
    missing = sum(not one.well for one in findings)
    if missing:
        error = SettingsError(f"{missing} things are missing", where=str(home.path))
        error.answered = True
        raise error
    voice.say("Everything is there.")


COMMANDS = (demo, init, doctor)
