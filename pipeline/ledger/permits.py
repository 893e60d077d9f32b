"""Permits: when a sealed list may leave. Inside a transaction that somebody else holds.

A permit needs a release that a person approved and nobody refused, and no other permit that
stands for the same month, agreement and recipient. With it every child on the list is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Connection,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    union,
)

from pipeline.errors import IntegrityError, NotAllDelivered, Refused
from pipeline.ledger.entries import (
    Collected,
    Delivered,
    Disclosure,
    Entry,
    Kind,
    PermitAnnulled,
    PermitBody,
    Publishing,
    Recorded,
    ReleaseApproved,
    ReleaseRefused,
)
from pipeline.ledger.journal import bodies, read, write
from pipeline.ledger.tables import DISCLOSURES, RECALLS, SUPPRESSIONS
from pipeline.records import OnList, Permit
from pipeline.wording import SHOWN

_NOT_AGAINST = ("death_removed", "delivered")  # words that take nobody off a list

OF_PERMITS = frozenset({Kind.PERMIT, Kind.PERMIT_ANNULLED})

_AT_ONCE = 500  # numbers in one question; databases limit them

WORDS_SINCE = {
    "permit": "int64",
    "reference": "str",
    "child": "str",
    "agreement": "str",
    "recipient": "str",
    "month": "str",
    "word": "str",
    "entry": "int64",
    "said": "bool",
}


class TakenOver(NotAllDelivered):
    """Another run works on this list now."""

    problem = "superseded"

    def __init__(self, recipient: str) -> None:
        super().__init__("Another run has taken over this list", where=recipient, do="Let it finish.")


def issue(
    connection: Connection, body: PermitBody, on_list: Sequence[OnList], *, month: str, at: datetime
) -> Permit:
    """Record a permit and the children on its list; raises Refused, or IntegrityError for wrong counts."""
    _check_children(body, [one.child for one in on_list])
    _check_released(connection, body, month)
    _check_none_stands(connection, body, month)
    (seq,) = write(connection, [Entry(body, month)], at)
    disclosures = [
        Disclosure(permit=seq, agreement=body.agreement, recipient=body.recipient, **one._asdict())
        for one in on_list
    ]
    numbers = write(connection, [Entry(disclosure, month) for disclosure in disclosures], at)
    rows = [
        {"entry": number, "month": month, "heard": body.heard or seq, **disclosure.model_dump()}
        for number, disclosure in zip(numbers, disclosures, strict=True)
    ]
    if rows:
        connection.execute(insert(DISCLOSURES), rows)
    return _permit(seq, month, body)


def annul(connection: Connection, permit: Permit, *, at: datetime) -> None:
    """Record that a permit stands no longer; nothing where it is annulled already.

    Its children no longer count as shared, unless the list was about to appear at the recipient: then
    it may have arrived, and the look-up keeps them.
    Raises Refused for a list that was delivered: what a recipient has is called back by a recall.
    """
    _find(connection, permit)
    if permit.entry in delivered(connection, permit.month, after=permit.entry):
        raise Refused("A permit whose list was delivered cannot be annulled", where=f"entry {permit.entry}")
    if permit.entry in _annulled(connection, permit.month, after=permit.entry):
        return
    write(connection, [Entry(PermitAnnulled(permit=permit.entry), permit.month)], at)
    if not _was_publishing(connection, permit):
        connection.execute(delete(DISCLOSURES).where(DISCLOSURES.c.permit == permit.entry))


def publish(connection: Connection, permit: Permit, *, at: datetime, part: str = "", place: str = "") -> bool:
    """Whether the list may be put in place now; recorded before it is, so that it is never forgotten.

    `part` is what tells this try's file from others' until it has its name, and `place` where it lies. No
    list may be put in place once anything was said of a family on it that its gate did not hear.
    """
    if not may_leave(connection, permit) or said_since(connection, permit):
        return False
    publishing = Publishing(permit=permit.entry, part=part, place=place)
    if publishing not in bodies(connection, Publishing, permit.month, after=permit.entry).values():
        write(connection, [Entry(publishing, permit.month)], at)
    return True


def said_since(connection: Connection, permit: Permit) -> bool:
    """Whether a later word that could speak against a family came after its list's gate had listened."""
    subjects = [DISCLOSURES.c.child, DISCLOSURES.c.parent, DISCLOSURES.c.dwelling]
    about = or_(*(subject == SUPPRESSIONS.c.subject for subject in subjects))
    against = SUPPRESSIONS.c.word.not_in(_NOT_AGAINST)
    later = SUPPRESSIONS.c.entry > DISCLOSURES.c.heard
    query = select(SUPPRESSIONS.c.entry).join(DISCLOSURES, about & later & against)
    mine = query.where(DISCLOSURES.c.permit == permit.entry, SUPPRESSIONS.c.subject != "")
    return connection.execute(mine.limit(1)).first() is not None


