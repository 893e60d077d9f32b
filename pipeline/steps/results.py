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

    kept = sorted(folder.glob("*.json"), reverse=True)
    found = [(file.with_suffix(".html").name, _read(file)) for file in kept]
    page = checks_index([one for one in found if one[1]], authority=home.settings.authority.name)
    write_whole(folder / "index.html", page.encode(), mode=_OWNER_ONLY)


def _read(file: Path) -> dict[str, Any]:
    """Results that were kept; nothing where they cannot be read any more."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
