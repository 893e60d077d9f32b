"""Proving that a ledger was not altered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pipeline.ledger import indexes
from pipeline.ledger.findings import Damage, Problem, Verification
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.replay import Watch, no_watch, replay

__all__ = ["Damage", "Problem", "Verification", "Watch", "no_watch", "verify"]


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
    that were signed. What stands there in bodies, openings and look-ups is then not looked at.

    Memory does not grow with the ledger. Raises SettingsError where the database cannot be used.
    """
    with ledger.database.reading() as connection:
        found = replay(
            connection, check_note=check_note, kept_elsewhere=kept_elsewhere, since=since, watch=watch
        )
        if found.problem is None and since is None:
            found = replace(found, problem=indexes.problem(connection))
        return found
