"""Signatures: SSH signatures of people over files, and signed notes of the ledger.

People sign with `ssh-keygen -Y sign`, which comes with Windows, macOS and Linux, so that anyone
can verify an approval without Birthshare. Checkpoints are signed notes (https://c2sp.org/signed-note)
with Ed25519, so that the tools of transparency logs can read them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import tempfile
from bisect import bisect_left, bisect_right
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipeline.encryption import sshsig
from pipeline.errors import IntegrityError, SettingsError

_SECONDS = 30.0
_SECONDS_FOR_A_PERSON = 300.0  # to find a passphrase, or to touch a security key
_OF_A_PERSON = ("HOME", "TERM", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER")  # what asking a person may need
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]*\Z")
_KEY_NAME = re.compile(r"[^\s+]+\Z")
ED25519 = b"\x01"  # signature type of the C2SP signed note
KEY_ID_BYTES = 4
_SEED, _PUBLIC = 32, 33  # bytes; the public key with its type
_SIGNATURE_LINE = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/]+={0,2})\Z")
# Who signed, by everything that the answer depends on: each month's signatures are asked about many times,
# and ssh-keygen has to be started twice for an answer. Only good ones are remembered.
_GOOD: dict[bytes, str] = {}
_MOST_REMEMBERED = 4096
_MOMENTS = re.compile(rb"valid-(?:after|before)=\"?([0-9]{8,14})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def sign_ssh(content: bytes, *, private_key: Path, namespace: str, ask: bool = False) -> bytes:
    """An armoured SSH signature (PROTOCOL.sshsig) over `content` in one namespace.

    With `ask`, ssh-keygen may ask the person at the terminal for the key's passphrase, and ssh-agent
    may sign; `private_key` may then also be the public half of a key that the agent holds. Without,
    the key must need no passphrase. Raises SettingsError where it cannot be used.
    """
    _check_namespace(namespace)
    if not private_key.is_file():
        raise SettingsError("A signing key is missing", where=str(private_key))
    arguments = ("-q", "-f", str(private_key.resolve()), "-n", namespace)
    finished = _ssh_keygen("sign", *arguments, given=content, ask=ask)
    if finished.returncode != 0 or not finished.stdout:
        raise SettingsError("The key cannot be used to sign", where=str(private_key), do=_NEEDS[ask])
    return finished.stdout


_NEEDS = {
    False: "It must be an SSH private key without passphrase, and mode 0600.",
    True: "It must be an SSH private key, mode 0600, with its right passphrase; or the public half (.pub) of "
    "a key that ssh-agent holds.",
}


def verify_ssh(
    content: bytes, signature: bytes, *, allowed_signers: Path, namespace: str, at: datetime
) -> str:
    """The principal who signed exactly `content` with a key that was allowed at that moment.

    `at` is the recorded time of signing (aware): keys expire, approvals do not. Raises
    IntegrityError where the signature is not good, its key not allowed, or a passkey's without a person
    there; SettingsError where the list of allowed signers is missing.
    """
    _check_namespace(namespace)
    try:
        allowed = allowed_signers.read_bytes()
    except OSError:
        raise SettingsError("The list of allowed signers is missing", where=str(allowed_signers)) from None
    moment = f"-Overify-time={_utc(at):%Y%m%d%H%M%S}Z"
    asked = _digest(content, signature, allowed, namespace.encode(), _stretch(_utc(at), allowed))
    principal = _GOOD.get(asked)
    if principal is None:
        principal = _verified(content, signature, allowed, namespace, moment)
        if len(_GOOD) >= _MOST_REMEMBERED:
            _GOOD.clear()
        _GOOD[asked] = principal
    return principal


def _stretch(at: datetime, allowed: bytes) -> bytes:
    """What of a moment matters: which of the moments that the list of allowed signers names are past by then.

    Where it names authorities, whose certificates have ends of their own, or moments that cannot be read
    here, that is the moment itself.
    """
    moment, options = f"{at:%Y%m%d%H%M%S}".encode(), allowed.lower()
    found = _MOMENTS.findall(options)
    if b"cert-authority" in options or len(found) != options.count(b"valid-"):
        return moment
    named = sorted({digits.ljust(len(moment), b"0") for digits in found})
    return b"%d %d" % (bisect_left(named, moment), bisect_right(named, moment))


def _digest(*parts: bytes) -> bytes:
    """SHA-256 over parts whose borders cannot be moved."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _verified(content: bytes, signature: bytes, allowed: bytes, namespace: str, moment: str) -> str:
    with (
        tempfile.NamedTemporaryFile(suffix=".sig") as file,
        tempfile.NamedTemporaryFile(suffix=".signers") as signers,
    ):
        for written, given in ((file, signature), (signers, allowed)):
            written.write(given)
            written.flush()
        common = ("-s", file.name, "-f", signers.name, moment)
        principal = _principal(_ssh_keygen("find-principals", *common))
        verified = _ssh_keygen("verify", "-I", principal, "-n", namespace, *common, given=content)
    if verified.returncode != 0:
        raise IntegrityError(
            "A signature is not good for this content, purpose and time",
            where=principal,
            do="Compare the file with the one that was signed.",
        )
    sshsig.check_person(signature)
    return principal


