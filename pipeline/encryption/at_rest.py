"""Working files at rest: AES-256-GCM in chunks, bound to their name, and keys wrapped under a key.

The chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, 2015): the nonce of
each chunk holds its number and whether it is the last, so that chunks cannot be dropped, repeated,
exchanged or cut off. Each file has a key of its own (HKDF-SHA-256 of the given key and a fresh
salt); the header and the file's name are associated data of every chunk.

    header = "BSHARE1\\n", 32 bytes salt, 7 bytes nonce prefix
    nonce  = prefix, chunk number (4 bytes, big-endian), 1 for the last chunk or else 0
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from pipeline.errors import IntegrityError, SettingsError

KEY_BYTES = 32
_MAGIC = b"BSHARE1\n"
_SALT, _PREFIX, _TAG = 32, 7, 16
_HEADER = len(_MAGIC) + _SALT + _PREFIX
_CHUNK = 1 << 20


def new_key() -> bytes:
    """A fresh key of 256 bits."""
    return os.urandom(KEY_BYTES)


def wrap(key: bytes, wrapping_key: bytes) -> bytes:
    """A key encrypted under another (RFC 3394); both are 256 bits."""
    return aes_key_wrap(_checked(wrapping_key), _checked(key))


def unwrap(wrapped: bytes, wrapping_key: bytes) -> bytes:
    """The key inside; raises IntegrityError where it was altered or wrapped under another key."""
    try:
        return aes_key_unwrap(_checked(wrapping_key), wrapped)
    except InvalidUnwrap:
        raise IntegrityError(
            "A wrapped key cannot be opened", do="The wrapping key is not the one it was wrapped with."
        ) from None


def seal(content: bytes, key: bytes, *, name: str) -> bytes:
    """`content` encrypted under `key`; it opens only under the same name."""
    header = _MAGIC + os.urandom(_SALT + _PREFIX)
    cipher, bound = _cipher(key, header), _bound(header, name)
    view = memoryview(content)
    sealed = [
        cipher.encrypt(nonce, view[start : start + _CHUNK], bound)
        for start, nonce in _nonces(header, len(content), _CHUNK)
    ]
    return b"".join([header, *sealed])


def unseal(sealed: bytes, key: bytes, *, name: str) -> bytes:
    """The content; raises IntegrityError for another key, another name, or any alteration."""
    header, body = sealed[:_HEADER], memoryview(sealed)[_HEADER:]
    if len(body) < _TAG or not header.startswith(_MAGIC):
        raise IntegrityError("A working file is not sealed, or was cut off", where=name)
    cipher, bound = _cipher(key, header), _bound(header, name)
    step = _CHUNK + _TAG
    try:
        content = b"".join(
            cipher.decrypt(nonce, body[start : start + step], bound)
            for start, nonce in _nonces(header, len(body), step)
        )
    except InvalidTag:
        raise IntegrityError(
            "A working file was altered, cut off, renamed, or sealed under another key",
            where=name,
            do="Run the month again from intake.",
        ) from None
    return content


def _nonces(header: bytes, length: int, step: int) -> Iterator[tuple[int, bytes]]:
    """Where each chunk starts, and its nonce. No content at all is still one (last, empty) chunk."""
    prefix = header[-_PREFIX:]
    starts = range(0, max(length, 1), step)
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        yield start, prefix + number.to_bytes(4, "big") + bytes([last])


def _cipher(key: bytes, header: bytes) -> AESGCM:
    salt = header[len(_MAGIC) : -_PREFIX]
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"birthshare working file").derive(_checked(key)))


def _bound(header: bytes, name: str) -> bytes:
    return header + name.encode()


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise SettingsError(
            "A key for working files is 32 bytes long",
            do="See infra/runbooks/backups.md for how to make a new keys/staging.key.",
        )
    return key
