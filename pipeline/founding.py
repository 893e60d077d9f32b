"""Starting for real: a home folder with fresh keys, and what it still lacks, in plain words."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from pipeline.agreements.loading import load_all, standing
from pipeline.encryption.at_rest import new_key
from pipeline.encryption.signing import new_note_key
from pipeline.errors import BirthshareError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import SETTINGS_FILE, Home

FOLDERS = (
    "agreements", "inbox", "keys", "keys/approvers", "keys/recipients", "keys/suppliers",
    "outbox", "reference", "state",
)  # fmt: skip

SETTINGS = """# The settings of one authority; paths are relative to this folder.
# `birthshare doctor` says what is missing.

[authority]
name = "REPLACE: Example Council"
code = "E06999999"  # REPLACE: the authority's GSS code

# One section for each Child Health Information Service (CHIS) that sends extracts.
[suppliers.chis]
name = "REPLACE: Example Community NHS Trust"
signing_key = "keys/suppliers/chis.asc"  # the supplier's OpenPGP public key, checked with it by telephone
signing_fingerprint = "0000000000000000000000000000000000000000"  # REPLACE: of that key

# Who may sign agreements and approve releases, and as what. Their SSH public keys go into
# keys/approvers/allowed_signers, a line each:
#   caldicott.guardian@example.org namespaces="agreement@birthshare,release@birthshare" ssh-ed25519 AAAA...
[[approvers]]
principal = "caldicott.guardian@example.org"
roles = ["caldicott_guardian"]

[[approvers]]
principal = "data.lead@example.org"
roles = ["data_lead"]
"""

RECIPIENTS = """# The register of recipients: where each list goes, and the key that only its recipient has.
recipients: []
# - code: centre-01
#   name: Example Children's Centre
#   kind: childrens_centre              # as the agreement names the kind
#   host: sftp.example.org
#   port: 22
#   user: centre-01
#   folder: incoming
#   host_key: ssh-ed25519 AAAA...        # from the server's owner, never from the connection itself
#   format: workbook                     # or csv
#   key: keys/recipients/centre-01.password  # or .asc, an OpenPGP public key
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    advice: str = ""


def make_home(folder: Path) -> None:
    """Lay out an empty home with fresh secret keys; raises SettingsError where one is there already."""
    if (folder / SETTINGS_FILE).exists():
        raise SettingsError("This folder is a Birthshare home already", where=str(folder))
    for name in ("", *FOLDERS):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_text(SETTINGS, encoding="utf-8")
    (folder / "reference" / "recipients.yaml").write_text(RECIPIENTS, encoding="utf-8")
    (folder / "reference" / "reach_areas.csv").write_text(
        "network,recipient,kind,code,from,to\n", encoding="utf-8"
    )
    (folder / "reference" / "hospital_postcodes.csv").write_text("postcode,name\n", encoding="utf-8")
    for name, make in (("subject", new_key), ("staging", new_key), ("ledger", new_note_key)):
        file = folder / "keys" / f"{name}.key"
        file.touch(mode=0o600)
        file.write_bytes(make())


def examine(home: Home, *, now: datetime) -> Iterator[Finding]:
    """Everything that a month needs, looked at one by one; nothing is changed but an empty database made."""
    for program, package in (("gpg", "gnupg"), ("ssh-keygen", "openssh-client")):
        yield Finding(
            f"the program {program}", bool(shutil.which(program)), f"Install the package {package}."
        )
    for name, meaning in (
        ("subject.key", "keyed references"), ("staging.key", "working files"), ("ledger.key", "checkpoints"),
        ("decryption.key", "opening extracts: an OpenPGP private key without passphrase, armoured"),
        ("delivery.key", "SFTP login: ssh-keygen -t ed25519 -N '' -f keys/delivery.key"),
    ):  # fmt: skip
        yield _tried(f"keys/{name} ({meaning})", partial(home.secret, name))
    yield Finding(
        "keys/approvers/allowed_signers",
        home.allowed_signers.is_file(),
        "Add the approvers' SSH public keys, a line each.",
    )
    for code, supplier in home.settings.suppliers.items():
        key = home.at(supplier.signing_key)
        yield Finding(f"the signing key of {code}", key.is_file(), f"Put the supplier's public key at {key}.")
    yield _tried("the postcode directory", lambda: _open_directory(home))
    yield _tried("the register of recipients", home.recipients)
    yield from _recipients(home)
    yield _tried("an agreement that stands", lambda: _an_agreement(home, now))
    yield _tried("the ledger's database", lambda: _open_ledger(home))


def _tried(what: str, look: Callable[[], object]) -> Finding:
    try:
        look()
    except BirthshareError as error:
        return Finding(what, False, str(error))
    return Finding(what, True)


def _recipients(home: Home) -> Iterator[Finding]:
    try:
        register = home.recipients()
    except SettingsError:
        return
    yield Finding("at least one recipient", bool(register), "Fill in reference/recipients.yaml.")
    for code, recipient in register.items():
        key = home.at(recipient.key)
        yield Finding(f"the key of {code}", key.is_file(), f"Put it at {key}.")


def _open_directory(home: Home) -> None:
    from pipeline.geography.directory import Directory

    with Directory(home.at(home.settings.geography.directory)):
        pass


def _an_agreement(home: Home, now: datetime) -> None:
    loaded = load_all(
        home.agreements,
        allowed_signers=home.allowed_signers,
        approvers=home.settings.approvers,
        at=now,
        recorded_at=lambda digest, role: None,
    )
    stand, refused = standing(loaded)
    if not stand:
        raise next(
            iter(refused.values()),
            SettingsError(
                "There is no agreement",
                where=str(home.agreements),
                do="Copy a template of sharing_agreements/, adapt it, and have every approver sign it.",
            ),
        )


def _open_ledger(home: Home) -> None:
    with opened_ledger(home):
        pass
