"""`birthshare ledger`: checkpoints that are kept and countersigned elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, moment, speaking, writing
from pipeline.cli.voice import Voice
from pipeline.errors import IntegrityError, SettingsError

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.outside.witness import Witness

_FOLDER = click.Path(path_type=Path, file_okay=False)
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it to FILE instead of showing it.",
)


@click.command(short_help="The nightly check: verify, sign, bring out, ask witnesses.")
@for_home
def check(home: Home, voice: Voice) -> None:
    """Read the whole ledger again, sign how far it goes, and bring that out of the house.

    It is meant to run every night. The ledger is compared with the checkpoints at every place of the
    settings ([[ledger.places]]); answers of witnesses are taken home, and new requests left for them.
    Damage ends it with exit code 4. What people should know (a place that cannot be reached, an agreement
    or a key that comes to its end, what recipients did not do in time) is a warning.
    """
    from pipeline.outside.check import check_sound
    from pipeline.outside.check import run as checked

    with voice.progress() as watch:
        found = checked(home, now=moment(), watch=watch)
    voice.answer(found)
    try:
        check_sound(found)
    except IntegrityError as error:
        error.answered = True
        raise
    _tell(voice, found)


def _tell(voice: Voice, found: dict[str, Any]) -> None:
    voice.say(f"Sound. Entries: {found['entries']}. Root: {found['root']}")
    for one in found["kept"]:
        voice.say(f"It fits the checkpoint of {one['size']} entries from {one['where']}.")
    new = "Recorded, and signed" if found["recorded"] else "Nothing new; signed before"
    voice.say(f"{new}: a checkpoint of {found['checkpoint']['size']} entries.")
    for one in found["countersigned"]:
        voice.say(f"{one['witness']} has countersigned {one['size']} entries.")
    for one in found["places"]:
        if not one["problem"]:
            voice.say(f"At {one['name']}: a checkpoint of {one['size']} entries.")
    voice.warn(found["warnings"])


@click.command(short_help="Show the public key of this ledger.")
@for_home
def key(home: Home, voice: Voice) -> None:
    """Show the verifier key of this ledger, for witnesses and auditors.

    Give it to them by a way that nobody can change it on, such as a telephone call.
    """
    from pipeline import facts
    from pipeline.encryption.signing import note_verifier

    verifier = note_verifier(facts.origin(home), home.secret("ledger.key"))
    voice.answer({"origin": facts.origin(home), "verifier_key": verifier})
    voice.say(verifier)


@click.command(short_help="Ask a witness to countersign the newest checkpoint.")
@click.option("--witness", metavar="NAME", help="Which, where the settings name several.")
@click.option(
    "--since",
    type=click.IntRange(min=0),
    metavar="ENTRIES",
    help="Begin with what the witness says that it signed last, where that is not what is known here.",
)
@_OUT
@for_home
def request(witness: str | None, since: int | None, out: Path | None, home: Home, voice: Voice) -> None:
    """Make a request for the other organisation: birthshare ledger witness sign DIR REQUEST."""
    from pipeline import facts
    from pipeline.outside import countersigned

    name = _one_of(list(countersigned.witnesses(home)), witness)
    with facts.opened_ledger(home) as opened:
        asked = countersigned.request(home, opened, name, since=since)
    voice.answer({"witness": name, "request": asked})
    _give(voice, asked, out)


@click.command(short_help="Take a witness's countersignature home.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@for_home
def countersigned(file: Path, home: Home, voice: Voice) -> None:
    """Check the answer of a witness in FILE, and record it in the ledger."""
    from pipeline import facts
    from pipeline.outside.countersigned import take_home

    with facts.opened_ledger(home) as opened:
        new = take_home(home, opened, _read(file), now=moment())
    said = [
        {"witness": one.witness, "size": one.size, "at": one.cosigned_at.isoformat(timespec="seconds")}
        for one in new
    ]
    voice.answer({"countersigned": said})
    for one in new:
        voice.say(f"{one.witness} countersigned {one.size} entries at {one.cosigned_at:%Y-%m-%d %H:%M} UTC.")
    if not new:
        voice.say("It was recorded before.")


@click.group(short_help="For a second organisation: countersign an authority's ledger.")
def witness() -> None:
    """Countersign the ledger of another organisation, which then cannot change its past unnoticed.

    A witness needs no home of an authority, only a folder of its own. It signs that a ledger only grew
    since it looked last; what is in the ledger it never sees.
    """


@witness.command(short_help="Make a witness's folder and key.")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--name", required=True, help="What its key is called, such as council.example.org/witness.")
@speaking
def init(folder: Path, name: str, voice: Voice) -> None:
    """Make a key in DIR, and show its public half for the authorities' settings."""
    from pipeline.outside.witness import Witness

    with writing(folder):
        made = Witness.make(folder, name)
    voice.answer({"name": made.name, "verifier_key": made.verifier})
    voice.say("The witness's verifier key, for [ledger] witnesses in the authority's birthshare.toml:")
    voice.say(made.verifier)


