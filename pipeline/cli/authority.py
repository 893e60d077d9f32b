"""`birthshare demo`, `init` and `doctor`: an authority's home, invented or real."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.months import tell
from pipeline.cli.options import MonthType, for_home, moment, speaking, writing
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError
from pipeline.rooms import ROOMS

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month


@click.command(short_help="Make an invented authority and run a month in it.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="The folder to make it in. An earlier demonstration there is made anew.",
)
@click.option("--births", metavar="N", type=int, default=400, show_default=True, help="How many births.")
@click.option(
    "--centres", metavar="M", type=int, default=12, show_default=True, help="How many centres, 2 to 60."
)
@click.option(
    "--seed",
    metavar="S",
    type=int,
    default=1,
    show_default=True,
    help="The same number invents the same families; another one, others.",
)
@click.option("--month", type=MonthType(), help="The month to run; the last whole one if not given.")
@speaking
def demo(folder: Path, births: int, centres: int, seed: int, month: Month | None, voice: Voice) -> None:
    """Make a whole invented authority in a folder and run a month in it.

    Real keys, a real SFTP server on this machine, invented families: see what Birthshare does before
    you trust it with anything. It takes some seconds and touches nothing outside the folder.
    """
    from pipeline.demo.run import run_demo
    from pipeline.records import Month

    now = moment()
    last = Month(now.year, now.month).plus(-1)
    if month and month > last:
        raise SettingsError("That month is not over yet", do=f"The last whole one is {last}.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with voice.progress() as watch:
        state = run_demo(
            folder, month=month or last, births=births, centres=centres, seed=seed, now=now, watch=watch
        )
    tell(voice, state)
    voice.advise(_where_to_look(folder, state))


def _where_to_look(folder: Path, state: Mapping[str, Any]) -> str:
    home, month = folder / "home", state["month"]
    program = quote(sys.argv[0]) if Path(sys.argv[0]).name == "birthshare" else "birthshare"
    extract = folder / "supplier" / f"births_chis_{month}.csv"
    sealed = home / "inbox" / "chis" / f"{extract.name}.gpg"
    at_home = f"--home {quote(str(home))}"
    places = {
        **_lists(folder, state),
        "the month's page": home / "outbox" / "months" / f"{month}.html",
        "what the trust is told about its rows": home / "outbox" / "chis" / f"quarantine_chis_{month}.xlsx",
        "what was checked in the trust's file": home / "outbox" / "checks" / "index.html",
        "the extract, unsealed; only the demonstration keeps it": folder / "supplier",
        "the agreement and its signatures": home / "agreements",
    }
    return "\n".join(
        [
            "",
            "The release was approved with the demonstration's own key of its data lead. In a real authority "
            "a person does that, with a key that only they have.",
            "",
            "Where to look:",
            *(f"  {what}\n    {place}" for what, place in places.items()),
            "",
            "What to try:",
            f"  {program} status {month} {at_home}",
            f"  {program} ledger verify {at_home}",
            f"  {program} recipients list {at_home}",
            f"  {program} geography place --network childrens_centres {at_home}",
            f"  {program} geography check --out areas.html {at_home}",
            f"  {program} report quality {at_home}",
            f"  {program} intake check {quote(str(sealed))} {at_home}",
            f"  {program} intake propose {quote(str(extract))} {at_home}",
            "    (drafts a profile, as if nobody knew how this trust writes its files)",
            f"  {program} agreement show welcome-card-first-visit {at_home}",
            f"  {program} explain {month} --as data.lead@example.org --why 'A parent asked' {at_home}",
            "    (asks for an NHS number: take one from the extract)",
            f"  {program} run {month} {at_home}",
            "    (the month is closed: nothing changes)",
        ]
    )


def _lists(folder: Path, state: Mapping[str, Any]) -> dict[str, Path]:
    """One list that a person opens, one that a program does, and how."""
    shown = {Path(row["file"]).suffix: row for row in reversed(state["recipients"])}
    found: dict[str, Path] = {}
    for ending, whose in ((".xlsx", "a centre's list"), (".gpg", "a technical recipient's list")):
        if ending in shown:
            received = folder / "recipients" / shown[ending]["code"]
            found[whose] = received / shown[ending]["file"]
            found[f"how {whose} is opened"] = received / "HOW-TO-OPEN.txt"
    return found


@click.command(short_help="Make the home folder of a real authority.")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="BIRTHSHARE_HOME",
    help="The same as FOLDER (or set BIRTHSHARE_HOME).",
)
@speaking
def init(folder: Path | None, home_path: Path | None, voice: Voice) -> None:
    """Make FOLDER the home of a real authority: folders, settings to fill in, fresh secret keys.

    FOLDER must be new or empty. Afterwards `birthshare doctor` says, one by one, what is still missing.
    """
    from pipeline.founding import make_home

    chosen = folder or home_path
    if chosen is None:
        raise SettingsError("No folder was named", do="Name the new home: birthshare init FOLDER")
    with writing(chosen):
        make_home(chosen)
    voice.answer({"home": str(chosen)})
    voice.say(
        f"Made: {chosen}",
        "",
        "Next:",
        f"  1. Fill in what is marked REPLACE in {chosen / 'birthshare.toml'}",
        f"  2. Ask what is missing:  birthshare doctor --home {quote(str(chosen))}",
        "     It says what to do for each thing. Ask again until everything is there.",
        "",
        f"Keep a copy of {chosen / 'keys'} in a safe place that only its guardians can open: without these",
        "keys nobody can read the working files, or tell which families had a card already.",
    )


@click.command(short_help="Say in plain words what a home still lacks.")
@click.option(
    "--connect", is_flag=True, help="Also log in to every recipient's server, to see whether a list could go."
)
@click.option(
    "--keys",
    type=click.Choice([*ROOMS, "both"]),
    default="both",
    show_default=True,
    help="Which keys this machine has, where two share a home.",
)
@for_home
def doctor(connect: bool, keys: str, home: Home, voice: Voice) -> None:
    """Say in plain words what is missing before a month can run, and what to do about it.

    Nothing is sent and no extract is opened.
    """
    from pipeline.custody import Custody
    from pipeline.doctor import examine, warnings

    with voice.progress() as watch:
        findings = list(examine(home, now=moment(), connect=connect, custody=Custody(keys), watch=watch))
    coming = warnings(home, moment())
    well = all(one.well for one in findings)
    voice.answer({"findings": [vars(one) for one in findings], "well": well, "warnings": coming})
    voice.warn(coming)
    for one in findings:
        voice.say(f"{'ok' if one.well else 'MISSING':<9}{one.what}")
        if not one.well:
            voice.advise(one.advice, margin=9)
    missing = sum(not one.well for one in findings)
    if missing:
        error = SettingsError(
            "1 thing is missing" if missing == 1 else f"{missing} things are missing",
            where=str(home.path),
            do="What to do stands beside each. Then ask again.",
        )
        error.answered = True
        raise error
    voice.say("", "Everything is there. Next: birthshare run MONTH")


COMMANDS = (demo, init, doctor)
