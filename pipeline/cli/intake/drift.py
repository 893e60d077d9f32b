"""`birthshare intake changes and accept`: how a file differs from earlier ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import MonthType, for_home, moment
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError
from pipeline.wording import SHOWN

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month
    from pipeline.suppliers.drift import Compared


@click.command(short_help="Show how a month's files differ from earlier ones.")
@click.argument("month", type=MonthType())
@click.option("--supplier", metavar="CODE", help="Only this supplier's files.")
@for_home
def changes(month: Month, supplier: str | None, home: Home, voice: Voice) -> None:
    """Show how the files of MONTH differ from the same supplier's earlier ones, in counts and codes.

    What differs, and was neither accepted nor used, waits for a person: see `birthshare intake accept`.
    """
    from pipeline.suppliers.drift import how_to_go_on

    files = _files(home, month, supplier)
    voice.answer({"month": str(month), "files": [_as_json(one) for one in files]})
    voice.say(*(_in_words(one) for one in files) if files else [f"No file of {month} was read yet."])
    for one in files:
        if one.waits:
            voice.advise(how_to_go_on(one))


@click.command(short_help="Accept that a file differs, with your signature.")
@click.argument("month", type=MonthType())
@click.option("--supplier", metavar="CODE", required=True, help="Whose file.")
@click.option("--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key; it signs exactly these differences of exactly this file. At a terminal its "
    "passphrase is asked for; or name the public half (.pub) of a key that ssh-agent holds.",
)
@click.option(
    "--seen",
    default="",
    metavar="DIGEST",
    help="The beginning of the digest that `changes` showed you; other differences are then not accepted.",
)
@click.option(
    "--note",
    default="",
    metavar="WORDS",
    help="Why, in one line for the record; no names, digits or addresses.",
)
@for_home
def accept(
    month: Month, supplier: str, who: str, key: Path, seen: str, note: str, home: Home, voice: Voice
) -> None:
    """Accept that a supplier's file of MONTH differs from its earlier ones as `changes` shows.

    Ask the supplier first what has changed. To refuse, accept nothing, and ask for another file.
    """
    from pipeline import month as months
    from pipeline.encryption.signing import sign_ssh
    from pipeline.suppliers.drift import NAMESPACE

    file = _waiting(home, month, supplier, who, seen)
    if not seen and sys.stdin.isatty():
        voice.say(_in_words(file))
        click.confirm("Accept exactly this?", abort=True, err=True)
    signature = sign_ssh(
        file.statement, private_key=key, namespace=NAMESPACE, ask=sys.stdin.isatty()
    ).decode()
    new = months.accept_differences(home, file, principal=who, signature=signature, note=note, now=moment())
    voice.answer({"month": str(month), **_as_json(file), "accepted_by": [who]})
    voice.say(
        f"{'Accepted' if new else 'You had accepted it already'}: how the {file.name} for {month} differ "
        "from earlier ones.",
        f"Now: birthshare run {month}",
    )


def _files(home: Home, month: Month, supplier: str | None) -> list[Compared]:
    from pipeline import month as months

    if supplier is not None and supplier not in home.settings.suppliers:
        raise SettingsError(
            "The settings name no such supplier", do=f"These are: {', '.join(home.settings.suppliers)}."
        )
    return [
        one for one in months.files_compared(home, month, now=moment()) if supplier in (None, one.supplier)
    ]


def _waiting(home: Home, month: Month, supplier: str, who: str, seen: str) -> Compared:
    """The one file that is asked about; raises SettingsError for none, Refused for another than was seen."""
    from pipeline.suppliers.drift import check_seen

    files = _files(home, month, supplier)
    asked = [one for one in files if one.waits] or [one for one in files if who in one.accepted_by]
    if not asked:
        raise SettingsError(
            f"No file of {supplier} for {month} waits for an acceptance",
            do=f"See how its files compare: birthshare intake changes {month}",
        )
    check_seen(asked[0], seen)
    return asked[0]


def _as_json(file: Compared) -> dict[str, Any]:
    return {
        "supplier": file.supplier,
        "dataset": file.dataset,
        "sealed_sha256": file.sealed_sha256,
        "beside": list(file.beside),
        "differences": list(file.words),
        "differences_sha256": file.statement_sha256,
        "accepted_by": list(file.accepted_by),
        "waits": file.waits,
    }


def _in_words(file: Compared) -> str:
    head = f"{file.name} for {file.month}, file {file.sealed_sha256[:SHOWN]}: "
    if not file.beside:
        return head + "the first file; there is no earlier one to hold it against."
    if not file.differences:
        return head + f"like its earlier ones ({len(file.beside)})."
    state = f"differences {file.statement_sha256[:SHOWN]}"
    if file.accepted_by:
        state += f", accepted by {', '.join(file.accepted_by)}"
    return "\n".join([f"{head}{state}", *(f"  {one}" for one in file.words)])


COMMANDS: tuple[click.Command, ...] = (changes, accept)
