"""What was worked out from entries, remembered by this process: only what was recorded since is read again.

A ledger only grows, so what follows from its first entries goes on following from them. What is remembered is
of one ledger up to one entry, and counts only where that entry has the link in the chain that it had then:
a database that was put back from a backup, or replaced by another, is read anew. So is one of which openings
were destroyed since, and nobody who was forgotten is remembered here.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from threading import Lock
from typing import Generic, Protocol, TypeVar

from sqlalchemy import bindparam, func, or_, select

from pipeline.ledger import journal
from pipeline.ledger.entries import Kind, Recorded
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.tables import ENTRIES

_MOST = 24  # ledgers and things worked out from them, of which the newest used are remembered
_PAGE, _LARGEST_PAGE = 1000, 32_000  # entries


class Hearer(Protocol):
    """Works something out from entries of some kinds, one after the other."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """Of which kinds."""

    def hear(self, entry: Recorded) -> None:
        """The next entry of these kinds."""


SomeHearer = TypeVar("SomeHearer", bound=Hearer)


@dataclass
class _Memory(Generic[SomeHearer]):
    make: Callable[[], SomeHearer]
    hearer: SomeHearer
    end: tuple[int, str] = (0, "")  # the entry up to which everything was heard, and its link in the chain
    lock: Lock = field(default_factory=Lock)

    def catch_up(self, ledger: Ledger) -> None:
        """Hear what was recorded since; everything, where what is remembered does not count any more."""
        end, goes_on = _where(ledger, self.end)
        if end == self.end:
            return
        new = list(_between(ledger, self.hearer.kinds, self.end[0], end[0])) if goes_on else []
        if not goes_on or (self.end[0] and any(one.kind is Kind.OPENINGS_DESTROYED for one in new)):
            self.hearer, self.end = self.make(), (0, "")
            new = list(_between(ledger, self.hearer.kinds, 0, end[0]))
        try:
            for entry in new:
                if entry.kind in self.hearer.kinds:
                    self.hearer.hear(entry)
        except BaseException:  # half of it was heard
            self.hearer, self.end = self.make(), (0, "")
            raise
        self.end = end


_memories: OrderedDict[tuple[str, object], _Memory[Hearer]] = OrderedDict()
_table = Lock()


def entries(ledger: Ledger, kinds: Collection[Kind]) -> list[Recorded]:
    """The entries of these kinds, in order, as `Ledger.entries` gives them; for kinds that are not many."""
    with heard(ledger, _every(frozenset(kinds))) as every:
        return list(every.entries)


class _Every:
    """Entries as they are."""

    def __init__(self, kinds: frozenset[Kind]) -> None:
        self.kinds, self.entries = kinds, list[Recorded]()

    def hear(self, entry: Recorded) -> None:
        """The next one."""
        self.entries.append(entry)


@cache
def _every(kinds: frozenset[Kind]) -> Callable[[], _Every]:
    """Always the same for the same kinds, so that it is known again."""
    return partial(_Every, kinds)


@contextmanager
def heard(ledger: Ledger, make: Callable[[], SomeHearer]) -> Iterator[SomeHearer]:
    """What `make` works out from all entries of its kinds that are recorded by now.

    Nobody else uses it until the block ends: take out of it what is needed, and change nothing.
    """
    memory = _memory(ledger.database.name, make)
    with memory.lock:
        memory.catch_up(ledger)
        yield memory.hearer


def forget(ledger: Ledger) -> None:
    """Remember nothing of this ledger: for decisions, which rest on what was just verified.

    What somebody wrote into the database past the ledger, and took out again, would else be believed on.
    """
    with _table:
        for key in [key for key in _memories if key[0] == ledger.database.name]:
            del _memories[key]
        _answers.clear()


def _begin_anew() -> None:
    """In a forked process no other thread is there to give back a lock, or to finish what it half heard."""
    global _table
    _table = Lock()
    _memories.clear()
    _answers.clear()


os.register_at_fork(after_in_child=_begin_anew)


def _memory(database: str, make: Callable[[], SomeHearer]) -> _Memory[SomeHearer]:
    with _table:
        memory = _memories.setdefault((database, make), _Memory(make, make()))
        _memories.move_to_end((database, make))
        while len(_memories) > _MOST:
            _memories.popitem(last=False)
    return memory  # type: ignore[return-value]


def _where(ledger: Ledger, known: tuple[int, str]) -> tuple[tuple[int, str], bool]:
    """Where the ledger ends now, and whether it goes on from where it is known to have ended."""
    with ledger.database.reading() as connection:
        links = [tuple(row) for row in connection.execute(_LINKS, {"known": known[0]})]
    return links[0] if links else (0, ""), known == (0, "") or known in links


_LAST = select(func.max(ENTRIES.c.seq)).scalar_subquery()
_LINKS = (
    select(ENTRIES.c.seq, ENTRIES.c.chain_hash)
    .where(or_(ENTRIES.c.seq == _LAST, ENTRIES.c.seq == bindparam("known")))
    .order_by(ENTRIES.c.seq.desc())
)


def _between(ledger: Ledger, kinds: frozenset[Kind], after: int, last: int) -> Iterator[Recorded]:
    """Entries of these kinds, and those that say that openings were destroyed; page by page."""
    many = _PAGE
    wanted = kinds | {Kind.OPENINGS_DESTROYED}
    while True:
        with ledger.database.reading() as connection:
            page = list(journal.read(connection, month=None, kinds=wanted, after=after, limit=many))
        yield from (entry for entry in page if entry.seq <= last)
        if len(page) < many or page[-1].seq >= last:
            return
        after, many = page[-1].seq, min(2 * many, _LARGEST_PAGE)


# --- months ---------------------------------------------------------------------------------------

SomeAnswer = TypeVar("SomeAnswer")

_answers: OrderedDict[tuple[object, str, str], object] = OrderedDict()
_MOST_ANSWERS = 512


_NEWEST = (
    select(ENTRIES.c.chain_hash)
    .where(ENTRIES.c.month == bindparam("month"), ENTRIES.c.kind.in_(bindparam("kinds", expanding=True)))
    .order_by(ENTRIES.c.seq.desc())
    .limit(1)
)


def of_month(
    ledger: Ledger,
    month: str,
    kinds: Collection[Kind],
    work: Callable[[str, list[Recorded]], SomeAnswer],
) -> SomeAnswer:
    """What `work` makes of a month's entries of these kinds; the month is read again when there are more.

    Under the link of the newest of them it is remembered, since that stands for all that came before. `work`
    must ask nothing else, and nobody may change what it gives. For kinds that are about nobody.
    """
    of = {"month": month, "kinds": tuple(map(str, kinds))}
    with ledger.database.reading() as connection:
        key = work, month, str(connection.execute(_NEWEST, of).scalar())
        if (known := _known(key)) is not None:
            return known  # type: ignore[return-value]
        made = work(month, list(journal.read(connection, month=month, kinds=kinds)))
    with _table:
        _answers[key] = made
        while len(_answers) > _MOST_ANSWERS:
            _answers.popitem(last=False)
    return made


def _known(key: tuple[object, str, str]) -> object | None:
    with _table:
        if key in _answers:
            _answers.move_to_end(key)
        return _answers.get(key)
