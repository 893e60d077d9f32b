"""Who signed with a passkey in the browser: checked by the one file, with nothing but Python."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from given import NOW, Closed, alone, files_of, verifier

from month_authority import MONTH, CommandLine, copied
from pipeline import month as months
from pipeline.agreements.loading import NAMESPACE
from pipeline.demo.authority import APPROVERS, Demonstration
from pipeline.encryption import passkeys, sshsig
from pipeline.encryption.signing import note_verifier
from pipeline.encryption.sshsig import EXTENDED, PRESENT, VERIFIED
from pipeline.facts import opened_ledger, origin
from pipeline.ledger.entries import Kind
from pipeline.questions import evidence
from pipeline.steps.release import NAMESPACE as RELEASE
from software_passkey import AS_IT_SHOULD_BE, ORIGIN, SoftwarePasskey

WHO, AT = APPROVERS["caldicott_guardian"], "2026-11-03T09:30:00.000000Z"
TEXT = b"agreement: welcome\n"


def by(passkey: SoftwarePasskey, content: bytes = TEXT, namespace: str = NAMESPACE, **how: Any) -> str:
    """The SSH signature that the console makes of what the passkey signed."""
    used = passkey.used(passkeys.challenge_of(content, namespace), **how)
    return passkeys.signature_of(
        passkeys.read_assertion(*used.values()),
        content=content,
        namespace=namespace,
        place=passkeys.Place(how.get("origin", ORIGIN)),
        keys=[passkey.public],
    )


def is_good(armoured: str, signers: str, *, content: bytes = TEXT) -> bool:
    try:
        return bool(verifier.is_signed_by(WHO, content, armoured, AT, signers))
    except (verifier.Wrong, ValueError, KeyError, TypeError, IndexError, UnicodeDecodeError):
        return False


@pytest.fixture(scope="module")
def passkey() -> SoftwarePasskey:
    return SoftwarePasskey()


@pytest.fixture(autouse=True)
def no_ssh_keygen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it is asked here it must find out by itself."""
    if "month" not in request.fixturenames:
        monkeypatch.setattr(verifier.shutil, "which", lambda name: None)


def test_a_passkeys_signature_counts_without_ssh_keygen(passkey: SoftwarePasskey) -> None:
    signers = passkey.line(WHO, NAMESPACE)
    assert is_good(by(passkey), signers)
    assert is_good(
        by(passkey, flags=AS_IT_SHOULD_BE | EXTENDED, extensions=bytes.fromhex("a16178f5")), signers
    )
    assert is_good(by(passkey, more="at the end"), signers)
    here = SoftwarePasskey("localhost")
    assert is_good(by(here, origin="http://localhost:8470"), here.line(WHO))


def test_another_document_purpose_or_key_is_found(passkey: SoftwarePasskey) -> None:
    signers = passkey.line(WHO)
    assert not is_good(by(passkey), signers, content=TEXT + b"\n")
    assert not is_good(by(passkey, namespace="release@birthshare"), signers)
    assert not is_good(by(passkey), SoftwarePasskey().line(WHO))
    assert not is_good(by(passkey), SoftwarePasskey("other.example.org", passkey.key).line(WHO))
    assert not is_good(by(passkey), passkey.line("other@example.org"))


