"""The last look, minutes before a list is sealed: it can only remove."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.consent.decide import check, decide
from pipeline.errors import IntegrityError
from pipeline.reasons import Outcome
from pipeline.records import DECISIONS, Month, declared

# What the gate may not change: who a row is about, and where it would go.
SETTLED = ["supplier", "child", "household", "recipient"]


def gate(
    decisions: pd.DataFrame,
    births: pd.DataFrame,
    placements: pd.DataFrame,
    suppressions: pd.DataFrame,
    disclosures: pd.DataFrame,
    agreement: Agreement,
    *,
    month: Month,
    moment: datetime,
    answers: pd.DataFrame | None = None,
    demonstration: bool = False,
) -> pd.DataFrame:
    """`decisions` (records.DECISIONS, all or one list's) against the newest words and moment.

    A row that was to be shared becomes held or withheld, with its reasons, where it would not be
    shared now. Every other row stays as it was approved, even where it could be shared by now.
    `births` are all of the month's, since a sibling's death removes a family.

    Raises IntegrityError where the births are not those that were decided.
    """
    decisions = declared(decisions, DECISIONS)
    check(decisions)
    now = decide(
        births, placements, suppressions, disclosures, agreement,
        month=month, moment=moment, answers=answers, demonstration=demonstration,
    ).set_index("reference").reindex(decisions["reference"])  # fmt: skip
    if not now[SETTLED].reset_index(drop=True).equals(decisions[SETTLED].reset_index(drop=True)):
        raise IntegrityError(
            "The births at the gate are not those that were decided",
            where=f"agreement {agreement.id}, {month}",
            do="Run the month again.",
        )
    shared = (decisions["outcome"] == Outcome.SHARE).to_numpy()
    gated = decisions.copy()
    for column in ("outcome", "reasons"):
        gated.loc[shared, column] = now[column].to_numpy()[shared]
    return gated
