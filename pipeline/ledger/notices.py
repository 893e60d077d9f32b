"""Notices: when a sealed word to one recipient about what it was sent may leave. Inside a transaction.

A notice needs no approval: it shares nobody. It stands until it is annulled, since its bytes can be used
no more, and about one recall there is never more than one that stands.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pipeline.errors import IntegrityError, Refused
from pipeline.ledger.entries import Acknowledged, Delivered, Entry, NoticeBody, PermitAnnulled, Publishing
from pipeline.ledger.journal import bodies, write
from pipeline.records import Permit

_OF_NO_MONTH = ""


def issue(connection: Connection, body: NoticeBody, *, at: datetime, note: str = "") -> Permit:
    """Record a notice, and what a person who told it heard: that it is done (`note`).

    Raises Refused where one of its name, or about one of its recalls, stands already.
    """
    # Another about the same comes after what it is about.
    for seq, other in _standing(connection, after=min(body.entries)).items():
        recalls = body.about == other.about == "recall"
        same_recall = recalls and not set(body.entries).isdisjoint(other.entries)
        if same_recall or (other.recipient, other.file_name) == (body.recipient, body.file_name):
            raise Refused("A notice about this stands already", where=f"entry {seq}: {other.recipient}")
    (seq,) = write(connection, [Entry(body)], at)
    if body.told_by:
        done = Acknowledged(of=seq, way="person", principal=body.told_by, note=note)
        write(connection, [Entry(done)], at)
    return permit_of(seq, body)


def annul(connection: Connection, notice: Permit, *, at: datetime) -> None:
    """Record that a notice stands no longer; nothing where it is annulled, or delivered, already."""
    _find(connection, notice)
    if _waits(connection, notice):
        write(connection, [Entry(PermitAnnulled(permit=notice.entry))], at)


def publish(connection: Connection, notice: Permit, *, at: datetime, part: str = "", place: str = "") -> bool:
    """Whether a notice may be put in place now; recorded before it is, as `permits.publish` does."""
    _find(connection, notice)
    if not _waits(connection, notice):
        return False
    publishing = Publishing(permit=notice.entry, part=part, place=place)
    if publishing not in bodies(connection, Publishing, _OF_NO_MONTH, after=notice.entry).values():
        write(connection, [Entry(publishing)], at)
    return True


def permit_of(seq: int, body: NoticeBody) -> Permit:
    """A notice as leave for its bytes to go to its recipient; it is about no household."""
    return Permit(
        entry=seq,
        month=_OF_NO_MONTH,
        agreement=body.agreement,
        recipient=body.recipient,
        file_name=body.file_name,
        sealed_sha256=body.sealed_sha256,
        households=0,
        children=0,
    )


def _find(connection: Connection, notice: Permit) -> None:
    body = bodies(connection, NoticeBody, _OF_NO_MONTH, after=notice.entry - 1).get(notice.entry)
    if body is None or permit_of(notice.entry, body) != notice:
        raise IntegrityError("The ledger did not record this notice", where=f"entry {notice.entry}")


def _standing(connection: Connection, *, after: int) -> dict[int, NoticeBody]:
    """The notices after that entry which were not annulled."""
    annulled = {one.permit for one in bodies(connection, PermitAnnulled, _OF_NO_MONTH, after=after).values()}
    issued = bodies(connection, NoticeBody, _OF_NO_MONTH, after=after)
    return {seq: body for seq, body in issued.items() if seq not in annulled}


def _waits(connection: Connection, notice: Permit) -> bool:
    """Whether it stands, did not arrive, and no person told it instead."""
    body = _standing(connection, after=notice.entry - 1).get(notice.entry)
    arrived = {one.permit for one in bodies(connection, Delivered, _OF_NO_MONTH, after=notice.entry).values()}
    return body is not None and not body.told_by and notice.entry not in arrived
