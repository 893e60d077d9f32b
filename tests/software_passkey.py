"""A passkey without a device: it answers as a browser and an authenticator would, or wrongly if told."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2.cose import ES256
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from pipeline.encryption.sshsig import PASSKEY, PRESENT, VERIFIED, string

ORIGIN = "https://console.example.org"
HOST = "console.example.org"
AS_IT_SHOULD_BE = PRESENT | VERIFIED


def text(content: bytes) -> str:
    """Base64url, as browsers write it."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class SoftwarePasskey:
    """One passkey for one host."""

    host: str = HOST
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> bytes:
        """The public half, as SSH writes it."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return b"".join(map(string, (PASSKEY, b"nistp256", point, self.host.encode())))

    @property
    def credential(self) -> bytes:
        """The public half with its name, as an authenticator writes it."""
        public = ES256.from_cryptography_key(self.key.public_key())
        return AttestedCredentialData.create(bytes(16), b"its name", public)

    def line(self, who: str, *namespaces: str) -> str:
        """Its line of allowed_signers."""
        may = f' namespaces="{",".join(namespaces)}"' if namespaces else ""
        return f"{who}{may} {PASSKEY.decode()} {base64.b64encode(self.public).decode()}\n"

    def used(
        self,
        challenge: str,
        *,
        origin: str = ORIGIN,
        kind: str = "webauthn.get",
        flags: int = AS_IT_SHOULD_BE,
        extensions: bytes = b"",
        counter: int = 7,
        **more: Any,
    ) -> dict[str, str]:
        """What the form brings when somebody has signed with it; `more` stands in the browser's own words."""
        said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False} | more
        client_data = json.dumps(said, separators=(",", ":")).encode()
        data = hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + counter.to_bytes(4, "big")
        message = data + extensions + hashlib.sha256(client_data).digest()
        return {
            "client_data": text(client_data),
            "authenticator_data": text(data + extensions),
            "passkey_signature": text(self.key.sign(message, ec.ECDSA(hashes.SHA256()))),
        }

    def made(
        self,
        challenge: str,
        *,
        origin: str = ORIGIN,
        kind: str = "webauthn.create",
        flags: int = AS_IT_SHOULD_BE,
        public: Any = None,
    ) -> dict[str, str]:
        """What the form brings when it has been made; `public` in place of its own key."""
        said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
        credential = (
            AttestedCredentialData.create(bytes(16), b"its name", public) if public else self.credential
        )
        data = AuthenticatorData.create(
            hashlib.sha256(self.host.encode()).digest(),
            AuthenticatorData.FLAG(flags | AuthenticatorData.FLAG.AT),
            0,
            credential,
        )
        return {
            "client_data": text(json.dumps(said, separators=(",", ":")).encode()),
            "attestation": text(AttestationObject.create("none", data, {})),
        }
