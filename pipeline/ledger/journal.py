"""Writing and reading entries, inside a transaction that somebody else holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, insert, select, update

from pipeline.errors import IntegrityError
from pipeline.ledger.entries import Body, Entry, Kind, Recorded, leaf, read_entry, write_body, write_moment
from pipeline.ledger.merkle import CompactRange, chain_hash, leaf_hash
from pipeline.ledger.tables import ENTRIES, HEAD

SomeBody = TypeVar("SomeBody", bound=Body)


class Head:
    """Where the ledger ends: its Merkle tree and the last link of its chain."""

    def __init__(self, tree: CompactRange, chain: bytes) -> None:
        self.tree, self.chain = tree, chain

    def add(self, leaf_digest: bytes) -> None:
        """Move on by one entry."""
        self.tree.append(leaf_digest)
        self.chain = chain_hash(self.chain, leaf_digest)

    def row(self) -> dict[str, Any]:
        """As the table keeps it."""
        nodes = " ".join(node.hex() for node in self.tree.nodes)
        return {"size": self.tree.size, "chain_hash": self.chain.hex(), "nodes": nodes}


def read_head(connection: Connection) -> Head:
    """The head; raises IntegrityError where it does not belong to the last entry.

    A ledger that does not fit together is not written to: that would bury the damage.
    """
    row = connection.execute(select(HEAD.c.size, HEAD.c.chain_hash, HEAD.c.nodes)).one_or_none()
    last = connection.execute(_last_entry()).one_or_none()
    if row is not None and (last is None or (last.seq, last.chain_hash) == (row.size, row.chain_hash)):
        try:
            nodes = [bytes.fromhex(node) for node in row.nodes.split()]
            head = Head(CompactRange(row.size, nodes), bytes.fromhex(row.chain_hash))
        except ValueError:
            pass
        else:
            if last is not None or head.tree.size == 0:
                return head
    raise IntegrityError(
        "The ledger's head does not belong to its last entry",
        do="Nothing was recorded. Run `birthshare ledger verify` and restore the database from a backup.",
    )


def write(connection: Connection, entries: Sequence[Entry], at: datetime) -> list[int]:
    """Record entries after the last one; gives their numbers. The caller holds the ledger's lock."""
    head = read_head(connection)
    moment = write_moment(at)
    rows = [_next_row(head, entry, moment) for entry in entries]
    if rows:
        connection.execute(insert(ENTRIES), rows)
        connection.execute(update(HEAD).values(**head.row()))
    return [row["seq"] for row in rows]


def read(
    connection: Connection,
    *,
    month: str | None,
    kinds: Collection[Kind] | None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[Recorded]:
    """Entries after number `after`, in order, of one month (`""`: of none) and of some kinds."""
    columns = (ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.month, ENTRIES.c.at, ENTRIES.c.body)
    query = select(*columns).where(ENTRIES.c.seq > after).order_by(ENTRIES.c.seq).limit(limit)
    if month is not None:
        query = query.where(ENTRIES.c.month == month)
    if kinds is not None:
        query = query.where(ENTRIES.c.kind.in_([str(kind) for kind in kinds]))
    for row in connection.execute(query):
        yield read_entry(*row)


def bodies(
    connection: Connection, body: type[SomeBody], month: str, *, after: int = 0
) -> dict[int, SomeBody]:
    """One month's bodies of one kind, by the number of their entry.

    What is said of an entry comes `after` it; whoever knows that need not read what came before.
    """
    found = read(connection, month=month, kinds=[body.kind], after=after)
    return {entry.seq: entry.body for entry in found if isinstance(entry.body, body)}


def _last_entry() -> Select[int, str]:
    return select(ENTRIES.c.seq, ENTRIES.c.chain_hash).order_by(ENTRIES.c.seq.desc()).limit(1)


def _next_row(head: Head, entry: Entry, moment: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "seq": head.tree.size + 1,
        "kind": str(entry.kind),
        "month": entry.month,
        "at": moment,
        "body": write_body(entry.body),
    }
    digest = leaf_hash(leaf(**row))
    head.add(digest)
    return {**row, "leaf_hash": digest.hex(), "chain_hash": head.chain.hex()}
