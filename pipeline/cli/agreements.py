"""`birthshare agreement`: which agreements are in the home, whether they stand, and signing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home, home_option, moment, speaking, writing
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.agreements.loading import Loaded
    from pipeline.home import Home


@click.group()
def agreement() -> None:
    """List, check and sign sharing agreements."""


@agreement.command(name="list", short_help="Every agreement, and whether it stands today.")
@for_home
def list_(home: Home, voice: Voice) -> None:
    """Every agreement version in the home, and whether it stands today."""
    from pipeline.agreements.loading import load_all

    loaded = load_all(
        home.agreements,
        allowed_signers=home.allowed_signers,
        approvers=home.settings.approvers,
        at=moment(),
        recorded_at=lambda digest, role: None,
    )
    voice.answer(
        {
            "agreements": [
                {
                    "id": one.agreement.id,
                    "version": one.agreement.version,
                    "title": one.agreement.title,
                    "digest": one.digest,
                    "stands": one.refusal is None,
                    "why_not": str(one.refusal or ""),
                }
                for one in loaded
            ]
        }
    )
    if not loaded:
        voice.say(f"There is no agreement in {home.agreements}.")
        return
    rows = [
        (f"{one.agreement.id}, version {one.agreement.version}\n{one.agreement.title}", _state(one))
        for one in loaded
    ]
    voice.table("Agreements", ("agreement", "state today"), rows)


def _state(one: Loaded) -> str:
    signed = "\n".join(f"signed by {signature.role}" for signature in one.signatures)
    return str(one.refusal) if one.refusal else f"in force\n{signed}"


@agreement.command(short_help="Whether a file can be read as an agreement.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@speaking
def check(file: Path, home_path: Path, voice: Voice) -> None:
    """Whether FILE can be read as an agreement, and what is wrong with it if not.

    FILE is a path, or the name alone of a file among the home's agreements.
    """
    from pipeline.agreements.loading import read_agreement

    found, digest = read_agreement(_found(file, home_path))
    voice.answer({"id": found.id, "version": found.version, "digest": digest})
    roles = ", ".join(found.approvers)
    voice.say(f"{found.id}, version {found.version}, can be read. It needs the signatures of: {roles}.")


@agreement.command(short_help="Sign an agreement in a role.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--role", metavar="ROLE", required=True, help="The role you sign as, such as caldicott_guardian."
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key, without passphrase; it signs exactly the bytes of FILE.",
)
@home_option
@speaking
def sign(file: Path, role: str, key: Path, home_path: Path, voice: Voice) -> None:
    """Sign FILE in a role: the signature is written beside it, and anyone can check it with ssh-keygen.

    FILE is a path, or the name alone of a file among the home's agreements.
    """
    from pipeline.agreements.loading import NAMESPACE, read_agreement
    from pipeline.encryption.signing import sign_ssh

    file = _found(file, home_path)
    found, digest = read_agreement(file)
    if role not in found.approvers:
        raise SettingsError(
            "The agreement does not ask for this role's signature",
            where=file.name,
            do=f"It asks for: {', '.join(found.approvers)}.",
        )
    signature = file.with_suffix(f".{role}.sig")
    signed = sign_ssh(file.read_bytes(), private_key=key, namespace=NAMESPACE)
    with writing(signature):
        signature.write_bytes(signed)
    voice.answer({"file": str(signature), "digest": digest})
    voice.say(f"Signed: {signature}")


def _found(file: Path, home: Path) -> Path:
    """The file as named, or the one of that name among the home's agreements."""
    for found in (file, home / "agreements" / file.name):
        if found.is_file():
            return found
    raise SettingsError(
        "There is no such file", where=str(file), do="Name the agreement's file, NAME.v1.yaml."
    )


COMMANDS = (agreement,)
