"""ECDSA with P-256 as the one-file verifier does it, beside a published vector and another implementation."""

from __future__ import annotations

import hashlib
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from given import verifier

# RFC 6979, section A.2.5: the public key, and its signature over "sample" with SHA-256.
PUBLIC = bytes.fromhex(
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


def accepts(public: bytes, message: bytes, r: int, s: int) -> bool:
    try:
        return bool(verifier.is_ecdsa(public, hashlib.sha256(message).digest(), r, s))
    except verifier.Wrong:
        return False


def other_accepts(public: bytes, message: bytes, r: int, s: int) -> bool:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def test_the_published_vector_is_accepted_and_nothing_beside_it() -> None:
    assert accepts(PUBLIC, b"sample", R, S)
    assert accepts(PUBLIC, b"sample", R, ORDER - S)  # as everywhere: ECDSA knows both
    for r, s in ((R + 1, S), (R, S + 1), (S, R), (0, S), (R, 0), (R + ORDER, S), (R, S + ORDER), (-R, S)):
        assert not accepts(PUBLIC, b"sample", r, s)
    assert not accepts(PUBLIC, b"test", R, S)


@pytest.mark.parametrize("seed", range(8))
def test_another_implementation_judges_alike(seed: int) -> None:
    chance = random.Random(seed)
    key = ec.derive_private_key(chance.randrange(1, ORDER), ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    message = chance.randbytes(chance.randrange(200))
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    assert accepts(public, message, r, s)
    bit = 1 << chance.randrange(256)
    for case in ((public, message + b"x", r, s), (public, message, r ^ bit, s), (PUBLIC, message, r, s)):
        assert accepts(*case) is other_accepts(*case) is False


def test_what_is_no_point_of_the_curve_signs_nothing() -> None:
    x, y = PUBLIC[1:33], PUBLIC[33:]
    for public in (
        b"\2" + x,
        b"\4" + x + bytes(32),
        b"\4" + bytes(64),
        b"\3" + x + y,
        PUBLIC + b"\0",
        PUBLIC[:-1],
        b"",
    ):
        assert not accepts(public, b"sample", R, S)


def test_a_point_is_written_in_one_way() -> None:
    """The first coordinate 5, and the same beyond the prime."""
    root = pow(5**3 - 3 * 5 + B, (PRIME + 1) // 4, PRIME)
    small, beyond = (b"\4" + x.to_bytes(32, "big") + root.to_bytes(32, "big") for x in (5, 5 + PRIME))
    assert verifier.p256_point(small) == (5, root)
    with pytest.raises(verifier.Wrong):
        verifier.p256_point(beyond)


def test_small_keys_and_sums_that_vanish() -> None:
    """Keys 1 and -1 make sums of a point with itself, and with what it is opposite to."""
    for secret in (1, 2, ORDER - 1, ORDER - 2):
        key = ec.derive_private_key(secret, ec.SECP256R1())
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        r, s = decode_dss_signature(key.sign(b"sample", ec.ECDSA(hashes.SHA256())))
        assert accepts(public, b"sample", r, s)
        digest = int.from_bytes(hashlib.sha256(b"sample").digest(), "big") % ORDER
        for r in (digest, ORDER - digest, ORDER - 1, 1):
            for s in (1, r, ORDER - 1):
                assert accepts(public, b"sample", r, s) is other_accepts(public, b"sample", r, s)
