"""`birthshare report quality`: what was wrong with suppliers' rows, month by month."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import MonthType, for_home, moment
from pipeline.cli.reports.files import as_json, check_kind, out_option, write_answer
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month


@click.command(short_help="What was wrong with suppliers' rows, and what is wrong again and again.")
@click.option("--since", type=MonthType(), help="From this month on. Default: the last twelve months.")
@click.option("--supplier", metavar="CODE", default="", help="Of this supplier alone.")
@out_option
@for_home
def quality(since: Month | None, supplier: str, out: Path | None, home: Home, voice: Voice) -> None:
    """How good suppliers' files were: rows set aside by rule, refused files, accepted differences, reports.

    From the ledger, in counts: no row is named. FILE may end in .html (to print), .xlsx, .csv or .json.
    """
    from pipeline import facts
    from pipeline.questions.quality import quality as asked
    from pipeline.reporting.quality import quality_csv, quality_page, quality_workbook

    check_kind(out, (".html", ".xlsx", ".csv", ".json"))
    with facts.sound_ledger(home) as ledger:
        found = asked(home, ledger, since=since, supplier=supplier, now=moment())
    authority = home.settings.authority.name
    said = write_answer(
        out,
        {
            ".html": lambda: quality_page(found, authority=authority).encode(),
            ".xlsx": lambda: quality_workbook(found),
            ".csv": lambda: quality_csv(found),
            ".json": lambda: as_json(found),
        },
    )
    voice.answer(found)
    _tell(voice, found)
    voice.say(*([said] if said else []))


def _tell(voice: Voice, found: Mapping[str, Any]) -> None:
    if not found["until"]:
        voice.say("No file of a supplier's was checked in this time.")
    for one in found["suppliers"]:
        _tell_months(voice, one)
        if one["again"]:
            voice.say(f"Broken again and again by {one['supplier']}:")
            voice.say(*(f"  {rule['said']}" for rule in one["again"]))
        elif one["months"]:
            voice.say(f"No rule was broken by {one['supplier']} in more than one month.")


def _tell_months(voice: Voice, one: Mapping[str, Any]) -> None:
    from pipeline.reporting.quality import (
        drift_in_words,
        refused_in_words,
        report_in_words,
        unsigned_in_words,
    )

    voice.table(
        f"{one['supplier']}, month by month",
        ("month", "refused", "differences accepted by", "report", "rows", "set aside", "to check"),
        [
            (
                month["month"],
                refused_in_words(month),
                drift_in_words(month),
                report_in_words(month),
                "no file" if month["rows"] is None else month["rows"],
                "" if month["set_aside"] is None else month["set_aside"],
                "" if month["rows"] is None else sum(month["warnings"].values()),
            )
            for month in one["months"]
        ],
        numbers=3,
    )
    nobody = [month for month in one["months"] if month["unsigned"]]
    voice.say(*(f"{month['month']}: {unsigned_in_words(month)} signed by nobody." for month in nobody))


COMMANDS: tuple[click.Command, ...] = (quality,)
