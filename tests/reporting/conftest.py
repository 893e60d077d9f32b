"""A finished month and a release pack, as the rest of Birthshare states them."""

from __future__ import annotations

from typing import Any

import pytest

CHECKPOINT = "birthshare/E07000222\n57\nq2hhbGxlbmdl\n\n— birthshare c2lnbmF0dXJl\n"


@pytest.fixture
def state() -> dict[str, Any]:
    return {
        "month": "2026-10",
        "authority": "Warwick & District Council",
        "received": 100,
        "quarantined": 4,
        "duplicates": 3,
        "agreements": {
            "welcome-card": {
                "shared": 60,
                "held": 13,
                "withheld": 20,
                "reasons": {"consent_refused": 18, "child_died": 2, "consent_not_asked": 13},
            }
        },
        "recipients": [
            {
                "code": "centre-1",
                "agreement": "welcome-card",
                "households": 32,
                "file": "welcome-card_2026-10_centre-1.xlsx",
                "sha256": "a1" * 32,
                "state": "delivered",
            },
            {
                "code": "centre-2",
                "agreement": "welcome-card",
                "households": 26,
                "file": "welcome-card_2026-10_centre-2.csv.gpg",
                "sha256": "b2" * 32,
                "state": "delivered",
            },
        ],
        "approvals": [
            {
                "principal": "data.lead@example.org",
                "approve": True,
                "way": "signature",
                "at": "2026-11-03T09:00:00+00:00",
            }
        ],
        "balanced": True,
        "ledger": {"entries": 57, "root": "c3" * 32, "verified": True},
        "checkpoint": CHECKPOINT,
        "waiting_for": "",
        "seconds": {"intake": 0.4},
    }


@pytest.fixture
def pack() -> dict[str, Any]:
    return {
        "month": "2026-10",
        "authority": "Warwick & District Council",
        "decided_at": "2026-11-03T08:00:00+00:00",
        "inputs": {"extracts": {"chis": "d4" * 32}, "directory": "e5" * 32},
        "books": {
            "welcome-card": {
                "chis": {
                    "received": 100,
                    "quarantined": 4,
                    "duplicates": 3,
                    "withheld": 20,
                    "held": 13,
                    "shared": 60,
                }
            }
        },
        "agreements": {
            "welcome-card": {
                "version": 2,
                "title": "Welcome cards",
                "decisions_sha256": "f6" * 32,
                "reasons": {"consent_refused": 18, "consent_not_asked": 13},
                "households": {"centre-1": 32, "centre-2": 26, "centre-3": 0},
                "approvals": 1,
                "approvals_by": ["data_lead", "caldicott_guardian"],
            }
        },
        "notable": ["welcome-card: held: 13, last month 2"],
    }
