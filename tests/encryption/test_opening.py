"""A sealed extract is opened only if it is whole, for us, and signed by exactly the agreed key."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.encryption import gnupg, opening
from pipeline.encryption.framing import is_cut_off
from pipeline.encryption.gnupg import Finished, Status
from pipeline.encryption.opening import Opened, SealProblem, SealRefused
from pipeline.errors import SettingsError

EXTRACT = b"record_id,nhs_number\n" + b"".join(b"%d,not-a-real-number\n" % number for number in range(4000))
Seal = Callable[..., bytes]
Open = Callable[..., Opened]


def problem_of(open_as_agreed: Open, sealed: bytes, **options: object) -> SealProblem:
    """The code with which the file is refused; fails where it is opened."""
    with pytest.raises(SealRefused) as refused:
        open_as_agreed(sealed, **options)
    assert "not-a-real-number" not in str(refused.value)
    assert "births_trust_2026-10.csv.gpg" in str(refused.value)
    return refused.value.problem


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--armor",),
        ("-z", "0"),
        ("--compress-algo", "zip"),
        ("--compress-algo", "zlib"),
        ("--compress-algo", "bzip2"),
        ("--throw-keyids",),
        ("--textmode",),
    ],
    ids=[
        "as gpg does by default",
        "armoured",
        "uncompressed",
        "zip",
        "zlib",
        "bzip2",
        "hidden recipient",
        "text mode",
    ],  # fmt: skip
)
def test_what_a_gpg_user_may_send_opens(
    options: tuple[str, ...], sealed_by: Seal, open_as_agreed: Open, trust
) -> None:
    sealed = sealed_by(trust, *options)
    opened = open_as_agreed(sealed)
    assert opened.content.replace(b"\r\n", b"\n") == EXTRACT
    assert opened.signer == trust.fingerprint
    assert opened.sealed_sha256 == hashlib.sha256(sealed).hexdigest()


def test_the_time_of_signing_is_told(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    opened = open_as_agreed(sealed_by(trust))
    assert opened.signed_at.tzinfo is UTC
    assert abs(opened.signed_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_content_is_not_shown_when_the_result_is_printed(
    sealed_by: Seal, open_as_agreed: Open, trust
) -> None:
    assert "not-a-real-number" not in repr(open_as_agreed(sealed_by(trust)))


def test_an_extract_of_no_bytes_opens_as_none(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    assert open_as_agreed(sealed_by(trust, content=b"")).content == b""


def test_empty_file(open_as_agreed: Open) -> None:
    assert problem_of(open_as_agreed, b"") is SealProblem.EMPTY


@pytest.mark.parametrize("content", [EXTRACT, b"PK\x03\x04 a zip file", bytes(5000), b"\n"])
def test_not_openpgp(content: bytes, open_as_agreed: Open) -> None:
    assert problem_of(open_as_agreed, content) is SealProblem.NOT_OPENPGP


def test_noise_is_refused_whatever_it_looks_like(open_as_agreed: Open) -> None:
    for _ in range(10):
        assert problem_of(open_as_agreed, os.urandom(2000))


def test_signed_but_not_encrypted(open_as_agreed: Open, trust) -> None:
    signed = trust.gpg("--local-user", trust.fingerprint, "--sign", given=EXTRACT)
    assert problem_of(open_as_agreed, signed) is SealProblem.NOT_ENCRYPTED


def test_clear_signed(open_as_agreed: Open, trust) -> None:
    signed = trust.gpg("--local-user", trust.fingerprint, "--clear-sign", given=EXTRACT)
    assert problem_of(open_as_agreed, signed) is SealProblem.NOT_ENCRYPTED


def test_encrypted_for_somebody_else(sealed_by: Seal, open_as_agreed: Open, trust, stranger) -> None:
    assert problem_of(open_as_agreed, sealed_by(trust, to=stranger)) is SealProblem.NOT_FOR_US


def test_encrypted_with_a_password(open_as_agreed: Open, trust) -> None:
    sealed = trust.gpg("--passphrase", "x", "--local-user", trust.fingerprint, "--symmetric", given=EXTRACT)
    assert problem_of(open_as_agreed, sealed) is SealProblem.NOT_FOR_US


def test_unsigned(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    assert problem_of(open_as_agreed, sealed_by(trust, sign=False)) is SealProblem.UNSIGNED


def test_signed_by_a_stranger(sealed_by: Seal, open_as_agreed: Open, stranger) -> None:
    assert problem_of(open_as_agreed, sealed_by(stranger)) is SealProblem.WRONG_SIGNER


def test_signed_by_our_own_key(sealed_by: Seal, open_as_agreed: Open, authority) -> None:
    """Our keyring must hold our own key to decrypt; that does not make it the supplier's."""
    assert problem_of(open_as_agreed, sealed_by(authority)) is SealProblem.WRONG_SIGNER


