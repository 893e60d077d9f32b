"""How a month went, from the ledger alone: files came or were refused, lists failed or were forgone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pipeline.agreed import LONDON
from pipeline.ledger.entries import (
    AnswersReceived,
    Delivered,
    DeliveryFailed,
    ExtractReceived,
    ExtractRefused,
    Kind,
    ListForgone,
    PermitAnnulled,
    PermitBody,
    Recorded,
)
from pipeline.ledger.ledger import Ledger

_KINDS = {
    Kind.EXTRACT_RECEIVED,
    Kind.ANSWERS_RECEIVED,
    Kind.EXTRACT_REFUSED,
    Kind.PERMIT,
    Kind.PERMIT_ANNULLED,
    Kind.DELIVERED,
    Kind.DELIVERY_FAILED,
    Kind.LIST_FORGONE,
}


def course(ledger: Ledger, month: str) -> dict[str, Any]:
    """Keys: files (what, supplier, signed_at, opened_at, rows), refused (supplier, problem, at), failed
    (agreement, recipient, times, problem, first_at, delivered_at), forgone (agreement, recipient, principal,
    note, at), annulled (how many permits). Moments are London's; "" where there is none.
    """
    entries = list(ledger.entries(month=month, kinds=_KINDS))
    return {
        "files": list(_files(entries)),
        "refused": [
            {"supplier": one.body.supplier, "problem": one.body.problem, "at": written(one.at)}
            for one in entries
            if isinstance(one.body, ExtractRefused)
        ],
        "failed": _failed(entries),
        "forgone": [
            {
                **{name: getattr(one.body, name) for name in ("agreement", "recipient", "principal", "note")},
                "at": written(one.at),
            }
            for one in entries
            if isinstance(one.body, ListForgone)
        ],
        "annulled": sum(isinstance(one.body, PermitAnnulled) for one in entries),
    }


def written(moment: datetime | None) -> str:
    """A moment as London's clocks show it, ISO 8601 to the second; "" for none."""
    return moment.astimezone(LONDON).isoformat(timespec="seconds") if moment else ""


def _files(entries: Iterable[Recorded]) -> Iterator[dict[str, Any]]:
    for one in entries:
        if isinstance(one.body, ExtractReceived | AnswersReceived):
            yield {
                "what": "extract" if isinstance(one.body, ExtractReceived) else "answers",
                "supplier": one.body.supplier,
                "signed_at": written(one.body.signed_at),
                "opened_at": written(one.at),
                "rows": one.body.rows,
            }


def _failed(entries: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Each list that failed at some try: how often, why the last time, and when it arrived in the end."""
    permits: dict[int, tuple[str, str]] = {}
    failed: dict[tuple[str, str], dict[str, Any]] = {}
    for one in entries:
        body = one.body
        if isinstance(body, PermitBody):
            permits[one.seq] = body.agreement, body.recipient
        elif isinstance(body, DeliveryFailed):
            key = body.agreement, body.recipient
            row = failed.setdefault(key, {"times": 0, "first_at": written(one.at), "delivered_at": ""})
            row |= {"times": row["times"] + 1, "problem": body.problem}
        elif isinstance(body, Delivered) and permits.get(body.permit) in failed:
            failed[permits[body.permit]]["delivered_at"] = written(one.at)
    return [{"agreement": agreement, "recipient": code, **row} for (agreement, code), row in failed.items()]
