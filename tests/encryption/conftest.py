"""A trust and an authority with keys made by the gpg program, as the real ones would."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pipeline.encryption.opening import Opened, open_openpgp

EXTRACT = b"record_id,nhs_number\n" + b"".join(b"%d,not-a-real-number\n" % number for number in range(4000))
FAKE_YEAR = "20200301T120000!"


@dataclass(frozen=True)
class Person:
    """An owner of a key and of the gpg home that holds it."""

    home: Path
    mail: str
    fingerprint: str
    public: Path
    private: Path

    def gpg(self, *arguments: str, given: bytes | None = None) -> bytes:
        """What the gpg program writes; fails where it fails."""
        return _gpg(self.home, *arguments, given=given)


def _gpg(home: Path, *arguments: str, given: bytes | None = None) -> bytes:
    command = ["gpg", "--no-options", "--batch", "--quiet", "--yes", "--no-tty", "--trust-model", "always",
               "--pinentry-mode", "loopback", *arguments]  # fmt: skip
    environment = {**os.environ, "GNUPGHOME": str(home), "LC_ALL": "C"}
    return subprocess.run(command, input=given, capture_output=True, check=True, env=environment).stdout


@pytest.fixture(scope="session")
def gpg_folder() -> Iterator[Path]:
    """A short path: GnuPG's agent refuses the long ones of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="bs-keys-", dir="/tmp"))
    yield folder
    for home in folder.iterdir():
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_person(gpg_folder: Path) -> Callable[..., Person]:
    """Make a key pair: `make_person("trust")`."""

    def make(
        name: str,
        *,
        algorithm: str = "future-default",
        expires: str = "never",
        faked: bool = False,
        passphrase: str = "",
    ) -> Person:
        home = gpg_folder / name
        home.mkdir(mode=0o700)
        (home / "gpg-agent.conf").write_text("s2k-count 65536\n")  # else it measures the processor first
        mail = f"{name}@example.org"
        clock = ["--faked-system-time", FAKE_YEAR] if faked else []
        usage = "default" if algorithm == "future-default" else "sign"
        secret = ["--passphrase", passphrase]
        _gpg(home, *clock, *secret, "--quick-gen-key", mail, algorithm, usage, expires)
        listing = _gpg(home, "--list-keys", "--with-colons", mail).decode()
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
        public, private = home / "public.key", home / "private.key"
        public.write_bytes(_gpg(home, "--export", mail))
        private.write_bytes(_gpg(home, *secret, "--export-secret-keys", mail))
        return Person(home, mail, fingerprint, public, private)

    return make


@pytest.fixture(scope="session")
def authority(make_person: Callable[..., Person]) -> Person:
    """We, for whom extracts are sealed; the key is as old as the oldest file that is sealed for it."""
    return make_person("authority", faked=True)


@pytest.fixture(scope="session")
def trust(make_person: Callable[..., Person]) -> Person:
    """The supplier with the agreed signing key."""
    return make_person("trust")


@pytest.fixture(scope="session")
def stranger(make_person: Callable[..., Person]) -> Person:
    """Somebody with a key of their own that nobody agreed."""
    return make_person("stranger")


@pytest.fixture(scope="session")
def expired(make_person: Callable[..., Person]) -> Person:
    """A key that was made in 2020 for one year."""
    return make_person("expired", expires="1y", faked=True)


@pytest.fixture(scope="session")
def revoked(make_person: Callable[..., Person]) -> Person:
    """A key whose public half, as we hold it, carries its revocation."""
    person = make_person("revoked")
    certificate = (person.home / "openpgp-revocs.d" / f"{person.fingerprint}.rev").read_bytes()
    home = person.home / "with-revocation"
    home.mkdir(mode=0o700)
    for content in (person.public.read_bytes(), certificate.replace(b"\n:-----BEGIN", b"\n-----BEGIN")):
        _gpg(home, "--trust-model", "pgp", "--import", given=content)
    person.public.write_bytes(_gpg(home, "--export", person.mail))
    return person


@pytest.fixture(scope="session")
def sealed_by(authority: Person) -> Callable[..., bytes]:
    """Seal as a supplier does: `sealed_by(trust)`."""

    def seal(
        signer: Person, *options: str, content: bytes = EXTRACT, to: Person = authority, sign: bool = True
    ) -> bytes:
        signing = ["--local-user", signer.fingerprint, "--sign"] if sign else []
        return signer.gpg(*options, *signing, "--recipient-file", str(to.public), "--encrypt", given=content)

    return seal


@pytest.fixture
def open_as_agreed(tmp_path: Path, authority: Person, trust: Person) -> Callable[..., Opened]:
    """Open sealed bytes with our key, for the agreed signer."""

    def opened(
        sealed: bytes, *, signer: Person = trust, private_key: Path | None = None, max_bytes: int = 1_000_000
    ) -> Opened:
        file = tmp_path / "births_trust_2026-10.csv.gpg"
        file.write_bytes(sealed)
        return partial(open_openpgp, file, private_key=private_key or authority.private)(
            signing_key=signer.public, fingerprint=signer.fingerprint, max_bytes=max_bytes
        )

    return opened
