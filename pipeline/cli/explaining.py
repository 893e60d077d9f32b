"""`birthshare explain`: what was decided about one family, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import MonthType, for_home, moment
from pipeline.cli.voice import Voice

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month

_LONGEST = 100  # characters that are read of what should be ten digits


@click.command(short_help="What was decided about one family, and why.")
@click.argument("month", type=MonthType(), required=False)
@click.option("--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers.")
@click.option(
    "--why", metavar="WORDS", required=True, help="Why you look, in one line; no names, digits or addresses."
)
@for_home
def explain(month: Month | None, who: str, why: str, home: Home, voice: Voice) -> None:
    """What was decided about one family in MONTH, or in every month that is still known, and why.

    It asks for the NHS number of the child or of the named parent; the number is not shown, and is
    nowhere kept. (Programs give it on standard input. It is never an argument: those can be seen by
    others, and stay in the shell's history.) That you looked, and why, is recorded before anything is
    looked up.
    """
    from pipeline.looking_back.explain import explain as explained
    from pipeline.reporting import family_text

    found = explained(home, asked(), month=month, principal=who, purpose=why, now=moment())
    voice.answer(found)
    voice.advise(family_text(found))


def asked() -> str:
    """The NHS number, typed unseen, or from a program."""
    if sys.stdin.isatty():
        typed: str = click.prompt("NHS number (not shown)", hide_input=True, err=True)
        return typed
    return sys.stdin.readline(_LONGEST)


COMMANDS = (explain,)