@pytest.mark.parametrize(
    "how",
    [
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": AS_IT_SHOULD_BE | 0x40},
        {"flags": AS_IT_SHOULD_BE | EXTENDED},
        {"extensions": b"\xa0"},
        {"origin": "https://elsewhere.example.org"},
        {"origin": "http://console.example.org"},
        {"origin": "https://console.example.org/path"},
        {"origin": "http://localhost:8470"},
        {"kind": "webauthn.create"},
        {"crossOrigin": True},
        {"crossOrigin": None},
    ],
    ids=str,
)
def test_a_passkey_that_was_not_unlocked_by_a_person_on_our_page_is_found(
    passkey: SoftwarePasskey, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is truly signed by the passkey, and packed by a careless console."""
    for careless in ("_check_client", "_check_spelling", "_flags"):
        monkeypatch.setattr(passkeys, careless, lambda *told: 0)
    monkeypatch.setattr(passkeys.sshsig, "check_circumstances", lambda one: None)
    monkeypatch.setattr(passkeys.Place, "host", passkey.host)
    assert not is_good(by(passkey, **how), passkey.line(WHO))
    assert is_good(by(passkey), passkey.line(WHO))


def test_a_change_anywhere_is_found(passkey: SoftwarePasskey, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flags, the counter, what the browser wrote, the key, the signature: every byte counts."""
    monkeypatch.setattr(verifier, "is_ecdsa", quicker)  # that both judge alike is in test_ecdsa
    armoured, signers = by(passkey), passkey.line(WHO)
    assert is_good(armoured, signers)
    head, *lines, end = armoured.splitlines()
    blob = base64.b64decode("".join(lines))
    for place in range(len(blob)):
        wrong = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        assert not is_good("\n".join([head, base64.b64encode(wrong).decode(), end, ""]), signers), place


def test_a_number_that_ssh_keygen_reads_as_negative_is_found(
    passkey: SoftwarePasskey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written without the zero before its first bit."""
    monkeypatch.setattr(sshsig, "number", lambda value: sshsig.string(value.to_bytes(32, "big")))
    (tmp_path / "signers").write_text(passkey.line(WHO))
    judged = set()
    for _ in range(12):  # each of the two numbers begins so every other time
        armoured = by(passkey)
        (tmp_path / "signature").write_text(armoured)
        command = ["ssh-keygen", "-Y", "verify", "-I", WHO, "-n", NAMESPACE, "-f", tmp_path / "signers"]
        command += ["-s", tmp_path / "signature"]
        theirs = subprocess.run(command, input=TEXT, capture_output=True, check=False).returncode == 0
        assert is_good(armoured, passkey.line(WHO)) is theirs
        judged.add(theirs)
    assert False in judged


def quicker(public: bytes, digest: bytes, r: int, s: int) -> bool:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


# --- a whole month ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Month:
    """A closed month whose agreement and release the guardian signed with a passkey."""

    closed: Closed
    pack: bytes
    release_signature: str


@pytest.fixture(scope="module")
def month(
    prototype: Demonstration, passkey: SoftwarePasskey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Month]:
    with copied(prototype, tmp_path_factory.mktemp("passkeys")) as one:
        with one.home.allowed_signers.open("a") as signers:
            signers.write(passkey.line(WHO, NAMESPACE, RELEASE))
        file = one.agreement_file()
        beside = file.with_suffix(".caldicott_guardian.sig")
        beside.write_text(by(passkey, file.read_bytes()))
        commands = CommandLine(one)
        assert commands.run().code == 6
        asked, digest = months.pack_asked_about(one.home, MONTH, now=NOW) or (b"", "")
        signature = by(passkey, asked, RELEASE)
        for counts in (True, False):  # the same once more is nothing new
            assert counts is months.record_decision(
                one.home,
                MONTH,
                pack_sha256=digest,
                principal=WHO,
                approve=True,
                signature=signature,
                now=NOW,
            )
        assert commands.run().json["state"] == "closed"
        with opened_ledger(one.home) as ledger:
            numbers = evidence.of_month(ledger, str(MONTH))
            gathered = evidence.gather(one.home, ledger, numbers, about="month", title="The month", now=NOW)
        key = note_verifier(origin(one.home), one.home.secret("ledger.key"))
        yield Month(Closed(one, key), evidence.packed(gathered), signature)


def test_a_month_that_was_decided_with_a_passkey_is_sound_to_an_outsider(
    month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agreement's signature counted for the month, the release's for its lists; and the pack shows it."""
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "pack.zip").write_bytes(month.pack)
    found = alone(tmp_path / "pack.zip", "--key", month.closed.key, "--signers", month.closed.signers)
    assert found.sound
    assert "signatures that need ssh-keygen: 0" in found.said
    [approved] = month.closed.authority.recorded(Kind.RELEASE_APPROVED)
    assert (approved.principal, approved.signature) == (WHO, month.release_signature)


def test_without_the_passkeys_line_the_same_month_is_wrong(month: Month, tmp_path: Path) -> None:
    others = [line for line in month.closed.signers.read_text().splitlines(True) if "sk-ecdsa" not in line]
    (tmp_path / "signers").write_text("".join(others))
    (tmp_path / "pack.zip").write_bytes(month.pack)
    found = alone(tmp_path / "pack.zip", "--key", month.closed.key, "--signers", tmp_path / "signers")
    assert not found.sound
    assert "a key that they were not allowed to use" in found.said


def test_the_pack_holds_the_passkeys_signature_itself(month: Month) -> None:
    [name] = [one for one in files_of(month.pack) if one.endswith(".caldicott_guardian.sig")]
    text = files_of(month.pack)[name].decode()
    assert b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com" in base64.b64decode(
        "".join(text.splitlines()[1:-1])
    )
