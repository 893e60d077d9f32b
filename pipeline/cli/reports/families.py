"""`birthshare report`: what was shared about one family, as a statement for a parent."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.explaining import asked
from pipeline.cli.options import for_home, moment
from pipeline.cli.reports.files import as_json, out_option, write_answer
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.home import Home


@click.command(short_help="All that was shared about one family.")
@click.option("--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers.")
@click.option(
    "--why", metavar="WORDS", required=True, help="Why you look, in one line; no names, digits or addresses."
)
@out_option
@for_home
def family(who: str, why: str, out: Path | None, home: Home, voice: Voice) -> None:
    """All that was shared about one child, or about the children of one parent.

    It asks for the NHS number of the child or of the named parent; the number is not shown, and is
    nowhere kept. (Programs give it on standard input.) That you looked, and why, is recorded first.

    FILE.html is a statement that a parent can read; print it and write the family's name on it.
    FILE.json says the same for programs. FILE.zip holds the proofs, which anybody can check without us;
    it also has counts of the lists that the family was on, so give it only to whoever checks. What is
    private, such as why a family was called back, is on the screen alone.
    """
    from pipeline.questions import families
    from pipeline.reporting.family_page import family_page, family_summary

    now = moment()
    number = asked()
    with voice.progress() as watch:
        found = families.family(
            home, number, principal=who, purpose=why, now=now, whole=out is not None, watch=watch
        )

    def given(make: Callable[[], bytes]) -> bytes:
        content = make()
        families.record_given(home, content, principal=who, purpose=why, now=now)
        return content

    kinds = {
        ".html": lambda: family_page(found).encode(),
        ".json": lambda: as_json(families.statement(found)),
        ".zip": lambda: families.evidence_pack(home, found, now=now),
    }
    written = write_answer(out, {ending: partial(given, make) for ending, make in kinds.items()})
    voice.answer(found)
    voice.advise(family_summary(found))
    voice.say(*(["", written] if written else []))


COMMANDS = (family,)
