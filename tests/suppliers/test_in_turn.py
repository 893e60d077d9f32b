"""A companion file counts in its turn: the newest of its month, and for no other month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from month_authority import MONTH, NOW, Authority
from pipeline import month as months
from pipeline.ledger.entries import AnswersReceived, Body, Entry, ExtractRefused, Kind, TotalsReceived
from pipeline.places.compiled import Places
from pipeline.records import Extract
from pipeline.steps.companions import receive_answers
from pipeline.steps.desk import Desk
from pipeline.steps.inputs import Inputs
from pipeline.steps.receiving import OutOfTurn, ReceivedBefore
from pipeline.suppliers.totals import receive_totals

Receive = Callable[[Desk, Inputs], list[Extract]]
ANOTHER = "a" * 64

ANSWERS = ("consents", b"nhs_number,consent_status,consent_date,consent_given_by\r\n", receive_answers)
TOTALS = ("totals", b"area,births\r\nall,140\r\n", receive_totals)
KINDS = pytest.mark.parametrize(("kind", "content", "receive"), [ANSWERS, TOTALS], ids=["answers", "totals"])


def used(kind: str, sealed_sha256: str, signed_at: datetime) -> Body:
    """What the ledger says of such a file that was used."""
    file: dict[str, Any] = {
        "supplier": "chis",
        "sealed_sha256": sealed_sha256,
        "signer": "A" * 40,
        "signed_at": signed_at,
        "rows": 1,
    }
    if kind == "consents":
        return AnswersReceived(**file, unusable=0)
    counts = dict.fromkeys(("births", "counted", "quarantined", "unsaid", "areas", "areas_apart"), 0)
    return TotalsReceived(**file, extract_sha256=ANOTHER, **counts)


def sent(authority: Authority, kind: str, content: bytes) -> Inputs:
    """Such a file in the inbox, as a month would find it."""
    file = authority.send(content, authority.inbox / f"{kind}_chis_{MONTH}.csv.gpg")
    digests = {kind: {"chis": sha256(file.read_bytes()).hexdigest()}}
    files: dict[str, Any] = {kind: {"chis": file}}
    nowhere = Places(Path(), Path(), "", "")
    return Inputs(arrivals={}, places=nowhere, digests=digests, **files)


@KINDS
def test_an_older_file_does_not_replace_a_newer_one(
    authority: Authority, kind: str, content: bytes, receive: Receive
) -> None:
    inputs = sent(authority, kind, content)
    with months.opened(authority.home, MONTH, NOW) as desk:
        assert len(receive(desk, inputs)) == 1
        desk.record(used(kind, ANOTHER, NOW + timedelta(days=1)))
        with pytest.raises(OutOfTurn, match="newer file of chis"):
            receive(desk, inputs)
    check_refused(authority, inputs.digests[kind]["chis"], "out_of_turn")


@KINDS
def test_a_file_that_another_month_used_is_refused(
    authority: Authority, kind: str, content: bytes, receive: Receive
) -> None:
    inputs = sent(authority, kind, content)
    digest = inputs.digests[kind]["chis"]
    with months.opened(authority.home, MONTH, NOW) as desk:
        desk.ledger.append(Entry(used(kind, digest, NOW), str(MONTH.plus(-1))), at=NOW)
        with pytest.raises(ReceivedBefore, match=f"already received for {MONTH.plus(-1)}"):
            receive(desk, inputs)
    check_refused(authority, digest, "received_before")


def check_refused(authority: Authority, digest: str, problem: str) -> None:
    """The ledger says so, once."""
    [body] = authority.recorded(Kind.EXTRACT_REFUSED)
    assert isinstance(body, ExtractRefused)
    assert (body.sealed_sha256, body.problem) == (digest, problem)
