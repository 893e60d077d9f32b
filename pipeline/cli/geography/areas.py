"""`birthshare geography check`: what is wrong with the reach areas, and who serves how much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import DayType, for_home, moment
from pipeline.cli.reports.files import as_json, check_kind, out_option, write_answer
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError
from pipeline.networks import SEVERAL

if TYPE_CHECKING:
    from datetime import date

    from pipeline.home import Home
    from pipeline.places.checks import Checked

_SHOWN = 8  # findings of one kind in the terminal; the page and the JSON have them all


@click.command(short_help="What is wrong with the reach areas, with a map.")
@click.option("--on", type=DayType(), metavar="DAY", help="The day whose lines count. Default: today.")
@click.option("--network", metavar="NAME", help="Look at this network alone.")
@out_option
@for_home
def check(on: date | None, network: str | None, out: Path | None, home: Home, voice: Voice) -> None:
    """What is wrong with the home's reach areas: everything that can be found by looking, at once.

    Errors stop a month, or an agreement that needs the network. Warnings may be meant. No postcode is
    named, and nothing is changed or recorded. FILE may end in .html, with a map, or .json.
    """
    from pipeline.agreed import LONDON
    from pipeline.places.checks import check as look
    from pipeline.reporting.areas_page import Drawn, areas_page

    check_kind(out, (".html", ".json"))
    checked = look(home, on=on or moment().astimezone(LONDON).date(), network=network)
    names = {code: one.name for code, one in home.recipients().items()}
    maps = {name: Drawn(tiles.side, tiles.serving) for name, tiles in checked.maps.items()}
    said = write_answer(
        out,
        {
            ".html": lambda: areas_page(
                checked.answer, maps, names, checked.headings,
                year=checked.year, authority=home.settings.authority.name,
            ).encode(),
            ".json": lambda: as_json(checked.answer),
        },
    )  # fmt: skip
    voice.answer(checked.answer)
    _tell(checked, voice)
    voice.say(*([said] if said else []))
    if not checked.well:
        error = SettingsError(
            "The reach areas cannot work as they are",
            where=", ".join(checked.answer["files"]),
            do="Put right what is marked ERROR, and check them again.",
        )
        error.answered = True
        raise error


def _tell(checked: Checked, voice: Voice) -> None:
    from pipeline.reporting.areas_page import summary

    answer = checked.answer
    findings = answer["findings"]
    for fault in dict.fromkeys(one["fault"] for one in findings):
        of_it = [one for one in findings if one["fault"] == fault]
        voice.say("", f"{of_it[0]['level'].upper():<9}{checked.headings[fault]} ({len(of_it):,})")
        for one in of_it[:_SHOWN]:
            voice.advise(f"{one['where']}: {one['says']}{_at_stake(one)}", margin=9)
        if len(of_it) > _SHOWN:
            voice.advise(f"and {len(of_it) - _SHOWN:,} more: see --out FILE.html", margin=9)
        voice.advise(of_it[0]["do"], margin=9)
    for name, counted in answer["networks"].items():
        voice.say("")
        rows = [
            (_in_words(one["code"]), one["postcodes"], one["lsoas"], one["wards"])
            for one in counted["recipients"]
        ]
        rows.append(("in nobody's area", counted["gaps"], "", ""))
        voice.table(name, ("recipient", "live postcodes", "small areas", "wards"), rows, numbers=3)
    if answer["since"]:
        moved = sum(one["postcodes"] for one in answer["since"]["moves"])
        voice.say(f"Since the index for {answer['since']['on']}, {moved:,} live postcodes have moved.")
    lines = answer["lines"]["in_force"]
    in_force = f"{lines:,} line{'' if lines == 1 else 's'} in force on {answer['on']}"
    voice.say("", f"{in_force}. {summary(answer)}.")


def _at_stake(one: Mapping[str, Any]) -> str:
    """How much a finding touches, as far as it does not say so itself."""
    postcodes = one["postcodes"]
    said = postcodes is None or " live postcode" in one["says"]
    counted = "" if said else f"{postcodes:,} live postcode{'' if postcodes == 1 else 's'}"
    families = f"{one['families']} families live in the small area" if one["families"] else ""
    touched = "; ".join(filter(None, (counted, families)))
    return f" [{touched}]" if touched else ""


def _in_words(code: str) -> str:
    return "claimed by several" if code == SEVERAL else code


COMMANDS: tuple[click.Command, ...] = (check,)
