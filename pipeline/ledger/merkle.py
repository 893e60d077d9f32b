"""Hashes: the Merkle tree of RFC 6962, kept as a compact range, and the chain from row to row.

A compact range is the list of the roots of the largest complete subtrees, from the left: at most
one for each bit of the size. It is all that is needed to add a leaf and to know the root, so a
ledger of any length is extended, and verified, in little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import reduce

# Domain separation, RFC 6962 section 2.1: a leaf can never pass for a node.
_LEAF, _NODE = b"\x00", b"\x01"

# The tree is kept and read in tiles of eight levels: 256 hashes side by side.
TILE_LEVELS = 8
TILE = 1 << TILE_LEVELS

EMPTY_ROOT = hashlib.sha256(b"").digest()
CHAIN_START = bytes(32)


def leaf_hash(content: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(_LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two children."""
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes of one level; there are 1, 2, 4, 8 ... of them."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def chain_hash(before: bytes, leaf: bytes) -> bytes:
    """The chain's next link: binds a leaf's hash to the link of the row before (CHAIN_START at first)."""
    return hashlib.sha256(before + leaf).digest()


class CompactRange:
    """A Merkle tree that only grows: its size and the roots of its complete subtrees.

    Leaves are put together a tile at a time, which takes half as long as one by one.
    """

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Take up a tree where it was left; ValueError where `nodes` cannot belong to that size."""
        self.size = size
        self._nodes = list(nodes)
        self._leaves: list[bytes] = []  # the newest, which are in no node yet
        self._completed: list[tuple[int, int, bytes]] = []
        if size < 0 or len(self._nodes) != size.bit_count():
            raise ValueError("a compact range has one node for each bit of its size")

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        self._leaves.append(leaf)
        self.size += 1
        if self.size % TILE == 0:
            self._take_in()

    @property
    def nodes(self) -> list[bytes]:
        """The roots of the largest complete subtrees, from the left."""
        self._take_in()
        return self._nodes

    def completed(self) -> list[tuple[int, int, bytes]]:
        """Subtrees of 256 ** level leaves that became complete since this was asked: level, number, root."""
        found, self._completed = self._completed, []
        return found

    def _take_in(self) -> None:
        leaves, self._leaves = self._leaves, []
        first = self.size - len(leaves)
        if len(leaves) == TILE:
            self._add(TILE_LEVELS, first >> TILE_LEVELS, root_of(leaves))
        else:
            for place, leaf in enumerate(leaves, first):
                self._add(0, place, leaf)

    def _add(self, level: int, number: int, node: bytes) -> None:
        """The next complete subtree of 2 ** level leaves, with all that it completes."""
        while True:
            if level and level % TILE_LEVELS == 0:
                self._completed.append((level // TILE_LEVELS, number, node))
            if not number & 1:
                break
            node, level, number = node_hash(self._nodes.pop(), node), level + 1, number >> 1
        self._nodes.append(node)

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        if not self.nodes:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), reversed(self.nodes))
