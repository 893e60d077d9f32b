"""Proving that a ledger was not altered."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.ledger.ledger import Ledger
from pipeline.ledger.replay import Damage, Problem, Verification, replay

__all__ = ["Damage", "Problem", "Verification", "verify"]


def verify(
    ledger: Ledger, *, check_note: Callable[[str], str] | None, kept_elsewhere: Iterable[str] = ()
) -> Verification:
    """Read every entry again and recompute all hashes; names the first damage that is found.

    `check_note` gives the text of a signed note and raises IntegrityError where the signature is not
    genuine; None leaves signatures aside. `kept_elsewhere` are signed checkpoints from outside the
    database: only they can show that a whole ledger was rewritten or cut short. Memory does not
    grow with the ledger. Raises SettingsError where the database cannot be used.
    """
    with ledger.database.reading() as connection:
        return replay(connection, check_note=check_note, kept_elsewhere=kept_elsewhere)