def _principal(found: subprocess.CompletedProcess[bytes]) -> str:
    """The one person the key belongs to."""
    names = found.stdout.decode("utf-8", "replace").split("\n")
    principals = {name.strip() for name in names if name.strip()}
    if found.returncode != 0 or not principals:
        raise IntegrityError(
            "A signature cannot be read, or its key was not allowed at that time",
            do="Compare it with the list of allowed signers.",
        )
    if len(principals) > 1 or any(mark in principal for principal in principals for mark in "*?!"):
        raise IntegrityError(
            "A signing key does not stand for one person", do="Give each person a key of their own."
        )
    return principals.pop()


def _ssh_keygen(
    action: str, *arguments: str, given: bytes = b"", ask: bool = False
) -> subprocess.CompletedProcess[bytes]:
    # No agent, no terminal, no passphrase question: what cannot be answered fails. Unless somebody is asked.
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    if ask:
        environment |= {name: os.environ[name] for name in _OF_A_PERSON if name in os.environ}
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", action, *arguments],
            input=given,
            stdout=subprocess.PIPE,
            stderr=None if ask else subprocess.PIPE,
            timeout=_SECONDS_FOR_A_PERSON if ask else _SECONDS,
            env=environment,
            check=False,
            start_new_session=not ask,
        )
    except FileNotFoundError:
        message = "The program ssh-keygen is not installed"
    except subprocess.TimeoutExpired:
        message = "The program ssh-keygen did not finish"
    raise SettingsError(message, do="Install the OpenSSH client (Debian: apt-get install openssh-client).")


def _check_namespace(namespace: str) -> None:
    if not _NAMESPACE.match(namespace):
        raise ValueError("a namespace is made of letters, digits, '@', '.', '_' and '-'")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the moment must say its time zone")
    return moment.astimezone(UTC)


def new_note_key() -> bytes:
    """A private key for signed notes: 32 bytes, the Ed25519 seed."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def sign_note(text: str, *, name: str, private_key: bytes) -> str:
    """`text` with one signature line of the key called `name`.

    The text is one or more whole lines. Raises ValueError where the format cannot carry it.
    """
    _check_text(text)
    return f"{text}\n{signature_line(name, note_key(private_key).sign(text.encode()), private_key)}\n"


def note_verifier(name: str, private_key: bytes) -> str:
    """The public half as a verifier key, `name+id+key`, to be given to anyone who checks notes."""
    return verifier_of(name, private_key, ED25519)


def verify_note(note: str, vkey: str) -> str:
    """The text of a note that the verifier key signed.

    Signatures of other keys are passed over, as the format asks. Raises IntegrityError where the
    note is malformed or holds no good signature of this key, SettingsError for a malformed key.
    """
    name, public = read_verifier(vkey)
    text, signatures = split_note(note)
    ours = signatures_of(name, key_id(name, public), signatures)
    if not ours or not all(is_good(public, signature, text.encode()) for signature in ours):
        raise IntegrityError("A signed note does not carry a good signature of the expected key", where=name)
    return text


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text with its last newline, and the signatures: signer's name and raw bytes.

    Raises IntegrityError for what is no signed note.
    """
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n") or _CONTROL.search(note):
        raise IntegrityError("This is not a signed note")
    return text + "\n", [read_signature_line(line) for line in lines.removesuffix("\n").split("\n")]


