"""The register of data flows: what comes in, what is kept and what goes out, with volumes from the ledger.

As the NHS's Data Security and Protection Toolkit asks for it under standard 1: each flow with its way, its
protection, its legal basis and how much there was of it in the last twelve months.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from pipeline.agreed import LONDON
from pipeline.agreements.model import Permission
from pipeline.agreements.words import counted, listed, sentence, several
from pipeline.home import Home, Supplier
from pipeline.intake.profiles import SupplierFiles, files_of
from pipeline.keeping.retention import limits_of
from pipeline.ledger import remembered
from pipeline.ledger.entries import (
    Acknowledged,
    AnswersReceived,
    ChangesApplied,
    DestructionAttested,
    ExtractReceived,
    Recorded,
    TotalsReceived,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written
from pipeline.questions.processing import YEAR, Case, cases, day
from pipeline.questions.transfers import Transfer, transfers

_SEALED_BY_SUPPLIER = {
    "openpgp": "OpenPGP: encrypted for this authority's key, signed by the supplier's, checked before "
    "opening",
    "zip": "zip under a passphrase (AES-256); the supplier's OpenPGP signature beside it is checked before "
    "opening",
    "unsigned": "zip under a passphrase (AES-256), signed by nobody",
}
_SEALED_FOR_RECIPIENT = "sealed for each recipient alone"
_READ = (
    ExtractReceived, AnswersReceived, TotalsReceived, ChangesApplied, Validated, Acknowledged,
    DestructionAttested,
)  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """One flow, or one class of data that stays here; numbers are of the last twelve months."""

    direction: Literal["in", "kept", "out"]
    what: str
    source: str
    destination: str
    way: str  # how it travels, or where it lies
    protection: str
    personal: bool  # whether families can be known from it
    basis: str  # in law; "" where it is about nobody
    agreements: tuple[str, ...]
    frequency: str
    files: int | None  # None where it is not counted
    rows: int | None  # of families or children, in these files
    last: date | None
    limit: str  # how long it is kept where it goes


def register(home: Home, ledger: Ledger, *, now: datetime) -> dict[str, Any]:
    """The register of today. Raises SettingsError where agreements or the register cannot be read.

    Keys: authority, made_at, since, until (of the counts), flows (see `Flow`; `last` as text).
    """
    since = day(now) - YEAR
    sent = transfers(home, ledger, since=since)
    found = cases(home, ledger, sent, now=now)
    counted = heard(ledger, now)
    flows = [
        *_from_suppliers(home, found, counted),
        *_from_others(counted),
        *_kept(home),
        *_lists(home, found, sent),
        *_notices(home, sent),
        *_besides(home, counted),
    ]
    return {
        "authority": home.settings.authority.name,
        "made_at": written(now),
        "since": since.isoformat(),
        "until": day(now).isoformat(),
        "flows": [{**asdict(one), "last": one.last.isoformat() if one.last else ""} for one in flows],
    }


def heard(ledger: Ledger, now: datetime) -> list[Recorded]:
    """What was recorded about files and receipts in the last twelve months."""
    begin = datetime.combine(day(now) - YEAR, time(), LONDON).astimezone(UTC)  # as entries: soon compared
    return [one for one in remembered.entries(ledger, {body.kind for body in _READ}) if one.at >= begin]


# --- in -------------------------------------------------------------------------------------------


def _from_suppliers(home: Home, found: Sequence[Case], heard: Collection[Recorded]) -> Iterator[Flow]:
    for code, supplier in home.settings.suppliers.items():
        mine = [case for case in found if code in (*case.agreement.suppliers, *case.agreement.hears)]
        files = files_of(home, code)
        sealed = "unsigned" if files.sealed == "zip" and supplier.unsigned else files.sealed
        for what, frequency, entries in _of_supplier(code, supplier, files, heard):
            yield Flow(
                "in",
                what,
                f"{supplier.name} ({code})",
                home.settings.authority.name,
                f"SFTP, fetched from {supplier.inbox.host}, whose host key is pinned, into inbox/{code}"
                if supplier.inbox
                else f"a file in the folder inbox/{code}, however the supplier brings it there",
                _SEALED_BY_SUPPLIER[sealed],
                True,
                _basis(mine),
                tuple(case.agreement.id for case in mine),
                frequency,
                len(entries),
                _rows(entries),
                _last(entries),
                _limit(home, "sealed_files"),
            )


def _of_supplier(
    code: str, supplier: Supplier, files: SupplierFiles, heard: Collection[Recorded]
) -> Iterator[tuple[str, str, list[Recorded]]]:
    """What a supplier sends: what it is, how often, and what came of it; a file read again counts once."""
    births = "expected births" if supplier.dataset == "expected_births" else "births"
    extracts = {
        one.body.sealed_sha256: one
        for one in heard
        if isinstance(one.body, ExtractReceived) and one.body.supplier == code
    }
    yield f"extract of {births}", "once a month", list(extracts.values())
    if files.consents:
        answers = {
            one.body.sealed_sha256: one
            for one in heard
            if isinstance(one.body, AnswersReceived) and one.body.supplier == code
        }
        yield "parents' answers, in a companion file", "once a month", list(answers.values())
    if files.totals:
        counts = {
            one.body.sealed_sha256: one
            for one in heard
            if isinstance(one.body, TotalsReceived) and one.body.supplier == code
        }
        yield "the trust's own counts of births, in a companion file", "once a month", list(counts.values())
    if files.changes:
        yield "later words: deaths, withdrawals, restrictions", "any day", _changes(heard, code)


def _changes(heard: Iterable[Recorded], source: str) -> list[Recorded]:
    return [one for one in heard if isinstance(one.body, ChangesApplied) and one.body.source == source]


def _from_others(heard: Collection[Recorded]) -> Iterator[Flow]:
    own = _changes(heard, "authority")
    yield Flow(
        direction="in",
        what="later words that reach the authority itself, such as a parent's withdrawal",
        source="persons of the authority",
        destination="the ledger",
        way="a list that a named person vouches for",
        protection="read once; what is kept of it is a keyed reference and a coded word",
        personal=True,
        basis="the same as of the sharing that it stops",
        agreements=(),
        frequency="when there is something to say",
        files=len(own),
        rows=_rows(own),
        last=_last(own),
        limit="a word that protects a family: for good",
    )
    said = [one for one in heard if isinstance(one.body, (Acknowledged, DestructionAttested))]
    yield Flow(
        direction="in",
        what="receipts: that a list was opened or destroyed, and a recall done",
        source="recipients",
        destination="the ledger",
        way="a file in the recipient's folder, or what a person was told",
        protection="known by a code that stands inside the list alone",
        personal=False,
        basis="",
        agreements=(),
        frequency="for every list",
        files=len(said),
        rows=None,
        last=_last(said),
        limit="as long as the ledger",
    )


# --- kept -----------------------------------------------------------------------------------------


def _kept(home: Home) -> Iterator[Flow]:
    for one in limits_of(home):
        if one["holds"]:
            yield Flow(
                direction="kept",
                what=f"{one['class'].replace('_', ' ')}: {one['holds']}",
                source="",
                destination="this home",
                way=one["where"],
                protection=one["why"],
                personal=one["class"] in _OF_FAMILIES,
                basis="",
                agreements=(),
                frequency="",
                files=None,
                rows=None,
                last=None,
                limit=one["limit"],
            )


# Classes of `limits` from which a family could be known, to whoever has the keys.
_OF_FAMILIES = {
    "leftovers",
    "sealed_files",
    "working_files",
    "kept_decisions",
    "notices",
    "ledger",
    "references",
}


def _limit(home: Home, name: str) -> str:
    return next(one["limit"] for one in limits_of(home) if one["class"] == name)


# --- out ------------------------------------------------------------------------------------------


def _lists(home: Home, found: Sequence[Case], sent: Collection[Transfer]) -> Iterator[Flow]:
    """One flow for each agreement and kind of recipient, in force or with lists in these months."""
    known = {case.agreement.id: case for case in found}
    arrived: dict[tuple[str, str], list[Transfer]] = {
        (name, kind): [] for name, case in known.items() for kind in case.agreement.recipients.kinds
    }
    for row in sent:
        if row.counts:
            arrived.setdefault((row.agreement, row.recipient_kind), []).append(row)
    for (name, kind), rows in sorted(arrived.items()):
        case = known.get(name)
        to = {row.recipient for row in rows}
        yield Flow(
            "out",
            f"lists: {_learnt(case, kind, rows)}",
            home.settings.authority.name,
            f"{several(kind) if kind else 'recipients that are not in the register any more'} "
            f"({counted(len(to), 'recipient')} in these months)",
            _ways(home, kind),
            listed(sorted({row.sealed for row in rows if row.sealed})) if rows else _SEALED_FOR_RECIPIENT,
            case is None or case.agreement.confidentiality.permission is not Permission.NOT_NEEDED,
            _basis([case]) if case else "the agreement's file is not in this home any more",
            (name,),
            "once a month for each recipient",
            len(rows),
            sum(row.children for row in rows),
            max((row.day for row in rows), default=None),
            case.said["For how long"][0] if case else "as its list says",
        )


def _learnt(case: Case | None, kind: str, rows: Sequence[Transfer]) -> str:
    if rows:
        return rows[-1].learnt
    return " ".join(case.said["What a recipient learns"]) if case and kind else "nothing was sent"


def _ways(home: Home, kind: str) -> str:
    """How those of one kind are reached today."""
    via = [one.via for one in home.recipients().values() if one.kind == kind]
    words = {"sftp": "SFTP, to a server whose key is pinned", "folder": "a folder, which a carrier empties"}
    return (
        listed(f"{words[way]} ({via.count(way)})" for way in sorted(set(via), reverse=True))
        if via
        else "none now"
    )


def _notices(home: Home, sent: Collection[Transfer]) -> Iterator[Flow]:
    rows = [row for row in sent if row.what != "list" and row.delivered]
    yield Flow(
        direction="out",
        what="notices: which rows of earlier lists are called back, and reminders",
        source=home.settings.authority.name,
        destination="recipients of these lists",
        way="as the lists",
        protection="sealed for the recipient alone; a row's reference, and no name",
        personal=True,
        basis="the same as of the sharing that it ends",
        agreements=tuple(sorted({row.agreement for row in rows})),
        frequency="when a family must be taken off a list, or a recipient is late",
        files=len(rows),
        rows=None,
        last=max((row.day for row in rows), default=None),
        limit="as long as the list",
    )


def _besides(home: Home, heard: Collection[Recorded]) -> Iterator[Flow]:
    reports = [one for one in heard if isinstance(one.body, Validated)]
    yield Flow(
        direction="out",
        what="reports on the rows of suppliers' files: row, field and rule, never a value",
        source=home.settings.authority.name,
        destination=listed(f"{one.name} ({code})" for code, one in home.settings.suppliers.items()),
        way=_way_of_reports(home),
        protection="no value of any record is in them; what is sent is sealed for its supplier (OpenPGP)",
        personal=False,
        basis="",
        agreements=(),
        frequency="with each extract",
        files=len(reports),
        rows=None,
        last=_last(reports),
        limit=_limit(home, "reports"),
    )
    yield Flow(
        direction="out",
        what="checkpoints of the ledger: a number, a hash and a signature",
        source=home.settings.authority.name,
        destination=listed(["every recipient", *(one.name for one in home.settings.ledger.places)]),
        way="with each list; as files at the places that the settings name",
        protection="signed; nobody is in them",
        personal=False,
        basis="",
        agreements=(),
        frequency="with each list, at a month's end and nightly",
        files=None,
        rows=None,
        last=None,
        limit="as long as whoever keeps them wants",
    )


def _way_of_reports(home: Home) -> str:
    """How each supplier's report gets there."""
    sent = {code: one.reports for code, one in home.settings.suppliers.items()}
    ways = {
        "sftp": "SFTP, to a server whose host key is pinned",
        "folder": "a folder that a carrier empties",
        "": "a table in the outbox, for somebody to pass on",
    }
    return "; ".join(
        f"{way} ({', '.join(codes)})"
        for via, way in ways.items()
        if (codes := [code for code, place in sent.items() if (place.via if place else "") == via])
    )


# --- words ----------------------------------------------------------------------------------------


def _basis(found: Iterable[Case]) -> str:
    """The duties, powers and bases of these agreements, each said once."""
    facts = [
        fact
        for one in (case.agreement for case in found)
        for fact in (
            *one.powers, one.lawful_basis.article_6, one.lawful_basis.article_9, one.confidentiality.basis
        )
        if fact is not None
    ]  # fmt: skip
    return " ".join(dict.fromkeys(sentence(fact.says) for fact in facts))


def _last(entries: Iterable[Recorded]) -> date | None:
    newest = max((entry.at for entry in entries), default=None)
    return day(newest) if newest else None


def _rows(entries: Iterable[Recorded]) -> int:
    return sum(
        entry.body.rows
        for entry in entries
        if isinstance(entry.body, (ExtractReceived, AnswersReceived, TotalsReceived, ChangesApplied))
    )
