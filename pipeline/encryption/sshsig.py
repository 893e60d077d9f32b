"""SSH signatures from the inside: how they are laid out (PROTOCOL.sshsig), and a passkey's (PROTOCOL.u2f).

`ssh-keygen` makes and verifies them. This is for what it leaves to others: to make one of what a passkey
signed in a browser, and to ask of such a one whether a person was there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.errors import IntegrityError

PASSKEY = b"sk-ecdsa-sha2-nistp256@openssh.com"  # the kind of key
BY_PASSKEY = b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com"  # the kind of its signatures in a browser
PRESENT, VERIFIED, ATTESTED, EXTENDED = 0x01, 0x04, 0x40, 0x80  # flags of an authenticator

_MAGIC, _VERSION, _HASH = b"SSHSIG", b"\0\0\0\1", b"sha512"
_LINE = 70  # characters of base64
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_ARMOUR = re.compile(rf"\s*{_BEGIN}([A-Za-z0-9+/=\s]+){_END}\s*\Z")


def string(content: bytes) -> bytes:
    """Bytes as SSH writes them, with their length before them (RFC 4251, section 5)."""
    return len(content).to_bytes(4, "big") + content


def number(value: int) -> bytes:
    """A number that is not negative as SSH writes it (mpint)."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def taken(blob: bytes) -> tuple[bytes, bytes]:
    """The string that a blob begins with, and what comes after it; raises IntegrityError where it is cut."""
    end = 4 + int.from_bytes(blob[:4], "big")
    if len(blob) < max(end, 4):
        raise IntegrityError("A signature is cut short", do="Copy it again, whole.")
    return blob[4:end], blob[end:]


def strings(blob: bytes) -> list[bytes]:
    """All of a blob that is strings alone; raises IntegrityError where it is not."""
    found = []
    while blob:
        one, blob = taken(blob)
        found.append(one)
    return found


def what_is_signed(content: bytes, namespace: str) -> bytes:
    """The bytes that a key signs to sign `content` for one purpose."""
    parts = (namespace.encode(), b"", _HASH, hashlib.sha512(content).digest())
    return _MAGIC + b"".join(map(string, parts))


def armoured(public_key: bytes, namespace: str, signature: bytes) -> str:
    """The signature as a file, as `ssh-keygen -Y sign` writes it."""
    parts = (public_key, namespace.encode(), b"", _HASH, signature)
    encoded = base64.b64encode(_MAGIC + _VERSION + b"".join(map(string, parts))).decode()
    lines = (encoded[at : at + _LINE] for at in range(0, len(encoded), _LINE))
    return "\n".join([_BEGIN, *lines, _END, ""])


@dataclass(frozen=True)
class Circumstances:
    """What a passkey's signature says of how it came about."""

    flags: int
    origin: str  # of the page, as the browser saw it
    client_data: bytes  # what the browser wrote; the passkey signed its digest
    application: str  # whom the passkey is for: the page's host


def check_person(signature: bytes) -> None:
    """Raises IntegrityError for a passkey's signature without a person, or from another's page.

    Signatures of other kinds pass. `ssh-keygen` verifies a passkey's signature, but asks neither whether
    it was unlocked for it (by a PIN, a fingerprint, a face) nor whose page it was.
    """
    key, _, _, _, inner = _parts(signature)
    kind, rest = taken(inner)
    if kind != BY_PASSKEY:
        return
    _, rest = taken(rest)
    flags, *said = rest[:1], *strings(rest[5:])
    *_, application = strings(key) or [b""]
    if not flags or len(said) != 3:
        raise IntegrityError("A passkey's signature cannot be read", do="Copy it again, whole.")
    origin, client_data, _ = said
    check_circumstances(
        Circumstances(
            flags[0], origin.decode("utf-8", "replace"), client_data, application.decode("utf-8", "replace")
        )
    )


def check_circumstances(one: Circumstances) -> None:
    """Raises IntegrityError unless a person unlocked the passkey for it, on a page of whom it is for."""
    if not one.flags & PRESENT or not one.flags & VERIFIED:
        raise IntegrityError(
            "The passkey did not check that it was its owner",
            do="Give it a PIN, a fingerprint or a face, and sign again.",
        )
    if not is_safe(one.origin) or urlsplit(one.origin).hostname != one.application:
        raise IntegrityError(
            "The passkey was used on a page of another address",
            do="Open the console at its own address, and sign there.",
        )
    if _inside_another(one.client_data):
        raise IntegrityError(
            "The passkey was used inside somebody else's page",
            do="Open the console by itself, and sign there.",
        )


def _inside_another(client_data: bytes) -> bool:
    """Whether the browser says so; it is taken to, where what it says cannot be read."""
    try:
        said = json.loads(client_data)
    except (ValueError, RecursionError):
        return True
    return not isinstance(said, dict) or said.get("crossOrigin", False) is not False


def is_safe(origin: str) -> bool:
    """Whether browsers let pages of this origin use passkeys: over TLS, or on one's own machine."""
    try:
        address = urlsplit(origin)
    except ValueError:
        return False
    return address.scheme == "https" or (address.scheme, address.hostname) == ("http", "localhost")


def _parts(signature: bytes) -> list[bytes]:
    """Key, namespace, reserved, hash and inner signature; raises IntegrityError for anything else."""
    found = _ARMOUR.match(signature.decode("utf-8", "replace"))
    blob = b""
    if found:
        try:
            blob = base64.b64decode("".join(found[1].split()), validate=True)
        except binascii.Error:
            blob = b""
    begins = _MAGIC + _VERSION
    parts = strings(blob.removeprefix(begins)) if blob.startswith(begins) else []
    if len(parts) != 5:
        raise IntegrityError("This is not an SSH signature", do="Copy it again, whole.")
    return parts
