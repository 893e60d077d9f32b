"""Keys are real: what the supplier seals is opened by plain gpg, and private halves stay private."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.demo.keys import OpenPgpKey, make_openpgp_key, make_ssh_key, seal_as_supplier, write_secret
from pipeline.errors import SettingsError


@pytest.fixture(scope="module")
def supplier(tmp_path_factory: pytest.TempPathFactory) -> OpenPgpKey:
    return make_openpgp_key(tmp_path_factory.mktemp("supplier"), "supplier")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpenPgpKey:
    return make_openpgp_key(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def gpg_home() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as home:
        yield home
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def gpg(home: str, *order: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["gpg", "--homedir", home, "--batch", *order], capture_output=True, check=False)


def test_what_the_supplier_seals_is_opened_by_plain_gpg(
    supplier: OpenPgpKey, authority: OpenPgpKey, gpg_home: str, tmp_path: Path
) -> None:
    content, sealed = b"one line\r\n" * 1000, tmp_path / "extract.csv.gpg"
    seal_as_supplier(content, sealed, supplier_private=supplier.private, recipient_public=authority.public)
    gpg(gpg_home, "--import", str(authority.private), str(supplier.public))
    opened = gpg(gpg_home, "--status-fd", "2", "--decrypt", str(sealed))
    assert opened.returncode == 0
    assert opened.stdout == content
    assert f"VALIDSIG {supplier.fingerprint}".encode() in opened.stderr
    assert sealed.stat().st_size < len(content), "compressed, as gpg does by default"


def test_nobody_else_can_open_it(
    supplier: OpenPgpKey, authority: OpenPgpKey, gpg_home: str, tmp_path: Path
) -> None:
    sealed = tmp_path / "extract.csv.gpg"
    seal_as_supplier(b"x", sealed, supplier_private=supplier.private, recipient_public=authority.public)
    gpg(gpg_home, "--import", str(supplier.private))
    assert gpg(gpg_home, "--decrypt", str(sealed)).stdout == b""


def test_public_files_hold_no_private_key(supplier: OpenPgpKey, tmp_path: Path) -> None:
    assert b"PRIVATE" not in supplier.public.read_bytes()
    assert b"PRIVATE" in supplier.private.read_bytes()
    line = make_ssh_key(tmp_path / "key", "somebody")
    assert line.startswith("ssh-ed25519 ") and line.endswith(" somebody")
    assert (tmp_path / "key.pub").read_text().strip() == line


def test_private_files_are_their_owners_alone(supplier: OpenPgpKey, tmp_path: Path) -> None:
    make_ssh_key(tmp_path / "key", "somebody")
    write_secret(tmp_path / "secret", b"s")
    for file in (supplier.private, tmp_path / "key", tmp_path / "secret"):
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_a_secret_is_never_written_over(tmp_path: Path) -> None:
    write_secret(tmp_path / "secret", b"first")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "secret", b"second")


def test_a_key_can_be_made_that_soon_expires(gpg_home: str, tmp_path: Path) -> None:
    key = make_openpgp_key(tmp_path, "short", expires="1d")
    listing = gpg(gpg_home, "--with-colons", "--show-keys", str(key.public)).stdout.decode()
    created, expires = next(line.split(":")[5:7] for line in listing.splitlines() if line.startswith("pub:"))
    assert int(expires) - int(created) == 24 * 60 * 60


def test_a_key_that_gpg_refuses_is_said_plainly(supplier: OpenPgpKey, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.asc"
    nonsense.write_text("no key")
    with pytest.raises(SettingsError):
        seal_as_supplier(b"x", tmp_path / "f", supplier_private=supplier.private, recipient_public=nonsense)
    with pytest.raises(SettingsError):
        seal_as_supplier(b"x", tmp_path / "f", supplier_private=nonsense, recipient_public=supplier.public)
    assert not (tmp_path / "f").exists()
