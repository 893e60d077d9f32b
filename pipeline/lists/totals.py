"""How many babies were born in a recipient's area, so that it can gauge whom it does not know yet.

The true number does not leave this module: less the families on the lists it would tell a centre how many
parents said no. How it is told instead is in `pipeline.lists.telling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.lists.telling import NOT_TOLD, Told, rules, told
from pipeline.reasons import Outcome
from pipeline.records import Month, newest_versions

LIVE = "1"  # NHS live/stillbirth indicator


@dataclass(frozen=True)
class AreaNumbers:
    """What a recipient is told about its whole area."""

    births: Told | None  # live births of the month; None where the agreement gives no totals


def area_numbers(
    births: pd.DataFrame,
    placements: pd.DataFrame,
    decisions: Mapping[str, pd.DataFrame],
    agreements: Mapping[str, Agreement],
    *,
    agreement: str,
    recipient: str,
    month: Month,
) -> AreaNumbers:
    """The numbers that one of the month's agreements lets this recipient have.

    `births` are all of the month, with reference, child, supplier, last_updated, live_or_still_birth and
    date_of_birth; `placements` is records.PLACEMENTS. `agreements` are all of the month and `decisions`
    what was approved under each (records.DECISIONS): what one recipient can work out rests on every list.
    """
    mine = agreements[agreement]
    if mine.totals is None:
        return AreaNumbers(births=None)
    rule = rules(agreements.values()).get(agreement)
    if rule is None:
        return AreaNumbers(births=NOT_TOLD)
    born = born_in_area(births, placements, mine, recipient, month)
    return AreaNumbers(births=told(len(born), len(born & may_be_listed(decisions)), rule))


def born_in_area(
    births: pd.DataFrame, placements: pd.DataFrame, agreement: Agreement, recipient: str, month: Month
) -> set[str]:
    """The children born alive in `month` in the recipient's area, every family's.

    Each counts once, by the newest version of its row. Births of earlier months that the agreement still
    looks back at belong to those months' numbers. The area of a recipient by name is wherever the
    agreement's residents live.
    """
    everywhere = agreement.recipients.named == recipient
    placed = placements.loc[
        (placements["network"] == agreement.recipients.placed_in)
        & (everywhere | (placements["recipient"] == recipient))
        & (placements["reason"] == "")
        & placements["authority"].isin(agreement.cohort.residents_of),
        "reference",
    ]
    newest = newest_versions(births[births["supplier"].isin(agreement.suppliers)])
    born = newest["date_of_birth"]
    counted = (
        (newest["live_or_still_birth"] == LIVE)
        & (born >= pd.Timestamp(month.first_day))
        & (born <= pd.Timestamp(month.last_day))
        & newest["reference"].isin(placed)
    )
    return set(newest.loc[counted, "child"])


def may_be_listed(decisions: Mapping[str, pd.DataFrame]) -> set[str]:
    """The children who are on a list of the month, or are held and may come onto one of a later month."""
    return {
        child
        for decided in decisions.values()
        for child in decided.loc[np.asarray(decided["outcome"] != Outcome.WITHHOLD), "child"].tolist()
    }
