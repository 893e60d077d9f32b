"""Which sealed files in a supplier's inbox are the ones for the month, and which are feeds of changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import IntegrityError
from pipeline.home import Home
from pipeline.intake.profiles import SupplierFiles, files_of, name_as_agreed
from pipeline.records import Month

_SUPPLIER = "{supplier}"
SIGNATURES = (".sig", ".asc")  # endings of a detached signature, after the whole name of what is signed
_MONTH, _DAY = "[0-9]{4}-[0-9]{2}", "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def find_arrivals(home: Home, supplier: str, month: Month, pattern: str | None = None) -> list[Path]:
    """The supplier's sealed file for the month: one path, or none where it has not come yet.

    The name must be as was agreed (`profiles.files_of`): `pattern`, or else the extract's. After the month
    it may go on with words, as in `births_chis_2026-10 (1).csv.gpg`; copies of the same bytes count as one.
    Raises SettingsError as `files_of` does, IntegrityError where two different files claim the month or where
    a file of another supplier stands in this inbox.
    """
    pattern = pattern or files_of(home, supplier).file_name
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

    None where this supplier sends no feed. Raises IntegrityError where a feed of another
    supplier stands in this inbox, or one whose name does not say its day: it may hold a death.
    """
    files = files_of(home, supplier)
    pattern = files.changes
    if pattern is None:
        return {}
    found = _arrivals(home, supplier, pattern, _DAY)
    monthly = (files.file_name, files.consents, files.totals)
    known = [(pattern, _DAY), *((one, _MONTH) for one in monthly if one)]
    likely = name_as_agreed(pattern, re.escape(supplier), ".*?")
    for file in filter(lambda one: likely.match(one.name), _files(home.inbox(supplier))):
        if not any(name_as_agreed(one, re.escape(supplier), when).match(file.name) for one, when in known):
            raise IntegrityError(
                "The name of a feed of changes does not say its day",
                where=str(file),
                do=f"Name it as was agreed, {pattern}, with the day as YYYY-MM-DD, and run it again.",
            )
    return dict(sorted(found.items(), key=lambda item: item[1].name.lower()))


def is_expected(name: str, supplier: str, files: SupplierFiles) -> bool:
    """Whether a file of that name is one of the supplier's, or the signature of one of its zips.

    A feed of changes is expected even where its name does not say its day: it may hold a death.
    """
    patterns = {files.file_name: _MONTH, files.consents: _MONTH, files.totals: _MONTH, files.changes: ".*?"}
    signed = signed_name(name) if files.sealed == "zip" else name
    return any(
        name_as_agreed(pattern, re.escape(supplier), when).match(signed)
        for pattern, when in patterns.items()
        if pattern
    )


def is_feed(name: str, supplier: str, files: SupplierFiles) -> bool:
    """Whether a file of that name is, or may be, a feed of changes."""
    return bool(files.changes and name_as_agreed(files.changes, re.escape(supplier), ".*?").match(name))


def another_name(name: str, number: int) -> str:
    """A name that fits as well, where another file has this one: `births_chis_2026-10 (2).csv.gpg`."""
    numbered, found = re.subn(rf"{_DAY}|{_MONTH}", lambda when: f"{when[0]} ({number})", name, count=1)
    before, dot, after = name.partition(".")
    return numbered if found else f"{before} ({number}){dot}{after}"


@dataclass(frozen=True)
class Claim:
    """What a file says of itself by its name."""

    supplier: str
    dataset: str  # as pipeline.contract names them
    when: str  # the month, or the day of a feed of changes


def claims_of(name: str, home: Home) -> list[Claim]:
    """Whose and which file that name is, by what was agreed with every supplier; mostly one or none."""
    found = []
    for supplier, settings in home.settings.suppliers.items():
        files = files_of(home, supplier)
        patterns = {
            settings.dataset: (files.file_name, _MONTH),
            "answers": (files.consents, _MONTH),
            "totals": (files.totals, _MONTH),
            "changes": (files.changes, _DAY),
        }
        for dataset, (pattern, when) in patterns.items():
            said = pattern and name_as_agreed(pattern, re.escape(supplier), f"(?P<when>{when})").match(name)
            if said:
                found.append(Claim(supplier, dataset, said["when"]))
    return found


def signed_name(name: str) -> str:
    """The name of the file that a signature lies beside; any other name as it is."""
    return next((name.removesuffix(ending) for ending in SIGNATURES if name.endswith(ending)), name)


def signatures_of(file: Path) -> list[Path]:
    """The signatures that lie beside a file; links are left out."""
    beside = [file.with_name(file.name + ending) for ending in SIGNATURES]
    return [one for one in beside if one.is_file() and not one.is_symlink()]


def _is_signature(name: str, pattern: str) -> bool:
    """Whether it ends as a signature does, and the files that are looked for do not."""
    return signed_name(name) != name and signed_name(pattern) == pattern


def _arrivals(home: Home, supplier: str, pattern: str, when: str) -> dict[str, Path]:
    """Files of that name, by digest; `when` is a regular expression of the month or day."""
    files = [one for one in _files(home.inbox(supplier)) if not _is_signature(one.name, pattern)]
    _check_nobody_elses(files, pattern, supplier, home.inbox(supplier))
    agreed = name_as_agreed(pattern, re.escape(supplier), when)
    return {_digest(file): file for file in reversed(files) if agreed.match(file.name)}


def _files(inbox: Path) -> list[Path]:
    """The inbox's own files, shortest name first; a link could point anywhere and is left out."""
    if not inbox.is_dir():
        return []
    found = (path for path in inbox.iterdir() if path.is_file() and not path.is_symlink())
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _check_nobody_elses(files: list[Path], pattern: str, supplier: str, inbox: Path) -> None:
    if _SUPPLIER not in pattern:
        return
    anyone = name_as_agreed(pattern, "(?P<supplier>[A-Za-z0-9_-]+)", f"(?:{_DAY}|{_MONTH})")
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
