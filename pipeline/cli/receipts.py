"""`birthshare receipts`: what recipients did with their lists, and what is overdue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, home_option, json_option, moment, only_alone
from pipeline.cli.voice import Voice
from pipeline.delivery.receipt_files import WORDS
from pipeline.errors import NotAllDelivered, SettingsError

if TYPE_CHECKING:
    from pipeline.delivery.receipt_files import Word
    from pipeline.home import Home

_STEPS = ("collection", "acknowledgement", "destruction", "recall")


@click.group(invoke_without_command=True, short_help="See what recipients did with their lists.")
@click.option("--remind", is_flag=True, help="Also send a reminder of lists that are overdue.")
@click.option("--offline", is_flag=True, help="Only show what is known; look into no recipient's folder.")
@click.option("--all", "everything", is_flag=True, help="Show lists that are destroyed, too.")
@home_option
@json_option
@click.pass_context
def receipts(
    context: click.Context, remind: bool, offline: bool, everything: bool, home_path: Path, as_json: bool
) -> None:
    """Look into every recipient's folder, record what is new, and show what is open or overdue.

    A list that is gone from its folder was collected. A text file beside it, named as the list with
    .received.txt or .destroyed.txt after it and holding the code that stands inside the list, says that
    it was opened or destroyed; .done.txt says it of a notice. A list that nobody collected is taken away
    again after its last day.
    """
    from pipeline.home import Home

    only_alone(context)
    if remind and offline:
        raise SettingsError("Nobody can be reminded offline", do="Give --remind or --offline, not both.")
    if context.invoked_subcommand is None:
        _look(Home.open(home_path), Voice(as_json), remind=remind, offline=offline, everything=everything)


def _look(home: Home, voice: Voice, *, remind: bool, offline: bool, everything: bool) -> None:
    from pipeline.afterwards import receipts as heard

    now, looked = moment(), heard.Looked()
    with voice.progress() as watch:
        if remind:
            looked = heard.follow_up(home, now=now, watch=watch)
        elif not offline:
            looked = heard.look(home, now=now, watch=watch)
    found = heard.shown(home, now=now) | looked.as_json()
    voice.answer(found)
    _tell(voice, found, everything)
    voice.warn([*found["remarks"], *found["warnings"]])
    try:
        looked.check()
    except NotAllDelivered as error:
        error.answered = True
        raise


@receipts.command(name="record", short_help="Record what a person was told.")
@click.argument("file", metavar="LIST")
@click.argument("word", type=click.Choice(WORDS))
@click.option("--as", "principal", metavar="WHO", required=True, help="Who you are, as in birthshare.toml.")
@click.option("--note", default="", help="One line without names, digits or addresses.")
@for_home
def record_(file: str, word: Word, principal: str, note: str, home: Home, voice: Voice) -> None:
    """Record what a recipient told you of LIST, the file name of a list or notice.

    A list was received or destroyed; what a notice asks was done.
    """
    from pipeline.afterwards.receipts import record

    new = record(home, file, word, principal=principal, note=note, now=moment())
    voice.answer({"file": file, "word": word, "new": new})
    voice.say(f"Recorded: {file} was {word}." if new else "That was known already. Nothing was recorded.")


@receipts.command(name="take-back", short_help="Take a sealed list away before its last day.")
@click.argument("file", metavar="LIST")
@click.option("--as", "principal", metavar="WHO", required=True, help="Who you are, as in birthshare.toml.")
@for_home
def take_back_(file: str, principal: str, home: Home, voice: Voice) -> None:
    """Take LIST, the file name of a list, out of its recipient's folder at once, if it lies there still.

    It is meant for a list that should not have gone, or not there. What a recipient has taken already
    cannot be taken back: call it.
    """
    from pipeline.afterwards.receipts import take_back

    remarks = take_back(home, file, principal=principal, now=moment())
    voice.answer({"file": file, "taken_back": not remarks, "remarks": remarks})
    voice.warn(remarks)
    voice.say("It was left as it is." if remarks else f"Taken back: {file}.")


def _tell(voice: Voice, found: Mapping[str, Any], everything: bool) -> None:
    rows = [one for one in found["sent"] if everything or (one["open"] and _sent(one))]
    if rows:
        voice.table(
            "Lists and notices" if everything else "Lists and notices that are open",
            ("recipient", "file", "state", "next"),
            [(one["recipient"], one["file"], one["state"], _next(one)) for one in rows],
        )
    else:
        voice.say("No list or notice is open.")
    if found["recalls"]:
        voice.table(
            "Called back, and not said to be off the list",
            ("recipient", "notice or list", "told", "due", "rows"),
            [
                (one["recipient"], one["file"], "yes" if one["told"] else "NOT YET", one["due"], one["rows"])
                for one in found["recalls"]
            ],
            numbers=1,
        )
    if found["new"]:
        new = ", ".join(f"{kind.replace('_', ' ')} {number}" for kind, number in found["new"].items())
        voice.say(f"New: {new}.")


def _sent(row: Mapping[str, Any]) -> bool:
    """Lists that are not there yet are their month's business; notices are nobody else's."""
    return bool(row["delivered_at"]) or row["what"] != "list"


def _next(row: Mapping[str, Any]) -> str:
    """The next thing that its recipient has to do, and by when."""
    due = sorted((row["due"][step], step) for step in _STEPS if step in row["due"])
    if not due:
        return ""
    day, step = due[0]
    return f"{step} by {day}{' OVERDUE' if step in row['overdue'] else ''}"


COMMANDS: Sequence[click.Command] = (receipts,)
