"""Whom the ledger's entries are about: for how long that can be told, and how it is destroyed.

An entry commits to keyed references, and what opens it lies beside it (see `pipeline.ledger.entries`).
Openings are destroyed when a list's time is over, or when its family asks to be forgotten; but never while
anybody may hold the list, since no later word could call the family back from there any more. Nor while its
month is open: its books count who is on its lists.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipeline.afterwards import sent
from pipeline.afterwards.sent import Sent, day_of
from pipeline.ledger.entries import (
    Disclosure,
    FamilyErased,
    Kind,
    PermitBody,
    Publishing,
    RecallRaised,
    Recorded,
)
from pipeline.ledger.ledger import Ledger

NOT_CLOSED = "its month is not closed yet"
NOT_KNOWN = "nobody knows whether it arrived there"
HELD = "its recipient has not said that it destroyed it, or took the family off it"

OPENLY = "an older program recorded it, and wrote the keyed reference into the entry itself"

LOOKED_UP = "look-ups"  # in place of a list's name
_AT_ONCE = 100_000  # entries


@dataclass(frozen=True)
class Lists:
    """What became of lists, as far as it says who may hold them."""

    rows: Mapping[int, Sent]  # by permit
    published: frozenset[int]  # permits whose list may have arrived
    closed: frozenset[str]  # months
    sizes: Mapping[int, int]  # how many children each names, by permit

    @classmethod
    def of(cls, entries: Iterable[Recorded], ledger: Ledger) -> Lists:
        """From entries of sent.KINDS and of publishing."""
        entries = list(entries)
        return cls(
            {one.entry: one for one in sent.followed(entries) if one.is_list},
            frozenset(entry.body.permit for entry in entries if isinstance(entry.body, Publishing)),
            frozenset(entry.month for entry in ledger.entries(kinds={Kind.MONTH_CLOSED})),
            {entry.seq: entry.body.children for entry in entries if isinstance(entry.body, PermitBody)},
        )

    @classmethod
    def read(cls, ledger: Ledger) -> Lists:
        """Every list that was ever permitted."""
        return cls.of(ledger.entries(kinds=sent.KINDS | {Kind.PUBLISHING}), ledger)

    def why_held(self, permit: int) -> str:
        """Why somebody may hold the list, or its month needs it; "" where neither is so."""
        row = self.rows[permit]
        if row.month not in self.closed:
            return NOT_CLOSED
        if self.never_sent(permit) or row.destroyed or (row.removed and not row.taken):
            return ""
        return HELD if row.delivered else NOT_KNOWN

    def last_day(self, permit: int, days: int) -> date | None:
        """So many days after the list's own last day; None where it is over, since nobody ever got it."""
        row = self.rows[permit]
        if self.never_sent(permit) and row.month in self.closed:
            return None
        return (row.due or day_of(row.permitted)) + timedelta(days=days)

    def never_sent(self, permit: int) -> bool:
        """Whether the list cannot have arrived; where its month is closed it never will."""
        return self.rows[permit].delivered is None and permit not in self.published


Row = tuple[int, str]  # of a list: its permit, and the child


def told_of(entries: Collection[Recorded]) -> dict[Row, datetime]:
    """When recipients were told to take rows off their lists; from what `Ledger.followed` gives."""
    return {row: notice.delivered for row, notice in _noticed(entries) if notice.delivered}


def taken_off(entries: Collection[Recorded]) -> dict[Row, datetime]:
    """When recipients said that they took rows off everything made from their lists; from the same."""
    return {row: notice.acknowledged for row, notice in _noticed(entries) if notice.acknowledged}


def _noticed(entries: Collection[Recorded]) -> Iterator[tuple[Row, Sent]]:
    """Each row that was called back, and the notice that says so."""
    notices = [one for one in sent.followed(entries) if one.what == "recall" and not one.annulled]
    about = {number: notice for notice in notices for number in notice.about}
    for entry in entries:
        if isinstance(entry.body, RecallRaised) and entry.seq in about:
            yield (entry.body.permit, entry.body.child), about[entry.seq]


