"""What stands beside the entries and must agree with them: openings, look-ups, the tree's inner hashes.

It is read in the same stretches as the entries, so that each entry is compared with its own rows and nothing
has to be kept. A row that belongs to no entry is found as well. What is wrong here is named at the end: an
altered entry may be the reason for it, and stand farther on.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, and_, func, or_, select
from sqlalchemy.exc import DBAPIError

from pipeline.errors import IntegrityError
from pipeline.ledger.entries import (
    Kind,
    OpeningsDestroyed,
    PermitAnnulled,
    PermitBody,
    Publishing,
    commitment,
)
from pipeline.ledger.findings import Damage, FoundError, Problem
from pipeline.ledger.journal import SALT_BYTES, numbered, read
from pipeline.ledger.merkle import TILE_LEVELS
from pipeline.ledger.tables import DISCLOSURES, OPENINGS, RECALLS, SUBTREES, SUPPRESSIONS

_LOOKUPS = (SUPPRESSIONS, DISCLOSURES, RECALLS)
_SEVERAL = ("several",)  # in place of a row, where an entry has more than one
_unpacked = json.JSONDecoder().raw_decode

Row = tuple[Any, ...]


def rows(connection: Connection, query: Select[Any], **given: int) -> list[Row]:
    """Rows as the driver gives them: SQLAlchemy's take longer to make than to read from the disk."""
    cursor: Any = connection.execute(query, given).cursor
    driver = connection.dialect.loaded_dbapi
    try:
        found: list[Row] = cursor.fetchall()
    except driver.Error as error:
        raise DBAPIError.instance(str(query), None, error, driver.Error, hide_parameters=True) from None
    return found


class Beside:
    """What stands beside the entries after number `since`, one stretch of them after the other."""

    def __init__(self, connection: Connection, *, since: int) -> None:
        self._connection, self._since = connection, since
        self._destroyed = _Stretches(_destroyed(connection, since))
        self._gone = _gone(connection, since)
        self._heard: dict[int, int] = {}  # by permit
        self._openings: dict[int, Row] = {}
        self._lookups: dict[int, Row] = {}
        self._problem: Problem | None = None
        self._repeats: dict[str, Callable[[int, str, dict[str, Any]], Row | None]] = {
            Kind.SUPPRESSION_RECORDED: _suppression,
            Kind.RECALL_RAISED: _recall,
            Kind.DISCLOSURE: self._disclosure,
            Kind.PERMIT: self._permit,
        }

    def turn_to(self, after: int | None, last: int | None) -> None:
        """Read what stands beside the entries `after` a number up to the `last`; None: without an end."""
        self._note_rest()
        self._openings = _by_entry(self._rows(select(OPENINGS), OPENINGS.c.entry, after, last))
        self._lookups = _by_entry(
            [row for table in _LOOKUPS for row in self._rows(select(table), table.c.entry, after, last)]
        )

    def check(self, seq: int, kind: str, month: str, text: str) -> None:
        """Note where what stands beside this entry is not what it recorded; raise where that is nonsense.

        `text` is its body, which is the canonical JSON of an object.
        """
        repeat = self._repeats.get(kind)
        found = seq in self._openings or seq in self._lookups
        if repeat is None and not found and '"commitment"' not in text:
            return  # most kinds have nothing beside them
        about = self._opened(seq, _unpacked(text)[0])
        expected = None
        if repeat is not None and about is not None:
            try:
                expected = repeat(seq, month, about)
            except (KeyError, TypeError):  # no entry of ours says this, however well it is hashed
                raise FoundError(Damage.ALTERED, seq) from None
        if self._lookups.pop(seq, None) != expected:
            self._note(Damage.LOOKUP, seq)

    def _note(self, damage: Damage, seq: int) -> None:
        self._problem = self._problem or Problem(damage, seq)

    def _note_rest(self) -> None:
        """What is left of a stretch stood beside no entry."""
        if left := {*self._openings, *self._lookups}:
            self._note(Damage.LOOKUP, min((one for one in left if isinstance(one, int)), default=0))

    def check_subtrees(self, completed: Sequence[tuple[int, int, bytes]]) -> None:
        """Note where the inner hashes that these entries completed are not there."""
        if not completed:
            return
        # One by one: of pairs, SQLite asks no index.
        here = or_(
            *(and_(SUBTREES.c.level == level, SUBTREES.c.number == number) for level, number, _ in completed)
        )
        kept = {row[:2]: row[2] for row in rows(self._connection, select(SUBTREES).where(here))}
        for level, number, root in completed:
            if kept.get((level, number)) != root.hex():
                self._note(Damage.LOOKUP, (number + 1) << TILE_LEVELS * level)

    def check_end(self, size: int) -> None:
        """Raise the first thing that was noted; there may be inner hashes over more than these entries."""
        self._note_rest()
        completed = 0
        while size := size >> TILE_LEVELS:
            completed += size
        if self._connection.execute(select(func.count()).select_from(SUBTREES)).scalar_one() != completed:
            self._note(Damage.LOOKUP, 0)
        if self._problem is not None:
            raise FoundError(self._problem.damage, self._problem.entry)

    def _rows(self, query: Select[Any], entry: Column[int], after: int | None, last: int | None) -> list[Row]:
        """What stands there; beside no entry at all too, where SQLite's tables were made to allow that."""
        if after is None and last is None:
            return rows(self._connection, query)
        here = query if after is None else query.where(entry > after)
        if last is not None:
            return rows(self._connection, here.where(entry <= last))
        return [*rows(self._connection, here), *rows(self._connection, query.where(entry.is_(None)))]

    def _opened(self, seq: int, body: dict[str, Any]) -> dict[str, Any] | None:
        """The body with what it commits to; None where that was destroyed, or is not what it should be."""
        committed = body.get("commitment")
        opening = self._openings.pop(seq, None)
        if opening is None:
            if not committed:
                return body
            if seq in self._destroyed:
                return None
            self._note(Damage.UNOPENED, seq)
            return None
        if seq in self._destroyed:
            self._note(Damage.STILL_OPEN, seq)
        try:
            _, salt, said = opening
            # One way to write a salt: a key of HMAC is the same with zeros behind it, and so are capitals.
            key = bytes.fromhex(salt)
            written_so = len(key) == SALT_BYTES and key.hex() == salt
            if written_so and commitment(key, said) == committed:
                about: dict[str, Any] = body | _unpacked(said)[0]
                return about
        except (ValueError, TypeError, AttributeError, RecursionError):  # none of ours, however well it fits
            pass
        self._note(Damage.OPENING, seq)
        return None

    def _permit(self, seq: int, _month: str, body: dict[str, Any]) -> None:
        self._heard[seq] = body.get("heard") or seq

    def _disclosure(self, seq: int, month: str, body: dict[str, Any]) -> Row | None:
        permit = body["permit"]
        if permit in self._gone:
            return None
        if permit not in self._heard and permit <= self._since:
            self._heard |= _heard(self._connection, permit)
        return (
            seq, body["child"], body["agreement"], body["recipient"], month, permit,
            # Lists of older programs do not say the rest.
            body.get("parent", ""), body.get("dwelling", ""), body.get("reference", ""), self._heard[permit],
        )  # fmt: skip


