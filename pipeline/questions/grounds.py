"""What entries rest on: without it an outsider could not judge them.

A receipt rests on the list that it is about; a list on the leave that was given for it, on the release that
people approved, on what was decided and on the agreement that was signed. The balance of a month rests on all
of its lists. Whom lists are about is no ground: other families are not shown with one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from pipeline.ledger.entries import Body, Kind, PermitBody, Recorded, read_entry
from pipeline.ledger.leaves import leaves
from pipeline.ledger.ledger import Ledger

_OF_LISTS = {
    Kind.PUBLISHING,
    Kind.PERMIT_ANNULLED,
    Kind.DELIVERED,
    Kind.COLLECTED,
    Kind.ACKNOWLEDGED,
    Kind.DESTRUCTION_ATTESTED,
    Kind.FILE_REMOVED,
}
_OF_RELEASES = {Kind.RELEASE_REQUESTED, Kind.RELEASE_APPROVED, Kind.RELEASE_REFUSED}
_OF_AGREEMENTS = {Kind.AGREEMENT_SIGNED, Kind.AGREEMENT_SUSPENDED}
_OF_BALANCE = {Kind.VALIDATED, Kind.PERMIT}


def grounds(ledger: Ledger, numbers: Collection[int]) -> set[int]:
    """The numbers of these entries, and of what they rest on."""
    entries = _read(ledger, numbers)
    closed = {entry.month for entry in entries if entry.kind == Kind.BALANCED}
    books = {entry.seq for month in closed for entry in ledger.entries(month=month, kinds=_OF_BALANCE)}
    found = _referred_to(ledger, {*numbers, *books})
    lists = [one for one in _read(ledger, found) if one.kind in (Kind.PERMIT, Kind.NOTICE)]
    for month in {one.month for one in lists}:
        found |= _of_month(ledger, month, [one for one in lists if one.month == month])
    return found | _of_agreements(ledger, _read(ledger, found))


def _read(ledger: Ledger, numbers: Collection[int]) -> list[Recorded]:
    """The entries with these numbers, not opened."""
    shown = leaves(ledger, numbers)
    return [read_entry(one.seq, one.kind, one.month, one.at, one.body) for one in shown]


def _referred_to(ledger: Ledger, numbers: Collection[int]) -> set[int]:
    """These entries, the lists and notices that they name, and what those name in turn."""
    found: set[int] = set()
    new = set(numbers)
    while new:
        found |= new
        new = {_about(entry.body) for entry in _read(ledger, new)} - found - {0}
    return found


def _about(body: Body) -> int:
    """The number of the list or notice that an entry names; 0 where it names none."""
    number: int = getattr(body, "permit", 0) or getattr(body, "of", 0)
    return number


def _of_month(ledger: Ledger, month: str, lists: Collection[Recorded]) -> set[int]:
    """What was recorded of these lists, and of their releases and decisions, in their month."""
    numbers = {one.seq for one in lists}
    permits = [one.body for one in lists if isinstance(one.body, PermitBody)]
    packs = {one.pack_sha256 for one in permits}
    versions = {(one.agreement, one.version) for one in permits}

    def belongs(entry: Recorded) -> bool:
        if entry.kind in _OF_LISTS:
            return _about(entry.body) in numbers
        if entry.kind in _OF_RELEASES:
            return getattr(entry.body, "pack_sha256", "") in packs
        return _version(entry.body) in versions

    kinds = _OF_LISTS | _OF_RELEASES | {Kind.DECIDED}
    return {entry.seq for entry in ledger.entries(month=month, kinds=kinds) if belongs(entry)}


def _of_agreements(ledger: Ledger, entries: Iterable[Recorded]) -> set[int]:
    """The signatures and suspensions of the versions that lists went out under, and the register then."""
    permits = {entry.seq: entry.body for entry in entries if isinstance(entry.body, PermitBody)}
    versions = {_version(body) for body in permits.values()}
    standing = ledger.entries(month="", kinds=_OF_AGREEMENTS)
    found = {entry.seq for entry in standing if _version(entry.body) in versions}
    registers = [entry.seq for entry in ledger.entries(month="", kinds={Kind.REGISTER_AGREED})]
    return found | {max(before) for permit in permits if (before := [n for n in registers if n < permit])}


def _version(body: Any) -> tuple[str, int]:
    return getattr(body, "agreement", ""), getattr(body, "version", 0)
