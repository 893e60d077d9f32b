"""Closed months of an invented authority, recorded as a run records them, without running any."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pandas as pd

from pipeline.ledger.entries import (
    Acknowledged,
    AreasCounted,
    Balanced,
    Body,
    Collected,
    Decided,
    Delivered,
    DeliveryFailed,
    Entry,
    ExtractReceived,
    ExtractRefused,
    MonthClosed,
    NoticeBody,
    PermitBody,
    RecallRaised,
    ReleaseApproved,
    ReleaseRequested,
    StagingDestroyed,
    Validated,
)
from pipeline.ledger.ledger import Ledger
from pipeline.records import SUPPRESSIONS, Month, OnList, Permit, declared

AGREEMENT, LEAD = "welcome-card", "data.lead@example.org"
USUAL = {"consent_refused": 20, "restricted_record": 10}  # reasons to withhold
PACK, DIGEST, SIGNER = "a" * 64, "5" * 64, "F" * 40


def after(month: Month, days: int) -> datetime:
    """Noon, so many days after the month's last."""
    return datetime.combine(month.last_day + timedelta(days=days), time(12), UTC)


def begin(
    ledger: Ledger,
    month: Month,
    *,
    shared: int = 60,
    reasons: Mapping[str, int] = USUAL,
    signed: int = 2,
    agreement: str = AGREEMENT,
) -> None:
    """A month whose extract came `signed` days after its end, decided and approved; the rest is withheld."""
    withheld = sum(reasons.values())
    rows = shared + withheld + 4
    said: list[Body] = [
        ExtractReceived(
            supplier="chis",
            sealed_sha256=DIGEST,
            signer=SIGNER,
            signed_at=after(month, signed),
            rows=rows,
        ),
        Validated(
            supplier="chis", sealed_sha256=DIGEST, rows=rows, accepted=rows - 4, quarantined={"blank": 4}
        ),
        Decided(
            agreement=agreement,
            version=1,
            digest=DIGEST,
            decisions_sha256=DIGEST,
            outcomes={"shared": shared, "held": 0, "withheld": withheld},
            reasons=reasons,
            duplicates=0,
        ),
        ReleaseRequested(pack_sha256=PACK),
        ReleaseApproved(pack_sha256=PACK, principal=LEAD, roles=("data_lead",), way="airflow"),
    ]
    record(ledger, month, *said)


def send(
    ledger: Ledger,
    month: Month,
    recipient: str,
    households: int,
    *,
    agreement: str = AGREEMENT,
    failures: int = 0,
    days: int = 5,
) -> Permit:
    """A list of so many households, with one child each, delivered after so many failed tries."""
    body = permit_body(month, recipient, households, agreement=agreement)
    at = after(month, days)
    permit = ledger.permit(
        body, [on_list(month, recipient, n) for n in range(households)], month=str(month), at=at
    )
    failed = DeliveryFailed(
        permit=permit.entry, agreement=agreement, recipient=recipient, problem="unreachable"
    )
    for _ in range(failures):
        record(ledger, month, failed, days=days)
    delivered(ledger, month, permit, days=days)
    return permit


def delivered(ledger: Ledger, month: Month, permit: Permit, *, days: int = 5) -> None:
    """A list arrives."""
    there = Delivered(permit=permit.entry, sha256=DIGEST, size=1000, found_there=False)
    ledger.arrive(there, month=str(month), at=after(month, days))


def permit_body(month: Month, recipient: str, households: int, *, agreement: str = AGREEMENT) -> PermitBody:
    """Leave for a list of so many households, with one child each."""
    return PermitBody(
        agreement=agreement,
        version=1,
        recipient=recipient,
        file_name=f"{agreement}_{month}_{recipient}.xlsx",
        sealed_sha256=DIGEST,
        households=households,
        children=households,
        pack_sha256=PACK,
        removed={},
        destroy_by=after(month, 65).date(),
    )


def child(month: Month, recipient: str, number: int) -> str:
    """The keyed reference of one child on a list."""
    return hashlib.sha256(f"{month} {recipient} {number}".encode()).hexdigest()[:32]


def on_list(month: Month, recipient: str, number: int) -> OnList:
    return OnList(child(month, recipient, number), "", "", f"AAAAA-{number + 10000:05d}")


def counted(ledger: Ledger, month: Month, births: Mapping[str, int], *, agreement: str = AGREEMENT) -> None:
    """What is counted of each area before the books: five fewer are permitted than born, and shared."""
    body = AreasCounted(
        agreement=agreement,
        network="centres",
        births=dict(births),
        consented={code: number - 5 for code, number in births.items()},
        shared={code: number - 10 for code, number in births.items()},
    )
    record(ledger, month, body, days=6)