def words_since(connection: Connection) -> pd.DataFrame:
    """See `pipeline.ledger.ledger.Ledger.words_since`."""
    rows = connection.execute(_families_of(_hit().cte("hit"))).mappings().all()
    sent = _sent(connection, {row["month"] for row in rows})
    found = pd.DataFrame([dict(row) for row in rows if row["permit"] in sent], columns=list(WORDS_SINCE))
    return found.astype(WORDS_SINCE).sort_values(["permit", "reference", "child", "entry"], ignore_index=True)


def _sent(connection: Connection, months: Collection[str]) -> set[int]:
    """The permits of these months of whose lists nobody can tell that they did not arrive."""
    return {
        entry.body.permit
        for month in months
        for entry in read(connection, month=month, kinds=[Kind.PUBLISHING, Kind.DELIVERED])
        if isinstance(entry.body, (Publishing, Delivered))
    }


def _hit() -> CompoundSelect[Any]:
    """Whom on a list a word was said of that its gate had not heard: the child, its parent or its home.

    Words are few and disclosures many. So a word's subject is not written as a plain column: that makes every
    database begin from the words, and look each one up among the disclosures.
    """
    spoken_of = SUPPRESSIONS.c.subject.concat("")
    columns = [DISCLOSURES.c[name] for name in ("permit", "child", "parent", "dwelling", "reference")]
    return union(
        *(
            select(*columns, SUPPRESSIONS.c.word, SUPPRESSIONS.c.entry)
            .join(
                DISCLOSURES,
                (subject == spoken_of) & (SUPPRESSIONS.c.entry > DISCLOSURES.c.heard),
            )
            .where(SUPPRESSIONS.c.subject != "", SUPPRESSIONS.c.word.not_in(_NOT_AGAINST), ~_called_back())
            for subject in (DISCLOSURES.c.child, DISCLOSURES.c.parent, DISCLOSURES.c.dwelling)
        )
    )


def _families_of(hit: CTE) -> CompoundSelect[Any]:
    """The rows of those children, of the others of their row, and of their parent's others on the list."""
    columns = [DISCLOSURES.c[name] for name in list(WORDS_SINCE)[:6]]
    same_list = DISCLOSURES.c.permit == hit.c.permit
    same_parent = (DISCLOSURES.c.parent == hit.c.parent) & (hit.c.parent != "")
    # Children of one row have one home; the look-up is by home, since it has an index.
    same_row = (DISCLOSURES.c.dwelling == hit.c.dwelling) & (DISCLOSURES.c.reference == hit.c.reference)
    others = DISCLOSURES.c.child != hit.c.child
    return union(
        *(
            select(*columns, hit.c.word, hit.c.entry, literal(said).label("said"))
            .join(hit, same_list & related)
            .where(~_called_back())
            for related, said in (
                (DISCLOSURES.c.child == hit.c.child, 1),
                (same_parent & others, 0),
                (same_row & (hit.c.dwelling != "") & (hit.c.reference != "") & others, 0),
            )
        )
    )


def _called_back() -> ColumnElement[bool]:
    return exists().where(RECALLS.c.permit == DISCLOSURES.c.permit, RECALLS.c.child == DISCLOSURES.c.child)


def called_back(connection: Connection, permits: Collection[int]) -> set[tuple[int, str]]:
    """Which children were called back from which of these permits' lists."""
    wanted, found = sorted(permits), set[tuple[int, str]]()
    for first in range(0, len(wanted), _AT_ONCE):
        mine = RECALLS.c.permit.in_(wanted[first : first + _AT_ONCE])
        found |= {
            (permit, child)
            for permit, child in connection.execute(select(RECALLS.c.permit, RECALLS.c.child).where(mine))
        }
    return found


def children(connection: Connection, permit: Permit) -> set[str]:
    """The keyed references of the children whom a permit's list names."""
    # They were recorded together with the permit, right after it.
    kinds, many = [Disclosure.kind], permit.children
    entries = read(connection, month=permit.month, kinds=kinds, after=permit.entry, limit=many)
    disclosed = [entry.body for entry in entries if isinstance(entry.body, Disclosure)]
    return {disclosure.child for disclosure in disclosed if disclosure.permit == permit.entry}


def standing(connection: Connection, month: str) -> list[Permit]:
    """The month's permits that were not annulled, delivered or not, in the order of their numbers."""
    return standing_among(month, read(connection, month=month, kinds=OF_PERMITS))


