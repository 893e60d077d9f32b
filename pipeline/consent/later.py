"""What an extract says against children who are on lists that went out: later words that nobody said yet.

A family may have been shared in one month and withdraw, or be restricted, or move, before the next
extract: then whoever holds its name must hear of it, and no word of a feed may ever have come. What an
agreement does not look at is not said of those who were shared under it alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import numpy as np
import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.consent import words
from pipeline.consent.facts import Facts, Mask, gather
from pipeline.consent.findings import Findings
from pipeline.consent.groups import Rows
from pipeline.reasons import Reason, having
from pipeline.records import DISCLOSURES, SUPPRESSIONS, Month, among, declared, empty

# By reason the word for it. A stay in hospital, or an age, is no reason to call a list back.
_WORDS = {
    Reason.NOT_A_LIVE_BIRTH: Reason.SUPPRESSED,
    **{
        reason: reason
        for reason in (
            Reason.RESTRICTED_RECORD, Reason.LOOKED_AFTER, Reason.ADOPTION, Reason.SAFEGUARDING,
            Reason.PARENT_DIED, Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN, Reason.OBJECTED,
        )
    },
}  # fmt: skip


def said_of_shared(
    births: pd.DataFrame,
    placements: pd.DataFrame,
    suppressions: pd.DataFrame,
    known: pd.DataFrame,
    on_lists: pd.DataFrame,
    agreement: Agreement,
    *,
    decided: Collection[str],
    month: Month,
    moment: datetime,
    answers: pd.DataFrame,
    demonstration: bool,
) -> pd.DataFrame:
    """New words (records.SUPPRESSIONS) about children on lists, as `agreement` judges their rows.

    The arguments are those of `decide`, and: `known`, the later words that are recorded (SUPPRESSIONS);
    `on_lists` (records.ON_LISTS); and `decided`, every agreement that is decided this month. Lists of one
    that is decided no more are judged by each that is.
    """
    mine = (on_lists["agreement"] == agreement.id) | ~on_lists["agreement"].isin(list(decided))
    shared = on_lists[mine]
    births = births[among(births["child"], shared["child"])]
    if births.empty:
        return empty(SUPPRESSIONS)
    facts = gather(
        births, placements[placements["reference"].isin(births["reference"])], suppressions,
        empty(DISCLOSURES), agreement,
        month=month, moment=moment, companion=answers, demonstration=demonstration,
    )  # fmt: skip
    found = Findings.of(facts)
    found.pool(facts.versions.child, among=facts.versions.newest)
    before = words.told(facts.births, words.of_children(facts.births, known))
    said = [
        _said(facts, having(found.reasons, reason) & ~having(before, word), str(word))
        for reason, word in _WORDS.items()
    ]
    died = facts.died & ~words.died(_silent(facts.births), known, moment)
    moved = _moved(facts, shared) & ~(words.moved(facts.births, known) >= facts.births["address_since"])
    said += [
        _said(facts, died, str(Reason.CHILD_DIED)),
        _said(facts, moved, str(Reason.RECENT_MOVE), since="address_since"),
    ]
    return declared(pd.concat(said, ignore_index=True), SUPPRESSIONS)


def _said(facts: Facts, rows: Mask | Rows, word: str, since: str = "last_updated") -> pd.DataFrame:
    """The word, of the one row of each child that stays."""
    births = facts.births[np.asarray(rows) & facts.versions.stays]
    return pd.DataFrame({"subject": births["child"], "word": word, "since": births[since]})


def _silent(births: pd.DataFrame) -> pd.DataFrame:
    """The same rows, none of which says anything of a death."""
    return births.assign(death_status="", date_of_death=pd.Series(pd.NaT, births.index, "datetime64[s]"))


def _moved(facts: Facts, shared: pd.DataFrame) -> Mask:
    """Rows with another home than a list has, since the month of that list or later.

    The day tells a move from an address that is only written differently now.
    """
    lists = shared.assign(began=pd.to_datetime(shared["month"] + "-01").astype("datetime64[s]"))
    rows = facts.births[["child", "dwelling", "address_since"]].reset_index(names="at")
    pairs = rows.merge(lists[["child", "dwelling", "began"]], on="child", suffixes=("", "_listed"))
    elsewhere = pairs["dwelling"] != pairs["dwelling_listed"]
    left = pairs.loc[elsewhere & (pairs["address_since"] >= pairs["began"]), "at"]
    return pd.Series(facts.births.index.isin(left), index=facts.births.index)
