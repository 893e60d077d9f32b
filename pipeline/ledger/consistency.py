"""Whether a longer ledger begins with a shorter one, for somebody who holds nothing but their roots."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.ledger.merkle import EMPTY_ROOT, node_hash


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the first of `new` entries are the `old` ones (RFC 9162 section 2.1.4.2).

    A ledger without entries has the root of an empty tree, and every ledger begins with it: without a proof.
    """
    if old > new or (new == 0 and new_root != EMPTY_ROOT) or (old == 0 and old_root != EMPTY_ROOT):
        return False
    if old in (0, new):
        return not proof and (old == 0 or old_root == new_root)
    nodes = list(proof) if old & (old - 1) else [old_root, *proof]
    return bool(nodes) and _climbed(old - 1, new - 1, nodes) == (old_root, new_root)


def _climbed(old: int, new: int, nodes: list[bytes]) -> tuple[bytes, bytes] | None:
    """The two roots that a proof leads to from the last places of both trees; None where to nowhere."""
    while old & 1:
        old, new = old >> 1, new >> 1
    old_hash = new_hash = nodes[0]
    for node in nodes[1:]:
        if new == 0:
            return None
        if old & 1 or old == new:
            old_hash, new_hash = node_hash(node, old_hash), node_hash(node, new_hash)
            while old and not old & 1:
                old, new = old >> 1, new >> 1
        else:
            new_hash = node_hash(new_hash, node)
        old, new = old >> 1, new >> 1
    return (old_hash, new_hash) if new == 0 else None
