"""`birthshare agreement`: what agreements say, whether they stand, and what people decide about them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.agreement_checks import check
from pipeline.cli.options import agreement_file, for_home, home_option, moment, speaking, writing
from pipeline.cli.previews import preview
from pipeline.cli.voice import Voice
from pipeline.errors import Refused, SettingsError

if TYPE_CHECKING:
    from pipeline.agreements.loading import Loaded
    from pipeline.agreements.model import Agreement
    from pipeline.home import Home

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_KEY = click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key. At a terminal its passphrase is asked for; or name the public half (.pub) "
    "of a key that ssh-agent holds.",
)
_ROLE = click.option(
    "--role", metavar="ROLE", required=True, help="The role you act in, such as caldicott_guardian."
)


@click.group(short_help="Read, compare, sign and suspend sharing agreements.")
def agreement() -> None:
    """Read sharing agreements in plain English, compare and check them, sign and suspend them."""


@agreement.command(name="list", short_help="Every agreement, and whether it stands today.")
@for_home
def list_(home: Home, voice: Voice) -> None:
    """Every agreement version in the home, and whether it stands today."""
    from pipeline import agreed

    now = moment()
    loaded = agreed.looked_at(home, now)
    warnings = agreed.warnings(home, loaded, now.astimezone(agreed.LONDON).date())
    voice.answer({"agreements": [_entry(one) for one in loaded], "warnings": warnings})
    voice.warn(warnings)
    if not loaded:
        voice.say(f"There is no agreement in {home.agreements}.")
        return
    rows = [
        (f"{one.agreement.id}, version {one.agreement.version}\n{one.agreement.title}", _state(one))
        for one in loaded
    ]
    voice.table("Agreements", ("agreement", "state today"), rows)


def _entry(one: Loaded) -> dict[str, Any]:
    return {
        "id": one.agreement.id,
        "version": one.agreement.version,
        "title": one.agreement.title,
        "digest": one.digest,
        "stands": one.refusal is None,
        "why_not": str(one.refusal or ""),
        "signed_by": {signature.role: signature.principal for signature in one.signatures},
    }


def _state(one: Loaded) -> str:
    signed = [f"signed by {signature.role}" for signature in one.signatures]
    return "\n".join([str(one.refusal) if one.refusal else "in force", *signed])


@agreement.command(short_help="An agreement in plain English.")
@click.argument("what", metavar="FILE|ID")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page, too.")
@home_option
@speaking
def show(what: str, html: Path | None, home_path: Path, voice: Voice) -> None:
    """An agreement in plain English: who receives what about whom, on what condition, for how long.

    Also what recipients may not do, who has signed, when it is reviewed, the law relied on, and how it
    meets the Caldicott principles. FILE is a path, or the name alone of a file among the home's
    agreements; ID is that of an agreement in the home.
    """
    from pipeline.agreements.plain import as_text, plain

    found, digest, loaded = _meant(what, home_path)
    sections = plain(found, digest, loaded)
    if html is not None:
        from pipeline.reporting import agreement_page

        with writing(html):
            html.write_text(agreement_page(found, sections), "utf-8")
    voice.answer(
        {
            "id": found.id,
            "version": found.version,
            "title": found.title,
            "digest": digest,
            "sections": [vars(section) for section in sections],
        }
    )
    voice.advise("\n".join(as_text(sections)))
    if html is not None:
        voice.say("", f"Written: {html}")


def _meant(what: str, home_path: Path) -> tuple[Agreement, str, Loaded | None]:
    """The agreement that a file holds, or the one of that id in the home."""
    from pipeline import agreed
    from pipeline.agreements.loading import read_agreement
    from pipeline.home import Home

    try:
        file = agreement_file(Path(what), home_path)
    except SettingsError:
        if what.endswith(".yaml"):
            raise
        one = agreed.chosen(agreed.looked_at(Home.open(home_path), moment()), what)
        return one.agreement, one.digest, one
    found, digest = read_agreement(file)
    home = _home_if_any(home_path)
    return found, digest, agreed.of_file(home, file, moment()) if home else None


def _home_if_any(path: Path) -> Home | None:
    """The home, where there is one: an agreement can be read without."""
    from pipeline.home import SETTINGS_FILE, Home

    return Home.open(path) if (path / SETTINGS_FILE).is_file() else None


@agreement.command(short_help="What one version changes against another, in words.")
@click.argument("old", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("new", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@speaking
def diff(old: Path, new: Path, home_path: Path, voice: Voice) -> None:
    """What NEW changes against OLD, in words and by meaning; what widens the sharing comes first.

    Both are files, as for `show`: two versions of one agreement.
    """
    from pipeline.agreements.difference import compare
    from pipeline.agreements.loading import read_agreement
    from pipeline.agreements.plain import differences

    (before, digest), (after, new_digest) = (
        read_agreement(agreement_file(file, home_path)) for file in (old, new)
    )
    changes = compare(before, after)
    voice.answer(
        {
            "id": after.id,
            "versions": [before.version, after.version],
            "digests": [digest, new_digest],
            "changes": [vars(change) for change in changes],
        }
    )
    voice.advise("\n".join(differences(changes, same_bytes=digest == new_digest)))


@agreement.command(short_help="Sign an agreement in a role.")
@_FILE
@_ROLE
@_KEY
@home_option
@speaking
def sign(file: Path, role: str, key: Path, home_path: Path, voice: Voice) -> None:
    """Sign FILE in a role: the signature is written beside it, and anyone can check it with ssh-keygen.

    At a terminal you read the agreement in plain English first, and are asked. What you sign is exactly
    the bytes of FILE, which is a path, or the name alone of a file among the home's agreements.
    """
    from pipeline.agreements.loading import NAMESPACE, parsed
    from pipeline.agreements.plain import as_text, plain
    from pipeline.agreements.signatures import check_asked, signature_file
    from pipeline.encryption.signing import sign_ssh

    file = agreement_file(file, home_path)
    content, found, digest = parsed(file)
    check_asked(found, role, file)
    asking = sys.stdin.isatty() and not voice.as_json
    if asking:
        voice.advise("\n".join(as_text(plain(found, digest))))
        click.confirm(f"\nSign exactly this, as {role}?", abort=True, err=True)
    signature = signature_file(file, role)
    signed = sign_ssh(content, private_key=key, namespace=NAMESPACE, ask=sys.stdin.isatty())
    with writing(signature):
        signature.write_bytes(signed)
    counts = _counts(file, role, home_path)
    voice.answer({"file": str(signature), "digest": digest, "does_not_count_yet": counts})
    voice.say(f"Signed: {signature}")
    if counts:
        voice.advise(f"It does not count yet: {counts}")


def _counts(file: Path, role: str, home_path: Path) -> str:
    """Why the signature just made does not count in the home, if it does not."""
    from pipeline import agreed

    home = _home_if_any(home_path)
    try:
        if home is not None:
            agreed.check_signature(home, file, role, moment())
    except Refused as refusal:
        return str(refusal)
    return ""


@agreement.command(short_help="Stop an agreement at once.")
@click.argument("what", metavar="ID")
@_ROLE
@_KEY
@click.option("--note", default="", metavar="WORDS", help="Why, in one line; no names, digits or addresses.")
@click.option(
    "--version", metavar="N", type=click.IntRange(1), help="Which version, if not the one that stands."
)
@for_home
def suspend(
    what: str, role: str, key: Path, note: str, version: int | None, home: Home, voice: Voice
) -> None:
    """Stop the agreement ID at once and for good, in any one of its roles.

    Nothing leaves under it from this moment on, also in the middle of a delivery. Sharing goes on only
    under a new version that replaces this one and that every role has signed. Without your key, any file
    named ID.vN.suspend.ROLE.sig beside the agreement stops it just as well.
    """
    from pipeline import agreed
    from pipeline.agreements.signatures import NAMESPACE, suspension
    from pipeline.encryption.signing import sign_ssh

    one = agreed.chosen(agreed.looked_at(home, moment()), what, version)
    agreed.check_may_suspend(one, role, note)
    content = suspension(one.agreement, one.digest)
    signed = sign_ssh(content, private_key=key, namespace=NAMESPACE, ask=sys.stdin.isatty())
    file = agreed.suspend(home, one, role=role, signature=signed, note=note, at=moment())
    number = one.agreement.version
    voice.answer({"id": what, "version": number, "digest": one.digest, "role": role, "file": str(file)})
    voice.say(f"Suspended: {what}, version {number}. Nothing leaves under it any more.")
    voice.advise(f"Sharing goes on only under a new version with `replaces: {number}`, signed by every role.")


agreement.add_command(check)
agreement.add_command(preview)

COMMANDS = (agreement,)
