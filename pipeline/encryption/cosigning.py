"""Cosignatures: a second organisation's word that it saw a checkpoint, and when.

They are those of https://c2sp.org/tlog-cosignature with Ed25519, so that the witnesses of transparency logs
can give them and the tools of such logs can read them. A witness's key is no key for notes: it has a
signature type of its own (0x04), and signs the time together with the whole text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.encryption.signing import (
    is_good,
    key_id,
    note_key,
    read_signature_line,
    read_verifier,
    signature_line,
    signatures_of,
    verifier_of,
)
from pipeline.errors import IntegrityError

_COSIGNATURE = b"\x04"  # signature type
_TIME_BYTES = 8
_LATEST = 253402300799  # the last second that a date can say; the format allows more


@dataclass(frozen=True)
class Cosignature:
    """What one witness said of a text."""

    witness: str  # the name of its key
    at: datetime  # UTC, by the witness's clock
    line: str  # as it stands in a note, without its newline


def cosign(text: str, *, name: str, private_key: bytes, at: datetime) -> Cosignature:
    """The cosignature of the key called `name` on a checkpoint's text, at a moment (aware)."""
    seconds = int(at.timestamp())
    signature = note_key(private_key).sign(_message(seconds, text))
    stamped = seconds.to_bytes(_TIME_BYTES) + signature
    return Cosignature(name, _moment(seconds), signature_line(name, stamped, private_key, _COSIGNATURE))


def cosigner_verifier(name: str, private_key: bytes) -> str:
    """The public half of a witness's key, `name+id+key`, for those who count on it."""
    return verifier_of(name, private_key, _COSIGNATURE)


def witness_of(vkey: str) -> tuple[str, bytes]:
    """Name and public key of a witness; raises SettingsError for what is no witness's verifier key."""
    return read_verifier(vkey, _COSIGNATURE)


def cosignatures(lines: Iterable[str], text: str, vkeys: Iterable[str]) -> list[Cosignature]:
    """Those among the signature lines of a note that these witnesses gave for exactly this text.

    Lines of other keys are passed over, as the format asks. Raises IntegrityError where a line cannot be
    read, or is in a witness's name and key and not good; SettingsError for a malformed verifier key.
    """
    read = [(line, read_signature_line(line)) for line in lines]
    found = []
    for vkey in vkeys:
        name, public = witness_of(vkey)
        identity = key_id(name, public, _COSIGNATURE)
        for line, signed in read:
            for stamped in signatures_of(name, identity, [signed]):
                found.append(Cosignature(name, _checked(public, stamped, text, name), line))
    return found


def _checked(public: bytes, stamped: bytes, text: str, name: str) -> datetime:
    seconds = int.from_bytes(stamped[:_TIME_BYTES])
    if seconds <= _LATEST and is_good(public, stamped[_TIME_BYTES:], _message(seconds, text)):
        return _moment(seconds)
    raise IntegrityError("A cosignature is not good for this checkpoint", where=name)


def _message(seconds: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
