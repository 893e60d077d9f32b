"""The results of the checks, kept in the outbox with their pages; the ledger names them by digest."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.home import Home
from pipeline.records import Extract
from pipeline.staging import write_whole

if TYPE_CHECKING:
    from pipeline.validation.checks import Checked

_OWNER_ONLY = 0o600


def keep_results(home: Home, extract: Extract, checked: Checked, dataset: str) -> str:
    """Keep what became of each rule on a file of a month, and a page of it; the SHA-256 of the results.

    The same file always gives the same bytes. Counts and rules alone: nothing in them is a value.
    """
    from pipeline.reporting.checks import checks_page
    from pipeline.validation.docs import as_bytes

    found = {
        "supplier": extract.supplier,
        "month": str(extract.month),
        "dataset": dataset,
        "sealed_sha256": extract.sealed_sha256,
        "rows": len(checked.failed),
        "accepted": len(checked.frame),
        "set_aside": checked.quarantined_rows,
        **checked.document,
    }
    kept = as_bytes(found)
    digest = sha256(kept).hexdigest()
    folder = home.checks
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{extract.month}_{extract.supplier}_{dataset}"
    write_whole(folder / f"{name}.json", kept, mode=_OWNER_ONLY)
    page = checks_page(found, digest=digest, authority=home.settings.authority.name)
    write_whole(folder / f"{name}.html", page.encode(), mode=_OWNER_ONLY)
    _index(home, folder)
    return digest


def _index(home: Home, folder: Path) -> None:
    """One page that leads to all others that are there."""
    from pipeline.reporting.checks import checks_index

    found = [(f"{name}.html", read_results(file)[0]) for name, file in kept_results(home).items()]
    page = checks_index([one for one in found if one[1]], authority=home.settings.authority.name)
    write_whole(folder / "index.html", page.encode(), mode=_OWNER_ONLY)


def kept_results(home: Home) -> dict[str, Path]:
    """The files of all results that are kept, by name, the newest month first."""
    return {file.stem: file for file in sorted(home.checks.glob("*.json"), reverse=True)}


def read_results(file: Path) -> tuple[dict[str, Any], str]:
    """Results that were kept, and their SHA-256; nothing where they cannot be read any more."""
    try:
        content = file.read_bytes()
        found = json.loads(content)
    except (OSError, ValueError):
        return {}, ""
    return (found, sha256(content).hexdigest()) if isinstance(found, dict) else ({}, "")
