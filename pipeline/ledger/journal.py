"""Writing and reading entries, inside a transaction that somebody else holds."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Join, Select, bindparam, func, insert, select, update

from pipeline.errors import IntegrityError
from pipeline.ledger.entries import Body, Entry, Kind, Recorded, leaf, read_entry, write_body, write_moment
from pipeline.ledger.merkle import CompactRange, chain_hash, leaf_hash
from pipeline.ledger.tables import ENTRIES, HEAD, OPENINGS, SUBTREES

SALT_BYTES = 32
_AT_ONCE = 500  # numbers in one question; databases limit them

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
    heads = connection.execute(select(HEAD.c.size, HEAD.c.chain_hash, HEAD.c.nodes).limit(2)).all()
    row = heads[0] if len(heads) == 1 else None
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
    openings: list[dict[str, Any]] = []
    rows = [_next_row(head, entry, moment, openings) for entry in entries]
    if rows:
        connection.execute(insert(ENTRIES), rows)
        connection.execute(update(HEAD).values(**head.row()))
    if openings:
        connection.execute(insert(OPENINGS), openings)
    if subtrees := head.tree.completed():
        connection.execute(insert(SUBTREES), [subtree_row(*one) for one in subtrees])
    return [row["seq"] for row in rows]


def subtree_row(level: int, number: int, root: bytes) -> dict[str, Any]:
    """A complete subtree as the table keeps it."""
    return {"level": level, "number": number, "hash": root.hex()}


def read(
    connection: Connection,
    *,
    month: str | None,
    kinds: Collection[Kind] | None,
    after: int = 0,
    limit: int | None = None,
) -> Iterator[Recorded]:
    """Entries after number `after`, in order, of one month (`""`: of none) and of some kinds."""
    names = () if kinds is None else tuple(map(str, kinds))
    query = _asked(of_month=month is not None, of_kinds=kinds is not None, limited=limit is not None)
    said = {"after": after, "of_month": month, "of_kinds": names, "most": limit}
    for row in connection.execute(query, said):
        yield read_entry(*row)


@cache
def _asked(*, of_month: bool, of_kinds: bool, limited: bool) -> Select[Any]:
    """The statement, made once: to make one takes longer than most answers."""
    query = _entries().where(ENTRIES.c.seq > bindparam("after"))
    if of_month:
        query = query.where(ENTRIES.c.month == bindparam("of_month"))
    if of_kinds:
        query = query.where(ENTRIES.c.kind.in_(bindparam("of_kinds", expanding=True)))
    return query.limit(bindparam("most")) if limited else query


def newest(connection: Connection, kind: Kind) -> Recorded | None:
    """The newest entry of a kind."""
    last = select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.kind == str(kind))
    number = connection.execute(last).scalar()
    return None if number is None else next(numbered(connection, [number]), None)


def numbered(connection: Connection, numbers: Sequence[int]) -> Iterator[Recorded]:
    """The entries with these numbers, in order."""
    wanted = sorted(set(numbers))
    for first in range(0, len(wanted), _AT_ONCE):
        query = _entries().where(ENTRIES.c.seq.in_(wanted[first : first + _AT_ONCE]))
        for row in connection.execute(query):
            yield read_entry(*row)


def entries_where(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[Recorded]:
    """The entries of which all of this holds, in order."""
    for row in connection.execute(_entries().where(*conditions)):
        yield read_entry(*row)


def _entries() -> Select[Any]:
    columns = (ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.month, ENTRIES.c.at, ENTRIES.c.body, OPENINGS.c.said)
    return select(*columns).select_from(with_openings()).order_by(ENTRIES.c.seq)


def with_openings() -> Join:
    """Entries beside what opens them, where anything does."""
    return ENTRIES.outerjoin(OPENINGS, OPENINGS.c.entry == ENTRIES.c.seq)


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


def _next_row(head: Head, entry: Entry, moment: str, openings: list[dict[str, Any]]) -> dict[str, Any]:
    """The entry's row; what opens it, if it is about somebody, is added to `openings`."""
    salt = secrets.token_bytes(SALT_BYTES)  # not handed in: a salt that somebody could foretell hides nothing
    body, said = write_body(entry.body, salt)
    if said:
        openings.append({"entry": head.tree.size + 1, "salt": salt.hex(), "said": said})
    row: dict[str, Any] = {
        "seq": head.tree.size + 1,
        "kind": str(entry.kind),
        "month": entry.month,
        "at": moment,
        "body": body,
    }
    digest = leaf_hash(leaf(**row))
    head.add(digest)
    return {**row, "leaf_hash": digest.hex(), "chain_hash": head.chain.hex()}
