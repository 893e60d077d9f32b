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
    DirectoryBuilt,
    DriftAccepted,
    ExtractReceived,
    ExtractRefused,
    Kind,
    ListForgone,
    PermitAnnulled,
    PermitBody,
    Placed,
    PostcodeReviewed,
    Recorded,
    RegisterAgreed,
    TotalsReceived,
)
from pipeline.ledger.ledger import Ledger

_KINDS = {
    Kind.EXTRACT_RECEIVED,
    Kind.ANSWERS_RECEIVED,
    Kind.TOTALS_RECEIVED,
    Kind.EXTRACT_REFUSED,
    Kind.DRIFT_ACCEPTED,
    Kind.PERMIT_ANNULLED,
    Kind.DELIVERY_FAILED,
    Kind.LIST_FORGONE,
    Kind.PLACED,
    Kind.POSTCODE_REVIEWED,
}

_WHAT = {
    Kind.EXTRACT_RECEIVED: "extract",
    Kind.ANSWERS_RECEIVED: "answers",
    Kind.TOTALS_RECEIVED: "totals",
}  # of the files of a month

_OF_PLACED = ("network", "directory_sha256", "reach_sha256", "statuses")


def course(ledger: Ledger, month: str) -> dict[str, Any]:
    """Keys: files (what, supplier, signed, signed_at, opened_at, rows), refused (supplier, problem, at),
    accepted (supplier, dataset, about, principal, note, at), failed (agreement, recipient, times, problem,
    first_at, delivered_at), forgone (agreement, recipient, principal, note, at), annulled (how many permits),
    placed (network, product, released, directory_sha256, reach_sha256, agreed_by, agreed_at, statuses: by
    what homes were placed in the end, and who signed those reach areas), reviewed (network, status,
    recipient, principal, note, at: what persons decided for single postcodes in this month).
    Moments are London's; "" where there is none. `signed` is False for a file that nobody signed, and
    `signed_at` then when it was first seen. What was accepted is how a file differs from earlier ones.
    """
    entries = list(ledger.entries(month=month, kinds=_KINDS))
    return {
        "files": list(_files(entries)),
        "refused": [
            {"supplier": one.body.supplier, "problem": one.body.problem, "at": written(one.at)}
            for one in entries
            if isinstance(one.body, ExtractRefused)
        ],
        "accepted": [
            {
                **{name: getattr(one.body, name) for name in ("supplier", "dataset", "principal", "note")},
                "about": list(one.body.about),
                "at": written(one.at),
            }
            for one in entries
            if isinstance(one.body, DriftAccepted)
        ],
        "failed": _failed(ledger, month, entries),
        "forgone": [
            {
                **{name: getattr(one.body, name) for name in ("agreement", "recipient", "principal", "note")},
                "at": written(one.at),
            }
            for one in entries
            if isinstance(one.body, ListForgone)
        ],
        "annulled": sum(isinstance(one.body, PermitAnnulled) for one in entries),
        "placed": _placed(ledger, entries),
        "reviewed": [
            {
                **{
                    name: getattr(one.body, name)
                    for name in ("network", "status", "recipient", "principal", "note")
                },
                "at": written(one.at),
            }
            for one in entries
            if isinstance(one.body, PostcodeReviewed)
        ],
    }


def unsigned(ledger: Ledger, month: str) -> list[str]:
    """Which files of the month nobody signed, in words."""
    files = _files(ledger.entries(month=month, kinds=set(_WHAT)))
    named = dict.fromkeys((one["supplier"], one["what"]) for one in files if not one["signed"])
    return [
        f"Nobody signed the file of {supplier} for {month} ({what}): that it is theirs rests on its "
        "passphrase and on the way it came, as birthshare.toml allows (unsigned)."
        for supplier, what in named
    ]


def written(moment: datetime | None) -> str:
    """A moment as London's clocks show it, ISO 8601 to the second; "" for none."""
    return moment.astimezone(LONDON).isoformat(timespec="seconds") if moment else ""


def _files(entries: Iterable[Recorded]) -> Iterator[dict[str, Any]]:
    for one in entries:
        if isinstance(one.body, ExtractReceived | AnswersReceived | TotalsReceived):
            yield {
                "what": _WHAT[one.body.kind],
                "supplier": one.body.supplier,
                "signed": bool(one.body.signer),
                "signed_at": written(one.body.signed_at),
                "opened_at": written(one.at),
                "rows": one.body.rows,
            }


def _failed(ledger: Ledger, month: str, entries: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Each list that failed at some try: how often, why the last time, and when it arrived in the end."""
    if not any(isinstance(one.body, DeliveryFailed) for one in entries):
        return []  # in most months: its lists need not be read
    permits: dict[int, tuple[str, str]] = {}
    failed: dict[tuple[str, str], dict[str, Any]] = {}
    for one in ledger.entries(month=month, kinds={Kind.PERMIT, Kind.DELIVERY_FAILED, Kind.DELIVERED}):
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


def _placed(ledger: Ledger, entries: Iterable[Recorded]) -> list[dict[str, Any]]:
    """By network the directory and the reach areas that counted, with what the ledger says of them."""
    newest = {one.body.network: one.body for one in entries if isinstance(one.body, Placed)}
    if not newest:
        return []
    built: dict[str, DirectoryBuilt] = {}
    agreed: dict[str, Recorded] = {}
    for one in ledger.entries(month="", kinds={Kind.DIRECTORY_BUILT, Kind.REGISTER_AGREED}):
        if isinstance(one.body, DirectoryBuilt):
            built[one.body.directory_sha256] = one.body
        elif isinstance(one.body, RegisterAgreed):
            agreed.setdefault(one.body.reach_areas_sha256, one)
    return [
        {
            **_directory(built.get(body.directory_sha256)),
            **_agreed(agreed.get(body.reach_sha256)),
            **body.model_dump(mode="json", include=set(_OF_PLACED)),
        }
        for body in newest.values()
    ]


def _directory(built: DirectoryBuilt | None) -> dict[str, str]:
    """Which release it is, as far as the ledger says."""
    return {"product": built.product if built else "", "released": str(built.released) if built else ""}


def _agreed(entry: Recorded | None) -> dict[str, Any]:
    """Who signed the reach areas first, and when; nobody where the ledger does not say."""
    if entry is None or not isinstance(entry.body, RegisterAgreed):
        return {"agreed_by": [], "agreed_at": ""}
    return {"agreed_by": [one.principal for one in entry.body.signatures], "agreed_at": written(entry.at)}
