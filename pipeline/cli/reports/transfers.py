"""`birthshare report`: the register of transfers, and who is affected by a breach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from pipeline.cli.options import MomentType, for_home, moment, since_option, until_option
from pipeline.cli.reports.files import as_json, check_kind, out_option, write_answer
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from datetime import date, datetime

    from pipeline.home import Home

_SHOWN = 40  # rows of a register on the screen


@click.command(short_help="Every delivery between two days.")
@since_option
@until_option
@click.option("--agreement", metavar="ID", default="", help="Under this agreement alone.")
@click.option("--recipient", metavar="CODE", default="", help="To this recipient alone.")
@click.option("--state", metavar="STATE", default="", help="In this state alone, such as collected.")
@out_option
@for_home
def transfers(
    since: date | None,
    until: date | None,
    agreement: str,
    recipient: str,
    state: str,
    out: Path | None,
    home: Home,
    voice: Voice,
) -> None:
    """The register of transfers: every list and notice, what it showed, and what became of it.

    FILE may end in .xlsx, .csv, .html or .json. Lists that did not arrive are in it too, marked, and are not
    counted.
    """
    from pipeline import facts
    from pipeline.questions.transfers import register

    check_kind(out, (".xlsx", ".csv", ".html", ".json"))
    with facts.sound_ledger(home) as ledger:
        found = register(
            home,
            ledger,
            since=since,
            until=until,
            agreement=agreement,
            recipient=recipient,
            state=state,
            now=moment(),
        )
    said = write_answer(out, _makers(found))
    voice.answer(found)
    _tell(voice, found)
    voice.say(said or "Write all of it to a file with --out FILE.xlsx, .csv, .html or .json.")


def _makers(found: Mapping[str, Any]) -> dict[str, Any]:
    from pipeline.reporting.transfers import transfers_csv, transfers_page, transfers_workbook

    rows, sums, about = found["rows"], found["totals"], found["about"]
    return {
        ".xlsx": lambda: transfers_workbook(rows, sums, about=about),
        ".csv": lambda: transfers_csv(rows),
        ".html": lambda: transfers_page(rows, sums, about=about).encode(),
        ".json": lambda: as_json(found),
    }


def _tell(voice: Voice, found: Mapping[str, Any]) -> None:
    from pipeline.reporting.transfers import heading, state_in_words, sums_in_words

    rows: Sequence[Mapping[str, Any]] = found["rows"]
    voice.table(
        f"Register of transfers. {heading(found['about'])}",
        ("entry", "day", "recipient", "agreement", "state", "households", "children"),
        [
            (
                str(row["entry"]),
                row["day"],
                row["recipient"],
                f"{row['agreement']}{' v' + str(row['version']) if row['version'] else ''}",
                ("" if row["transfer"] else "not counted: ") + state_in_words(row),
                row["households"],
                row["children"],
            )
            for row in rows[-_SHOWN:]
        ],
        numbers=2,
    )
    if len(rows) > _SHOWN:
        voice.say(f"The newest {_SHOWN} of {len(rows)} rows.")
    for label, said in sums_in_words(found["totals"]):
        voice.say(f"{label}: {said}.")


@click.command(short_help="Who is affected, what to do now, and the draft of the notice.")
@click.option(
    "--delivery", metavar="LIST", default="", help="One list or notice: its file, or its permit's number."
)
@click.option("--recipient", metavar="CODE", default="", help="What this recipient was sent.")
@click.option("--agreement", metavar="ID", default="", help="What was sent under this agreement.")
@since_option
@until_option
@click.option(
    "--known-since",
    type=MomentType(ZoneInfo("Europe/London")),
    metavar="MOMENT",
    help="When your organisation became aware, in London's time, such as 2026-11-03T09:30; the 72 hours run"
    " from then.",
)
@click.option("--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers.")
@click.option(
    "--why", metavar="WORDS", required=True, help="Why you look, in one line; no names, digits or addresses."
)
@out_option
@for_home
def breach(
    who: str,
    why: str,
    known_since: datetime | None,
    out: Path | None,
    home: Home,
    voice: Voice,
    **question: Any,
) -> None:
    """Who is affected by a breach, what to do now, and the draft of what must be reported within 72 hours.

    Name one delivery, or a recipient or an agreement; --since and --until are days on which lists arrived.
    Nobody is named: children and families are counted, once each where that can be told. What no program
    can know is left blank in the draft. That you looked, and why, is recorded. FILE may end in .html (to
    print), .txt or .json.
    """
    from pipeline import facts
    from pipeline.questions.breaches import Question
    from pipeline.questions.breaches import breach as asked
    from pipeline.reporting.breach import breach_page, breach_text

    check_kind(out, (".html", ".txt", ".json"))
    with facts.sound_ledger(home) as ledger:
        found = asked(
            home,
            ledger,
            Question(**question),
            principal=who,
            purpose=why,
            known_since=known_since,
            now=moment(),
        )
    said = write_answer(
        out,
        {
            ".html": lambda: breach_page(found).encode(),
            ".txt": lambda: breach_text(found).encode(),
            ".json": lambda: as_json(found),
        },
    )
    voice.answer(found)
    voice.advise(breach_text(found))
    voice.say("", said or "Write it to a file to print with --out FILE.html.")


COMMANDS: tuple[click.Command, ...] = (transfers, breach)
