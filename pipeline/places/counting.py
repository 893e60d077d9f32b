"""Births in each recipient's area, those permitted and those shared, counted when the month's books are made.

Numbers by area go into the ledger and stay there, so they are rounded before they leave this module.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.ledger.entries import AreasCounted
from pipeline.lists.telling import round_to_5
from pipeline.lists.totals import born_in_area
from pipeline.reasons import Outcome, Reason, having
from pipeline.records import Month, newest_versions

# What can be missing from the parents' permission, or stand against it; all else has another cause.
# Of an agreement that shares numbers alone the parents are not asked.
NO_PERMISSION = (
    Reason.NO_FAMILY_SHARED,
    Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN, Reason.CONSENT_CONFLICT, Reason.CONSENT_NOT_ASKED,
    Reason.CONSENT_NOT_RECORDED, Reason.CONSENT_SCOPE_MISSING, Reason.CONSENT_WORDING_NOT_ACCEPTED,
    Reason.CONSENT_DATE_INVALID, Reason.CONSENT_EXPIRED, Reason.NOTICE_NOT_SENT,
    Reason.OBJECTION_WINDOW_OPEN, Reason.OBJECTED, Reason.NATIONAL_OPT_OUT,
)  # fmt: skip
_ANY = np.int64(sum(reason.bit for reason in NO_PERMISSION))


def permitted(packed: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of many packed sets of reasons leave the parents' permission standing, whatever else holds."""
    found: npt.NDArray[np.bool_] = (packed & _ANY) == 0
    return found


def is_counted(agreement: Agreement) -> bool:
    """Whether the agreement is about births, and shares them out by reach areas."""
    return agreement.cohort.of == "births" and agreement.recipients.network is not None


def count_areas(
    births: pd.DataFrame, placements: pd.DataFrame, decided: pd.DataFrame, agreement: Agreement, month: Month
) -> AreasCounted:
    """Births of the month in each recipient's area; of these those that the parents permit to share, and
    those that were shared.

    `births` and `placements` are as `born_in_area` takes them, `decided` is records.DECISIONS at the end.
    """
    network = agreement.recipients.placed_in
    reasons = decided["reasons"].to_numpy()
    newest = ~having(reasons, Reason.DUPLICATE_RECORD)
    yes = set(decided.loc[permitted(reasons) & newest, "child"])
    shared = set(decided.loc[decided["outcome"].eq(Outcome.SHARE), "child"])
    ours = newest_versions(births[births["supplier"].isin(agreement.suppliers)])
    served = placements[placements["network"].eq(network) & placements["reason"].eq("")]
    areas = {str(code): rows for code, rows in served.groupby("recipient")}
    born = {
        code: born_in_area(ours[ours["reference"].isin(rows["reference"])], rows, agreement, code, month)
        for code, rows in areas.items()
    }

    def rounded(count: Callable[[set[str]], int]) -> dict[str, int]:
        return {code: round_to_5(count(children)) for code, children in born.items() if children}

    return AreasCounted(
        agreement=agreement.id,
        network=network,
        births=rounded(len),
        consented=rounded(lambda children: len(children & yes)),
        shared=rounded(lambda children: len(children & shared)),
    )
