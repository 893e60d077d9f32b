"""What pages ask of the whole past, worked out as the console starts, so that nobody waits for it.

It is remembered by `pipeline.ledger.remembered`, and each page then reads what was recorded since.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread

from pipeline import facts
from pipeline.afterwards import sent
from pipeline.home import Home
from pipeline.ledger.ledger import Ledger
from pipeline.questions import recalls, transfers

log = logging.getLogger(__name__)


def remember(home: Home) -> Thread:
    """Begin to; pages are shown meanwhile. What cannot be worked out now is told where a page asks for it."""
    thread = Thread(target=_remember, args=(home,), daemon=True)
    thread.start()
    return thread


def _remember(home: Home) -> None:
    asked: tuple[Callable[[Ledger], object], ...] = (
        lambda ledger: sent.open_recalls(ledger, sent.states(ledger)),
        lambda ledger: transfers.transfers(home, ledger),
        recalls.recalls,
    )
    try:
        with facts.opened_ledger(home) as ledger:
            for ask in asked:
                ask(ledger)
    except Exception as error:  # its text could hold anything
        log.warning("Nothing was worked out before the first page: %s", type(error).__name__)
