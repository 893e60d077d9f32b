"""A zip is opened only if it is one AES-256 file and nothing else, and signed beside by the agreed key."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pyzipper

from pipeline.encryption.opening import Opened, SealProblem, SealRefused
from pipeline.encryption.opening_zip import open_signed_zip, open_unsigned_zip
from servers.installing import seven_zip

EXTRACT = b"record_id,nhs_number\n" + b"".join(b"%d,not-a-real-number\n" % number for number in range(4000))
PASSPHRASE = "correct-horse-battery-staple"
NAME = "births_trust_2026-10.csv"
MOMENT = datetime(2026, 11, 3, 9, tzinfo=UTC)
Open = Callable[..., Opened]


def zipped(
    content: bytes = EXTRACT,
    *,
    name: str = NAME,
    bits: int = 256,
    method: int = pyzipper.ZIP_DEFLATED,
    version: int = 2,
    more: dict[str, bytes] | None = None,
    encrypted: bool = True,
    force_zip64: bool = False,
) -> bytes:
    """A zip as pyzipper makes it."""
    whole = io.BytesIO()
    with pyzipper.AESZipFile(whole, "w", compression=method) as archive:
        if encrypted:
            archive.setencryption(pyzipper.WZ_AES, nbits=bits, force_wz_aes_version=version)
            archive.setpassword(PASSPHRASE.encode())
        for one, inside in {name: content, **(more or {})}.items():
            with archive.open(one, "w", force_zip64=force_zip64) as member:
                member.write(inside)
    return whole.getvalue()


def seven_zipped(folder: Path, *options: str, content: bytes = EXTRACT, name: str = NAME) -> bytes:
    """A zip as 7-Zip makes it."""
    (folder / name).write_bytes(content)
    command = [seven_zip(), "a", "-tzip", f"-p{PASSPHRASE}", *options, "made.zip", name]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "made.zip").read_bytes()


@pytest.fixture
def open_unsigned(tmp_path: Path) -> Open:
    """Open the bytes of a zip that nobody signed."""

    def opened(sealed: bytes, *, passphrase: str = PASSPHRASE, max_bytes: int = 1_000_000) -> Opened:
        file = tmp_path / "births_trust_2026-10.csv.zip"
        file.write_bytes(sealed)
        return open_unsigned_zip(file, first_seen=MOMENT, passphrase=passphrase, max_bytes=max_bytes)

    return opened


@pytest.fixture
def open_signed(tmp_path: Path, trust: Any) -> Open:
    """Open the bytes of a zip with a signature beside it, for the agreed signer."""

    def opened(sealed: bytes, signature: bytes, *, signer: Any = trust, **options: Any) -> Opened:
        file = tmp_path / "births_trust_2026-10.csv.zip"
        file.write_bytes(sealed)
        beside = tmp_path / "births_trust_2026-10.csv.zip.sig"
        beside.write_bytes(signature)
        given: dict[str, Any] = {"passphrase": PASSPHRASE, "max_bytes": 1_000_000} | options
        return open_signed_zip(
            file, signature=beside, signing_key=signer.public, fingerprint=signer.fingerprint, **given
        )

    return opened


def signed(person: Any, content: bytes, *options: str) -> bytes:
    """A detached signature as the gpg program makes it."""
    made: bytes = person.gpg(*options, "--local-user", person.fingerprint, "--detach-sign", given=content)
    return made


def problem_of(open_it: Open, *given: bytes, **options: Any) -> SealProblem:
    """The code with which the file is refused; fails where it is opened."""
    with pytest.raises(SealRefused) as refused:
        open_it(*given, **options)
    assert "not-a-real-number" not in str(refused.value)
    assert PASSPHRASE not in str(refused.value)
    assert "births_trust_2026-10.csv.zip" in str(refused.value)
    assert refused.value.__context__ is None
    return refused.value.problem


# --- what opens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--armor",)], ids=["binary", "armoured"])
def test_a_zip_that_the_agreed_key_signed_opens(
    options: tuple[str, ...], open_signed: Open, trust: Any
) -> None:
    sealed = zipped()
    opened = open_signed(sealed, signed(trust, sealed, *options))
    assert opened.content == EXTRACT
    assert opened.signer == trust.fingerprint
    assert opened.signed_at.tzinfo is UTC
    assert abs(opened.signed_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert opened.sealed_sha256 == hashlib.sha256(sealed).hexdigest()
    assert "not-a-real-number" not in repr(opened)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": pyzipper.ZIP_STORED},
        {"version": 1},
        {"force_zip64": True},
        {"content": b""},
        {"name": "Geburten März (1).csv"},
    ],
    ids=["deflated", "stored", "with a checksum (AE-1)", "64-bit sizes", "of no bytes", "any name"],
)
def test_what_a_zip_program_may_make_opens(options: dict[str, Any], open_unsigned: Open) -> None:
    assert open_unsigned(zipped(**options)).content == options.get("content", EXTRACT)


@pytest.mark.parametrize("options", [(), ("-mm=Copy",), ("-mx=9",)], ids=["deflated", "stored", "smallest"])
def test_what_7_zip_makes_opens(options: tuple[str, ...], tmp_path: Path, open_unsigned: Open) -> None:
    assert open_unsigned(seven_zipped(tmp_path, "-mem=AES256", *options)).content == EXTRACT


def test_a_zip_that_was_written_in_one_go_opens(open_unsigned: Open) -> None:
    """Its sizes stand behind the file, since they were not known before."""

    class Pipe(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            self.written += bytes(content)
            return len(content)

    pipe = Pipe()
    with pyzipper.AESZipFile(pipe, "w", compression=pyzipper.ZIP_DEFLATED) as archive:
        archive.setencryption(pyzipper.WZ_AES, nbits=256)
        archive.setpassword(PASSPHRASE.encode())
        archive.writestr(NAME, EXTRACT)
    assert open_unsigned(pipe.written).content == EXTRACT


def test_a_zip_with_64_bit_lists_opens(open_unsigned: Open) -> None:
    sealed = with_large_end(zipped())
    assert pyzipper.AESZipFile(io.BytesIO(sealed)).namelist() == [NAME]
    assert open_unsigned(sealed).content == EXTRACT


def with_large_end(sealed: bytes) -> bytes:
    """The same zip, its list found by way of the record for large zips."""
    body, end = sealed[:-22], sealed[-22:]
    size, start = struct.unpack_from("<2L", end, 12)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    pointing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + record + locator + pointing


def test_a_workbook_in_a_zip_is_no_zip_in_a_zip(open_unsigned: Open) -> None:
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    assert open_unsigned(zipped(workbook.getvalue())).content == workbook.getvalue()


def test_an_unsigned_zip_counts_as_of_when_it_was_first_seen(open_unsigned: Open) -> None:
    opened = open_unsigned(zipped())
    assert (opened.signer, opened.signed_at) == ("", MOMENT)


# --- who signed -----------------------------------------------------------------------------------


def test_signed_by_a_stranger(open_signed: Open, stranger: Any) -> None:
    assert problem_of(open_signed, zipped(), signed(stranger, zipped())) is SealProblem.WRONG_SIGNER


def test_a_key_file_that_holds_another_key_as_well(
    open_signed: Open, trust: Any, stranger: Any, tmp_path: Path
) -> None:
    """The fingerprint was agreed, and not whatever the file holds."""
    both = tmp_path / "both.key"
    both.write_bytes(trust.public.read_bytes() + stranger.public.read_bytes())
    agreed = replace(trust, public=both)
    sealed = zipped()
    assert open_signed(sealed, signed(trust, sealed), signer=agreed).content == EXTRACT
    problem = problem_of(open_signed, sealed, signed(stranger, sealed), signer=agreed)
    assert problem is SealProblem.WRONG_SIGNER


def test_signed_twice(open_signed: Open, trust: Any) -> None:
    sealed = zipped()
    twice = signed(trust, sealed) + signed(trust, sealed)
    assert problem_of(open_signed, sealed, twice) is SealProblem.SEVERAL_SIGNATURES


def test_signed_by_a_key_that_has_expired(open_signed: Open, expired: Any) -> None:
    sealed = zipped()
    signature = signed(expired, sealed, "--faked-system-time", "20200401T120000!")
    assert problem_of(open_signed, sealed, signature, signer=expired) is SealProblem.EXPIRED


def test_signed_by_a_revoked_key(open_signed: Open, revoked: Any) -> None:
    sealed = zipped()
    assert problem_of(open_signed, sealed, signed(revoked, sealed), signer=revoked) is SealProblem.REVOKED


def test_every_byte_of_a_zip_is_signed(open_signed: Open, trust: Any) -> None:
    sealed = zipped()
    signature = signed(trust, sealed)
    for place in (0, 40, len(sealed) // 2, len(sealed) - 1):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert problem_of(open_signed, altered, signature) is SealProblem.NOT_OF_THIS_FILE
    for other in (sealed + b"\n", sealed[:-1], zipped()):
        assert problem_of(open_signed, other, signature) is SealProblem.NOT_OF_THIS_FILE


def test_a_signature_over_text_is_none_over_these_bytes(open_signed: Open, trust: Any) -> None:
    """Line ends could be changed under it."""
    sealed = zipped()
    assert problem_of(open_signed, sealed, signed(trust, sealed, "--textmode")) is SealProblem.NOT_PROVEN


def test_what_is_no_detached_signature(open_signed: Open, trust: Any) -> None:
    sealed = zipped()
    inline = trust.gpg("--local-user", trust.fingerprint, "--sign", given=sealed)
    clear = trust.gpg("--local-user", trust.fingerprint, "--clear-sign", given=b"births")
    for beside in (b"", b"\n", b"iVBORw0KGgo", sealed, inline, clear, bytes(100_000)):
        assert problem_of(open_signed, sealed, beside) is SealProblem.NOT_A_SIGNATURE
    assert problem_of(open_signed, sealed, signed(trust, sealed)[:40])


def test_who_signed_is_asked_before_anything_is_read_out_of_a_zip(open_signed: Open, stranger: Any) -> None:
    junk = b"no zip at all"
    assert problem_of(open_signed, junk, signed(stranger, junk)) is SealProblem.WRONG_SIGNER


# --- how it is encrypted --------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [128, 192])
def test_shorter_keys_are_not_agreed(bits: int, open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, zipped(bits=bits)) is SealProblem.WEAK_ENCRYPTION


def test_the_old_cipher_of_zips_is_not_agreed(tmp_path: Path, open_unsigned: Open) -> None:
    sealed = seven_zipped(tmp_path, "-mem=ZipCrypto")
    assert problem_of(open_unsigned, sealed) is SealProblem.WEAK_ENCRYPTION


def test_not_encrypted(open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, zipped(encrypted=False)) is SealProblem.IN_THE_CLEAR


@pytest.mark.parametrize("passphrase", ["", "correct-horse-battery-stapl", PASSPHRASE.upper()])
def test_wrong_passphrase(passphrase: str, open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, zipped(), passphrase=passphrase) is SealProblem.WRONG_PASSPHRASE


@pytest.mark.parametrize("method", [pyzipper.ZIP_BZIP2, pyzipper.ZIP_LZMA], ids=["bzip2", "LZMA"])
def test_other_ways_to_compress(method: int, open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, zipped(method=method)) is SealProblem.OTHER_METHOD


@pytest.mark.parametrize("method", [pyzipper.ZIP_DEFLATED, pyzipper.ZIP_STORED], ids=["deflated", "stored"])
def test_altered_ciphertext_is_not_decrypted(method: int, open_unsigned: Open) -> None:
    """The format's own code finds it, in the first byte, the last, and in the code itself."""
    sealed = zipped(method=method)
    begins = 30 + len(NAME) + 11 + 16 + 2
    ends = sealed.index(b"PK\x01\x02") - 1
    for place in (begins, (begins + ends) // 2, ends - 10, ends):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert problem_of(open_unsigned, altered) is SealProblem.TAMPERED


def deflated_as(stream: bytes, size: int) -> bytes:
    """A zip whose file is this stream, said to be deflated and of that size; its code is good."""
    sealed = zipped(stream, method=pyzipper.ZIP_STORED)
    sealed = sealed.replace(b"AE\x03\x00\x00", b"AE\x03\x08\x00")
    return sealed.replace(
        struct.pack("<2L", len(stream) + 28, len(stream)), struct.pack("<2L", len(stream) + 28, size)
    )


def test_what_was_compressed_ends_where_the_file_does(open_unsigned: Open) -> None:
    packer = zlib.compressobj(wbits=-15)
    stream = packer.compress(EXTRACT) + packer.flush()
    assert open_unsigned(deflated_as(stream, len(EXTRACT))).content == EXTRACT
    more = deflated_as(stream + b"hidden behind the end", len(EXTRACT))
    assert problem_of(open_unsigned, more) is SealProblem.TAMPERED
    flushed = packer_without_end(EXTRACT)
    assert problem_of(open_unsigned, deflated_as(flushed, len(EXTRACT))) is SealProblem.TAMPERED
    assert problem_of(open_unsigned, deflated_as(b"\xff" * 100, 100)) is SealProblem.TAMPERED


def packer_without_end(content: bytes) -> bytes:
    """All of it, deflated, without the mark that it ends."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_a_checksum_that_is_there_must_be_right(open_unsigned: Open) -> None:
    """Under AE-1 the format has one besides its code."""
    sealed, right = zipped(version=1), struct.pack("<L", zlib.crc32(EXTRACT))
    assert sealed.count(right) == 2
    assert problem_of(open_unsigned, sealed.replace(right, bytes(4))) is SealProblem.TAMPERED
    assert problem_of(open_unsigned, sealed.replace(right, b"oops")) is SealProblem.TAMPERED


def test_no_byte_of_a_zip_can_be_changed_to_something_that_opens_as_another_file(open_unsigned: Open) -> None:
    """Headers are not under the format's code, so what they may say is bounded by the rest."""
    content = b"record_id\n1\n"
    sealed = zipped(content, method=pyzipper.ZIP_STORED)
    for place in range(len(sealed)):
        for flip in (0x01, 0x80):
            altered = sealed[:place] + bytes([sealed[place] ^ flip]) + sealed[place + 1 :]
            try:
                opened = open_unsigned(altered).content
            except SealRefused:
                continue
            assert opened == content


# --- what it is made of ---------------------------------------------------------------------------


def test_more_than_one_file(open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, zipped(more={"readme.txt": b"x"})) is SealProblem.SEVERAL_FILES


@pytest.mark.parametrize(
    "name", ["../births.csv", "/etc/passwd", "a/births.csv", "..\\births.csv", "C:births.csv", "..", "a\x1bb"]
)
def test_a_name_that_leads_elsewhere(name: str, open_unsigned: Open) -> None:
    sealed = zipped(name="x" * len(name)).replace(b"x" * len(name), name.encode())
    assert problem_of(open_unsigned, sealed) is SealProblem.NAME_WITH_PATH


def test_a_folder_is_no_file(open_unsigned: Open) -> None:
    sealed = zipped(b"", name="births-folder").replace(b"births-folder", b"births-folde/")
    assert problem_of(open_unsigned, sealed) is SealProblem.NO_FILE


def test_a_zip_of_nothing(open_unsigned: Open) -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    assert problem_of(open_unsigned, empty.getvalue()) is SealProblem.NO_FILE


def test_a_zip_in_the_zip(open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, zipped(zipped())) is SealProblem.NESTED


@pytest.mark.parametrize(
    "around",
    [
        lambda sealed: b"MZ self-extracting" + sealed,
        lambda sealed: sealed + b"\n",
        lambda sealed: sealed + sealed,
        lambda sealed: sealed[:-2] + struct.pack("<H", 5) + b"hello",
        lambda sealed: sealed.replace(b"PK\x01\x02", b"between" + b"PK\x01\x02"),
        lambda sealed: sealed.replace(NAME.encode(), b"B" + NAME.encode()[1:], 1),
        *(
            lambda sealed, at=at: sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
            for at in (14, 18, 22)
        ),
    ],
    ids=[
        *("before", "after", "twice", "a comment", "in the middle", "another name in the list"),
        *("another checksum before it", "another packed size", "another size"),
    ],
)
def test_nothing_stands_around_it(around: Callable[[bytes], bytes], open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, around(zipped())) is SealProblem.SOMETHING_AROUND


def with_list_at(start: int, sealed: bytes) -> bytes:
    """The same, its end pointing to a list that begins there."""
    return sealed[:-6] + struct.pack("<LH", start, 0)


def test_nothing_stands_around_it_where_the_numbers_fit(open_unsigned: Open) -> None:
    sealed = zipped()
    start = sealed.index(b"PK\x01\x02")
    between = with_list_at(start + 6, sealed[:start] + b"hidden" + sealed[start:])
    assert problem_of(open_unsigned, between) is SealProblem.SOMETHING_AROUND
    longer = sealed[:-2] + struct.pack("<H", 5)  # a comment that is not there
    assert problem_of(open_unsigned, longer) is SealProblem.SOMETHING_AROUND
    # A file that no list names, before the one that is listed.
    other = zipped(b"another file of the same name")
    first = other[: other.index(b"PK\x01\x02")]
    second = (
        sealed[:start] + sealed[start : start + 42] + struct.pack("<L", len(first)) + sealed[start + 46 :]
    )
    hidden = with_list_at(len(first) + start, first + second)
    assert zipfile.ZipFile(io.BytesIO(hidden)).namelist() == [NAME]
    assert problem_of(open_unsigned, hidden) is SealProblem.SOMETHING_AROUND


@pytest.mark.parametrize("content", [EXTRACT, b"\n", bytes(5000), b"-----BEGIN PGP MESSAGE-----"])
def test_not_a_zip(content: bytes, open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, content) is SealProblem.NOT_ZIP


def test_an_empty_file(open_unsigned: Open) -> None:
    assert problem_of(open_unsigned, b"") is SealProblem.EMPTY


def test_an_upload_that_did_not_finish(open_unsigned: Open) -> None:
    sealed = zipped()
    for end in (30, len(sealed) // 2, len(sealed) - 30):
        assert problem_of(open_unsigned, sealed[:end]) is SealProblem.TRUNCATED


# --- how large it may be --------------------------------------------------------------------------


def test_a_bomb_is_not_blown_up(open_unsigned: Open) -> None:
    """Two hundred million bytes in two hundred thousand: no more of them than agreed is ever made."""
    bomb = zipped(bytes(200_000_000))
    assert len(bomb) < 250_000
    tracemalloc.start()
    try:
        assert problem_of(open_unsigned, bomb, max_bytes=1_000_000) is SealProblem.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_what_the_zip_says_of_its_size_is_not_believed(open_unsigned: Open) -> None:
    sealed = zipped()
    for said in (1, len(EXTRACT) - 1, len(EXTRACT) + 1, 0xFFFFFFF0):
        altered = sealed.replace(struct.pack("<L", len(EXTRACT)), struct.pack("<L", said))
        assert problem_of(open_unsigned, altered) is SealProblem.TAMPERED
    small = zipped(bytes(5_000_000)).replace(struct.pack("<L", 5_000_000), struct.pack("<L", 10))
    assert problem_of(open_unsigned, small) is SealProblem.TOO_LARGE


def test_as_large_as_agreed_opens(open_unsigned: Open) -> None:
    assert open_unsigned(zipped(), max_bytes=len(EXTRACT)).content == EXTRACT
    assert problem_of(open_unsigned, zipped(), max_bytes=len(EXTRACT) - 1) is SealProblem.TOO_LARGE


def test_a_file_that_cannot_be_agreed_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "births_trust_2026-10.csv.zip"
    with file.open("wb") as sparse:
        sparse.truncate(10_000_000_000)
    with pytest.raises(SealRefused) as refused:
        open_unsigned_zip(file, first_seen=MOMENT, passphrase=PASSPHRASE, max_bytes=1000)
    assert refused.value.problem is SealProblem.TOO_LARGE
