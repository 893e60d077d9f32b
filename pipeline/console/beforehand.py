"""What pages ask of the whole past, worked out as the console starts, so that nobody waits for it.

It is remembered by `pipeline.ledger.remembered`, and each page then reads what was recorded since.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread

from pipeline import facts
from pipeline.afterwards import sent
from pipeline.home import Home
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back import history
from pipeline.questions import breaches, flows, recalls, transfers, waiting_for_people
from pipeline.records import Month

# When things are searched for garbage: Python's own numbers are 700, 10 and 10. A page makes thousands of
# things and leaves none, so it is searched about once and not a hundred times; and all things are seldom.
_YOUNG, _MIDDLE, _OLD = 50_000, 10, 100

log = logging.getLogger(__name__)


def remember(home: Home) -> Thread:
    """Begin to; pages are shown meanwhile. What cannot be worked out now is told where a page asks for it."""
    thread = Thread(target=_remember, args=(home,), daemon=True)
    thread.start()
    return thread


def _remember(home: Home) -> None:
    now = datetime.now(UTC)
    asked: tuple[Callable[[Ledger], object], ...] = (
        lambda ledger: sent.open_recalls(ledger, sent.states(ledger)),
        lambda ledger: transfers.transfers(home, ledger),
        lambda ledger: flows.heard(ledger, now),
        recalls.recalls,
        breaches.read,
        lambda ledger: [history.of_month(ledger, Month.parse(month)) for month in ledger.months()],
        lambda _: waiting_for_people.things_to_do(home, now=now),
    )
    try:
        with facts.sound_ledger(home) as ledger:
            for ask in asked:
                ask(ledger)
    except Exception as error:  # its text could hold anything
        log.warning("Nothing was worked out before the first page: %s", type(error).__name__)
    else:
        _settle()


def _settle() -> None:
    """What is remembered stays: to search it for garbage, again and again, would hold every page up.

    What came since is searched less often, too: it is large again as soon as every page was looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
