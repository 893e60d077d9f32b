"""Opening a zip under a passphrase: AES-256, one file, and a signature that lies beside it.

A passphrase that two houses share says nothing about who sealed the file, so the signature does: OpenPGP,
detached, over exactly the bytes of the zip, by the agreed key. It is checked before anything is read out of
the zip; then the format's own code over the ciphertext, before anything is decrypted. Nothing that was sealed
touches a disk.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipeline.encryption.gnupg import Finished, run, temporary_home
from pipeline.encryption.opening import (
    NEVER,
    SIGNED,
    Opened,
    SealProblem,
    SealRefused,
    content_of,
    import_signer,
    primary,
    signature_problem,
    signed_at,
)
from pipeline.encryption.zip_framing import DEFLATED, Entry, NotOneFile, only_entry
from pipeline.errors import IntegrityError

_SALT, _CHECK, _CODE, _KEY = 16, 2, 10, 32  # bytes, of AES-256
_ROUNDS = 1000  # of PBKDF2, as the format has them: the passphrase itself must be long
_CHUNK = 1 << 20
_LARGEST_SIGNATURE = 1 << 16
_CLASS = 8  # the place of the signature's class in a VALIDSIG line
_OVER_BYTES = "00"  # not over text, in which line ends may be changed
_ZIP, _WORKBOOK = b"PK\x03\x04", b"[Content_Types].xml"


def open_signed_zip(
    sealed: Path, *, signature: Path, signing_key: Path, fingerprint: str, passphrase: str, max_bytes: int
) -> Opened:
    """Verify the signature that lies beside a zip, then open it, all in memory.

    `fingerprint` is the primary key's, 40 hexadecimal digits in capitals; `max_bytes` bounds what the file
    may open to. Raises SealRefused with a code for every bad file, and SettingsError where the supplier's key
    cannot be used.
    """
    content = content_of(sealed, max_bytes)
    given = _signature(signature)
    with temporary_home() as home:
        import_signer(home, signing_key, fingerprint)
        beside = home / "signature"
        beside.write_bytes(given)
        finished = run(home, "--verify", str(beside), "-", given=content)
    if not _accepted(finished, fingerprint):
        raise SealRefused(_problem(finished, fingerprint), where=signature.name)
    return _opened(content, sealed, passphrase, max_bytes, fingerprint, signed_at(finished.status))


def open_unsigned_zip(sealed: Path, *, first_seen: datetime, passphrase: str, max_bytes: int) -> Opened:
    """As `open_signed_zip`, of a file that nobody signed; it counts as of the moment it was first seen."""
    return _opened(content_of(sealed, max_bytes), sealed, passphrase, max_bytes, "", first_seen)


def _opened(
    content: bytes, sealed: Path, passphrase: str, max_bytes: int, signer: str, at: datetime
) -> Opened:
    try:
        opened = _unsealed(only_entry(content), passphrase.encode(), max_bytes)
    except NotOneFile as refused:
        problem = refused.problem
    else:
        return Opened(opened, signer, at, hashlib.sha256(content).hexdigest())
    raise SealRefused(problem, where=sealed.name)


def _signature(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            signature = opened.read(_LARGEST_SIGNATURE + 1)
    except OSError:
        raise IntegrityError("A signature cannot be read", where=file.name) from None
    if not signature or len(signature) > _LARGEST_SIGNATURE:
        raise SealRefused(SealProblem.NOT_A_SIGNATURE, where=file.name)
    return signature


def _accepted(finished: Finished, fingerprint: str) -> bool:
    """Whether one good signature was shown, by the agreed key, over bytes, and nothing else."""
    status = finished.status
    return (
        finished.code == 0
        and all(status.count(word) == 1 for word in SIGNED)
        and not status.has(*NEVER, "PLAINTEXT")
        and primary(status) == fingerprint
        and _class(finished) == _OVER_BYTES
    )


def _problem(finished: Finished, fingerprint: str) -> SealProblem:
    """Why a signature was not accepted. This only words a refusal that was already made."""
    status = finished.status
    if not status.has("NEWSIG") or status.has("PLAINTEXT"):
        return SealProblem.NOT_A_SIGNATURE
    if status.count("NEWSIG") == 1 and status.has("BADSIG"):
        return SealProblem.NOT_OF_THIS_FILE
    return signature_problem(status, fingerprint)


def _class(finished: Finished) -> str:
    words = finished.status.first("VALIDSIG")
    return words[_CLASS] if len(words) > _CLASS else ""


def _unsealed(entry: Entry, passphrase: bytes, max_bytes: int) -> bytes:
    """What the file of a zip holds; raises NotOneFile unless every check of it can be made."""
    data = entry.data
    if len(data) < _SALT + _CHECK + _CODE:
        raise NotOneFile(SealProblem.TAMPERED)
    keys = hashlib.pbkdf2_hmac("sha1", passphrase, data[:_SALT], _ROUNDS, 2 * _KEY + _CHECK)
    if not hmac.compare_digest(keys[2 * _KEY :], data[_SALT : _SALT + _CHECK]):
        raise NotOneFile(SealProblem.WRONG_PASSPHRASE)
    ciphertext = data[_SALT + _CHECK : -_CODE]
    # The code is over the ciphertext: it is checked before a byte of it is decrypted.
    code = hmac.new(keys[_KEY : 2 * _KEY], ciphertext, "sha1").digest()[:_CODE]
    if not hmac.compare_digest(code, data[-_CODE:]):
        raise NotOneFile(SealProblem.TAMPERED)
    head = bytes(data[: _SALT + _CHECK])
    content = _unpacked(entry, _decrypted(ciphertext, head, passphrase), max_bytes)
    if entry.checksum is not None and zlib.crc32(content) != entry.checksum:
        raise NotOneFile(SealProblem.TAMPERED)
    if content.startswith(_ZIP) and _WORKBOOK not in content:
        raise NotOneFile(SealProblem.NESTED)
    return content


def _decrypted(ciphertext: memoryview, head: bytes, passphrase: bytes) -> Iterator[bytes]:
    from pyzipper.zipfile_aes import AESZipDecrypter, AESZipInfo

    about = AESZipInfo("file")
    about.wz_aes_strength = 3  # AES-256
    cipher = AESZipDecrypter(about, passphrase, head)
    for start in range(0, len(ciphertext), _CHUNK):
        yield cipher.decrypt(ciphertext[start : start + _CHUNK])


def _unpacked(entry: Entry, pieces: Iterator[bytes], max_bytes: int) -> bytes:
    """The pieces put together, decompressed, never more than `max_bytes` whatever the zip says."""
    if entry.method != DEFLATED:
        content = b"".join(pieces)
        whole = True
    else:
        content, whole = _inflated(pieces, max_bytes)
    if len(content) > max_bytes:
        raise NotOneFile(SealProblem.TOO_LARGE)
    if not whole or len(content) != entry.size:
        raise NotOneFile(SealProblem.TAMPERED)
    return content


def _inflated(pieces: Iterator[bytes], max_bytes: int) -> tuple[bytes, bool]:
    """What deflated pieces hold, at most one byte more than the bound; and whether it ends where they end."""
    inflate, content = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    for piece in pieces:
        try:
            content += inflate.decompress(piece, max_bytes + 1 - len(content))
        except zlib.error:
            return b"", False
        if len(content) > max_bytes:
            break
        if inflate.unused_data:
            return b"", False
    return bytes(content), inflate.eof
