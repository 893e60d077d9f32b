"""Passkeys: keys that live in a person's computer, telephone or security key, and sign in the browser.

What a passkey signs in a browser becomes an SSH signature here, so that it counts, is kept and is verified
like every other one: the challenge that the browser gives it is what `ssh-keygen -Y sign` would sign, and
OpenSSH has a kind of signature for what comes back (PROTOCOL.u2f). Only ES256, for that kind knows no other.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AuthenticatorData, CollectedClientData

from pipeline.encryption import sshsig
from pipeline.encryption.sshsig import ATTESTED, BY_PASSKEY, PASSKEY, Circumstances, string
from pipeline.errors import IntegrityError

_CURVE = b"nistp256"
_PLAIN = 37  # bytes of an authenticator's data before its extensions
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class Place:
    """Where passkeys are made and used: the console's own address, as browsers write it."""

    origin: str

    @property
    def host(self) -> str:
        """Whom passkeys are for (the relying party's ID)."""
        return urlsplit(self.origin).hostname or ""


def place_of(address: str) -> Place | None:
    """The place with this address; None where browsers use no passkeys: without TLS, or without a name."""
    if not sshsig.is_safe(address):
        return None
    parts = urlsplit(address)
    host = parts.hostname or ""
    if host != "localhost" and ("." not in host or host.rpartition(".")[2].isdigit()):
        return None
    return Place(f"{parts.scheme}://{parts.netloc.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])}")


@dataclass(frozen=True)
class Assertion:
    """What a browser gives back when a passkey has signed."""

    client_data: bytes
    authenticator_data: bytes
    signature: bytes  # DER


def read_assertion(client_data: str, authenticator_data: str, signature: str) -> Assertion:
    """From base64url; raises IntegrityError for anything else."""
    return Assertion(_decoded(client_data), _decoded(authenticator_data), _decoded(signature))


def challenge_of(content: bytes, namespace: str) -> str:
    """What a passkey is asked to sign for a document, base64url: what `ssh-keygen -Y sign` would sign."""
    return websafe_encode(sshsig.what_is_signed(content, namespace))


def signature_of(
    assertion: Assertion, *, content: bytes, namespace: str, place: Place, keys: Iterable[bytes]
) -> str:
    """The armoured SSH signature over `content` that a passkey made, with whichever of the keys it was.

    `keys` are public keys as SSH writes them; those of other kinds are passed over. Raises IntegrityError
    where the passkey signed something else, or elsewhere, or without its owner, or is none of these.
    """
    data, challenge = assertion.authenticator_data, challenge_of(content, namespace)
    _check_client(assertion.client_data, "webauthn.get", challenge, place)
    flags = _flags(data, place)
    if flags & ATTESTED:
        raise _unread()
    sshsig.check_circumstances(Circumstances(flags, place.origin, assertion.client_data, place.host))
    _check_spelling(assertion.client_data, challenge, place)
    key = next((one for one in keys if _has_signed(one, assertion, place)), None)
    if key is None:
        raise IntegrityError(
            "This passkey is not among the keys that are known to be yours",
            do="Sign with another; or make a passkey, and have its line added.",
        )
    inner = (
        string(BY_PASSKEY)
        + string(b"".join(map(sshsig.number, decode_dss_signature(assertion.signature))))
        + data[32:_PLAIN]
        + b"".join(map(string, (place.origin.encode(), assertion.client_data, data[_PLAIN:])))
    )
    return sshsig.armoured(key, namespace, inner)


def public_key_of(client_data: str, attestation: str, *, challenge: bytes, place: Place) -> bytes:
    """The public key, as SSH writes it, of a passkey that a browser has just made (both base64url).

    Raises IntegrityError where it was not made for this challenge and place, by its owner, or for ES256.
    """
    made = _decoded(client_data)
    _check_client(made, "webauthn.create", websafe_encode(challenge), place)
    try:
        data = AttestationObject(_decoded(attestation)).auth_data
    except Exception:  # CBOR of whatever a browser sent can be wrong in many ways
        raise _unread() from None
    sshsig.check_circumstances(Circumstances(_flags(data, place), place.origin, made, place.host))
    key = data.credential_data.public_key if data.credential_data else None
    if not isinstance(key, ES256):
        raise IntegrityError(
            "This passkey cannot make signatures that OpenSSH reads (ES256)",
            do="Make one in another place: a telephone, or a security key.",
        )
    return b"".join(map(string, (PASSKEY, _CURVE, _point(key), place.host.encode())))


def _check_client(client_data: bytes, kind: str, challenge: str, place: Place) -> None:
    """Raises IntegrityError where what the browser wrote is about something else."""
    try:
        said = CollectedClientData(client_data)
    except Exception:  # JSON of whatever a browser sent can be wrong in many ways
        raise _unread() from None
    if said.type != kind:
        raise IntegrityError("The passkey was asked for something else", do="Open the page again.")
    if not hmac.compare_digest(said.challenge, websafe_decode(challenge)):
        raise IntegrityError(
            "The passkey signed something else than what is asked about now",
            do="Look at the page again, which may have changed, and sign again.",
        )
    if said.origin != place.origin:
        raise IntegrityError(
            "The passkey was used on a page of another address",
            do="Open the console at its own address, and sign there.",
        )


def _check_spelling(client_data: bytes, challenge: str, place: Place) -> None:
    """OpenSSH reads no JSON, but this one beginning."""
    begins = f'{{"type":"webauthn.get","challenge":"{challenge}","origin":"{place.origin}"'
    if not client_data.startswith(begins.encode()):
        raise IntegrityError(
            "This browser writes down what was signed in a form that OpenSSH cannot read",
            do="Use a newer browser, or sign with an SSH key.",
        )


def _flags(data: bytes, place: Place) -> int:
    """Of the passkey's own data; raises IntegrityError where the passkey is for another address."""
    try:
        said = AuthenticatorData(data)
    except Exception:  # as above
        raise _unread() from None
    if said.rp_id_hash != sha256(place.host.encode()):
        raise IntegrityError(
            "The passkey is for another address", do="Use the one that you made for this console."
        )
    return int(said.flags)


def _has_signed(key: bytes, assertion: Assertion, place: Place) -> bool:
    """Whether it is this key's signature; only a passkey's key for this place has one."""
    try:
        kind, curve, point, application = sshsig.strings(key)
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        if (kind, curve, application) != (PASSKEY, _CURVE, place.host.encode()):
            return False
        message = assertion.authenticator_data + sha256(assertion.client_data)
        public.verify(assertion.signature, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, IntegrityError, InvalidSignature):
        return False
    return True


def _point(key: ES256) -> bytes:
    """The point of the curve; raises IntegrityError where it is none."""
    try:
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big"), ec.SECP256R1()
        )
        return numbers.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    except (KeyError, TypeError, ValueError):
        raise _unread() from None


def _decoded(text: str) -> bytes:
    try:
        return websafe_decode(text)
    except (binascii.Error, UnicodeEncodeError):
        raise _unread() from None


def _unread() -> IntegrityError:
    return IntegrityError("What the browser sent cannot be read", do="Open the page again, and try again.")
