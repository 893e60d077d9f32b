"""Ed25519 as the one-file verifier does it: the published vectors, and another implementation beside it."""

from __future__ import annotations

import hashlib
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from given import verifier

# RFC 8032 section 7.1: public key, message, signature.
VECTORS = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
        "3dca179c138ac17ad9bef1177331a704",
    ),
}
ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = (  # every point of order 1, 2, 4 and 8, in its one encoding
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)


def accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return bool(verifier.is_signed(public, message, signature))
    except verifier.Wrong:
        return False


def other_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", VECTORS)
def test_the_published_vectors_are_good(name: str) -> None:
    public, message, signature = map(bytes.fromhex, VECTORS[name])
    assert accepts(public, message, signature)
    assert not accepts(public, message + b".", signature)


def test_it_says_what_another_implementation_says() -> None:
    dice = random.Random(7)
    for _ in range(25):
        private = Ed25519PrivateKey.from_private_bytes(dice.randbytes(32))
        public, message = private.public_key().public_bytes_raw(), dice.randbytes(dice.randrange(200))
        signature = private.sign(message)
        assert accepts(public, message, signature)
        for part in (public, message or b"-", signature):
            place = dice.randrange(len(part))
            wrong = part[:place] + bytes([part[place] ^ 1 << dice.randrange(8)]) + part[place + 1 :]
            asked = [wrong if one is part else one for one in (public, message or b"-", signature)]
            assert not accepts(*asked)
            assert not other_accepts(*asked)


def test_no_second_signature_can_be_made_from_a_first() -> None:
    public, message, signature = map(bytes.fromhex, VECTORS["TEST 3"])
    s = int.from_bytes(signature[32:], "little")
    for more in range(1, 8):
        again = signature[:32] + (s + more * ORDER).to_bytes(33, "little")[:32]
        assert not accepts(public, message, again)
        assert not other_accepts(public, message, again)


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(public: str) -> None:
    for r in SMALL_ORDER:
        assert not accepts(bytes.fromhex(public), b"anything", bytes.fromhex(r) + bytes(32))


def test_a_key_or_point_has_one_encoding() -> None:
    p = 2**255 - 19
    for y in range(p, 2**255):
        for sign in (0, 1):
            encoded = (y | sign << 255).to_bytes(32, "little")
            with pytest.raises(verifier.Wrong):
                verifier.point_of(encoded)
    for x_is_zero in (1, p - 1):
        with pytest.raises(verifier.Wrong):
            verifier.point_of((x_is_zero | 1 << 255).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 32, 63, 65])
def test_a_signature_has_one_length(length: int) -> None:
    public, message, signature = map(bytes.fromhex, VECTORS["TEST 2"])
    assert not accepts(public, message, (signature + b"\0")[:length])
    assert not accepts(public[:31], message, signature)


def test_whatever_it_accepts_the_other_accepts_too() -> None:
    """Strange keys and points, put together in every way: it may be stricter, and never laxer."""
    dice = random.Random(11)
    points = [bytes.fromhex(one) for one in SMALL_ORDER] + [bytes.fromhex(one[0]) for one in VECTORS.values()]
    for public in points:
        for r in points:
            s = dice.choice((0, 1, ORDER - 1)).to_bytes(32, "little")
            assert accepts(public, b"m", r + s) <= other_accepts(public, b"m", r + s)
