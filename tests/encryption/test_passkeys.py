"""A passkey's signature in a browser is an SSH signature: ssh-keygen and openssl verify it themselves."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2.cose import ES256, ES384, RS256

from pipeline.encryption import passkeys, sshsig
from pipeline.encryption.passkeys import Place
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import IntegrityError
from software_passkey import AS_IT_SHOULD_BE, HOST, ORIGIN, SoftwarePasskey, text

AGREEMENT = b"id: first-visit\r\nversion: 1\n"
SPACE = "agreement@birthshare"
WHO = "caldicott.guardian@example.org"
PLACE = Place(ORIGIN)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHALLENGE = passkeys.challenge_of(AGREEMENT, SPACE)


@pytest.fixture(scope="module")
def passkey() -> SoftwarePasskey:
    return SoftwarePasskey()


def signed(passkey: SoftwarePasskey, used: dict[str, str] | None = None, **how: Any) -> str:
    """The SSH signature over the agreement, of what the browser brought."""
    brought = used or passkey.used(CHALLENGE, **how)
    return passkeys.signature_of(
        passkeys.read_assertion(*brought.values()),
        content=AGREEMENT,
        namespace=SPACE,
        place=PLACE,
        keys=[b"another kind of key", SoftwarePasskey().public, passkey.public],
    )


def verified(signature: str, folder: Path, line: str, content: bytes = AGREEMENT, space: str = SPACE) -> str:
    """Whose it is, for Birthshare, where the list of signers has this line alone."""
    (folder / "allowed_signers").write_text(line)
    return verify_ssh(
        content, signature.encode(), allowed_signers=folder / "allowed_signers", namespace=space, at=NOW
    )


# --- right ------------------------------------------------------------------------------------------


def test_ssh_keygen_verifies_it_as_any_other(passkey: SoftwarePasskey, tmp_path: Path) -> None:
    signature = signed(passkey)
    assert verified(signature, tmp_path, passkey.line(WHO, SPACE)) == WHO
    for content, space, line in (
        (AGREEMENT + b"\n", SPACE, passkey.line(WHO)),
        (AGREEMENT, "release@birthshare", passkey.line(WHO)),
        (AGREEMENT, SPACE, passkey.line(WHO, "release@birthshare")),
        (AGREEMENT, SPACE, SoftwarePasskey().line(WHO)),
        (AGREEMENT, SPACE, SoftwarePasskey("other.example.org", passkey.key).line(WHO)),
    ):
        with pytest.raises(IntegrityError):
            verified(signature, tmp_path, line, content, space)


def test_openssl_verifies_what_the_passkey_signed(passkey: SoftwarePasskey, tmp_path: Path) -> None:
    """As any program for WebAuthn asks it: over authenticatorData || SHA-256(clientDataJSON)."""
    used = {name: base64.urlsafe_b64decode(value + "==") for name, value in passkey.used(CHALLENGE).items()}
    (tmp_path / "signed").write_bytes(used["authenticator_data"] + passkeys.sha256(used["client_data"]))
    (tmp_path / "signature").write_bytes(used["passkey_signature"])
    (tmp_path / "key.pem").write_bytes(
        passkey.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "signed"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout == b"Verified OK\n"


def test_what_newer_browsers_add_at_the_end_is_no_obstacle(passkey: SoftwarePasskey, tmp_path: Path) -> None:
    signature = signed(passkey, other_keys_can_be_added_here="do not compare clientDataJSON")
    assert verified(signature, tmp_path, passkey.line(WHO)) == WHO


def test_what_the_passkey_itself_adds_is_signed_too(passkey: SoftwarePasskey, tmp_path: Path) -> None:
    extensions = bytes.fromhex("a1 61 78 f5")  # CBOR: {"x": true}
    signature = signed(passkey, flags=AS_IT_SHOULD_BE | sshsig.EXTENDED, extensions=extensions)
    assert verified(signature, tmp_path, passkey.line(WHO)) == WHO


def test_a_new_passkey_becomes_a_line_that_its_signatures_are_verified_by(
    passkey: SoftwarePasskey, tmp_path: Path
) -> None:
    made = passkey.made(text(b"asked"))
    key = passkeys.public_key_of(*made.values(), challenge=b"asked", place=PLACE)
    assert key == passkey.public
    assert verified(signed(passkey), tmp_path, replace(passkey).line(WHO)) == WHO


# --- wrong ------------------------------------------------------------------------------------------

OTHER = passkeys.challenge_of(AGREEMENT + b"\n", SPACE)
WRONG_USES: dict[str, tuple[dict[str, Any], str]] = {
    "a changed document": ({"challenge": OTHER}, "something else than what is asked about now"),
    "another purpose": (
        {"challenge": passkeys.challenge_of(AGREEMENT, "release@birthshare")},
        "something else than what is asked about now",
    ),
    "another address": ({"origin": "https://elsewhere.example.org"}, "a page of another address"),
    "a name below ours": ({"origin": "https://x.console.example.org"}, "a page of another address"),
    "without TLS": ({"origin": "http://console.example.org"}, "a page of another address"),
    "another port": ({"origin": "https://console.example.org:8443"}, "a page of another address"),
    "made, not used": ({"kind": "webauthn.create"}, "asked for something else"),
    "nobody unlocked it": ({"flags": sshsig.PRESENT}, "did not check that it was its owner"),
    "nobody touched it": ({"flags": sshsig.VERIFIED}, "did not check that it was its owner"),
    "inside another's page": ({"crossOrigin": True}, "inside somebody else's page"),
    "neither said nor unsaid": ({"crossOrigin": "no"}, "inside somebody else's page"),
    "a key with it": ({"flags": AS_IT_SHOULD_BE | sshsig.ATTESTED}, "cannot be read"),
    "a whole key with it": (
        {"flags": AS_IT_SHOULD_BE | sshsig.ATTESTED, "extensions": SoftwarePasskey().credential},
        "cannot be read",
    ),
    "more than was said": ({"extensions": b"more"}, "cannot be read"),
}


@pytest.mark.parametrize(("how", "words"), WRONG_USES.values(), ids=WRONG_USES)
def test_what_was_signed_otherwise_is_not_taken(
    passkey: SoftwarePasskey, how: dict[str, Any], words: str
) -> None:
    used = passkey.used(**({"challenge": CHALLENGE} | how))
    with pytest.raises(IntegrityError, match=words):
        signed(passkey, used)


def test_a_passkey_for_another_host_is_not_taken() -> None:
    with pytest.raises(IntegrityError, match="for another address"):
        signed(SoftwarePasskey("example.org"))


def test_a_passkey_that_is_not_known_is_not_taken(passkey: SoftwarePasskey) -> None:
    with pytest.raises(IntegrityError, match="not among the keys that are known to be yours"):
        signed(passkey, SoftwarePasskey().used(CHALLENGE))


def test_what_openssh_cannot_read_is_not_taken(passkey: SoftwarePasskey) -> None:
    """The same words in another order: good for WebAuthn, and nothing to ssh-keygen."""
    used = passkey.used(CHALLENGE)
    swapped = f'{{"challenge":"{CHALLENGE}","type":"webauthn.get","origin":"{ORIGIN}"}}'
    with pytest.raises(IntegrityError, match="form that OpenSSH cannot read"):
        signed(passkey, used | {"client_data": text(swapped.encode())})


@pytest.mark.parametrize("name", ["client_data", "authenticator_data", "passkey_signature"])
@pytest.mark.parametrize(
    "rubbish", ["", "é", "A", "AAAA", text(b"{}"), text(b"[]"), text(b"\xff"), "e" * 4000]
)
def test_rubbish_is_not_taken(passkey: SoftwarePasskey, name: str, rubbish: str) -> None:
    with pytest.raises(IntegrityError):
        signed(passkey, passkey.used(CHALLENGE) | {name: rubbish})


WRONG_MAKINGS: dict[str, tuple[dict[str, Any], str]] = {
    "asked in another session": ({"challenge": text(b"another")}, "something else"),
    "another address": ({"origin": "https://elsewhere.example.org"}, "a page of another address"),
    "used, not made": ({"kind": "webauthn.get"}, "asked for something else"),
    "nobody unlocked it": ({"flags": sshsig.PRESENT}, "did not check that it was its owner"),
    "another curve": (
        {"public": ES384.from_cryptography_key(ec.generate_private_key(ec.SECP384R1()).public_key())},
        "ES256",
    ),
    "RSA": (
        {"public": RS256.from_cryptography_key(rsa.generate_private_key(65537, 2048).public_key())},
        "ES256",
    ),
}


@pytest.mark.parametrize(("how", "words"), WRONG_MAKINGS.values(), ids=WRONG_MAKINGS)
def test_what_was_made_otherwise_becomes_no_line(
    passkey: SoftwarePasskey, how: dict[str, Any], words: str
) -> None:
    made = passkey.made(**({"challenge": text(b"asked")} | how))
    with pytest.raises(IntegrityError, match=words):
        passkeys.public_key_of(*made.values(), challenge=b"asked", place=PLACE)


def test_a_point_beside_the_curve_becomes_no_line(passkey: SoftwarePasskey) -> None:
    beside = ES256.from_cryptography_key(passkey.key.public_key())
    beside[-2] = bytes(32)
    made = passkey.made(text(b"asked"), public=beside)
    with pytest.raises(IntegrityError, match="cannot be read"):
        passkeys.public_key_of(*made.values(), challenge=b"asked", place=PLACE)


# --- ssh-keygen asks less than we do --------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"flags": sshsig.PRESENT},
        {"flags": sshsig.VERIFIED},
        {"origin": "https://elsewhere.example.org"},
        {"origin": "http://console.example.org"},
        {"origin": "https://["},
        {"crossOrigin": True},
        {"crossOrigin": None},
    ],
    ids=str,
)
def test_a_signature_that_was_packed_elsewhere_counts_only_with_a_person_on_our_page(
    passkey: SoftwarePasskey, tmp_path: Path, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted, or laid down as a file: `ssh-keygen -Y verify` is content with it, and we are not."""
    with monkeypatch.context() as careless:
        careless.setattr(sshsig, "check_circumstances", lambda one: None)
        careless.setattr(passkeys, "_check_client", lambda *told: None)
        careless.setattr(passkeys, "_check_spelling", lambda *told: None)
        origin = how.get("origin", ORIGIN)
        signature = passkeys.signature_of(
            passkeys.read_assertion(*passkey.used(CHALLENGE, **how).values()),
            content=AGREEMENT,
            namespace=SPACE,
            place=_Careless(origin),
            keys=[passkey.public],
        )
        assert verified(signature, tmp_path, passkey.line(WHO, SPACE)) == WHO
    with pytest.raises(IntegrityError, match="The passkey"):
        verified(signature, tmp_path, passkey.line(WHO))