def end(ledger: Ledger, month: Month, *, shared: int, withheld: int, agreement: str = AGREEMENT) -> None:
    """The books, and the end."""
    columns = {"received": shared + withheld + 4, "quarantined": 4, "duplicates": 0, "withheld": withheld}
    books = {agreement: {"chis": {**columns, "held": 0, "shared": shared}}}
    record(ledger, month, Balanced(books=books), StagingDestroyed(), MonthClosed(), days=6)


def closed(
    ledger: Ledger,
    month: Month,
    lists: Mapping[str, int],
    *,
    reasons: Mapping[str, int] = USUAL,
    signed: int = 2,
    born: Mapping[str, int] | None = None,
) -> None:
    """A whole month whose lists have so many households; its areas, where they were counted, these births."""
    shared = sum(lists.values())
    begin(ledger, month, shared=shared, reasons=reasons, signed=signed)
    for recipient, households in lists.items():
        send(ledger, month, recipient, households)
    if born is not None:
        counted(ledger, month, born)
    end(ledger, month, shared=shared, withheld=sum(reasons.values()))


def refused(ledger: Ledger, month: Month) -> None:
    """A file of the supplier's that could not be used."""
    record(ledger, month, ExtractRefused(supplier="chis", sealed_sha256=DIGEST, problem="wrong_signer"))


def record(ledger: Ledger, month: Month, *bodies: Body, days: int = 3) -> None:
    ledger.append(*(Entry(body, str(month)) for body in bodies), at=after(month, days))


def called_back(
    ledger: Ledger,
    permit: Permit,
    number: int,
    *,
    said: datetime,
    raised: datetime,
    told: datetime | None = None,
    done: datetime | None = None,
    word: str = "child_died",
) -> None:
    """A word about one child of a list, and what followed from it: recall, notice, and the answer to it."""
    ledger.suppress(said_of(child(Month.parse(permit.month), permit.recipient, number), word, said), said)
    due = raised.date() + timedelta(days=2)
    entries = tuple(
        entry
        for one in ledger.words_since().itertuples()
        for entry in call_back_now(ledger, one, word, raised)
    )
    if told is None:
        return
    body = NoticeBody(
        about="recall",
        agreement=permit.agreement,
        recipient=permit.recipient,
        file_name=f"recall_{permit.recipient}_{entries[0]}.xlsx",
        sealed_sha256=DIGEST,
        entries=entries,
        due=due,
    )
    lease = f"notices/{permit.recipient}"
    notice = ledger.give_notice(body, at=raised, lease=(lease, ledger.take(lease)))
    arrived = Delivered(permit=notice.entry, sha256=DIGEST, size=1000, found_there=False)
    ledger.arrive(arrived, month="", at=told)
    if done is not None:
        answer = Acknowledged(of=notice.entry, way="file", receipt_sha256=DIGEST)
        ledger.append(Entry(Collected(of=notice.entry)), Entry(answer), at=done)


def call_back_now(ledger: Ledger, one: Any, word: str, at: datetime) -> list[int]:
    """A recall of one row of `Ledger.words_since`, to be done in two days."""
    recall = RecallRaised(
        permit=one.permit,
        reference=one.reference,
        child=one.child,
        agreement=one.agreement,
        recipient=one.recipient,
        word=word,
        due=at.date() + timedelta(days=2),
    )
    return ledger.call_back([recall], at=at)


def said_of(subject: str, word: str, since: datetime) -> pd.DataFrame:
    """One later word, as a feed of changes says it."""
    row = {"subject": [subject], "word": [word], "since": [pd.Timestamp(since.date())]}
    return declared(pd.DataFrame(row), SUPPRESSIONS)


def reminded(ledger: Ledger, permit: Permit, *, at: datetime) -> None:
    """A recipient is reminded to destroy a list."""
    body = NoticeBody(
        about="destruction",
        agreement=permit.agreement,
        recipient=permit.recipient,
        file_name=f"destruction_{permit.recipient}.xlsx",
        sealed_sha256=DIGEST,
        entries=(permit.entry,),
        due=at.date() + timedelta(days=7),
    )
    lease = f"notices/{permit.recipient}"
    notice = ledger.give_notice(body, at=at, lease=(lease, ledger.take(lease)))
    there = Delivered(permit=notice.entry, sha256=DIGEST, size=1000, found_there=False)
    ledger.arrive(there, month="", at=at)
