"""`birthshare retention`: everything is destroyed on time, and one family is forgotten when it asks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.explaining import asked
from pipeline.cli.options import MonthType, for_home, moment
from pipeline.cli.voice import Voice
from pipeline.errors import WaitingForPerson

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month

_AS = click.option(
    "--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers."
)
_WHY = click.option(
    "--why", metavar="WORDS", required=True, help="Why, in one line; no names, digits or addresses."
)


class _OrRun(click.Group):
    """A group whose name alone runs it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments; what is no command of the group belongs to `run`."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["run", *args])


@click.group(cls=_OrRun)
def retention() -> None:
    """Destroy what is over, and show that nothing else is kept.

    `birthshare retention` alone does it; it is meant to run every day. With --dry-run it only says what
    it would destroy, and with --limits what is kept, for how long and why.
    """


@retention.command(short_help="Destroy what is over, and look at every file.")
@click.option("--dry-run", is_flag=True, help="Only say what would be destroyed.")
@click.option("--limits", is_flag=True, help="Show what is kept, for how long and why, and do nothing.")
@for_home
def run(dry_run: bool, limits: bool, home: Home, voice: Voice) -> None:
    """Destroy every file and key whose time is up, and record it.

    Then every file in the home is compared with what may be kept there. Something that only a person can
    decide is named, with what to do: the exit code is then 6.
    """
    from pipeline.keeping.retention import check_nothing_waits, limits_of
    from pipeline.keeping.retention import run as ran

    if limits:
        _tell_limits(voice, limits_of(home))
        return
    with voice.progress() as watch:
        found = ran(home, now=moment(), dry_run=dry_run, watch=watch)
    voice.answer(found)
    _tell(voice, found)
    try:
        check_nothing_waits(found)
    except WaitingForPerson as error:
        error.answered = True
        raise


def _tell(voice: Voice, found: dict[str, Any]) -> None:
    did = "would be destroyed" if found["dry_run"] else "destroyed"
    classes = sorted({*found["destroyed"], *found["kept"]})
    rows = [(name, found["destroyed"].get(name, 0), found["kept"].get(name, 0)) for name in classes]
    voice.table("What is kept in this home", ("class of data", did, "files there"), rows, numbers=2)
    for one in found["waiting"]:
        since = f", over since {one['last_day']}" if one["last_day"] else ""
        voice.say("", f"Waits for a person: {one['where']}{since}.")
        voice.advise(one["do"], margin=2)
    for path in found["unknown"]:
        voice.say("", f"Nobody knows this file: {path}.")
        voice.advise("See what it is, and take it out of the home.", margin=2)
    voice.warn(found["soon"])
    if found["not_attested"]:
        lists = f"{found['not_attested']} list{'' if found['not_attested'] == 1 else 's'}"
        voice.warn([f"Recipients have not said that they destroyed {lists} in time: birthshare receipts"])


def _tell_limits(voice: Voice, limits: list[dict[str, str]]) -> None:
    voice.answer({"limits": limits})
    for one in limits:
        voice.say("", f"{one['class']}: {one['where']}")
        if one["holds"]:
            voice.advise(f"holds: {one['holds']}.", margin=2)
        voice.advise(f"limit: {one['limit']}.", margin=2)
        if one["why"]:
            voice.advise(f"why: {one['why']}.", margin=2)


@retention.command(short_help="Forget one family, as it asked.")
@_AS
@_WHY
@for_home
def erase(who: str, why: str, home: Home, voice: Voice) -> None:
    """Erase what is kept about one family, keep it off every list, and call it back from recipients.

    It asks for the NHS number of the child or of the named parent; the number is not shown, and is
    nowhere kept. (Programs give it on standard input.) All children of the same parent or household go
    together. From now on none of them is shared with anybody.
    """
    from pipeline.cli.recalls import followed_as_json, tell_followed
    from pipeline.keeping.erasing import erase as erased

    found, followed = erased(home, asked(), principal=who, purpose=why, now=moment())
    voice.answer({**found, "recalls": followed_as_json(followed)})
    voice.say(f"Erased from what is kept of closed months: {found['parts']}.")
    if found["months_open"]:
        months = ", ".join(found["months_open"])
        voice.advise(f"Still open: {months}. The family is off the lists there, and nothing of it is kept.")
    for one in found["lists"]:
        voice.say(f"On a list: {one['file']}, {one['recipient']} ({one['state']}).")
        if one["because"]:
            voice.advise(
                f"The ledger still knows that, since {one['because']}. It is seen to each day.", margin=2
            )
    if found["forgotten"]:
        voice.say(f"Entries of the ledger that no longer tell whom they are about: {found['forgotten']}.")
    if found["inbox"]:
        voice.say("It may be in these sealed files, which nobody can take a row out of:")
        voice.say(*(f"  {one['file']}, destroyed after {one['last_day']}" for one in found["inbox"]))
    voice.say("What stays:")
    for words in found["stays"]:
        voice.advise(words, margin=2)
    tell_followed(voice, followed)


@retention.command(short_help="End a month whose working files are lost.")
@click.argument("month", type=MonthType())
@_AS
@_WHY
@for_home
def end(month: Month, who: str, why: str, home: Home, voice: Voice) -> None:
    """End MONTH, whose working files are lost, without books: nothing more of it is ever sent.

    After a restored backup, this keeps a month that was sent already from being sent a second time. At a
    terminal you are asked first, since it cannot be undone.
    """
    from pipeline.keeping.retention import end as ended

    if sys.stdin.isatty() and not voice.as_json:
        voice.say(f"{month} gets no books and is never run again: nothing more of it is sent, to anybody.")
        click.confirm(f"End {month} for good?", abort=True, err=True)
    ended(home, month, principal=who, why=why, now=moment())
    voice.answer({"month": str(month), "ended_by": who})
    voice.say(f"{month} is ended. Nothing more of it will be sent.")


@retention.command("forget-lost", short_help="Go on without kept decisions that are lost.")
@for_home
def forget_lost(home: Home, voice: Voice) -> None:
    """Record that kept decisions which are not there any more are gone, as after a restored backup."""
    from pipeline.keeping.retention import forget_lost as forgotten

    gone = forgotten(home, now=moment())
    voice.answer({"gone": gone})
    voice.say(f"Recorded as gone: {gone}.")


COMMANDS = (retention,)