class _Careless(Place):
    """Says that it is our host, whatever its origin."""

    @property
    def host(self) -> str:
        return HOST


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://console.example.org", "https://console.example.org"),
        ("https://console.example.org:443", "https://console.example.org"),
        ("https://console.example.org:8443", "https://console.example.org:8443"),
        ("http://localhost:8470", "http://localhost:8470"),
        ("http://localhost", "http://localhost"),
        ("https://localhost", "https://localhost"),
        ("http://console.example.org", None),
        ("https://127.0.0.1", None),
        ("http://127.0.0.1:8470", None),
        ("https://console", None),
        ("http://[::1]:8470", None),
        ("http://", None),
        ("http://[", None),
    ],
)
def test_browsers_use_passkeys_at_names_over_tls_and_on_this_machine(
    address: str, origin: str | None
) -> None:
    assert passkeys.place_of(address) == (Place(origin) if origin else None)


@pytest.mark.parametrize(
    "inner",
    [b"", b"\xff\xff\xff\xff", b"\x05", b"\x05\0\0\0\0" + sshsig.string(b"x"), b"\x05" + bytes(12) + b"\1"],
)
def test_a_signature_that_is_laid_out_otherwise_is_refused_in_words(inner: bytes) -> None:
    signature = sshsig.string(sshsig.BY_PASSKEY) + sshsig.string(b"") + inner
    for key in (b"", sshsig.string(sshsig.PASSKEY)):
        with pytest.raises(IntegrityError):
            sshsig.check_person(sshsig.armoured(key, "release@birthshare", signature).encode())
