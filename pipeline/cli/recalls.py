"""`birthshare recalls`: families that recipients must take off lists they were sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, home_option, json_option, moment, only_alone
from pipeline.cli.voice import Voice
from pipeline.errors import NotAllDelivered

if TYPE_CHECKING:
    from pipeline.afterwards.recalls import Followed
    from pipeline.home import Home


@click.group(invoke_without_command=True, short_help="See and send what recipients must take off lists.")
@home_option
@json_option
@click.pass_context
def recalls(context: click.Context, home_path: Path, as_json: bool) -> None:
    """See which recipients were asked to take families off their lists, and which have done so.

    Nobody is named, here or in the notices: a notice names a list and the references of its rows.
    """
    from pipeline.home import Home

    only_alone(context)
    if context.invoked_subcommand is None:
        _tell_state(Home.open(home_path), Voice(as_json))


def _tell_state(home: Home, voice: Voice) -> None:
    from pipeline.afterwards.recalls import shown
    from pipeline.delivery.problems import in_words

    found = shown(home, now=moment())
    voice.answer(found)
    rows = [
        (one["recipient"], one["name"], one["due"], *(one[count] for count in _COUNTS))
        for one in found["recalls"]
    ]
    if not rows:
        voice.say("Nothing was ever recalled.")
        return
    voice.table("Rows to take off lists", ("recipient", "name", "first due", *_COUNTS), rows, numbers=5)
    problems = [
        f"{one['recipient']}: {in_words(one['problem'])}" for one in found["recalls"] if one["problem"]
    ]
    voice.warn(f"A notice could not be brought to {problem}" for problem in problems)
    if any(one["waiting"] for one in found["recalls"]):
        error = NotAllDelivered(
            "Some recipients do not know yet of families that they must take off their lists",
            do="Put right what is in the way, then: birthshare recalls send",
        )
        error.answered = True
        raise error


_COUNTS = ("recalled", "waiting", "told", "done", "late")


@recalls.command(short_help="Send what waits.")
@for_home
def send(home: Home, voice: Voice) -> None:
    """Raise what is to be recalled, and try again to send the notices that are not delivered yet."""
    from pipeline.afterwards.recalls import send as send_now

    with voice.progress() as watch:
        followed = send_now(home, now=moment(), watch=watch)
    voice.answer({"recalls": followed_as_json(followed)})
    tell_followed(voice, followed)


@recalls.command(short_help="The lists and references, to tell a recipient by voice.")
@click.argument("recipient", metavar="RECIPIENT")
@for_home
def show(recipient: str, home: Home, voice: Voice) -> None:
    """What RECIPIENT must take off which list and has not said is done: files and references, no names."""
    from pipeline.afterwards.recalls import open_lines

    lines = open_lines(home, recipient)
    voice.answer({"recipient": recipient, "lines": lines})
    if not lines:
        voice.say(f"Nothing is open at {recipient}.")
        return
    columns = ("list_file", "month", "list_reference", "due", "notice")
    header = ("list", "month", "reference", "to be done by", "notice")
    voice.table(f"To take off at {recipient}", header, [[one[name] for name in columns] for one in lines])
    voice.advise(
        "Once they say that it is done: of a notice that has arrived, birthshare receipts record NOTICE done"
        f" --as YOU; where none could be brought, birthshare recalls told {recipient} --as YOU."
    )


@recalls.command(short_help="Record what you told a recipient that cannot be sent anything.")
@click.argument("recipient", metavar="RECIPIENT")
@click.option("--as", "principal", metavar="WHO", required=True, help="Who you are, as in birthshare.toml.")
@click.option("--note", default="", help="One line, without digits, addresses or names.")
@for_home
def told(recipient: str, principal: str, note: str, home: Home, voice: Voice) -> None:
    """Record that you told RECIPIENT of the recalls that could not be brought, and heard that they are done.

    A notice that has arrived is recorded as done with `birthshare receipts record` instead.
    """
    from pipeline.afterwards.recalls import record_told

    rows = record_told(home, recipient, principal=principal, note=note, now=moment())
    voice.answer({"recipient": recipient, "rows": rows})
    voice.say(f"Recorded as done: {rows} rows." if rows else "Nothing waited. Nothing was recorded.")


def followed_as_json(followed: Followed) -> dict[str, Any]:
    """What following words up came to, in counts."""
    return {
        "raised": followed.raised,
        "recipients": followed.recipients,
        "notices": followed.brought.delivered,
        "not_delivered": [str(failure) for failure in followed.brought.failures],
    }


def tell_followed(voice: Voice, followed: Followed, *, fails: bool = True) -> None:
    """The same in a sentence; raises NotAllDelivered where it `fails` because some are not delivered."""
    voice.say(
        f"Recalls: {followed.raised} rows of lists at {followed.recipients} recipients."
        f" Notices delivered: {followed.brought.delivered}."
    )
    if not fails:
        voice.warn(str(failure) for failure in followed.brought.failures)
        return
    try:
        followed.brought.check()
    except NotAllDelivered as error:
        error.answered = True
        raise


COMMANDS = (recalls,)