def test_signed_twice(sealed_by: Seal, open_as_agreed: Open, make_person, authority) -> None:
    """Even where both signatures are good: one by the agreed key, one by a key we happen to hold."""
    both = make_person("both")
    both.gpg("--import", given=authority.private.read_bytes())
    for first, second in ((both, authority), (authority, both)):
        sealed = both.gpg(
            "--local-user", first.fingerprint, "--local-user", second.fingerprint, "--sign",
            "--recipient-file", str(authority.public), "--encrypt", given=EXTRACT,
        )  # fmt: skip
        assert problem_of(open_as_agreed, sealed, signer=both) is SealProblem.SEVERAL_SIGNATURES


def test_signed_by_a_key_that_has_expired(sealed_by: Seal, open_as_agreed: Open, expired) -> None:
    sealed = sealed_by(expired, "--faked-system-time", "20200401T120000!")
    assert problem_of(open_as_agreed, sealed, signer=expired) is SealProblem.EXPIRED


def test_the_signature_itself_has_expired(sealed_by: Seal, open_as_agreed: Open, make_person) -> None:
    old = make_person("old", faked=True)
    sealed = sealed_by(old, "--faked-system-time", "20200401T120000!", "--default-sig-expire", "1m")
    assert problem_of(open_as_agreed, sealed, signer=old) is SealProblem.EXPIRED


def test_signed_by_a_revoked_key(sealed_by: Seal, open_as_agreed: Open, revoked) -> None:
    assert problem_of(open_as_agreed, sealed_by(revoked), signer=revoked) is SealProblem.REVOKED


@pytest.mark.parametrize("options", [(), ("-z", "0")], ids=["compressed", "uncompressed"])
@pytest.mark.parametrize("place", [0.5, 0.999], ids=["in the middle", "at the end"])
def test_tampered(
    options: tuple[str, ...], place: float, sealed_by: Seal, open_as_agreed: Open, trust
) -> None:
    sealed = bytearray(sealed_by(trust, *options))
    sealed[int(len(sealed) * place)] ^= 1
    assert problem_of(open_as_agreed, bytes(sealed)) is SealProblem.TAMPERED


