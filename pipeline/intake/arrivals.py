"""Which sealed files in a supplier's inbox are the ones for the month, and which are feeds of changes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.records import Month

_SUPPLIER, _WHEN = "{supplier}", ("{month}", "{date}")
_MONTH, _DAY = "[0-9]{4}-[0-9]{2}", "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def find_arrivals(home: Home, supplier: str, month: Month, pattern: str | None = None) -> list[Path]:
    """The supplier's sealed file for the month: one path, or none where it has not come yet.

    The name must be as the settings say: `pattern`, or else the extract's. After the month it may go on
    with words, as in `births_chis_2026-10 (1).csv.gpg`; copies of the same bytes count as one file.
    Raises SettingsError for a supplier that the settings do not know, IntegrityError where two different
    files claim the month or where a file of another supplier stands in this inbox.
    """
    settings = home.settings.suppliers.get(supplier)
    if settings is None:
        raise SettingsError(
            "This supplier is not in the settings",
            do=f"Add it under [suppliers], or use one of: {', '.join(sorted(home.settings.suppliers))}.",
        )
    pattern = pattern or settings.file_name
    arrivals = _arrivals(home, supplier, pattern, str(month))
    if len(arrivals) > 1:
        raise IntegrityError(
            f"Two different files have come for {month}",
            where=f"{home.inbox(supplier)}, {pattern}",
            do="Ask the supplier which of them stands, and move the other one out of the inbox.",
        )
    return list(arrivals.values())


def find_feeds(home: Home, supplier: str) -> dict[str, Path]:
    """Every sealed feed of changes in the supplier's inbox, by SHA-256, in the order of their days.

    None where the settings name no feed of this supplier. Raises IntegrityError where a feed of another
    supplier stands in this inbox, or one whose name does not say its day: it may hold a death.
    """
    settings = home.settings.suppliers[supplier]
    pattern = settings.changes
    if pattern is None:
        return {}
    found = _arrivals(home, supplier, pattern, _DAY)
    known = [(pattern, _DAY), *((one, _MONTH) for one in (settings.file_name, settings.consents) if one)]
    likely = _named(pattern, re.escape(supplier), ".*?")
    for file in filter(lambda one: likely.match(one.name), _files(home.inbox(supplier))):
        if not any(_named(one, re.escape(supplier), when).match(file.name) for one, when in known):
            raise IntegrityError(
                "The name of a feed of changes does not say its day",
                where=str(file),
                do=f"Name it as the settings say, {pattern}, with the day as YYYY-MM-DD, and run it again.",
            )
    return dict(sorted(found.items(), key=lambda item: item[1].name.lower()))


def _arrivals(home: Home, supplier: str, pattern: str, when: str) -> dict[str, Path]:
    """Files of that name, by digest; `when` is a regular expression of the month or day."""
    files = _files(home.inbox(supplier))
    _check_nobody_elses(files, pattern, supplier, home.inbox(supplier))
    named = _named(pattern, re.escape(supplier), when)
    return {_digest(file): file for file in reversed(files) if named.match(file.name)}


def _files(inbox: Path) -> list[Path]:
    """The inbox's own files, shortest name first; a link could point anywhere and is left out."""
    if not inbox.is_dir():
        return []
    found = (path for path in inbox.iterdir() if path.is_file() and not path.is_symlink())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _named(pattern: str, supplier: str, when: str) -> re.Pattern[str]:
    """The settings' pattern as a regular expression; a day after a month would be another file."""
    parts = re.split(r"(\{supplier\}|\{month\}|\{date\})", pattern)
    meaning = {_SUPPLIER: supplier, **dict.fromkeys(_WHEN, rf"{when}(?![0-9]|-[0-9]).*")}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts) + r"\Z", re.IGNORECASE)


def _check_nobody_elses(files: list[Path], pattern: str, supplier: str, inbox: Path) -> None:
    if _SUPPLIER not in pattern:
        return
    anyone = _named(pattern, "(?P<supplier>[A-Za-z0-9_-]+)", "[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
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