def read_signature_line(line: str) -> tuple[str, bytes]:
    """The signer's name, and the key id with the signature; raises IntegrityError for anything else."""
    match = _SIGNATURE_LINE.match(line)
    if match is None:
        raise IntegrityError("This is not a signed note")
    return match["name"], _decoded(match["signature"])


def signature_line(name: str, signature: bytes, private_key: bytes, kind: bytes = ED25519) -> str:
    """The line, without its newline, under which a signature of the key called `name` stands in a note."""
    public = note_key(private_key).public_key().public_bytes_raw()
    encoded = base64.b64encode(key_id(_checked_name(name), public, kind) + signature).decode()
    return f"\u2014 {name} {encoded}"


def signatures_of(name: str, identity: bytes, signatures: list[tuple[str, bytes]]) -> list[bytes]:
    """The signatures of one key, without its id; those of others are left aside."""
    return [
        signature[KEY_ID_BYTES:]
        for signer, signature in signatures
        if signer == name and signature[:KEY_ID_BYTES] == identity
    ]


def _decoded(encoded: str) -> bytes:
    """Base64 in its one canonical spelling; raises IntegrityError for anything else."""
    decoded = b""
    with suppress(ValueError):
        decoded = base64.b64decode(encoded, validate=True)
    if not decoded or base64.b64encode(decoded).decode() != encoded:
        raise IntegrityError("A signed note or its verifier key cannot be read", do="Copy it again, whole.")
    return decoded


def verifier_of(name: str, private_key: bytes, kind: bytes) -> str:
    """The public half of a key as a verifier key for signatures of one kind."""
    public = note_key(private_key).public_key().public_bytes_raw()
    encoded = base64.b64encode(kind + public).decode()
    return f"{_checked_name(name)}+{key_id(name, public, kind).hex()}+{encoded}"


def read_verifier(vkey: str, kind: bytes = ED25519) -> tuple[str, bytes]:
    """Name and public key; raises SettingsError for what is no verifier key for signatures of this kind."""
    name, identity, encoded = [*vkey.strip().split("+", 2), "", ""][:3]
    with suppress(IntegrityError):
        key = _decoded(encoded)
        if len(key) == _PUBLIC and key[:1] == kind and identity == key_id(name, key[1:], kind).hex():
            return name, key[1:]
    raise SettingsError("This is not a verifier key for signed notes", do="Copy it again, whole.")


def is_good(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature (RFC 8032) is good for exactly this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def key_id(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """The first four bytes of SHA-256 over name, newline, type and key (C2SP signed note)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:KEY_ID_BYTES]


def note_key(private_key: bytes) -> Ed25519PrivateKey:
    """A key that signs notes; raises SettingsError for what is none."""
    if len(private_key) != _SEED:
        raise SettingsError(
            "A key for signed notes is 32 bytes long", do="Put keys/ledger.key back from your safe copy."
        )
    return Ed25519PrivateKey.from_private_bytes(private_key)


def _checked_name(name: str) -> str:
    if not _KEY_NAME.match(name):
        raise ValueError("the name of a note key is not blank and has neither spaces nor '+'")
    return name


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("the text of a note is whole lines without control characters")
