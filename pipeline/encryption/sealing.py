"""Sealing a list for one recipient alone: OpenPGP for machines, an Office password for people."""

from __future__ import annotations

import io
import math
import secrets
from pathlib import Path

from pipeline.encryption.gnupg import run, temporary_home
from pipeline.errors import IntegrityError, SettingsError
from pipeline.wording import Worded

# No vowels, so no words; nothing that looks like another character (0 O, 1 l I, 2 z, 5 s, 8 b, u v).
_ALPHABET = "34679cdfghjkmnpqrtwxy"
_GROUPS, _GROUP = 5, 4
PASSWORD_BITS = math.log2(len(_ALPHABET)) * _GROUPS * _GROUP  # 87.8


class KeyProblem(Worded):
    """Why a recipient's public key cannot be used."""

    MISSING = "missing", "A recipient's key file is missing"
    UNREADABLE = "unreadable", "The file holds no OpenPGP public key"
    EXPIRED = "expired", "A recipient's key has expired"
    REVOKED = "revoked", "A recipient's key was revoked"
    CANNOT_ENCRYPT = "cannot_encrypt", "A recipient's key cannot be encrypted to"


class KeyUnusable(SettingsError):
    """A recipient's key cannot be used; `problem` says why, `where` names the file."""

    def __init__(self, problem: KeyProblem, file: Path) -> None:
        self.problem = problem
        super().__init__(
            problem.wording,
            where=str(file),
            do="Ask the recipient for a public key in force and put it there.",
        )


def seal_openpgp(content: bytes, recipient_key: Path) -> bytes:
    """`content` encrypted for the one key in the file, and for nobody else.

    The content reaches gpg through memory. Raises KeyUnusable where the key is missing, unreadable,
    expired, revoked, or not for encryption.
    """
    if not recipient_key.is_file():
        raise KeyUnusable(KeyProblem.MISSING, recipient_key)
    with temporary_home(agent=False) as home:
        # Already compressed or small: gpg's own compression (-z 6) costs five to ten times the rest.
        finished = run(
            home,
            "--no-autostart",
            "-z",
            "0",
            "--recipient-file",
            str(recipient_key),
            "--encrypt",
            given=content,
        )
        if finished.code == 0 and finished.status.count("END_ENCRYPTION") == 1 and finished.output:
            return finished.output
        raise KeyUnusable(_key_problem(home, recipient_key), recipient_key)


def _key_problem(home: Path, key: Path) -> KeyProblem:
    """What is wrong with a key that gpg would not encrypt to (colon listing, GnuPG's doc/DETAILS)."""
    listing = run(home, "--no-autostart", "--with-colons", "--show-keys", str(key)).output
    rows = [line.split(":") for line in listing.decode("utf-8", "replace").splitlines()]
    letters = {row[1] for row in rows if row[0] in ("pub", "sub") and len(row) > 1}
    if not any(row[0] == "pub" for row in rows):
        return KeyProblem.UNREADABLE
    if "r" in letters:
        return KeyProblem.REVOKED
    return KeyProblem.EXPIRED if "e" in letters else KeyProblem.CANNOT_ENCRYPT


def seal_workbook(content: bytes, password: str) -> bytes:
    """An xlsx file under an Office password (agile encryption, AES-256, 100,000 rounds of SHA-512).

    It is opened again and compared before it is returned. Raises IntegrityError where `content` is
    no xlsx file or does not come back the same, SettingsError where the password is blank.
    """
    if not password.strip():
        raise SettingsError("A recipient's password is blank", do="Make one with new_password.")
    sealed = _encrypt_workbook(content, password)
    if sealed is None or _decrypt_workbook(sealed, password) != content:
        raise IntegrityError("A workbook could not be sealed", do="Report this; nothing was sent.")
    return sealed


def _encrypt_workbook(content: bytes, password: str) -> bytes | None:
    from msoffcrypto.exceptions import EncryptionError, FileFormatError
    from msoffcrypto.format.ooxml import OOXMLFile

    sealed = io.BytesIO()
    try:
        OOXMLFile(io.BytesIO(content)).encrypt(password, sealed)
    except (EncryptionError, FileFormatError):
        return None
    return sealed.getvalue()


def _decrypt_workbook(sealed: bytes, password: str) -> bytes | None:
    from msoffcrypto.exceptions import DecryptionError, InvalidKeyError
    from msoffcrypto.format.ooxml import OOXMLFile

    content = io.BytesIO()
    try:
        workbook = OOXMLFile(io.BytesIO(sealed))
        workbook.load_key(password=password)
        workbook.decrypt(content, verify_integrity=True)
    except (DecryptionError, InvalidKeyError):
        return None
    return content.getvalue()


def new_password() -> str:
    """A password of 87 bits in five groups of four, to be read aloud or typed from paper."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
