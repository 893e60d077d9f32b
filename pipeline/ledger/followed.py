"""What became of a few lists, found without reading a whole month. Inside a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, or_, select

from pipeline.ledger.entries import Body, Delivered, Kind, NoticeBody, PermitAnnulled, Publishing, Recorded
from pipeline.ledger.journal import entries_where, numbered
from pipeline.ledger.tables import ENTRIES, RECALLS, THESE

# What is said of a list or notice after leave was given for it.
_SAID = (
    Kind.PUBLISHING, Kind.PERMIT_ANNULLED, Kind.DELIVERED, Kind.COLLECTED, Kind.ACKNOWLEDGED,
    Kind.DESTRUCTION_ATTESTED, Kind.FILE_REMOVED,
)  # fmt: skip


def followed(connection: Connection, permits: Collection[int], children: Collection[str]) -> list[Recorded]:
    """See `pipeline.ledger.ledger.Ledger.followed`."""
    issued = list(numbered(connection, list(permits)))
    of_rows = select(RECALLS.c.entry).where(RECALLS.c.permit.in_(permits), RECALLS.c.child.in_(THESE))
    found = connection.execute(of_rows, {THESE.key: list(children)}).scalars().all()
    recalls = list(numbered(connection, found))
    notices = list(_notices(connection, {one.seq for one in recalls}))
    said = [entry for one in [*issued, *notices] for entry in _said(connection, one)]
    return sorted([*issued, *recalls, *notices, *said], key=lambda entry: entry.seq)


def _said(connection: Connection, issued: Recorded) -> Iterator[Recorded]:
    """What was said of one list or notice, in the month that it is of."""
    number = issued.seq  # as canonical JSON writes it; the same number may stand there as a count
    names_it = or_(*(ENTRIES.c.body.like(f'%":{number}{end}%') for end in (",", "}")))
    later = ENTRIES.c.month == issued.month, ENTRIES.c.kind.in_(map(str, _SAID)), ENTRIES.c.seq > number
    return (entry for entry in entries_where(connection, *later, names_it) if _about(entry.body) == number)


def _about(body: Body) -> int:
    by_permit = isinstance(body, Publishing | PermitAnnulled | Delivered)
    number: int = getattr(body, "permit" if by_permit else "of")
    return number


def _notices(connection: Connection, recalls: set[int]) -> Iterator[Recorded]:
    """The notices about these recalls; those come after what they are about, and belong to no month."""
    if not recalls:
        return
    names_one = or_(*(ENTRIES.c.body.like(f"%{number}%") for number in sorted(recalls)))
    notices = ENTRIES.c.month == "", ENTRIES.c.kind == str(Kind.NOTICE), ENTRIES.c.seq > min(recalls)
    for entry in entries_where(connection, *notices, names_one):
        body = entry.body
        if isinstance(body, NoticeBody) and body.about == "recall" and not recalls.isdisjoint(body.entries):
            yield entry
