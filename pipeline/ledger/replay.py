"""Reading the ledger again, to see whether it still says what was recorded: all of it, or since a checkpoint.

Entries stream through, a stretch at a time with what stands beside it; what is kept is the Merkle tree's
compact range, the checkpoints (one a month and a night) and a number for each permit. Inside a transaction
that somebody else holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from pipeline.errors import IntegrityError
from pipeline.ledger.beside import Beside, rows
from pipeline.ledger.consistency import is_consistent
from pipeline.ledger.entries import leaf
from pipeline.ledger.failures import is_no_text
from pipeline.ledger.findings import Damage, FoundError, Problem, Verification
from pipeline.ledger.journal import Head
from pipeline.ledger.merkle import CHAIN_START, CompactRange, leaf_hash
from pipeline.ledger.promises import CheckNote, Promise, promise, stored, told
from pipeline.ledger.proofs import Proofs
from pipeline.ledger.shapes import Shapes
from pipeline.ledger.tables import ENTRIES, HEAD

_PAGE = 2048  # entries at once

Watch = Callable[[int, int], None]  # entries read, of how many


def no_watch(read: int, total: int) -> None:
    """Nobody is looking."""


def replay(
    connection: Connection,
    *,
    check_note: CheckNote | None = None,
    kept_elsewhere: Iterable[str] = (),
    since: str | None = None,
    believed: Promise | None = None,
    watch: Watch = no_watch,
) -> Verification:
    """Recompute everything from the entries, or from those after the checkpoint `since`, a signed note.

    `believed` goes farther: up to there everything was read before, and only the tree's hashes are compared.
    `check_note` gives a signed note's text and raises a BirthshareError where no signature is
    genuine; without it signatures are not looked at. `kept_elsewhere`: notes from outside the
    database, which must agree too.
    """
    notes = tuple(kept_elsewhere)

    def again() -> Verification:
        try:
            start = believed or (promise(since, check_note) if since else None)
            head = _head_at(connection, start) if start else beginning()
        except FoundError as found:
            return Verification(0, CompactRange().root().hex(), 0, found.problem)
        return read_to_end(connection, head, check_note=check_note, kept_elsewhere=notes, watch=watch)

    try:
        return again()
    except DBAPIError as error:
        if not is_no_text(error):
            raise
    with _any_bytes(connection):
        return again()


@contextmanager
def _any_bytes(connection: Connection) -> Iterator[None]:
    """SQLite's text may be bytes that are none. Read them all the same, so that the damage can be named.

    They become what the ledger never writes: no JSON has "\\x".
    """
    driver: Any = connection.connection.dbapi_connection
    driver.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
    try:
        yield
    finally:
        driver.text_factory = str


def beginning() -> Head:
    """Where every ledger begins."""
    return Head(CompactRange(), CHAIN_START)


def read_to_end(
    connection: Connection,
    head: Head,
    *,
    check_note: CheckNote | None = None,
    kept_elsewhere: Iterable[str] = (),
    watch: Watch = no_watch,
) -> Verification:
    """As `replay`, from `head` on, which is believed; it is moved to the ledger's end."""
    since = head.tree.size
    promises = stored(connection, check_note, since=since)
    checkpoints = len(promises)
    promises += told(kept_elsewhere, check_note)
    problem = None
    try:
        _check_older(connection, head, promises)
        beside = Beside(connection, since=since)
        _check_entries(connection, head, beside, promises, watch)
        _check_end(connection, head, promises)
        beside.check_end(head.tree.size)
    except FoundError as found:
        problem = found.problem
    return Verification(head.tree.size, head.tree.root().hex(), checkpoints, problem, since)


def _head_at(connection: Connection, checkpoint: Promise) -> Head:
    """Where the ledger stood at a checkpoint: the tree is the one that was signed.

    What the chain's link was is read and not proved: the next entry's link would not fit another one.
    """
    size = checkpoint.size
    if checkpoint.damage is not None:
        raise FoundError(checkpoint.damage, size)
    if size == 0:
        return beginning()
    newest = connection.execute(select(func.max(ENTRIES.c.seq))).scalar() or 0
    if isinstance(newest, int) and newest < size:  # SQLite stores what it is given, as below
        raise FoundError(Damage.MISSING, newest + 1)
    try:
        tree = CompactRange(size, Proofs(connection).peaks(size))
        [link] = connection.execute(select(ENTRIES.c.chain_hash).where(ENTRIES.c.seq == size)).scalars()
        head = Head(tree, bytes.fromhex(link))
    except (IntegrityError, ValueError, TypeError):  # hashes are missing, or are none
        raise FoundError(Damage.ROOT, size) from None
    if tree.root() != checkpoint.root:
        raise FoundError(Damage.ROOT, size)
    return head


