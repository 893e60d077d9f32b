"""Entries exactly as they are hashed, to be shown to somebody who checks them without us.

Nothing is opened or interpreted here: what goes out are the very columns that the Merkle tree is over,
and beside an entry, for whoever may have it, what opens its commitment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from sqlalchemy import select

from pipeline.ledger.entries import leaf
from pipeline.ledger.journal import with_openings
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.tables import ENTRIES, OPENINGS

_AT_ONCE = 500  # numbers in one question; databases limit them
_PAGE = 1000


@dataclass(frozen=True)
class Leaf:
    """One entry's columns; `salt` and `said` open its commitment, and are None where nothing does."""

    seq: int
    kind: str
    month: str
    at: str  # UTC, ISO 8601 to the microsecond
    body: str  # canonical JSON
    salt: str | None = field(default=None, repr=False)
    said: str | None = field(default=None, repr=False)

    @property
    def content(self) -> bytes:
        """The bytes that are hashed."""
        return leaf(self.seq, self.kind, self.month, self.at, self.body)


def leaves(ledger: Ledger, numbers: Collection[int]) -> list[Leaf]:
    """The entries with these numbers, in order; those that are not there are left out."""
    wanted = sorted(set(numbers))
    columns = (ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.month, ENTRIES.c.at, ENTRIES.c.body)
    query = select(*columns, OPENINGS.c.salt, OPENINGS.c.said).select_from(with_openings())
    found: list[Leaf] = []
    with ledger.database.reading() as connection:
        for first in range(0, len(wanted), _AT_ONCE):
            some = query.where(ENTRIES.c.seq.in_(wanted[first : first + _AT_ONCE]))
            found += [Leaf(*row) for row in connection.execute(some.order_by(ENTRIES.c.seq))]
    return found


def first_leaves(ledger: Ledger, size: int) -> Iterator[Leaf]:
    """The first `size` entries, in order and without openings, in memory that does not grow with them.

    Page by page, which keeps no writer waiting, since they never change. Fewer where some are missing.
    """
    columns = (ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.month, ENTRIES.c.at, ENTRIES.c.body)
    query = select(*columns).where(ENTRIES.c.seq <= size).order_by(ENTRIES.c.seq).limit(_PAGE)
    after = 0
    while after < size:
        with ledger.database.reading() as connection:
            page = [Leaf(*row) for row in connection.execute(query.where(ENTRIES.c.seq > after))]
        yield from page
        after = page[-1].seq if page else size


def numbers_of(ledger: Ledger, month: str) -> list[int]:
    """The numbers of a month's entries, in order."""
    query = select(ENTRIES.c.seq).where(ENTRIES.c.month == month)
    with ledger.database.reading() as connection:
        return sorted(connection.execute(query).scalars())


def numbers_between(ledger: Ledger, since: str, until: str) -> list[int]:
    """The numbers of the entries from one moment until before another, both as `write_moment` gives them."""
    query = select(ENTRIES.c.seq).where(ENTRIES.c.at >= since, ENTRIES.c.at < until)
    with ledger.database.reading() as connection:
        return list(connection.execute(query.order_by(ENTRIES.c.seq)).scalars())
