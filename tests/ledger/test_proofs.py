"""Proofs: whoever holds a checkpoint can check them without the ledger (RFC 6962, section 2.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import pytest
import sqlalchemy as sa

from pipeline.errors import IntegrityError
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger

CLOSED = Entry(MonthClosed(), "2026-10")
SIZES = (1, 2, 3, 7, 8, 255, 256, 257, 512, 700)


def tree(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, as the standard writes it."""
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return node(tree(leaves[:middle]), tree(leaves[middle:]))


def path(place: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if place < middle:
        return [*path(place, leaves[:middle]), tree(leaves[middle:])]
    return [*path(place - middle, leaves[middle:]), tree(leaves[:middle])]


def proof(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962."""
    if old == len(leaves):
        return [] if whole else [tree(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return [*proof(old, leaves[:middle], whole), tree(leaves[middle:])]
    return [*proof(old - middle, leaves[middle:], whole=False), tree(leaves[:middle])]


def split(many: int) -> int:
    middle = 1
    while middle * 2 < many:
        middle *= 2
    return middle


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.fixture
def leaves(ledger: Ledger, now: datetime, administrator: sa.Engine) -> list[bytes]:
    """The leaves of a ledger that has two complete subtrees of 256 and something more."""
    for many in (100, 200, 212, 188):  # so that subtrees are completed within a batch and at its end
        ledger.append(*[CLOSED] * many, at=now)
    with administrator.begin() as connection:
        found = connection.execute(sa.text("SELECT leaf_hash FROM entries ORDER BY seq")).scalars().all()
    return [bytes.fromhex(one) for one in found]


def test_roots_are_those_of_the_standard(ledger: Ledger, leaves: list[bytes]) -> None:
    with ledger.proving() as proofs:
        assert [proofs.root(size) for size in SIZES] == [tree(leaves[:size]) for size in SIZES]


def test_audit_paths_are_those_of_the_standard(ledger: Ledger, leaves: list[bytes]) -> None:
    with ledger.proving() as proofs:
        for size in SIZES:
            for seq in {1, 2, size // 2 or 1, max(1, size - 1), size, min(256, size)}:
                if seq <= size:
                    assert proofs.inclusion(seq, size) == path(seq - 1, leaves[:size]), (seq, size)


def test_consistency_proofs_are_those_of_the_standard(ledger: Ledger, leaves: list[bytes]) -> None:
    with ledger.proving() as proofs:
        for new in SIZES:
            for old in {1, 2, 3, 6, 128, 256, 300, 511, 512, new}:
                if old <= new:
                    assert proofs.consistency(old, new) == proof(old, leaves[:new]), (old, new)
            assert proofs.consistency(0, new) == []


def test_nothing_is_proved_of_what_is_not_there(ledger: Ledger, leaves: list[bytes]) -> None:
    with ledger.proving() as proofs:
        with pytest.raises(ValueError, match="not among those"):
            proofs.inclusion(8, 7)
        with pytest.raises(ValueError, match="longer"):
            proofs.consistency(8, 7)
        with pytest.raises(IntegrityError, match="shorter"):
            proofs.inclusion(1, len(leaves) + 1)
