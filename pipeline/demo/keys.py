"""Keys for the demonstration, made as people make them: by gpg and by ssh-keygen.

None has a passphrase: they protect invented families only. Real keys are made by their owners.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.encryption import gnupg
from pipeline.errors import SettingsError

# Only while a key is made: gpg asks for its passphrase otherwise.
_NO_PASSPHRASE = ("--pinentry-mode", "loopback", "--passphrase", "")


@dataclass(frozen=True)
class OpenPgpKey:
    """One OpenPGP key: the armoured files of its two halves, and its fingerprint."""

    public: Path
    private: Path
    fingerprint: str


def make_openpgp_key(folder: Path, name: str, *, expires: str = "2y") -> OpenPgpKey:
    """A new signing and encryption key in `folder`: `<name>.asc` and `<name>.private.asc` (0600).

    `expires` as gpg writes it: "2y", "30d". Raises SettingsError where gpg is missing or fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with gnupg.temporary_home() as home:
        person = f"Demonstration {name} <{name}@example.org>"
        _gpg(home, *_NO_PASSPHRASE, "--quick-generate-key", person, "future-default", "default", expires)
        fingerprint = _fingerprint(home)
        public = folder / f"{name}.asc"
        public.write_bytes(_gpg(home, "--armor", "--export", fingerprint))
        private = folder / f"{name}.private.asc"
        write_secret(private, _gpg(home, "--armor", "--export-secret-keys", fingerprint))
    return OpenPgpKey(public, private, fingerprint)


def seal_as_supplier(content: bytes, target: Path, *, supplier_private: Path, recipient_public: Path) -> None:
    """Sign and encrypt `content` into `target`, as a trust's own gpg would, compression and all.

    Raises SettingsError where gpg is missing or refuses a key.
    """
    with gnupg.temporary_home() as home:
        gnupg.import_key(home, supplier_private)
        order = ("--local-user", _fingerprint(home), "--recipient-file", str(recipient_public))
        target.write_bytes(_gpg(home, *order, "--sign", "--encrypt", given=content))


def make_ssh_key(path: Path, comment: str) -> str:
    """A new Ed25519 key pair, `path` (0600) and `path`.pub; returns the public line.

    Raises SettingsError where ssh-keygen is missing or fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    order = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    try:
        subprocess.run(order, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        raise SettingsError(
            "A demonstration key could not be made",
            where=str(path),
            do="Install ssh-keygen (Debian: apt install openssh-client), and use an empty folder.",
        ) from None
    return path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first moment."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def _gpg(home: Path, *order: str, given: bytes = b"") -> bytes:
    finished = gnupg.run(home, *order, given=given)
    if finished.code:
        raise SettingsError(
            "A demonstration key could not be made or used", where=f"gpg, code {finished.code}"
        )
    return finished.output


def _fingerprint(home: Path) -> str:
    """The primary key's fingerprint, where the home has one private key."""
    listing = _gpg(home, "--with-colons", "--list-secret-keys").decode()
    lines = [line.split(":") for line in listing.splitlines()]
    found = [fields[9] for fields in lines if fields[0] == "fpr"]
    if not found:
        raise SettingsError("A demonstration key cannot be used: the file holds no private key")
    return found[0]
