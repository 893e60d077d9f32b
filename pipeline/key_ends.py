"""Whose keys come to their end: suppliers', recipients', approvers' and the authority's own.

A key that ends unnoticed stops a month: a supplier's file is refused, nobody can approve, nothing can be
sealed. What is told is whose key and until when, in the words and at the distances of agreements' own ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pipeline.agreed import LONDON
from pipeline.agreements.deadlines import how_soon, time_left
from pipeline.agreements.words import on_day
from pipeline.encryption.public_keys import expires
from pipeline.errors import BirthshareError
from pipeline.home import Home
from pipeline.recipients import register

OURS = (
    "keys/decryption.asc",
    "keys/decryption.key",
)  # the first is the public half, which more machines have
_LAST_DAY = re.compile(r'valid-before="?(?P<day>[0-9]{8})')
_CONSEQUENCES = {
    "supplier": "its files are refused after that; ask it for its new key",
    "authority": "suppliers can seal nothing for it after that; see infra/runbooks/keys.md",
    "approver": "nothing that they sign after that counts; add their new key beside it",
}


@dataclass(frozen=True)
class KeyEnd:
    """One key that ends within 90 days, or has."""

    whose: Literal["supplier", "authority", "approver"]
    name: str  # the supplier's code, the approver's principal, or the file
    day: date  # the last

    def words(self, today: date) -> str:
        """A sentence for a person; `today` is a day in London."""
        key = f"the key {self.name}" if self.whose == "authority" else f"the key of {self.name}"
        if self.day < today:
            return f"Now: {key} was good until {on_day(self.day)}: {_CONSEQUENCES[self.whose]}."
        left = time_left(self.day, today)
        soon, then = how_soon(self.day, today), _CONSEQUENCES[self.whose]
        return f"{soon}: {key} is good until {on_day(self.day)}, {left}: {then}."


def endings(home: Home, today: date) -> list[KeyEnd]:
    """The keys that end within 90 days or have, but recipients' (`register.ending_keys`)."""
    return [one for one in _ends(home) if how_soon(one.day, today)]


def warnings(home: Home, today: date) -> list[str]:
    """A sentence for every key that comes to its end or has, recipients' too; `today` is a day in London."""
    return [*(one.words(today) for one in endings(home, today)), *register.warnings(home, today)]


def _ends(home: Home) -> Iterator[KeyEnd]:
    for code, supplier in home.settings.suppliers.items():
        keys = {supplier.signing_key, supplier.reports.key if supplier.reports else ""} - {""}
        ends = [end for key in keys if (end := _openpgp_end(home.at(key)))]
        if ends:
            yield KeyEnd("supplier", code, min(ends))
    ours = next((name for name in OURS if home.at(name).is_file()), "")
    if ours and (end := _openpgp_end(home.at(ours))):
        yield KeyEnd("authority", ours, end)
    for person in home.settings.approvers:
        if end := _approvers_end(home, person.principal):
            yield KeyEnd("approver", person.principal, end)


def _openpgp_end(key: Path) -> date | None:
    """The last whole day in London; None for a key without an end, and for what cannot be read as one."""
    with suppress(BirthshareError):
        end = expires(key) if key.is_file() else None
        return end.astimezone(LONDON).date() - timedelta(days=1) if end else None
    return None


def _approvers_end(home: Home, principal: str) -> date | None:
    """The last day of a person's newest key; None where one has no end, or there is none."""
    try:
        lines = home.allowed_signers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    mine = [line for line in lines if principal in line.partition(" ")[0].split(",")]
    said = [_LAST_DAY.search(line) for line in mine]
    if not said or not all(said):
        return None
    return max(_day(match["day"]) for match in said if match)


def _day(written: str) -> date:
    """The day before the one from which it counts no more."""
    return date(int(written[:4]), int(written[4:6]), int(written[6:])) - timedelta(days=1)
