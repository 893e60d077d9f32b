"""Closing a month: the books, the destruction of the working files, the checkpoint, the page."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pandas as pd

from pipeline import custody, facts
from pipeline.agreements.model import Agreement
from pipeline.errors import NotAllDelivered
from pipeline.home import Home
from pipeline.keeping.kept import alone, destroy_overdue, keep
from pipeline.ledger.checkpoints import Checkpoint
from pipeline.ledger.entries import AreasCounted, Balanced, MonthClosed, StagingDestroyed, Validated
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import Watch, no_watch
from pipeline.outside import places
from pipeline.places.counting import count_areas, is_counted
from pipeline.places.drawn import maps_of
from pipeline.reasons import Outcome
from pipeline.records import Permit
from pipeline.staging import write_whole
from pipeline.steps import account
from pipeline.steps.desk import Desk
from pipeline.steps.dispatch import file_of
from pipeline.steps.inputs import BIRTHS, PLACEMENTS, decisions_of, terms_of
from pipeline.steps.pack import PACK, asked, outstanding


def balance(desk: Desk) -> None:
    """Compute the final books and record them, with the numbers of each recipient's area.

    Raises NotAllDelivered while a planned list is neither delivered nor forgone, IntegrityError where
    the books do not balance.
    """
    permits = _all_delivered(desk)
    books = _final_books(desk, permits)
    account.check_balanced(books)
    account.check_sent(books, {permit: desk.ledger.children(permit) for permit in permits})
    desk.record(*_areas_counted(desk, permits), Balanced(books=books))


def finish(desk: Desk) -> None:
    """What comes after balanced books. Each step is left out where it was done before."""
    if not desk.closed and desk.staging.has(PACK):
        permits = _all_delivered(desk)
        names = json.loads(desk.staging.get(PACK))["agreements"]
        keep(desk, {name: _final_decisions(desk, name, permits) for name in names})
    destroy_overdue(desk.home, desk.ledger, desk.clock)
    desk.staging.destroy(partial(_record_end, desk))
    closing = desk.entries(MonthClosed)[-1].seq
    checkpoint = desk.ledger.latest_checkpoint()
    if checkpoint is None or checkpoint.size < closing:
        sign(desk)
    bring(desk)
    if not _page(desk).exists():
        _write_page(desk)


def _record_end(desk: Desk) -> None:
    if not desk.closed:
        desk.record(StagingDestroyed(), MonthClosed())


def sign(desk: Desk) -> None:
    """Sign how long the ledger is, and keep the note outside the database too.

    A machine that does not have the key leaves that to the next work of one that has.
    """
    if not custody.leaves_signing(desk.home):
        sign_ledger(desk.home, desk.ledger, partial(desk.watch, "signing"))


def sign_ledger(home: Home, ledger: Ledger, watch: Watch = no_watch) -> Checkpoint:
    """As `sign`, without a desk."""
    checkpoint = facts.signed(home, ledger, watch)
    file = facts.checkpoint_file(home)
    with alone(home, "checkpoint"):  # another may have signed a newer one meanwhile
        if not file.is_file() or places.stated(file.read_text(errors="replace"))[0] <= checkpoint.size:
            _write(file, checkpoint.note)
    return checkpoint


def bring(desk: Desk) -> None:
    """Bring the newest checkpoint to the places outside that lack it; one that cannot be reached waits."""
    newest = desk.ledger.latest_checkpoint()
    if newest is not None and places.lacking(desk.home, newest.size):
        places.bring(desk.home, newest.note)


def renew_page(desk: Desk, receipts_to: int) -> bool:
    """Write the closed month's page again where more was heard of its lists, up to that entry, since.

    The answer is whether it was. A page that is not there any more stays away.
    """
    from pipeline.reporting.pages import heard_up_to

    page = _page(desk)
    if not page.exists() or heard_up_to(page.read_text(encoding="utf-8")) == receipts_to:
        return False
    _write_page(desk)
    return True


def _all_delivered(desk: Desk) -> list[Permit]:
    """The month's permits, each delivered; raises NotAllDelivered where a planned list is missing."""
    missing = outstanding(desk, asked(desk))
    if missing:
        codes = ", ".join(sorted(code for _, code in missing))
        raise NotAllDelivered(f"Lists are not delivered yet: {codes}", do=f"Run {desk.month} again.")
    delivered = desk.ledger.delivered(str(desk.month))
    return [one for one in desk.ledger.standing_permits(str(desk.month)) if one.entry in delivered]


def _final_books(desk: Desk, permits: list[Permit]) -> account.Books:
    """The books as they ended: what the gate took off, and lists that were forgone, are not shared."""
    rows = {
        one.supplier: {"received": one.rows, "quarantined": one.rows - one.accepted}
        for one in desk.recorded(Validated)
    }
    terms = json.loads(desk.staging.get(PACK))["agreements"]
    decisions = {name: _final_decisions(desk, name, permits) for name in terms}
    return account.books(rows, decisions, {name: one["suppliers"] for name, one in terms.items()})


def _areas_counted(desk: Desk, permits: list[Permit]) -> list[AreasCounted]:
    """Under each agreement that shares births out by areas, as the decisions ended."""
    births, placements = desk.staging.frame(BIRTHS), desk.staging.frame(PLACEMENTS)
    names = json.loads(desk.staging.get(PACK))["agreements"]
    agreements = [Agreement.model_validate_json(desk.staging.get(terms_of(name))) for name in names]
    return [
        count_areas(
            births,
            placements,
            _final_decisions(desk, one.id, permits),
            one,
            desk.month,
        )
        for one in agreements
        if is_counted(one)
    ]


def _final_decisions(desk: Desk, agreement: str, permits: list[Permit]) -> pd.DataFrame:
    """The decisions as the gate left them when each list was sealed; without a list, its rows are held."""
    decided = desk.staging.frame(decisions_of(agreement))
    lists = [desk.staging.frame(file_of("gated", one)) for one in permits if one.agreement == agreement]
    sealed = pd.concat([decided.head(0), *lists])
    left = decided[~decided["reference"].isin(sealed["reference"])].copy()
    left.loc[left["outcome"] == Outcome.SHARE, "outcome"] = int(Outcome.HOLD)
    return pd.concat([left, sealed], ignore_index=True)


def _page(desk: Desk) -> Path:
    return desk.home.month_page(desk.month)


def _write_page(desk: Desk) -> None:
    from pipeline.reporting import month_page
    from pipeline.reporting.facts import MonthFacts

    maps = maps_of(desk.home, desk.ledger, desk.month)
    _write(_page(desk), month_page(MonthFacts.of(facts.in_full(desk)), maps))


def _write(file: Path, text: str) -> None:
    """Whole or not at all, whoever else writes it just then, and for its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, text.encode(), mode=0o600)
