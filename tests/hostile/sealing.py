"""Sealing as suppliers do, and as somebody would who means harm: by the real gpg, by 7z, byte by byte."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyzipper
from pyzipper.zipfile_aes import AESZipInfo

from month_authority import Authority
from pipeline.demo.keys import make_openpgp_key
from pipeline.encryption import gnupg

PASSPHRASE = "a passphrase that two houses share"
_ALONE = (
    "--pinentry-mode",
    "loopback",
    "--passphrase",
    PASSPHRASE,
    "--trust-model",
    "always",
    "--s2k-count",
    "1024",
)


@dataclass(frozen=True)
class Seals:
    """A gpg that knows the supplier's key, a stranger's, and the public key of the authority."""

    home: Path
    supplier: str  # fingerprints
    stranger: str
    authority: str

    @classmethod
    @contextmanager
    def of(cls, authority: Authority) -> Iterator[Seals]:
        """For as long as the tests of a module run; one home, for to make one takes as long as to seal."""
        with gnupg.temporary_home() as home:
            stranger = make_openpgp_key(authority.home.path.parent / "stranger", "stranger")
            for key in (
                authority.supplier / "chis.private.asc",
                stranger.private,
                authority.supplier / "authority.asc",
            ):
                gnupg.import_key(home, key)
            supplier = authority.home.settings.suppliers["chis"].signing_fingerprint
            listed = gnupg.run(home, "--with-colons", "--list-keys").output.decode().splitlines()
            keys = [
                after.split(":")[9]
                for line, after in zip(listed, listed[1:], strict=False)
                if line.startswith("pub")
            ]
            [ours] = set(keys) - {supplier, stranger.fingerprint}
            yield cls(home, supplier, stranger.fingerprint, ours)

    def gpg(self, *order: str, given: bytes) -> bytes:
        """What gpg makes of it."""
        finished = gnupg.run(self.home, *_ALONE, *order, given=given)
        assert finished.code == 0, finished.status.lines
        return finished.output

    def seal(self, content: bytes, *more: str) -> bytes:
        """Signed by the supplier and encrypted for the authority, as was agreed."""
        return self.gpg(
            *more, "-u", self.supplier, "-r", self.authority, "--sign", "--encrypt", given=content
        )

    def packets(self, packets: bytes) -> bytes:
        """Encrypted for the authority, any packets as they are."""
        return self.gpg("--no-literal", "-z", "0", "-r", self.authority, "--encrypt", given=packets)


def literal(content: bytes) -> bytes:
    """A packet that holds content (RFC 4880, 5.9)."""
    return _packet(11, b"b\x00\x00\x00\x00\x00" + content)


def compressed(inside: bytes) -> bytes:
    """A packet that holds packets, compressed."""
    return _packet(8, b"\x02" + zlib.compress(inside))


def gigabyte_line() -> bytes:
    """A compressed packet of a literal of one line of 1 GiB; the same compressed megabyte 1,024 times."""
    length = 1 << 30
    head = b"\xcb\xff" + (length + 6).to_bytes(4, "big") + b"b\x00\x00\x00\x00\x00"
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    megabyte = deflate.compress(b"a" * (1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return _packet(8, b"\x01" + first + megabyte * 1024 + deflate.flush())


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def zipped(
    content: bytes, name: str = "births.csv", *, bits: int = 256, passphrase: str = PASSPHRASE
) -> bytes:
    """One file in a zip that AES encrypts, as was agreed."""
    return zip_of({name: content}, bits=bits, passphrase=passphrase)


def zip_of(files: dict[str, bytes], *, bits: int = 256, passphrase: str = PASSPHRASE, mode: int = 0) -> bytes:
    """Files in a zip that AES encrypts; `mode` is the kind of file that Unix takes them for."""
    written = io.BytesIO()
    with pyzipper.AESZipFile(written, "w", compression=pyzipper.ZIP_DEFLATED) as archive:
        archive.setencryption(pyzipper.WZ_AES, nbits=bits)
        archive.setpassword(passphrase.encode())
        for name, content in files.items():
            entry = AESZipInfo(name) if mode else name
            if mode:
                entry.external_attr = mode << 16
                entry.compress_type = pyzipper.ZIP_DEFLATED
            archive.writestr(entry, content)
    return written.getvalue()


def plain_zip(content: bytes, name: str = "births.csv") -> bytes:
    """A zip that nobody encrypted."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return written.getvalue()
