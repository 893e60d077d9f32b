"""Hashes: the Merkle tree of RFC 6962, kept as a compact range, and the chain from row to row.

A compact range is the list of the roots of the largest complete subtrees, from the left: at most
one for each bit of the size. It is all that is needed to add a leaf and to know the root, so a
ledger of any length is extended, and verified, in little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
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


def chain_hash(before: bytes, leaf: bytes) -> bytes:
    """The chain's next link: binds a leaf's hash to the link of the row before (CHAIN_START at first)."""
    return hashlib.sha256(before + leaf).digest()


class CompactRange:
    """A Merkle tree that only grows: its size and the roots of its complete subtrees."""

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Take up a tree where it was left; ValueError where `nodes` cannot belong to that size."""
        self.size = size
        self.nodes = list(nodes)
        self._completed: list[tuple[int, int, bytes]] = []
        if size < 0 or len(self.nodes) != size.bit_count():
            raise ValueError("a compact range has one node for each bit of its size")

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        node, left, level = leaf, self.size, 0
        while left & 1:
            node = node_hash(self.nodes.pop(), node)
            left >>= 1
            level += 1
            if level % TILE_LEVELS == 0:
                self._completed.append((level // TILE_LEVELS, left, node))
        self.nodes.append(node)
        self.size += 1

    def completed(self) -> list[tuple[int, int, bytes]]:
        """Subtrees of 256 ** level leaves that became complete since this was asked: level, number, root."""
        found, self._completed = self._completed, []
        return found

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        if not self.nodes:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), reversed(self.nodes))