@witness.command(short_help="Name a ledger to watch.")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.argument("vkey")
@click.option("--instead", is_flag=True, help="Its owner replaced the key, and told you so by another way.")
@speaking
def trust(folder: Path, vkey: str, instead: bool, voice: Voice) -> None:
    """Watch the ledger whose verifier key is VKEY (`birthshare ledger key` shows it there)."""
    from pipeline.outside.witness import Witness

    opened = Witness.open(folder)
    with writing(folder):
        origin = opened.trust(vkey, instead=instead)
    voice.answer({"origin": origin})
    voice.say(f"{opened.name} watches {origin} from now on.")


@witness.command("list", short_help="Show which ledgers are watched.")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@speaking
def list_watched(folder: Path, voice: Voice) -> None:
    """Show the witness's own verifier key, and how far each ledger was countersigned."""
    from pipeline.outside.witness import Witness

    opened = Witness.open(folder)
    watched = opened.watched()
    voice.answer(
        {
            "name": opened.name,
            "verifier_key": opened.verifier,
            "ledgers": [
                {"origin": origin, "size": size, "at": at.isoformat() if at else ""}
                for origin, (size, at) in watched.items()
            ],
        }
    )
    voice.say(opened.verifier)
    rows = [
        (origin, f"{at:%Y-%m-%d %H:%M} UTC" if at else "never", size)
        for origin, (size, at) in watched.items()
    ]
    voice.table("Ledgers", ("origin", "countersigned", "entries"), rows, numbers=1)


@witness.command(short_help="Countersign what is asked for.")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.argument("request", type=click.Path(path_type=Path, exists=True))
@_OUT
@speaking
def sign(folder: Path, request: Path, out: Path | None, voice: Voice) -> None:
    """Countersign the checkpoint in REQUEST, if its ledger only grew since the last one.

    REQUEST may be a folder: then each request in it gets its answer beside it.
    """
    from pipeline.outside.witness import Witness

    opened = Witness.open(folder)
    if request.is_dir():
        if out is not None:
            raise SettingsError("--out goes with one request", do="Answers lie beside the requests.")
        _sign_all(opened, request, voice)
        return
    with writing(folder):
        given = opened.sign(_read(request), at=moment())
    voice.answer({"witness": given.witness, "at": given.at.isoformat(), "answer": f"{given.line}\n"})
    _give(voice, f"{given.line}\n", out)


def _sign_all(opened: Witness, requests: Path, voice: Voice) -> None:
    from pipeline.outside.witness import answer_all

    with writing(requests):
        answered = answer_all(opened, requests, at=moment())
    refused = [one for one in answered if one.refusal]
    voice.answer(
        {
            "answered": [one.file for one in answered if not one.refusal],
            "refused": [{"file": one.file, "why": str(one.refusal)} for one in refused],
        }
    )
    for one in answered:
        if not one.refusal:
            voice.say(f"Countersigned: {one.file}")
    if not answered:
        voice.say("No request waits there.")
    voice.warn(f"{one.file} was not signed. {one.refusal}" for one in refused)
    worst = max((one.refusal for one in refused if one.refusal), key=lambda one: one.exit_code, default=None)
    if worst:
        worst.answered = True
        raise worst


def _one_of(names: list[str], wanted: str | None) -> str:
    if wanted in names:
        return str(wanted)
    if wanted is None and len(names) == 1:
        return names[0]
    raise SettingsError(
        "Say which witness" if names else "There is no witness in the settings",
        where="birthshare.toml, ledger.witnesses",
        do=f"Known: {', '.join(names)}." if names else "Ask another organisation for its verifier key.",
    )


def _give(voice: Voice, content: str, out: Path | None) -> None:
    """Show it, byte for byte, or write it to a file."""
    if out is None:
        if not voice.as_json:
            click.echo(content, nl=False)
        return
    from pipeline.staging import write_whole

    with writing(out):
        write_whole(out, content.encode(), mode=0o644)
    voice.say(f"Written: {out}")


def _read(file: Path) -> str:
    from pipeline.outside.messages import LIMIT_BYTES

    with file.open("rb") as stream:
        content = stream.read(LIMIT_BYTES + 1)
    try:
        if len(content) <= LIMIT_BYTES:
            return content.decode()
    except UnicodeDecodeError:
        pass
    raise IntegrityError("This file is not what it should be", where=str(file), do="Take it as it was given.")


COMMANDS: tuple[click.Command, ...] = (check, key, request, countersigned, witness)
