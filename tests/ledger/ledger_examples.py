"""What several tests of the ledger record."""

from __future__ import annotations

from typing import Any

from pipeline.ledger.entries import Entry, PermitBody, ReleaseApproved

MONTH = "2026-10"


def digest(letter: str) -> str:
    """Something of the shape of a SHA-256."""
    return letter * 64


def child(number: int) -> str:
    """The keyed reference of a child."""
    return f"{number:032x}"


PACK = digest("a")


def permit_body(recipient: str = "centre-1", *, children: int = 2, **changes: Any) -> PermitBody:
    """A permit for a list of so many children."""
    content = {
        "agreement": "welcome-card",
        "version": 1,
        "recipient": recipient,
        "file_name": f"births_{recipient}_2026-10.xlsx",
        "sealed_sha256": digest("5"),
        "households": children,
        "children": children,
        "pack_sha256": PACK,
        "removed": {},
    }
    return PermitBody(**{**content, **changes})


APPROVED = Entry(
    ReleaseApproved(pack_sha256=PACK, principal="data.lead@example.org", roles=("data_lead",), way="airflow"),
    MONTH,
)
