"""Proofs: whoever holds a checkpoint can check them without the ledger (RFC 6962, section 2.1)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from datetime import datetime

import pytest
import sqlalchemy as sa

from pipeline.errors import IntegrityError
from pipeline.ledger.consistency import is_consistent
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import CompactRange

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


def test_every_proof_convinces_whoever_checks_it_as_the_standard_says(
    ledger: Ledger, leaves: list[bytes]
) -> None:
    chance = random.Random(1)
    with ledger.proving() as proofs:
        for _ in range(200):
            new = chance.randint(1, len(leaves))
            seq, old = chance.randint(1, new), chance.randint(1, new)
            root, path = proofs.root(new), proofs.inclusion(seq, new)
            assert includes(seq - 1, new, leaves[seq - 1], path, root), (seq, new)
            between = proofs.consistency(old, new)
            assert grew(old, new, proofs.root(old), root, between), (old, new)
            assert is_consistent(old, proofs.root(old), new, root, between), (old, new)
            if path:
                assert not includes(seq - 1, new, leaves[seq - 1], changed(path, chance), root)
                assert not includes(seq - 1, new, leaves[seq - 1], path[1:], root)
            if between:
                assert not grew(old, new, proofs.root(old), root, changed(between, chance))
                assert not is_consistent(old, proofs.root(old), new, root, changed(between, chance))


def changed(proof: list[bytes], chance: random.Random) -> list[bytes]:
    """The same proof, one bit of it changed."""
    place = chance.randrange(len(proof))
    other = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    return [*proof[:place], other, *proof[place + 1 :]]


def includes(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2, step by step."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def grew(first: int, second: int, first_hash: bytes, second_hash: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, step by step."""
    if first == second or not path:
        return first == second and not path and first_hash == second_hash
    nodes = [first_hash, *path] if first.bit_count() == 1 else list(path)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_hash and sr == second_hash and sn == 0


def test_the_peaks_are_those_of_a_tree_that_grew_so_far(ledger: Ledger, leaves: list[bytes]) -> None:
    tree, peaks = CompactRange(), {}
    for leaf in leaves:
        tree.append(leaf)
        peaks[tree.size] = list(tree.nodes)
    with ledger.proving() as proofs:
        assert {size: proofs.peaks(size) for size in SIZES} == {size: peaks[size] for size in SIZES}


def test_nothing_is_proved_of_what_is_not_there(ledger: Ledger, leaves: list[bytes]) -> None:
    with ledger.proving() as proofs:
        with pytest.raises(ValueError, match="not among those"):
            proofs.inclusion(8, 7)
        with pytest.raises(ValueError, match="longer"):
            proofs.consistency(8, 7)
        with pytest.raises(IntegrityError, match="shorter"):
            proofs.inclusion(1, len(leaves) + 1)
