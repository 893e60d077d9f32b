"""`birthshare agreement`: which agreements are in the home, whether they stand, and signing them."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import for_home, moment, speaking
from pipeline.cli.voice import Voice
from pipeline.home import Home


@click.group()
def agreement() -> None:
    """List, check and sign sharing agreements."""


@agreement.command(name="list")
@for_home
def list_(home: Home, voice: Voice) -> None:
    """Every agreement version in the home, and whether it stands today."""
    from pipeline.agreements.loading import Loaded, load_all

    def state(one: Loaded) -> str:
        return (
            str(one.refusal)
            if one.refusal
            else "in force, signed by " + ", ".join(signature.role for signature in one.signatures)
        )

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
    rows = [(one.agreement.id, one.agreement.version, one.agreement.title, state(one)) for one in loaded]
    voice.table("Agreements", ("id", "version", "title", "state"), rows)


@agreement.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@speaking
def check(file: Path, voice: Voice) -> None:
    """Whether FILE can be read as an agreement, and what is wrong with it if not."""
    from pipeline.agreements.loading import read_agreement

    found, digest = read_agreement(file)
    voice.answer({"id": found.id, "version": found.version, "digest": digest})
    roles = ", ".join(found.approvers)
    voice.say(f"{found.id}, version {found.version}, can be read. It needs the signatures of: {roles}.")


@agreement.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--role", required=True, help="The role you sign as, such as caldicott_guardian.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key; it signs exactly the bytes of FILE.",
)
@speaking
def sign(file: Path, role: str, key: Path, voice: Voice) -> None:
    """Sign FILE in a role. The signature is written beside it; anyone can check it with ssh-keygen."""
    from pipeline.agreements.loading import NAMESPACE, read_agreement
    from pipeline.encryption.signing import sign_ssh
    from pipeline.errors import SettingsError

    found, digest = read_agreement(file)
    if role not in found.approvers:
        raise SettingsError(
            "The agreement does not ask for this role's signature",
            where=file.name,
            do=f"It asks for: {', '.join(found.approvers)}.",
        )
    signature = file.with_suffix(f".{role}.sig")
    signature.write_bytes(sign_ssh(file.read_bytes(), private_key=key, namespace=NAMESPACE))
    voice.answer({"file": str(signature), "digest": digest})
    voice.say(f"Signed: {signature}")


COMMANDS = (agreement,)
