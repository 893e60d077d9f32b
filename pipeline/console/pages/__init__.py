"""The console's pages; each module has its `pages`."""

from __future__ import annotations

from pipeline.console.pages import (
    agreements,
    breach,
    checks,
    deciding,
    drift,
    family,
    map,
    months,
    passkeys,
    postcodes,
    proof,
    recalls,
    recipients,
    releases,
    transfers,
    waiting,
    who_may,
)

EVERY_PAGE = (
    waiting.pages,
    months.pages,
    releases.pages,
    drift.pages,
    checks.pages,
    deciding.pages,
    passkeys.pages,
    agreements.pages,
    recipients.pages,
    transfers.pages,
    map.pages,
    postcodes.pages,
    proof.pages,
    family.pages,
    recalls.pages,
    breach.pages,
    who_may.pages,
)