def standing_among(month: str, entries: Iterable[Recorded]) -> list[Permit]:
    """The same from the month's entries of the kinds OF_PERMITS."""
    permits: dict[int, Permit] = {}
    for entry in entries:
        if isinstance(entry.body, PermitBody):
            permits[entry.seq] = _permit(entry.seq, month, entry.body)
        elif isinstance(entry.body, PermitAnnulled):
            permits.pop(entry.body.permit, None)
    return list(permits.values())


def delivered(connection: Connection, month: str, *, after: int = 0) -> dict[int, Delivered]:
    """What arrived in a month's name, by the number of the permit's entry."""
    return {body.permit: body for body in bodies(connection, Delivered, month, after=after).values()}


def arrive(connection: Connection, body: Delivered, *, month: str, at: datetime, taken: bool) -> bool:
    """Record that a list or notice arrived, once, and that it was taken since; whether that was new.

    That it was taken is concluded from its being gone. Where leave was taken back we may have withdrawn it
    ourselves, so nothing follows from that, and it stays one of which nobody can tell.
    """
    if body.permit in delivered(connection, month, after=body.permit):
        return False
    if taken and body.permit in _annulled(connection, month, after=body.permit):
        return False
    said = [body, Collected(of=body.permit)] if taken else [body]
    write(connection, [Entry(one, month) for one in said], at)
    return True


def may_leave(connection: Connection, permit: Permit) -> bool:
    """Whether the list may be put in place now: not annulled, not delivered, its release not refused."""
    body = _find(connection, permit)
    return (
        permit.entry not in _annulled(connection, permit.month, after=permit.entry)
        and permit.entry not in delivered(connection, permit.month, after=permit.entry)
        and not _is_refused(connection, body.pack_sha256, permit.month)
    )


def _permit(seq: int, month: str, body: PermitBody) -> Permit:
    return Permit(
        entry=seq,
        month=month,
        agreement=body.agreement,
        recipient=body.recipient,
        file_name=body.file_name,
        sealed_sha256=body.sealed_sha256,
        households=body.households,
        children=body.children,
    )


def _find(connection: Connection, permit: Permit) -> PermitBody:
    """What the ledger says of this permit; raises IntegrityError where it says something else."""
    entries = read(connection, month=permit.month, kinds=[Kind.PERMIT], after=permit.entry - 1, limit=1)
    body = next((entry.body for entry in entries if entry.seq == permit.entry), None)
    if not isinstance(body, PermitBody) or _permit(permit.entry, permit.month, body) != permit:
        raise IntegrityError("The ledger did not issue this permit", where=f"entry {permit.entry}")
    return body


def _annulled(connection: Connection, month: str, *, after: int = 0) -> set[int]:
    return {body.permit for body in bodies(connection, PermitAnnulled, month, after=after).values()}


def _was_publishing(connection: Connection, permit: Permit) -> bool:
    published = bodies(connection, Publishing, permit.month, after=permit.entry).values()
    return any(one.permit == permit.entry for one in published)


def _is_refused(connection: Connection, pack_sha256: str, month: str) -> bool:
    refusals = bodies(connection, ReleaseRefused, month).values()
    return any(refusal.pack_sha256 == pack_sha256 for refusal in refusals)


def _check_children(body: PermitBody, children: Sequence[str]) -> None:
    if len(children) != body.children or len(set(children)) != len(children):
        raise IntegrityError(
            "The children on a list are not as many as its permit says",
            where=f"agreement {body.agreement}, recipient {body.recipient}",
        )


def _check_released(connection: Connection, body: PermitBody, month: str) -> None:
    """A refusal wins over any approval, whichever came first."""
    where = f"month {month}, pack {body.pack_sha256[:SHOWN]}"
    if _is_refused(connection, body.pack_sha256, month):
        raise Refused(
            "This release was refused",
            where=where,
            do="Correct what led to the refusal and run the month again: changed input makes a new release.",
        )
    approvals = bodies(connection, ReleaseApproved, month).values()
    if not any(approval.pack_sha256 == body.pack_sha256 for approval in approvals):
        raise Refused("Nobody has approved this release", where=where, do="Ask for it: `birthshare release`.")


def _check_none_stands(connection: Connection, body: PermitBody, month: str) -> None:
    for permit in standing(connection, month):
        if (permit.agreement, permit.recipient) == (body.agreement, body.recipient):
            raise Refused(
                "A permit for this list stands already",
                where=f"entry {permit.entry}: agreement {body.agreement}, recipient {body.recipient}",
                do="Deliver under it, or annul it first.",
            )
