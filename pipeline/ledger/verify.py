"""Proving that a ledger was not altered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock

from pipeline.ledger import indexes
from pipeline.ledger.checkpoints import read_statement, unsigned
from pipeline.ledger.findings import Damage, Problem, Verification
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.promises import Promise
from pipeline.ledger.replay import Watch, no_watch, replay

__all__ = ["Damage", "Problem", "Verification", "Watch", "no_watch", "verify"]

# What this process read after a checkpoint and found sound, by database and checkpoint. While a month's lists
# go out it can be hundreds of thousands of entries, and is asked about for every page of the console.
_READ: OrderedDict[tuple[str, str], Promise] = OrderedDict()
_MANY = 250  # entries; fewer are read every time
_MOST_REMEMBERED = 16
_lock = Lock()


def verify(
    ledger: Ledger,
    *,
    check_note: Callable[[str], str] | None,
    kept_elsewhere: Iterable[str] = (),
    since: str | None = None,
    watch: Watch = no_watch,
) -> Verification:
    """Read every entry again and recompute all hashes; names the first damage that is found.

    `check_note` gives the text of a signed note and raises IntegrityError where the signature is not
    genuine; None leaves signatures aside. `kept_elsewhere` are signed checkpoints from outside the
    database: only they can show that a whole ledger was rewritten or cut short.

    `since` is such a checkpoint too: what it covers is not read again, but the tree's hashes must be those
    that were signed. What stands there in bodies, openings and look-ups is then not looked at. Nor are many
    entries after it read by one process twice: their hashes must be those that it found.

    Memory does not grow with the ledger. Raises SettingsError where the database cannot be used.
    """
    key = ledger.database.name, since or ""
    believed = _READ.get(key) if since else None

    def again(believed: Promise | None) -> Verification:
        with ledger.database.reading() as connection:
            found = replay(
                connection,
                check_note=check_note,
                kept_elsewhere=notes,
                since=since,
                believed=believed,
                watch=watch,
            )
            if found.problem is None and since is None:
                found = replace(found, problem=indexes.problem(connection))
            return found

    notes = tuple(kept_elsewhere)
    found = again(believed)
    if found.problem is not None and believed is not None:
        return again(None)  # the whole of it says best what is wrong
    if since and found.problem is None and found.read > _MANY:
        _remember(key, Promise(found.entries, bytes.fromhex(found.root)))
    return replace(found, since=_size(since)) if believed else found


def _remember(key: tuple[str, str], read: Promise) -> None:
    with _lock:
        _READ[key] = read
        while len(_READ) > _MOST_REMEMBERED:
            _READ.popitem(last=False)


def _size(note: str | None) -> int:
    return read_statement(unsigned(note))[0] if note else 0
