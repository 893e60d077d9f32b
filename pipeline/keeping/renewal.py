"""Replacing the key that signs the ledger, without a gap in what can be proven."""

from __future__ import annotations

from pipeline import custody, facts
from pipeline.encryption.signing import new_note_key
from pipeline.home import Home
from pipeline.keeping.kept import alone
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.steps import closing


def renew_ledger_key(home: Home) -> Checkpoint:
    """Sign everything with the key until now, and then let a new one sign; gives that last checkpoint.

    Others may write meanwhile: what they record is signed by the new key, next. Raises IntegrityError where
    the ledger was altered: nothing is replaced then.
    """
    custody.check_seals(home)
    with alone(home, "ledger_check"), facts.opened_ledger(home) as ledger:
        last = closing.sign_ledger(home, ledger)
        facts.replace_key(home, new_note_key(), last.size)
    return last
