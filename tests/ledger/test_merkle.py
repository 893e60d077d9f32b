"""Hashes are those of RFC 6962, and a tree that grew leaf by leaf is the tree made at once.

The known answers are those of the Certificate Transparency project: kInputs, kSHA256Roots, kSHA256Paths and
kSHA256Proofs in cpp/merkletree/merkle_tree_test.cc of github.com/google/certificate-transparency.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.consistency import is_consistent
from pipeline.ledger.entries import Entry, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import EMPTY_ROOT, TILE, CompactRange, leaf_hash

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

_96A2 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
_5F08 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
_6B47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
_BC1A = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
_CA85 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
_0EBC = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
PATHS = {  # entry, from 1, and size
    (1, 1): [],
    (1, 8): [_96A2, _5F08, _6B47],
    (6, 8): [_BC1A, _CA85, ROOTS[4]],
    (3, 3): [ROOTS[2]],
    (2, 5): [ROOTS[1], _5F08, _BC1A],
}
PROOFS = {  # old and new size
    (1, 1): [],
    (1, 8): [_96A2, _5F08, _6B47],
    (6, 8): [_0EBC, _CA85, ROOTS[4]],
    (2, 5): [_5F08, _BC1A],
}


def grown(leaves: list[bytes]) -> CompactRange:
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    return tree


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = root_by_definition(leaves[:split]), root_by_definition(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_published_roots_are_met(size: int) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in LEAVES[:size]]
    assert grown(leaves).root().hex() == ROOTS[size]


@pytest.fixture
def published(ledger: Ledger, unguarded: None, administrator: sa.Engine) -> Ledger:
    """A ledger of which the tree is over the published leaves."""
    ledger.append(*[Entry(MonthClosed(), "2026-10")] * len(LEAVES), at=datetime(2026, 11, 3, tzinfo=UTC))
    with administrator.begin() as connection:
        for seq, leaf in enumerate(LEAVES, start=1):
            values = {"hash": leaf_hash(bytes.fromhex(leaf)).hex(), "seq": seq}
            connection.execute(sa.text("UPDATE entries SET leaf_hash = :hash WHERE seq = :seq"), values)
    return ledger


def test_published_proofs_are_met(published: Ledger) -> None:
    with published.proving() as proofs:
        paths = {key: [node.hex() for node in proofs.inclusion(*key)] for key in PATHS}
        consistent = {key: [node.hex() for node in proofs.consistency(*key)] for key in PROOFS}
        assert [proofs.root(size).hex() for size in range(len(ROOTS))] == ROOTS
    assert (paths, consistent) == (PATHS, PROOFS)


@pytest.mark.parametrize(("old", "new"), PROOFS)
def test_published_proofs_of_consistency_convince(old: int, new: int) -> None:
    proof = [bytes.fromhex(node) for node in PROOFS[old, new]]
    roots = bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new])
    assert is_consistent(old, roots[0], new, roots[1], proof)
    assert not is_consistent(old, roots[0], new, roots[1], [*proof, roots[0]])
    assert not is_consistent(old, bytes(32), new, roots[1], proof)


@pytest.mark.parametrize("size", range(71))
def test_the_root_is_that_of_the_definition_at_every_size(size: int) -> None:
    leaves = [str(number).encode() for number in range(size)]
    assert grown(leaves).root() == root_by_definition(leaves)


@given(st.lists(st.binary(max_size=8), max_size=40), st.lists(st.binary(max_size=8), max_size=40))
def test_a_tree_taken_up_again_grows_as_if_it_had_never_been_left(
    before: list[bytes], after: list[bytes]
) -> None:
    left = grown(before)
    taken_up = CompactRange(left.size, left.nodes)
    for leaf in after:
        taken_up.append(leaf_hash(leaf))
    assert taken_up.root() == root_by_definition(before + after)


@pytest.mark.parametrize("asked_at", [(), (1,), (TILE - 1, TILE, TILE + 1), range(1, 2 * TILE + 40)])
def test_a_tree_that_is_asked_at_any_time_is_the_same(asked_at: Collection[int]) -> None:
    """Leaves are taken in a tile at a time, unless the root is wanted before the tile is full."""
    leaves = [str(number).encode() for number in range(2 * TILE + 40)]
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
        if tree.size in asked_at:
            assert tree.root() == root_by_definition(leaves[: tree.size])
    assert tree.root() == root_by_definition(leaves)
    tiles = [root_by_definition(leaves[:TILE]), root_by_definition(leaves[TILE : 2 * TILE])]
    assert tree.completed() == [(1, 0, tiles[0]), (1, 1, tiles[1])]
    assert tree.completed() == []


def test_an_empty_tree_has_the_root_of_nothing() -> None:
    assert CompactRange().root() == EMPTY_ROOT


@pytest.mark.parametrize(("size", "nodes"), [(1, []), (2, [bytes(32)] * 2), (3, [bytes(32)]), (-1, [])])
def test_nodes_that_do_not_belong_to_a_size_are_refused(size: int, nodes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="one node for each bit"):
        CompactRange(size, nodes)
