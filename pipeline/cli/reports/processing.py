"""`birthshare report`: the record of processing (UK GDPR, Article 30) and the register of data flows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.reports.files import as_json, out_option, write_answer
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home


@click.command(short_help="The record of processing activities (UK GDPR).")
@out_option
@for_home
def article30(out: Path | None, home: Home, voice: Voice) -> None:
    """The record of processing activities that UK GDPR, Article 30, asks for, from the agreements.

    Those in force, and marked as such those that were suspended or have come to their end. What this program
    cannot know begins with "To be written in". FILE may end in .html, .xlsx, .csv or .json.
    """
    from pipeline import facts
    from pipeline.questions.processing import article30 as record
    from pipeline.reporting import processing as pages

    with facts.sound_ledger(home) as ledger:
        found = record(home, ledger, now=moment())
    said = write_answer(
        out,
        {
            ".html": lambda: pages.article30_page(found).encode(),
            ".xlsx": lambda: pages.article30_workbook(found),
            ".csv": lambda: pages.article30_csv(found),
            ".json": lambda: as_json(found),
        },
    )
    voice.answer(found)
    _tell_record(voice, found)
    voice.say(*(["", said] if said else []))


def _tell_record(voice: Voice, found: Mapping[str, Any]) -> None:
    for one in found["activities"]:
        voice.say("", f"{one['title']} ({one['state_in_words']})")
        for asked in found["asked"]:
            voice.say(f"  {asked['heading']} ({asked['law']})")
            for point in one["points"][asked["key"]]:
                voice.advise(f"- {point}", margin=4)
    if not found["activities"]:
        voice.say("No agreement was ever signed here: there is no processing to record.")


@click.command(short_help="The register of data flows, as the DSPT asks for it.")
@out_option
@for_home
def dataflows(out: Path | None, home: Home, voice: Voice) -> None:
    """What comes in, what is kept and what goes out: how, how protected, on what basis, and how much.

    As the NHS's Data Security and Protection Toolkit asks for it under standard 1. Numbers are of the last
    twelve months. FILE may end in .html, .xlsx, .csv or .json.
    """
    from pipeline import facts
    from pipeline.questions.flows import register
    from pipeline.reporting import processing as pages

    with facts.sound_ledger(home) as ledger:
        found = register(home, ledger, now=moment())
    said = write_answer(
        out,
        {
            ".html": lambda: pages.flows_page(found).encode(),
            ".xlsx": lambda: pages.flows_workbook(found),
            ".csv": lambda: pages.flows_csv(found),
            ".json": lambda: as_json(found),
        },
    )
    voice.answer(found)
    _tell_flows(voice, found)
    voice.say(*(["", said] if said else []))


def _tell_flows(voice: Voice, found: Mapping[str, Any]) -> None:
    rows = [
        (
            one["direction"],
            one["what"],
            one["destination"],
            one["last"],
            _number(one["files"]),
            _number(one["rows"]),
        )
        for one in found["flows"]
        if one["direction"] != "kept"
    ]
    title = f"Data flows, and how much there was from {found['since']} to {found['until']}"
    voice.table(title, ("way", "what", "to", "last", "files", "rows"), rows, numbers=2)
    voice.say("What is kept here is in the file as well; on the screen: birthshare retention --limits")


def _number(count: int | None) -> int | str:
    return "" if count is None else count


COMMANDS: tuple[click.Command, ...] = (article30, dataflows)
