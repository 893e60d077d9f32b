"""Reading the whole ledger again, from nothing, to see whether it still says what was recorded.

Entries stream through; what is kept is the Merkle tree's compact range, the checkpoints (one a
month) and a sum for each permit. Inside a transaction that somebody else holds.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from pipeline.errors import BirthshareError, IntegrityError
from pipeline.ledger.checkpoints import read_statement, unsigned
from pipeline.ledger.entries import Kind, OpeningsDestroyed, canonical, commitment, leaf
from pipeline.ledger.journal import Head, read, with_openings
from pipeline.ledger.merkle import CHAIN_START, CompactRange, leaf_hash
from pipeline.ledger.tables import (
    CHECKPOINTS,
    DISCLOSURES,
    ENTRIES,
    HEAD,
    OPENINGS,
    RECALLS,
    SUBTREES,
    SUPPRESSIONS,
)
from pipeline.wording import Worded

_PAGE = 1000


class Damage(Worded):
    """What can be wrong with a ledger, each with its wording."""

    ALTERED = "altered", "does not say what was recorded"
    MISSING = "missing", "is not there any more"
    REORDERED = "reordered", "does not stand where it was recorded"
    CHAIN = "chain", "is not linked to the entry before it"
    HEAD = "head", "is not the end that the ledger's head names"
    ROOT = "root", "is the last of those that a checkpoint covers, and they are not what was signed"
    CHECKPOINT = "checkpoint", "is the last of a checkpoint that is not the one recorded"
    SIGNATURE = "signature", "is the last of a checkpoint whose signature is not genuine"
    LOOKUP = "lookup", "recorded something that a look-up table does not repeat"
    OPENING = "opening", "is about somebody else than what is kept beside it says"
    UNOPENED = "unopened", "has lost what told whom it is about, and nobody recorded that it was destroyed"
    STILL_OPEN = "still_open", "keeps what tells whom it is about, which was recorded as destroyed"


@dataclass(frozen=True)
class Problem:
    """The first thing found wrong: the kind of damage, and the entry (0 for the ledger's beginning)."""

    damage: Damage
    entry: int

    def __str__(self) -> str:
        return f"entry {self.entry} {self.damage.wording}"


@dataclass(frozen=True)
class Verification:
    """What reading the ledger again found; `root` is that of the `entries` that were sound."""

    entries: int
    root: str  # hexadecimal
    checkpoints: int
    problem: Problem | None

    @property
    def sound(self) -> bool:
        """Nothing was found wrong."""
        return self.problem is None


class _FoundError(Exception):
    """Ends the reading at the first damage."""

    def __init__(self, damage: Damage, entry: int) -> None:
        self.problem = Problem(damage, entry)
        super().__init__()


@dataclass(frozen=True)
class _Promise:
    """What one checkpoint says, or why it cannot be believed."""

    size: int
    root: bytes
    damage: Damage | None = None


def replay(
    connection: Connection,
    *,
    check_note: Callable[[str], str] | None = None,
    kept_elsewhere: Iterable[str] = (),
) -> Verification:
    """Recompute everything from the entries.

    `check_note` gives a signed note's text and raises a BirthshareError where no signature is
    genuine; without it signatures are not looked at. `kept_elsewhere`: notes from outside the
    database, which must agree too.
    """
    head = Head(CompactRange(), CHAIN_START)
    return read_to_end(connection, head, check_note=check_note, kept_elsewhere=kept_elsewhere)


def read_to_end(
    connection: Connection,
    head: Head,
    *,
    check_note: Callable[[str], str] | None = None,
    kept_elsewhere: Iterable[str] = (),
) -> Verification:
    """As `replay`, and `head` is moved from the ledger's beginning to its end."""
    promises = [_stored_promise(row, check_note) for row in connection.execute(select(CHECKPOINTS))]
    stored = len(promises)
    promises += [_promise(note, check_note) for note in kept_elsewhere]
    return _judged(head, stored, partial(_check_entries, connection, head, promises))


def read_on(connection: Connection, head: Head) -> Verification:
    """What was recorded after `head`, which was found sound a moment ago; it is moved to the ledger's end.

    Of the look-up tables nothing is said.
    """

    def check() -> None:
        for row in _stream(connection, after=head.tree.size):
            _check_link(connection, row, head)
        _check_end(connection, head, [])

    return _judged(head, 0, check)


def _judged(head: Head, checkpoints: int, check: Callable[[], None]) -> Verification:
    problem = None
    try:
        check()
    except _FoundError as found:
        problem = found.problem
    return Verification(head.tree.size, head.tree.root().hex(), checkpoints, problem)


def _check_entries(connection: Connection, head: Head, promises: list[_Promise]) -> None:
    promised: defaultdict[int, set[bytes]] = defaultdict(set)
    for promise in promises:
        if promise.damage is None:
            promised[promise.size].add(promise.root)
    openings, lookups = _Openings(_destroyed(connection)), _Lookups()
    _check_promised(head, promised)
    for row in _stream(connection):
        body = openings.open(row, _check_link(connection, row, head))
        lookups.expect(row, body)
        lookups.complete(head)
        _check_promised(head, promised)
    _check_end(connection, head, promises)
    openings.check(connection)
    lookups.check(connection)


def _stream(connection: Connection, *, after: int = 0) -> Iterator[Any]:
    """The entries, each with its `salt` and what is `said` under it: None where nothing opens it."""
    query = select(ENTRIES, OPENINGS.c.salt, OPENINGS.c.said).select_from(with_openings())
    if after:
        query = query.where(ENTRIES.c.seq > after)
    yield from _paged(connection, query.order_by(ENTRIES.c.seq))


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    yield from _paged(connection, select(table))


def _paged(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    yield from connection.execute(query, execution_options={"yield_per": _PAGE})


def _check_link(connection: Connection, row: Any, head: Head) -> Any:
    """The body of the next entry, which is what was recorded and linked to the one before; moves `head`."""
    body = _check_entry(connection, row, head)
    head.add(bytes.fromhex(row.leaf_hash))
    if head.chain.hex() != row.chain_hash:
        raise _FoundError(Damage.CHAIN, row.seq)
    return body


def _check_entry(connection: Connection, row: Any, head: Head) -> Any:
    """The entry's body, when the hash of its leaf, recomputed, is the one recorded."""
    expected = head.tree.size + 1
    if row.seq > expected:
        raise _FoundError(Damage.MISSING, expected)
    read = _read_leaf(row)
    if read is None or row.seq < expected:
        raise _FoundError(Damage.ALTERED, row.seq)
    body, digest = read
    if digest.hex() == row.leaf_hash:
        return body
    count = connection.execute(select(func.count()).select_from(ENTRIES)).scalar_one()
    moved = any(_was_recorded_as(row, seq) for seq in range(1, count + 2))
    raise _FoundError(Damage.REORDERED if moved else Damage.ALTERED, row.seq)


def _read_leaf(row: Any) -> tuple[Any, bytes] | None:
    """The body and the leaf's hash; None where it is not canonical JSON: the ledger never wrote that."""
    try:
        body = json.loads(row.body)
        if canonical(body) != row.body:
            return None
        return body, leaf_hash(leaf(row.seq, row.kind, row.month, row.at, row.body))
    except (ValueError, TypeError, RecursionError):
        return None


def _was_recorded_as(row: Any, seq: int) -> bool:
    return leaf_hash(leaf(seq, row.kind, row.month, row.at, row.body)).hex() == str(row.leaf_hash)


def _check_promised(head: Head, promised: dict[int, set[bytes]]) -> None:
    size = head.tree.size
    if size in promised and promised[size] != {head.tree.root()}:
        raise _FoundError(Damage.ROOT, size)


def _check_end(connection: Connection, head: Head, promises: list[_Promise]) -> None:
    """The ledger ends where its head and its checkpoints say, and no checkpoint is doubtful."""
    size = head.tree.size
    row = connection.execute(select(HEAD.c.size, HEAD.c.chain_hash, HEAD.c.nodes)).mappings().one_or_none()
    believed = [promise.size for promise in promises if promise.damage is None]
    if max(believed, default=0) > size or (row is not None and row["size"] > size):
        raise _FoundError(Damage.MISSING, size + 1)
    if row is None or dict(row) != head.row():
        raise _FoundError(Damage.HEAD, size)
    for promise in promises:
        if promise.damage is not None:
            raise _FoundError(promise.damage, promise.size)


def _stored_promise(row: Any, check_note: Callable[[str], str] | None) -> _Promise:
    promise = _promise(str(row.note), check_note, size=row.size)
    if promise.damage is None and (promise.size, promise.root.hex()) != (row.size, row.root):
        return _Promise(row.size, b"", Damage.CHECKPOINT)
    return promise


def _promise(note: str, check_note: Callable[[str], str] | None, *, size: int = 0) -> _Promise:
    try:
        text = check_note(note) if check_note else unsigned(note)
    except BirthshareError:
        return _Promise(size, b"", Damage.SIGNATURE)
    try:
        return _Promise(*read_statement(text))
    except BirthshareError:
        return _Promise(size, b"", Damage.CHECKPOINT)


def _destroyed(connection: Connection) -> list[tuple[int, int]]:
    """From which to which entry openings were destroyed, as far as entries say so; they are read again."""
    try:
        said = [
            entry.body
            for entry in read(connection, month=None, kinds=[Kind.OPENINGS_DESTROYED])
            if isinstance(entry.body, OpeningsDestroyed)
        ]
    except IntegrityError:
        return []  # where it stands is found when it is read again
    return sorted({stretch for body in said for stretch in body.entries})


class _Openings:
    """Compares what entries commit to with what opens them, and what is gone with what was destroyed."""

    def __init__(self, destroyed: list[tuple[int, int]]) -> None:
        self._found = 0
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in destroyed:  # put together where they touch, so that one look finds the right one
            if self._last and first <= self._last[-1] + 1:
                self._last[-1] = max(self._last[-1], last)
            else:
                self._first.append(first)
                self._last.append(last)

    def open(self, row: Any, body: Any) -> Any:
        """The body with what it commits to; as it is where that was destroyed, or it commits to nothing."""
        if not isinstance(body, dict):  # no entry of ours is that, however well it is hashed
            raise _FoundError(Damage.ALTERED, row.seq)
        committed = body.get("commitment")
        if row.said is None:
            if committed and not self._is_destroyed(row.seq):
                raise _FoundError(Damage.UNOPENED, row.seq)
            return body
        if self._is_destroyed(row.seq):
            raise _FoundError(Damage.STILL_OPEN, row.seq)
        self._found += 1
        try:
            if commitment(bytes.fromhex(row.salt), row.said) == committed:
                return body | json.loads(row.said)
        except ValueError:
            pass
        raise _FoundError(Damage.OPENING, row.seq)

    def check(self, connection: Connection) -> None:
        """Raise where there is an opening of nothing."""
        kept = connection.execute(select(func.count()).select_from(OPENINGS)).scalar_one()
        if kept != self._found:
            raise _FoundError(Damage.LOOKUP, 0)

    def _is_destroyed(self, seq: int) -> bool:
        place = bisect_right(self._first, seq) - 1
        return place >= 0 and seq <= self._last[place]


class _Lookups:
    """Compares the look-up tables with the entries that they were made from, in any order of rows.

    Each row is hashed and the hashes are added up, so that neither side has to be kept.
    """

    def __init__(self) -> None:
        self._suppressions = self._recalls = self._subtrees = 0
        self._disclosures: defaultdict[int, int] = defaultdict(int)  # by permit
        self._heard: dict[int, int] = {}  # by permit
        self._publishing: set[int] = set()  # permits whose list may have arrived

    def expect(self, row: Any, body: Any) -> None:
        """Note what an entry must have left in a look-up table."""
        try:
            self._expect(row, body)
        except (KeyError, TypeError):  # no entry of ours says this, however well it is hashed
            raise _FoundError(Damage.ALTERED, row.seq) from None

    def complete(self, head: Head) -> None:
        """Note the subtrees that the newest entry completed."""
        for level, number, root in head.tree.completed():
            self._subtrees += _number([level, number, root.hex()])

    def _expect(self, row: Any, body: Any) -> None:
        if body.get("commitment") and row.said is None:
            return  # destroyed, and so were its look-ups
        if row.kind == Kind.SUPPRESSION_RECORDED:
            self._suppressions += _number([row.seq, body["subject"], body["word"], body["since"]])
        elif row.kind == Kind.RECALL_RAISED:
            self._recalls += _number([row.seq, body["permit"], body["reference"], body["child"]])
        elif row.kind == Kind.PERMIT:
            self._heard[row.seq] = body.get("heard") or row.seq
        elif row.kind == Kind.DISCLOSURE:
            permit = body["permit"]
            who = [row.seq, body["child"], body["agreement"], body["recipient"], row.month, permit]
            # Lists of older programs do not say the rest.
            which = [body.get(name, "") for name in ("parent", "dwelling", "reference")]
            self._disclosures[permit] += _number([*who, *which, self._heard[permit]])
        elif row.kind == Kind.PUBLISHING:
            self._publishing.add(body["permit"])
        elif row.kind == Kind.PERMIT_ANNULLED and body["permit"] not in self._publishing:
            self._disclosures.pop(body["permit"], None)

    def check(self, connection: Connection) -> None:
        """Raise at the first difference."""
        found: defaultdict[int, int] = defaultdict(int)
        for row in _rows(connection, DISCLOSURES):
            found[row.permit] += _number(list(row))
        for permit in sorted(found.keys() | self._disclosures.keys()):
            if found[permit] != self._disclosures[permit]:
                raise _FoundError(Damage.LOOKUP, permit)
        for table, expected in (
            (SUPPRESSIONS, self._suppressions),
            (RECALLS, self._recalls),
            (SUBTREES, self._subtrees),
        ):
            if sum(_number(list(row)) for row in _rows(connection, table)) != expected:
                raise _FoundError(Damage.LOOKUP, 0)


def _number(parts: list[Any]) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest())
