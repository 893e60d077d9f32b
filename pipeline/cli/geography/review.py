"""`birthshare geography review and decide`: postcodes that wait for a person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import MonthType, for_home, moment
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.places.reviews import Asked, Queue
    from pipeline.records import Month


@click.command(short_help="Postcodes of a month that wait for a person, with hints.")
@click.argument("month", type=MonthType())
@click.option("--all", "everything", is_flag=True, help="Also those that somebody has decided about.")
@click.option(
    "--postcodes",
    is_flag=True,
    help="Show the postcodes too, at a terminal alone, with --as WHO; the record says that you saw them.",
)
@click.option("--as", "who", metavar="WHO", help="You: your address in the list of approvers.")
@for_home
def review(
    month: Month, everything: bool, postcodes: bool, who: str | None, home: Home, voice: Voice
) -> None:
    """Show the postcodes of MONTH that the directory does not know, or that two recipients claim.

    Each has a name, and hints: who serves the postcodes around it, or who claims it. Which postcode it is
    stands in the supplier's file, in the rows that are named. The month does not wait: its lists go without
    these families, who stay held. Somebody decides with `birthshare geography decide`.
    """
    from pipeline.places import reviews

    if postcodes:
        _check_eyes(voice, who)
        found = reviews.shown(home, month, principal=who or "", now=moment())
    else:
        found = reviews.queue(home, month, now=moment())
    asked = [one for one in found.asked if everything or one.waits]
    voice.answer(
        {
            "month": str(month),
            "waiting": sum(one.waits for one in found.asked),
            "postcodes": [_as_json(one) for one in asked],
            "births_not_whole": found.not_whole,
            "directory_keeps": list(found.partial),
        }
    )
    voice.say(*(_in_words(one, with_postcode=postcodes) for one in asked))
    _say_the_rest(voice, month, found)


@click.command(short_help="Decide which recipient serves a postcode, with your signature.")
@click.argument("month", type=MonthType())
@click.argument("name")
@click.option("--recipient", metavar="CODE", help="Who serves this postcode in this network.")
@click.option("--nobody", is_flag=True, help="Nobody: its families stay held, and nobody is asked again.")
@click.option(
    "--authority",
    metavar="CODE",
    default="",
    help="The local authority that it is in, such as E10000014; needed where the postcodes around it do not "
    "tell. Whether its families are residents is decided by it.",
)
@click.option("--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key; it signs exactly this. At a terminal its passphrase is asked for; or name "
    "the public half (.pub) of a key that ssh-agent holds.",
)
@click.option(
    "--note",
    default="",
    metavar="WORDS",
    help="Why, in one line for the record; no names, digits or addresses.",
)
@for_home
def decide(
    month: Month,
    name: str,
    recipient: str | None,
    nobody: bool,
    authority: str,
    who: str,
    key: Path,
    note: str,
    home: Home,
    voice: Voice,
) -> None:
    """Decide about the postcode that `birthshare geography review MONTH` calls NAME.

    It counts for this postcode in this network in the months to come too, until the directory knows it, or
    others claim it. Decide again to change it.
    """
    from pipeline.encryption.signing import sign_ssh
    from pipeline.places import reviews
    from pipeline.places.reviewed import NAMESPACE, statement

    if bool(recipient) == nobody:
        raise SettingsError("Nothing is decided", do="Give either --recipient CODE or --nobody.")
    asked = reviews.one_of(reviews.queue(home, month, now=moment()), name, month)
    drafted = reviews.draft(asked, recipient=recipient or "", authority=authority, principal=who, note=note)
    if sys.stdin.isatty():
        voice.say(_in_words(asked, with_postcode=False), reviews.in_words(drafted))
        click.confirm("Decide exactly this?", abort=True, err=True)
    signature = sign_ssh(
        statement(drafted), private_key=key, namespace=NAMESPACE, ask=sys.stdin.isatty()
    ).decode()
    signed = drafted.model_copy(update={"signature": signature})
    entry = reviews.decide(home, asked, signed, now=moment())
    voice.answer(
        {
            "month": str(month),
            "name": asked.name,
            "network": asked.network,
            "recipient": drafted.recipient,
            "authority": drafted.authority,
            "decided_by": who,
            "entry": entry,
        }
    )
    voice.say(
        f"{reviews.in_words(drafted)} Entry {entry} of the ledger.",
        f"Now: birthshare run {month}",
    )


def _check_eyes(voice: Voice, who: str | None) -> None:
    """Raises SettingsError unless a person looks, and says who."""
    if voice.as_json or not _at_terminal():
        raise SettingsError(
            "Postcodes are shown to a person at a terminal alone",
            where="--postcodes",
            do="Leave it out, and look the rows up in the supplier's file; or run it at a terminal, without "
            "--json, | and >.",
        )
    if not who:
        raise SettingsError("Nobody said who looks", where="--as", do="Name yourself with --as WHO.")


def _at_terminal() -> bool:
    """Whether what is said goes to a person's screen, and into no file or program."""
    return sys.stdout.isatty()


def _say_the_rest(voice: Voice, month: Month, found: Queue) -> None:
    from pipeline.places.reviewed import births

    waiting = sum(one.waits for one in found.asked)
    if found.not_whole:
        voice.advise(
            f"{births(found.not_whole)} held whose postcode is not written as one: the supplier's report "
            "names the rows, and only the supplier can put them right."
        )
    if found.partial:
        voice.advise(
            f"The directory keeps {', '.join(found.partial)} alone: a postcode that it does not know may be "
            "anywhere else."
        )
    if not waiting:
        voice.say(f"No postcode of {month} waits for a person.")
        return
    voice.advise(
        "Look up where each is, and decide:\n"
        f"  birthshare geography decide {month} NAME --recipient CODE --as WHO --key THEIR-PRIVATE-KEY\n"
        "or with --nobody, so that its families stay held."
    )


def _as_json(one: Asked) -> dict[str, Any]:
    return {
        "name": one.name,
        "network": one.network,
        "status": one.status,
        "births": len(one.rows),
        "rows": [row._asdict() for row in one.rows],
        "claimants": list(one.claimants),
        "claimed_by": one.matched,
        "lines": list(one.lines),
        "authority": one.authority,
        "around": one.near._asdict() if one.near else None,
        "recipients": list(one.recipients),
        "authorities": list(one.authorities),
        "decided_by": one.decided_by,
        "recipient": one.chosen,
    }


def _in_words(one: Asked, *, with_postcode: bool) -> str:
    from pipeline.geography.postcodes import spaced
    from pipeline.places.reviewed import births

    which = f" {spaced(one.postcode)}" if with_postcode else ""
    rows = ", ".join(f"{supplier} row {row}" for supplier, row in one.rows)
    lines = [
        f"{one.name}{which}: {one.wording} ({one.network}); {births(len(one.rows))}: {rows}",
        *one.hints,
    ]
    if one.decided_by:
        lines.append(f"decided by {one.decided_by}: {one.chosen or 'nobody serves it'}")
    return "\n  ".join(lines)


COMMANDS: tuple[click.Command, ...] = (review, decide)
