"""Which sealed file in a supplier's inbox is the one for the month."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.records import Month

_SUPPLIER, _MONTH = "{supplier}", "{month}"


def find_arrivals(home: Home, supplier: str, month: Month) -> list[Path]:
    """The supplier's sealed file for the month: one path, or none where it has not come yet.

    The name must be as the settings say. After the month it may go on with words, as in
    `births_chis_2026-10 (1).csv.gpg`; copies of the same bytes count as one file. Raises SettingsError
    for a supplier that the settings do not know, IntegrityError where two different files claim the
    month or where a file of another supplier stands in this inbox.
    """
    settings = home.settings.suppliers.get(supplier)
    if settings is None:
        raise SettingsError(
            "This supplier is not in the settings",
            do=f"Add it under [suppliers], or use one of: {', '.join(sorted(home.settings.suppliers))}.",
        )
    files = _files(home.inbox(supplier))
    _check_nobody_elses(files, settings.file_name, supplier, home.inbox(supplier))
    named = _named(settings.file_name, re.escape(supplier), re.escape(str(month)))
    arrivals = {_digest(file): file for file in reversed(files) if named.match(file.name)}
    if len(arrivals) > 1:
        raise IntegrityError(
            f"Two different files have come for {month}",
            where=str(home.inbox(supplier)),
            do="Ask the supplier which of them stands, and move the other one out of the inbox.",
        )
    return list(arrivals.values())


def _files(inbox: Path) -> list[Path]:
    """The inbox's own files, shortest name first; a link could point anywhere and is left out."""
    if not inbox.is_dir():
        return []
    found = (path for path in inbox.iterdir() if path.is_file() and not path.is_symlink())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _named(pattern: str, supplier: str, month: str) -> re.Pattern[str]:
    """The settings' pattern as a regular expression; a day after the month would be another file."""
    parts = re.split(r"(\{supplier\}|\{month\})", pattern)
    meaning = {_SUPPLIER: supplier, _MONTH: rf"{month}(?![0-9]|-[0-9]).*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts) + r"\Z", re.IGNORECASE)


def _check_nobody_elses(files: list[Path], pattern: str, supplier: str, inbox: Path) -> None:
    if _SUPPLIER not in pattern:
        return
    anyone = _named(pattern, "(?P<supplier>[A-Za-z0-9_-]+)", "[0-9]{4}-[0-9]{2}")
    claims = [match["supplier"] for file in files if (match := anyone.match(file.name))]
    if any(claim.lower() != supplier.lower() for claim in claims):
        raise IntegrityError(
            "A file in this inbox names another supplier",
            where=str(inbox),
            do=f"Only files of {supplier} belong here. Move the file to its own supplier's inbox, or add "
            "that supplier to the settings.",
        )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
