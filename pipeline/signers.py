"""Whose keys the authority believes, as they stand in keys/approvers/allowed_signers, and for what.

`ssh-keygen` reads that file when it verifies. This is for people who look at it, and for a new line in it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from pipeline.agreements.signatures import NAMESPACE as AGREEMENT
from pipeline.encryption.sshsig import PASSKEY
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.places.reviewed import NAMESPACE as PLACES
from pipeline.recipients.register import NAMESPACE as REGISTER
from pipeline.steps.release import NAMESPACE as RELEASE
from pipeline.suppliers.drift import NAMESPACE as INTAKE

EVERYTHING = (AGREEMENT, RELEASE, REGISTER, INTAKE, PLACES)  # that approvers sign

_OPTIONS = r'(?:(?:[^\s"]|"[^"]*")+\s+)?'
_LINE = re.compile(
    rf'(?P<who>"[^"]*"|[^\s#"]+)\s+{_OPTIONS}(?P<kind>(?:sk-)?(?:ssh|ecdsa)-\S+)\s+(?P<key>[A-Za-z0-9+/]+=*)(?:\s|\Z)'
)
_IN_WORDS = {
    PASSKEY.decode(): "passkey or security key",
    "sk-ssh-ed25519@openssh.com": "security key",
    "ssh-ed25519": "SSH key (Ed25519)",
    "ssh-rsa": "SSH key (RSA)",
}


@dataclass(frozen=True)
class KnownKey:
    """One public key."""

    kind: str
    key: bytes  # as SSH writes it

    @property
    def words(self) -> str:
        """What sort of key it is."""
        return _IN_WORDS.get(self.kind, "SSH key (ECDSA)")

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` says it, to be read out."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.key).digest()).decode().rstrip("=")


def keys_of(home: Home, principal: str) -> list[KnownKey]:
    """A person's keys in the list, former ones too; raises SettingsError where the list cannot be read."""
    try:
        lines = home.allowed_signers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            "The list of allowed signers cannot be read", where=str(home.allowed_signers)
        ) from None
    found = []
    for line in filter(None, map(_LINE.match, lines)):
        if principal in line["who"].strip('"').split(","):
            try:
                found.append(KnownKey(line["kind"], base64.b64decode(line["key"], validate=True)))
            except binascii.Error:
                continue  # ssh-keygen passes such a line over, too
    return found


def line_for(principal: str, public_key: str) -> str:
    """The line that lets a key sign everything that approvers sign; `public_key` as in its .pub file."""
    return f'{principal} namespaces="{",".join(EVERYTHING)}" {public_key}'


def passkey_line(principal: str, key: bytes) -> str:
    """The line for a passkey's public key."""
    return line_for(principal, f"{PASSKEY.decode()} {base64.b64encode(key).decode()}")
