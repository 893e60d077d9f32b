"""A working file opens only whole, in order, under its own name, with its own key."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, SettingsError

KEY = bytes(range(32))
CHUNK = 1 << 20
HEADER, TAG = 47, 16


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_comes_back(length: int) -> None:
    content = os.urandom(length)
    sealed = at_rest.seal(content, KEY, name="births")
    assert at_rest.unseal(sealed, KEY, name="births") == content
    chunks = max(1, -(-length // CHUNK))
    assert len(sealed) == HEADER + length + chunks * TAG


def test_the_content_cannot_be_seen_and_two_seals_differ() -> None:
    content = b"a family's address" * 50
    first, second = (at_rest.seal(content, KEY, name="births") for _ in range(2))
    assert b"address" not in first
    assert first != second


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(IntegrityError, match="another key"):
        at_rest.unseal(at_rest.seal(b"content", KEY, name="births"), at_rest.new_key(), name="births")


def test_another_name_does_not_open_it() -> None:
    """A file that was exchanged for another of the same month is found out."""
    with pytest.raises(IntegrityError, match="renamed"):
        at_rest.unseal(at_rest.seal(b"content", KEY, name="births"), KEY, name="decisions")


@given(place=st.integers(min_value=0, max_value=HEADER + 100 + TAG - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(place: int, bit: int) -> None:
    sealed = bytearray(at_rest.seal(bytes(100), KEY, name="births"))
    sealed[place] ^= 1 << bit
    with pytest.raises(IntegrityError):
        at_rest.unseal(bytes(sealed), KEY, name="births")


def chunks_of(sealed: bytes) -> list[bytes]:
    """The sealed chunks behind the header."""
    body, step = sealed[HEADER:], CHUNK + TAG
    return [body[start : start + step] for start in range(0, len(body), step)]


@pytest.mark.parametrize(
    "order", [(0, 1), (0,), (), (1, 0, 2), (0, 2), (0, 1, 1, 2), (2,), (0, 1, 2, 2)], ids=str
)
def test_chunks_cannot_be_dropped_repeated_exchanged_or_cut_off(order: tuple[int, ...]) -> None:
    sealed = at_rest.seal(os.urandom(2 * CHUNK + 5), KEY, name="births")
    chunks = chunks_of(sealed)
    with pytest.raises(IntegrityError):
        at_rest.unseal(sealed[:HEADER] + b"".join(chunks[number] for number in order), KEY, name="births")


def test_chunks_of_two_files_cannot_be_mixed() -> None:
    first, second = (at_rest.seal(bytes(CHUNK + 1), KEY, name="births") for _ in range(2))
    mixed = first[:HEADER] + chunks_of(first)[0] + chunks_of(second)[1]
    with pytest.raises(IntegrityError):
        at_rest.unseal(mixed, KEY, name="births")


@pytest.mark.parametrize("sealed", [b"", b"BSHARE1\n", bytes(200)])
def test_what_is_not_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(IntegrityError, match="not sealed"):
        at_rest.unseal(sealed, KEY, name="births")


def test_a_wrapped_key_opens_only_under_its_wrapping_key() -> None:
    key, wrapping = at_rest.new_key(), at_rest.new_key()
    wrapped = at_rest.wrap(key, wrapping)
    assert key not in wrapped
    assert at_rest.unwrap(wrapped, wrapping) == key
    for other, altered in ((at_rest.new_key(), wrapped), (wrapping, wrapped[:-1] + b"\0"), (wrapping, b"")):
        with pytest.raises(IntegrityError, match="wrapped key"):
            at_rest.unwrap(altered, other)


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(33)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(SettingsError, match="32 bytes"):
        at_rest.seal(b"content", key, name="births")
