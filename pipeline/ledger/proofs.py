"""Proofs of RFC 6962: that an entry is in the ledger, and that a longer ledger begins with a shorter one.

Hashes are read in tiles of 256: the leaves' from the entries, those of complete subtrees of 256, 256 * 256
and so on from their table, so that a proof in a ledger of ten million entries reads a handful of tiles.
Whoever checks a proof does not trust what it was made from, so none of that is verified here.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from pipeline.errors import IntegrityError
from pipeline.ledger.merkle import EMPTY_ROOT, TILE, TILE_LEVELS, node_hash, root_of
from pipeline.ledger.tables import ENTRIES, SUBTREES


class Proofs:
    """Proofs from one state of the ledger; each tile is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def root(self, size: int) -> bytes:
        """The Merkle root of the first `size` entries; raises IntegrityError where there are fewer."""
        return self._range(0, size) if size else EMPTY_ROOT

    def peaks(self, size: int) -> list[bytes]:
        """The roots of the largest complete subtrees of the first `size` entries, as CompactRange keeps them.

        Raises IntegrityError where there are fewer.
        """
        levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
        return [self._node(level, (size >> level) - 1) for level in levels]

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """The audit path (RFC 6962 section 2.1.1) of entry `seq`, from 1, in the first `size` entries.

        Raises ValueError where the entry is not among them, IntegrityError where they are not all there.
        """
        if not 1 <= seq <= size:
            raise ValueError("that entry is not among those")
        path: list[bytes] = []
        low, high, place = 0, size, seq - 1
        while high - low > 1:
            middle = low + _split(high - low)
            if place < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof (RFC 6962 section 2.1.2) that the first `new` entries begin with the first `old`.

        Empty for `old` 0 or equal to `new`. Raises ValueError for an `old` that is longer, IntegrityError
        where the entries are not all there.
        """
        if not 0 <= old <= new:
            raise ValueError("a ledger does not begin with a longer one")
        path: list[bytes] = []
        low, high, whole = 0, new, True  # whole: what is left of the old tree is a subtree that it had itself
        while old and old < high:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low, whole = middle, False
        return ([] if whole else [self._range(low, high)]) + path[::-1]

    def _range(self, low: int, high: int) -> bytes:
        """The hash over the entries after `low` up to `high`; a complete subtree stands at its place."""
        many = high - low
        if many & (many - 1) == 0:
            level = many.bit_length() - 1
            return self._node(level, low >> level)
        middle = low + _split(many)
        return node_hash(self._range(low, middle), self._range(middle, high))

    def _node(self, level: int, number: int) -> bytes:
        """The root of a complete subtree of 2 ** level entries."""
        stored, above = divmod(level, TILE_LEVELS)
        many = 1 << above
        tile, start = divmod(number * many, TILE)
        hashes = self._tile(stored, tile)[start : start + many]
        if len(hashes) < many:
            raise IntegrityError(
                "The ledger is shorter than it was",
                do="Run `birthshare ledger verify`, and restore a backup.",
            )
        return root_of(hashes)

    def _tile(self, level: int, tile: int) -> list[bytes]:
        if (level, tile) not in self._tiles:
            self._tiles[level, tile] = self._read(level, tile * TILE)
        return self._tiles[level, tile]

    def _read(self, level: int, first: int) -> list[bytes]:
        if level == 0:
            number, value = ENTRIES.c.seq, ENTRIES.c.leaf_hash
            query = select(value).where(number > first, number <= first + TILE)
        else:
            number, value = SUBTREES.c.number, SUBTREES.c.hash
            here = (SUBTREES.c.level == level) & (number >= first) & (number < first + TILE)
            query = select(value).where(here)
        return [bytes.fromhex(one) for one in self._connection.execute(query.order_by(number)).scalars()]


def _split(many: int) -> int:
    """The largest power of two below `many`, which is at least 2."""
    return 1 << (many - 1).bit_length() - 1