def test_no_single_flipped_byte_goes_unnoticed(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    sealed = sealed_by(trust, content=b"a,b\n1,2\n")
    for place in range(0, len(sealed), 37):
        altered = bytearray(sealed)
        altered[place] ^= 0x20
        with pytest.raises(SealRefused):
            open_as_agreed(bytes(altered))


def test_something_was_appended(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    assert problem_of(open_as_agreed, sealed_by(trust) + b"appended") is SealProblem.TAMPERED


def test_two_messages_in_one_file(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    assert problem_of(open_as_agreed, sealed_by(trust) * 2) is SealProblem.TAMPERED


def test_damage_is_named_whatever_the_noise_after_it_looks_like(
    open_as_agreed: Open, trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What gpg 2.2 says of one damaged file in thirty: it took noise for a message with a password."""
    said = (
        "ENC_TO, BEGIN_DECRYPTION, DECRYPTION_INFO, PLAINTEXT, NEWSIG, GOODSIG, VALIDSIG, NODATA, BADMDC, "
        "DECRYPTION_FAILED, END_DECRYPTION, ERROR decryption.early_plaintext 89, BEGIN_DECRYPTION, "
        "NEED_PASSPHRASE_SYM 1 0 2, ERROR get_passphrase 85, CANCELED_BY_USER, DECRYPTION_FAILED"
    )
    status = Status(tuple(tuple(line.split()) for line in said.split(", ")))
    really = opening.run

    def run(home: Path, *arguments: str, **given: object) -> Finished:
        return Finished(2, status, b"") if "--decrypt" in arguments else really(home, *arguments, **given)

    monkeypatch.setattr(opening, "run", run)
    assert problem_of(open_as_agreed, b"any bytes") is SealProblem.TAMPERED


@pytest.mark.parametrize("armour", [(), ("--armor",)], ids=["binary", "armoured"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.97])
def test_truncated(
    armour: tuple[str, ...], kept: float, sealed_by: Seal, open_as_agreed: Open, trust
) -> None:
    sealed = sealed_by(trust, *armour, content=os.urandom(50_000))
    assert problem_of(open_as_agreed, sealed[: int(len(sealed) * kept)]) is SealProblem.TRUNCATED


def test_one_missing_byte_is_a_truncation(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    assert problem_of(open_as_agreed, sealed_by(trust)[:-1]) is SealProblem.TRUNCATED


def test_a_small_file_that_opens_to_very_much_is_stopped_on_the_way(
    sealed_by: Seal, open_as_agreed: Open, trust
) -> None:
    bomb = sealed_by(trust, content=bytes(100_000_000))
    assert len(bomb) < 200_000
    tracemalloc.start()
    try:
        assert problem_of(open_as_agreed, bomb, max_bytes=2_000_000) is SealProblem.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_the_agreed_size_itself_is_not_too_large(sealed_by: Seal, open_as_agreed: Open, trust) -> None:
    sealed = sealed_by(trust)
    assert open_as_agreed(sealed, max_bytes=len(EXTRACT)).content == EXTRACT
    assert problem_of(open_as_agreed, sealed, max_bytes=len(EXTRACT) - 1) is SealProblem.TOO_LARGE


def test_a_sealed_file_far_beyond_the_agreed_size_is_not_even_read(open_as_agreed: Open) -> None:
    assert problem_of(open_as_agreed, bytes(3_000_000), max_bytes=1000) is SealProblem.TOO_LARGE


def test_the_plaintext_of_a_refused_file_is_nowhere_on_disk(
    sealed_by: Seal, open_as_agreed: Open, stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with tempfile.TemporaryDirectory(prefix="own", dir="/dev/shm") as memory:
        monkeypatch.setattr(gnupg, "_MEMORY", Path(memory))
        problem_of(open_as_agreed, sealed_by(stranger))
        assert list(Path(memory).iterdir()) == []
    assert [file.name for file in tmp_path.rglob("*")] == ["births_trust_2026-10.csv.gpg"]


def test_our_private_key_is_missing(sealed_by: Seal, open_as_agreed: Open, trust, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"key file cannot be read .*none\.key"):
        open_as_agreed(sealed_by(trust), private_key=tmp_path / "none.key")


def test_our_private_key_is_only_a_public_key(
    sealed_by: Seal, open_as_agreed: Open, trust, authority
) -> None:
    with pytest.raises(SettingsError, match="no private key"):
        open_as_agreed(sealed_by(trust), private_key=authority.public)


def test_our_private_key_asks_for_a_passphrase(
    sealed_by: Seal, open_as_agreed: Open, trust, make_person
) -> None:
    locked = make_person("locked", passphrase="secret")
    with pytest.raises(SettingsError, match="asks for a passphrase"):
        open_as_agreed(sealed_by(trust, to=locked), private_key=locked.private)


def test_the_signing_key_file_holds_another_key(
    sealed_by: Seal, open_as_agreed: Open, trust, stranger
) -> None:
    exchanged = type(trust)(trust.home, trust.mail, trust.fingerprint, stranger.public, trust.private)
    with pytest.raises(SettingsError, match="agreed fingerprint"):
        open_as_agreed(sealed_by(trust), signer=exchanged)


def test_every_problem_has_a_wording_and_an_advice_of_its_own() -> None:
    assert len({problem.wording for problem in SealProblem}) == len(SealProblem)
    assert all(problem.advice for problem in SealProblem)


@pytest.mark.parametrize("length", [1, 3, 100, 500, 8191, 8192, 70_000])
def test_a_file_is_cut_off_wherever_it_is_cut(length: int, trust) -> None:
    """Every kind of packet length: one, two and five bytes, old format, and partial lengths."""
    content = os.urandom(length)
    for options in ([], ["--compress-algo", "none"], ["--set-filesize", str(length)]):
        whole = trust.gpg("--store", *options, given=content)
        assert not is_cut_off(whole)
    encrypted = trust.gpg("--recipient-file", str(trust.public), "--encrypt", given=content)
    assert not is_cut_off(encrypted)
    assert all(is_cut_off(encrypted[:cut]) for cut in range(4, len(encrypted), max(1, len(encrypted) // 50)))


def test_armour_without_its_last_line_is_cut_off() -> None:
    body = base64.b64encode(os.urandom(200))
    armoured = b"-----BEGIN PGP MESSAGE-----\n\n" + body + b"\n-----END PGP MESSAGE-----\n"
    assert not is_cut_off(armoured)
    assert is_cut_off(armoured[:-10])
