"""Sealing a list for one recipient alone: OpenPGP for machines, a password for people."""

from __future__ import annotations

import io
import math
import secrets
from collections.abc import Mapping
from pathlib import Path

from pipeline.encryption.gnupg import run, temporary_home
from pipeline.errors import IntegrityError, SettingsError
from pipeline.wording import Worded

# No vowels, so no words; nothing that looks like another character (0 O, 1 l I, 2 z, 5 s, 8 b, u v).
_ALPHABET = "34679cdfghjkmnpqrtwxy"
_GROUPS, _GROUP = 5, 4
_OWNER_ONLY = 0o600  # mode of a file that is taken out of a zip
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
    _check_not_blank(password)
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


def seal_zip(files: Mapping[str, bytes], password: str) -> bytes:
    """Files in a zip under a password (WinZip AES-256), which 7-Zip opens and Windows alone does not.

    Their names and sizes can be read by anybody, so a name must tell nothing. The format's second
    version (AE-2) is used, which has no checksum of what is inside. It is opened again and compared
    before it is returned: raises IntegrityError where it does not come back the same, SettingsError
    where the password is blank or has letters that not every program encodes alike.
    """
    _check_not_blank(password)
    if not password.isascii():
        raise SettingsError(
            "A recipient's password is not in plain letters", do="Make one with new_password."
        )
    sealed = _zipped(files, password)
    if _unzipped(sealed, password) != dict(files):
        raise IntegrityError("A zip could not be sealed", do="Report this; nothing was sent.")
    return sealed


def _zipped(files: Mapping[str, bytes], password: str) -> bytes:
    from pyzipper import WZ_AES, ZIP_DEFLATED, AESZipFile

    content = io.BytesIO()
    with AESZipFile(content, "w", compression=ZIP_DEFLATED) as archive:
        archive.setencryption(WZ_AES, nbits=256, force_wz_aes_version=2)
        archive.setpassword(password.encode())
        for name, file in files.items():
            member = archive.zipinfo_cls(name)  # with the first moment that the format knows
            member.compress_type, member.external_attr = ZIP_DEFLATED, _OWNER_ONLY << 16
            archive.writestr(member, file)
    return content.getvalue()


def _unzipped(sealed: bytes, password: str) -> dict[str, bytes]:
    from pyzipper import AESZipFile

    with AESZipFile(io.BytesIO(sealed)) as archive:
        archive.setpassword(password.encode())
        return {name: archive.read(name) for name in archive.namelist()}


def _check_not_blank(password: str) -> None:
    if not password.strip():
        raise SettingsError("A recipient's password is blank", do="Make one with new_password.")


def new_password() -> str:
    """A password of 87 bits in five groups of four, to be read aloud or typed from paper."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
