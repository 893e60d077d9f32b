"""A list is sealed for one recipient, with a key in force, in a form that plain programs open."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import msoffcrypto
import openpyxl
import pytest

from pipeline.encryption import sealing
from pipeline.encryption.opening import Opened
from pipeline.encryption.sealing import (
    PASSWORD_BITS,
    KeyProblem,
    KeyUnusable,
    new_password,
    seal_openpgp,
    seal_workbook,
    seal_zip,
)
from pipeline.errors import IntegrityError, SettingsError
from servers.installing import seven_zip

LIST = b"household,address\n" + b"the parents of a new baby,1 Example Street\n" * 500
PASSWORD = "c3d4-fghj-kmnp-qrtw-xy67"

pytestmark = pytest.mark.usefixtures("whole_rounds")


def workbook() -> bytes:
    """A small xlsx file."""
    book = openpyxl.Workbook()
    book.worksheets[0]["A1"] = "The parents or carers"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def key_problem(file: Path) -> KeyProblem:
    """The code with which a key file is refused; the message names the file."""
    with pytest.raises(KeyUnusable) as refused:
        seal_openpgp(LIST, file)
    assert file.name in str(refused.value)
    assert refused.value.exit_code == 2
    return refused.value.problem


@pytest.mark.parametrize("content", [b"", b"x", LIST, bytes(3_000_000)], ids=["none", "one", "list", "3 MB"])
def test_the_recipient_opens_it_with_plain_gpg(content: bytes, stranger) -> None:
    sealed = seal_openpgp(content, stranger.public)
    assert b"a new baby" not in sealed
    assert stranger.gpg("--decrypt", given=sealed) == content


def test_nobody_else_can_open_it(stranger, trust) -> None:
    sealed = seal_openpgp(LIST, stranger.public)
    with pytest.raises(subprocess.CalledProcessError):
        trust.gpg("--decrypt", given=sealed)
    packets = stranger.gpg("--list-packets", given=sealed)
    assert packets.count(b":pubkey enc packet:") == 1


def test_the_same_list_is_never_sealed_to_the_same_bytes(stranger) -> None:
    assert seal_openpgp(LIST, stranger.public) != seal_openpgp(LIST, stranger.public)


def test_an_armoured_key_does_as_well(stranger, tmp_path: Path) -> None:
    armoured = tmp_path / "recipient.asc"
    armoured.write_bytes(stranger.gpg("--armor", "--export", stranger.mail))
    assert stranger.gpg("--decrypt", given=seal_openpgp(LIST, armoured)) == LIST


def test_a_key_that_has_expired_is_refused(expired) -> None:
    assert key_problem(expired.public) is KeyProblem.EXPIRED


def test_a_key_that_was_revoked_is_refused(revoked) -> None:
    assert key_problem(revoked.public) is KeyProblem.REVOKED


def test_a_key_for_signing_only_is_refused(make_person: Callable[..., object]) -> None:
    signer = make_person("signer", algorithm="ed25519")
    assert key_problem(signer.public) is KeyProblem.CANNOT_ENCRYPT


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    assert key_problem(tmp_path / "NE-01.asc") is KeyProblem.MISSING


@pytest.mark.parametrize("content", [b"", b"not a key\n", LIST], ids=["empty", "text", "list"])
def test_a_file_that_is_no_key_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "NE-01.asc"
    file.write_bytes(content)
    assert key_problem(file) is KeyProblem.UNREADABLE


def test_a_key_name_that_looks_like_an_option_is_only_a_file(stranger, tmp_path: Path) -> None:
    file = tmp_path / "--output"
    file.write_bytes(stranger.public.read_bytes())
    assert stranger.gpg("--decrypt", given=seal_openpgp(LIST, file)) == LIST


def test_what_was_sealed_but_not_signed_is_no_extract(
    stranger, authority, trust, open_as_agreed: Callable[..., Opened]
) -> None:
    with pytest.raises(IntegrityError, match="nobody signed it"):
        open_as_agreed(seal_openpgp(LIST, authority.public))


def test_a_workbook_opens_with_its_password_and_no_other() -> None:
    content = workbook()
    sealed = seal_workbook(content, PASSWORD)
    assert b"PK\x03\x04" not in sealed[:4]
    file = msoffcrypto.OfficeFile(io.BytesIO(sealed))
    with pytest.raises(msoffcrypto.exceptions.InvalidKeyError):
        file.load_key(password=PASSWORD + "x", verify_password=True)
    file.load_key(password=PASSWORD, verify_password=True)
    opened = io.BytesIO()
    file.decrypt(opened, verify_integrity=True)
    assert opened.getvalue() == content
    sheet = openpyxl.load_workbook(opened).active
    assert sheet is not None
    assert sheet["A1"].value == "The parents or carers"


def test_a_workbook_is_sealed_with_aes_256_and_sha_512() -> None:
    sealed = seal_workbook(workbook(), PASSWORD)
    for property_ in (
        b'cipherAlgorithm="AES"',
        b'keyBits="256"',
        b'hashAlgorithm="SHA512"',
        b'spinCount="100000"',
    ):
        assert property_ in sealed


@pytest.mark.parametrize("content", [b"", b"not a workbook", LIST])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError, match="could not be sealed"):
        seal_workbook(content, PASSWORD)


@pytest.mark.parametrize("password", ["", "  "])
def test_a_blank_password_is_refused(password: str) -> None:
    with pytest.raises(SettingsError, match="blank"):
        seal_workbook(workbook(), password)


# --- zip --------------------------------------------------------------------------------------------

FILES = {"contents.xlsx": LIST, "labels.pdf": b"%PDF-1.4\n" + LIST}


def listed_by_7z(sealed: bytes, folder: Path) -> list[dict[str, str]]:
    """What 7-Zip says of each file in the zip, without the password."""
    file = folder / "list.zip"
    file.write_bytes(sealed)
    said = subprocess.run([seven_zip(), "l", "-slt", file], check=True, capture_output=True, text=True).stdout
    blocks = said.split("----------\n", 1)[1].strip().split("\n\n")
    return [dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line) for block in blocks]


def test_a_zip_opens_with_7_zip_and_its_password(tmp_path: Path) -> None:
    file = tmp_path / "list.zip"
    file.write_bytes(seal_zip(FILES, PASSWORD))
    out = tmp_path / "out"

    subprocess.run([seven_zip(), "x", f"-p{PASSWORD}", f"-o{out}", file], check=True, capture_output=True)

    assert {one.name: one.read_bytes() for one in out.iterdir()} == FILES


def test_a_zip_opens_with_no_other_password(tmp_path: Path) -> None:
    file = tmp_path / "list.zip"
    file.write_bytes(seal_zip(FILES, PASSWORD))

    for password in ("", PASSWORD + "x", PASSWORD.upper()):
        tried = subprocess.run([seven_zip(), "t", f"-p{password}", file], capture_output=True)
        assert tried.returncode == 2


def test_7_zip_sees_aes_256_and_nothing_that_tells_anything(tmp_path: Path) -> None:
    seen = listed_by_7z(seal_zip(FILES, PASSWORD), tmp_path)

    assert [one["Path"] for one in seen] == list(FILES)
    assert all("AES-256" in one["Method"] for one in seen)
    assert {one["CRC"] for one in seen} == {""}
    assert {one["Modified"][:10] for one in seen} == {"1980-01-01"}


def test_a_zip_holds_nothing_in_the_clear_but_names_and_sizes() -> None:
    sealed = seal_zip({"contents.xlsx": LIST}, PASSWORD)
    [member] = zipfile.ZipFile(io.BytesIO(sealed)).infolist()

    assert b"a new baby" not in sealed
    assert member.compress_type == 99  # AES
    assert member.flag_bits & 1
    assert member.CRC == 0
    assert member.extra == b"\x01\x99\x07\x00" + b"\x02\x00AE\x03" + b"\x08\x00"  # AE-2, 256 bits, deflate


def test_the_same_files_are_never_zipped_to_the_same_bytes() -> None:
    assert seal_zip(FILES, PASSWORD) != seal_zip(FILES, PASSWORD)


def test_a_zip_that_does_not_come_back_the_same_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sealing._zipped
    monkeypatch.setattr(sealing, "_zipped", lambda files, password: whole({"contents.xlsx": b""}, password))

    with pytest.raises(IntegrityError, match="could not be sealed"):
        seal_zip(FILES, PASSWORD)


@pytest.mark.parametrize("password", ["", " ", "pässwörd"])
def test_a_zip_needs_a_password_that_every_program_reads_alike(password: str) -> None:
    with pytest.raises(SettingsError, match="password"):
        seal_zip(FILES, password)


def test_a_password_can_be_read_aloud_and_is_hard_to_guess() -> None:
    passwords = {new_password() for _ in range(200)}
    assert len(passwords) == 200
    assert PASSWORD_BITS >= 80
    used = set("".join(passwords))
    assert not used & set("0Oo1lIi2z5s8bBuvaeU ")
    assert all([len(group) for group in password.split("-")] == [4] * 5 for password in passwords)