# --- when a family asks ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Forgotten:
    """What came of destroying the references of families that asked."""

    rows: int  # destroyed now: of lists, and recalls of them
    stay: tuple[tuple[Sent, str], ...]  # the lists that some stay for, and why


def forget(
    ledger: Ledger, asked: Mapping[str, int] | None = None, *, at: datetime, principal: str = ""
) -> Forgotten:
    """Destroy what tells that children who were to be forgotten are on lists, where nobody holds these.

    `asked` has, for each child (keyed reference), the entry up to which it was; without it everybody who ever
    asked is meant. What cannot be destroyed yet is destroyed when this is called again.
    """
    asked = _asked(ledger) if asked is None else asked
    mine = {
        entry.seq: entry.body
        for entry in ledger.disclosures_of(asked)
        if isinstance(entry.body, Disclosure) and entry.seq < asked.get(entry.body.child, 0)
    }
    said = ledger.followed({one.permit for one in mine.values()}, {one.child for one in mine.values()})
    lists, off = Lists.of(said, ledger), taken_off(said)
    gone, stay = [], {}
    for seq, one in mine.items():
        why = lists.why_held(one.permit)
        if why in (HELD, NOT_KNOWN) and (one.permit, one.child) in off:
            why = ""
        if why:
            stay[one.permit] = lists.rows[one.permit], why
        else:
            gone.append(seq)
    rows = ledger.destroy_openings(gone, because="erasure", at=at, principal=principal)
    for seq in (one.seq for one in ledger.disclosures_of(asked) if one.seq in set(gone)):
        stay[mine[seq].permit] = lists.rows[mine[seq].permit], OPENLY
    return Forgotten(rows, tuple(stay.values()))


def _asked(ledger: Ledger) -> dict[str, int]:
    """Every child and parent who was to be forgotten, and the newest entry that says so."""
    said = ledger.entries(kinds={Kind.FAMILY_ERASED})
    return {entry.body.subject: entry.seq for entry in said if isinstance(entry.body, FamilyErased)}


# --- when their time is over ----------------------------------------------------------------------


@dataclass(frozen=True)
class Over:
    """References whose time is over."""

    of: str  # the list's file, or LOOKED_UP
    permit: int  # 0 where it is no list
    last: date  # the last day
    entries: tuple[int, ...]
    why_held: str  # "" where they can be destroyed


def over(ledger: Ledger, days: int, today: date) -> Iterator[Over]:
    """What is past its last day and can still be opened. A list that was never sent is so at once."""
    lists, yesterday = Lists.read(ledger), today - timedelta(days=1)
    last_days = {permit: lists.last_day(permit, days) or yesterday for permit in lists.rows}
    past = {permit: last for permit, last in last_days.items() if last < today}
    for permit, entries in _opened(ledger, {permit: lists.sizes[permit] for permit in past}):
        why = lists.why_held(permit)
        # Nobody can be asked about what may have arrived: a recipient speaks only of what it was brought.
        held = "" if why == NOT_KNOWN else why
        yield Over(lists.rows[permit].file, permit, past[permit], entries, held)
    looked_up = ledger.openings_of_look_ups(before=today - timedelta(days=days))
    if looked_up:
        yield Over(LOOKED_UP, 0, yesterday, tuple(looked_up), "")


def _opened(ledger: Ledger, sizes: Mapping[int, int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Of lists (how many children each has, by its permit) the disclosures that can still be opened.

    They were recorded right after the permit. Lists side by side are asked about together: of most of those
    whose time is over nothing is left.
    """
    for permits in _side_by_side(sizes):
        numbers = ledger.openings_between(permits[0] + 1, permits[-1] + sizes[permits[-1]])
        for permit in permits:
            end = bisect_right(numbers, permit + sizes[permit])
            if entries := tuple(numbers[bisect_right(numbers, permit) : end]):
                yield permit, entries


def _side_by_side(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Permits, in order, in groups that span no more entries than are read at once."""
    group: list[int] = []
    for permit in sorted(sizes):
        if group and permit + sizes[permit] - group[0] > _AT_ONCE:
            yield group
            group = []
        group.append(permit)
    if group:
        yield group
