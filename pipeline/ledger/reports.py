"""Suppliers' reports: when a sealed one may leave. Inside a transaction that somebody else holds.

A report needs no approval: it holds rows by number, and no family. Leave for another of the same name takes
the place of the first, since its bytes can be used no more.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pipeline.errors import IntegrityError
from pipeline.ledger.entries import Entry, Publishing, ReportDelivered, ReportPermitted
from pipeline.ledger.journal import bodies, write
from pipeline.records import Permit

_OF_NO_MONTH = ""  # a report may arrive long after its month was closed


def issue(connection: Connection, body: ReportPermitted, *, at: datetime) -> Permit:
    """Record leave for one sealed report."""
    (seq,) = write(connection, [Entry(body)], at)
    return permit_of(seq, body)


def publish(connection: Connection, report: Permit, *, at: datetime, part: str = "", place: str = "") -> bool:
    """Whether a report may be put in place now; recorded before it is, as `permits.publish` does."""
    if _find(connection, report) != report.entry or _arrived(connection, report.entry):
        return False
    publishing = Publishing(permit=report.entry, part=part, place=place)
    if publishing not in bodies(connection, Publishing, _OF_NO_MONTH, after=report.entry).values():
        write(connection, [Entry(publishing)], at)
    return True


def arrive(connection: Connection, body: ReportDelivered, *, at: datetime) -> bool:
    """Record that a report arrived, once; whether that was new."""
    if _arrived(connection, body.permit):
        return False
    write(connection, [Entry(body)], at)
    return True


def permit_of(seq: int, body: ReportPermitted) -> Permit:
    """Leave for a report's bytes to go to its supplier, under no agreement; it is about no household."""
    return Permit(
        entry=seq,
        month=_OF_NO_MONTH,
        agreement="",
        recipient=body.supplier,
        file_name=body.file_name,
        sealed_sha256=body.sealed_sha256,
        households=0,
        children=0,
    )


def _find(connection: Connection, report: Permit) -> int:
    """The number of the newest leave for a report of that name; IntegrityError where this one is unknown."""
    issued = bodies(connection, ReportPermitted, _OF_NO_MONTH, after=report.entry - 1)
    body = issued.get(report.entry)
    if body is None or permit_of(report.entry, body) != report:
        raise IntegrityError("The ledger gave no leave for this report", where=f"entry {report.entry}")
    named = (report.recipient, report.file_name)
    return max(seq for seq, one in issued.items() if (one.supplier, one.file_name) == named)


def _arrived(connection: Connection, entry: int) -> bool:
    arrived = bodies(connection, ReportDelivered, _OF_NO_MONTH, after=entry).values()
    return any(one.permit == entry for one in arrived)