def _check_older(connection: Connection, head: Head, promises: Collection[Promise]) -> None:
    """What is kept elsewhere of the time before `head` must be a beginning of it."""
    size, root, proofs = head.tree.size, head.tree.root(), Proofs(connection)
    for older in promises:
        if older.damage is None and older.size < size:
            try:
                proof = proofs.consistency(older.size, size)
                fits = is_consistent(older.size, older.root, size, root, proof)
            except (IntegrityError, ValueError, TypeError):
                fits = False
            if not fits:
                raise FoundError(Damage.ROOT, older.size)


def _check_entries(
    connection: Connection, head: Head, beside: Beside, promises: Collection[Promise], watch: Watch
) -> None:
    promised: defaultdict[int, set[bytes]] = defaultdict(set)
    for one in promises:
        if one.damage is None:
            promised[one.size].add(one.root)
    tree, shapes = head.tree, Shapes()
    _check_promised(tree, promised)
    total = connection.execute(select(func.max(ENTRIES.c.seq))).scalar() or 0
    after = tree.size or None  # from the very beginning also what is before the first
    last: int | None = 0
    while last is not None:
        entries = _page(connection, after)
        last = entries[-1][0] if len(entries) == _PAGE else None  # the last stretch has no end
        beside.turn_to(after, last)
        for row in entries:
            _check_link(connection, row, head, shapes)
            beside.check(row[0], row[1], row[2], row[4])
            if tree.size in promised:
                _check_promised(tree, promised)
        beside.check_subtrees(tree.completed())
        watch(tree.size, total)
        after = last


def _page(connection: Connection, after: int | None) -> Sequence[Any]:
    query = select(ENTRIES).order_by(ENTRIES.c.seq).limit(_PAGE)
    if after is not None:
        query = query.where(ENTRIES.c.seq > after)
    return rows(connection, query)


def _check_link(connection: Connection, row: Any, head: Head, shapes: Shapes) -> None:
    """The next entry is what was recorded, and linked to the one before; moves `head`."""
    seq, kind, month, at, text, leaf_digest, link = row
    expected = head.tree.size + 1
    if not isinstance(seq, int):  # SQLite stores what it is given, once the column has no type
        raise FoundError(Damage.ALTERED, expected)
    if seq > expected:
        raise FoundError(Damage.MISSING, expected)
    try:
        digest = leaf_hash(leaf(seq, kind, month, at, text)) if shapes.fits(kind, text) else b""
    except (ValueError, TypeError, RecursionError):  # no canonical JSON: the ledger never wrote that
        digest = b""
    if seq < expected or not digest:
        raise FoundError(Damage.ALTERED, seq)
    if digest.hex() != leaf_digest:
        raise FoundError(_moved_or_altered(connection, row), seq)
    head.add(digest)
    if head.chain.hex() != link:
        raise FoundError(Damage.CHAIN, seq)


def _moved_or_altered(connection: Connection, row: Any) -> Damage:
    """Whether an entry whose hash is not the one recorded would have it under another number."""
    _, kind, month, at, text, leaf_digest, _ = row
    newest = connection.execute(select(func.count()).select_from(ENTRIES)).scalar_one()
    for seq in range(1, newest + 2):
        if leaf_hash(leaf(seq, kind, month, at, text)).hex() == leaf_digest:
            return Damage.REORDERED
    return Damage.ALTERED


def _check_promised(tree: CompactRange, promised: dict[int, set[bytes]]) -> None:
    if tree.size in promised and promised[tree.size] != {tree.root()}:
        raise FoundError(Damage.ROOT, tree.size)


def _check_end(connection: Connection, head: Head, promises: Iterable[Promise]) -> None:
    """The ledger ends where its head and its checkpoints say, and no checkpoint is doubtful."""
    size = head.tree.size
    heads = connection.execute(select(HEAD)).mappings().all()
    sizes = [one.size for one in promises if one.damage is None]
    sizes += [row["size"] for row in heads if isinstance(row["size"], int)]
    if max(sizes, default=0) > size:
        raise FoundError(Damage.MISSING, size + 1)
    if [dict(row) for row in heads] != [{"id": 1, **head.row()}]:
        raise FoundError(Damage.HEAD, size)
    for one in promises:
        if one.damage is not None:
            raise FoundError(one.damage, one.size)


__all__ = ["Damage", "Problem", "Verification", "Watch", "beginning", "no_watch", "read_to_end", "replay"]
