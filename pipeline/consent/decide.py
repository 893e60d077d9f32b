"""The decision of a month: one outcome for every birth under one agreement, with every reason."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.consent.deliveries import Deliveries, hold_families
from pipeline.consent.facts import Facts, gather
from pipeline.consent.findings import Findings
from pipeline.errors import IntegrityError
from pipeline.reasons import Outcome, Reason
from pipeline.records import DECISIONS, Month, declared


def decide(
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
    """Decide about every birth: records.DECISIONS, sorted by reference.

    `births` are the contract's columns and records.BIRTH_KEYS, all of the month's and of one
    agreement's suppliers, since a row is judged beside its other versions and its siblings.
    `placements`, `suppressions` and `disclosures` are as records.PLACEMENTS (other networks are
    ignored), SUPPRESSIONS and DISCLOSURES. `answers` are those of the companion file (ANSWERS), heard
    beside the births' own. Days are counted to the calendar day of `moment`.

    Raises IntegrityError where the inputs cannot be what they should be, or where a birth would be
    shared against the books.
    """
    facts = gather(
        births, placements, suppressions, disclosures, agreement,
        month=month, moment=moment, companion=answers, demonstration=demonstration,
    )  # fmt: skip
    found = Findings.of(facts)
    found.pool(facts.versions.child, among=facts.versions.newest)
    deliveries = Deliveries.of(facts)
    hold_families(facts, deliveries, found)
    found.add(Reason.DUPLICATE_RECORD, ~facts.versions.stays)
    return _decisions(facts, deliveries, found)


def _decisions(facts: Facts, deliveries: Deliveries, found: Findings) -> pd.DataFrame:
    """The findings as records.DECISIONS."""
    decisions = facts.births[["reference", "supplier", "child"]].assign(
        household=deliveries.household,
        recipient=facts.placement["recipient"],
        outcome=found.outcomes,
        reasons=found.reasons,
    )
    check(decisions)
    return declared(decisions, DECISIONS)


def check(decisions: pd.DataFrame) -> None:
    """Shared means no reason and a recipient; not shared means a reason. Raises IntegrityError."""
    shared = decisions["outcome"] == Outcome.SHARE
    spotless = decisions["reasons"] == 0
    if not (shared == spotless).all():
        raise IntegrityError("A decision contradicts its reasons", do="Nothing was decided; report this.")
    if (decisions.loc[shared, "recipient"] == "").any():
        raise IntegrityError("A birth would be shared with nobody", do="Nothing was decided; report this.")