def _by_entry(some: Sequence[Row]) -> dict[int, Row]:
    found = {row[0]: row for row in some}
    if len(found) < len(some):
        found |= {seq: _SEVERAL for seq, many in Counter(row[0] for row in some).items() if many > 1}
    return found


def _suppression(seq: int, _month: str, body: dict[str, Any]) -> Row:
    return seq, body["subject"], body["word"], body["since"]


def _recall(seq: int, _month: str, body: dict[str, Any]) -> Row:
    return seq, body["permit"], body["reference"], body["child"]


def _destroyed(connection: Connection, since: int) -> list[tuple[int, int]]:
    """From which to which entry openings were destroyed, as far as entries say so; they are read again."""
    try:
        said = [
            entry.body
            for entry in read(connection, month=None, kinds=[Kind.OPENINGS_DESTROYED], after=since)
            if isinstance(entry.body, OpeningsDestroyed)
        ]
    except IntegrityError:
        return []  # where it stands is found when it is read again
    return [stretch for body in said for stretch in body.entries]


def _heard(connection: Connection, permit: int) -> dict[int, int]:
    """How far a permit's gate had listened, where the permit itself is not read again."""
    issued = numbered(connection, [permit])
    return {
        entry.seq: entry.body.heard or entry.seq for entry in issued if isinstance(entry.body, PermitBody)
    }


def _gone(connection: Connection, since: int) -> set[int]:
    """Permits that were annulled before their list could have arrived: their look-ups were taken away."""
    try:
        annulled = {
            entry.body.permit: entry.month
            for entry in read(connection, month=None, kinds=[Kind.PERMIT_ANNULLED], after=since)
            if isinstance(entry.body, PermitAnnulled)
        }
        published = {
            entry.body.permit
            for month in set(annulled.values())
            for entry in read(connection, month=month, kinds=[Kind.PUBLISHING], after=since)
            if isinstance(entry.body, Publishing)
        }
    except IntegrityError:
        return set()
    return annulled.keys() - published


class _Stretches:
    """Stretches of numbers, put together where they touch, so that one look finds the right one."""

    def __init__(self, stretches: Sequence[tuple[int, int]]) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in sorted(set(stretches)):
            if self._last and first <= self._last[-1] + 1:
                self._last[-1] = max(self._last[-1], last)
            else:
                self._first.append(first)
                self._last.append(last)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._first, number) - 1
        return place >= 0 and number <= self._last[place]
