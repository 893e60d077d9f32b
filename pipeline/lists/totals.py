"""How many babies were born in a recipient's area, so that it can gauge whom it does not know yet.

The number is rounded before it leaves this module: the true one, less the families on the list,
would tell a centre how many parents said no.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.records import Month, newest_versions

LIVE = "1"  # NHS live/stillbirth indicator


@dataclass(frozen=True)
class AreaNumbers:
    """What a recipient is told about its whole area."""

    births: int | None  # live births of the month, rounded; None where the agreement gives no totals


def area_numbers(
    births: pd.DataFrame, placements: pd.DataFrame, agreement: Agreement, recipient: str, month: Month
) -> AreaNumbers:
    """The numbers that the agreement lets this recipient have."""
    if agreement.totals is None:
        return AreaNumbers(births=None)
    return AreaNumbers(births=area_total(births, placements, agreement, recipient, month))


def area_total(
    births: pd.DataFrame, placements: pd.DataFrame, agreement: Agreement, recipient: str, month: Month
) -> int:
    """Live births of `month` in the recipient's area, every family counted, rounded by `round_to_5`.

    `births` needs reference, child, last_updated, live_or_still_birth and date_of_birth;
    `placements` is records.PLACEMENTS. Each child counts once, by the newest version of its row.
    Births of earlier months that the agreement still looks back at belong to those months' totals.
    The area of a recipient by name is wherever the agreement's residents live.
    """
    everywhere = agreement.recipients.named == recipient
    placed = placements.loc[
        (placements["network"] == agreement.recipients.placed_in)
        & (everywhere | (placements["recipient"] == recipient))
        & (placements["reason"] == "")
        & placements["authority"].isin(agreement.cohort.residents_of),
        "reference",
    ]
    newest = newest_versions(births)
    born = newest["date_of_birth"]
    counted = (
        (newest["live_or_still_birth"] == LIVE)
        & (born >= pd.Timestamp(month.first_day))
        & (born <= pd.Timestamp(month.last_day))
        & newest["reference"].isin(placed)
    )
    return round_to_5(int(counted.sum()))


def round_to_5(count: int) -> int:
    """0 stays 0, 1 to 7 become 5, others go to the nearest 5.

    Source: NHS England, maternity and neonatal equalities appendices (rounding of small numbers).
    """
    if count == 0:
        return 0
    return max(5, (count + 2) // 5 * 5)
