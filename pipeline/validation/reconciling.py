"""A month's births beside the trust's own count of them.

Fewer births than the trust counts are families who may be missed: a person is told, and decides. More are
rows that the trust does not count as live births, and one of them may be a child who must not be on any
list: beyond a small part of the count the month stops, until the supplier has put one of its files right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.agreements.words import counted
from pipeline.errors import IntegrityError
from pipeline.records import Month, newest_versions

if TYPE_CHECKING:
    from pipeline.validation.totals import Totals

_BORN_ALIVE = ("1", "5")  # 5: and died later, which a count of live births includes


class MoreThanCounted(IntegrityError):
    """An extract with more live births than the trust counts."""

    problem = "more_than_counted"


@dataclass(frozen=True)
class Reconciled:
    """The trust's count of live births, and what the extract has."""

    births: int  # the trust's
    counted: int  # the extract's, each child once
    quarantined: int  # rows set aside, of which nobody knows
    unsaid: int  # children of the month of whom nothing says whether they were born alive
    areas: int = 0  # for which the trust gives a count of their own
    areas_apart: int = 0  # of these, where the extract has another

    @property
    def more(self) -> int:
        """Births of the extract that the trust does not count."""
        return max(0, self.counted - self.births)

    @property
    def missing(self) -> int:
        """Births that the trust counts, beyond all that may be among rows of which nobody knows."""
        return max(0, self.births - self.counted - self.quarantined - self.unsaid)

    def check_not_more(self, tolerance: float, *, where: str) -> None:
        """Raises MoreThanCounted where the extract has more than that part of the count above it."""
        if self.more > self.births * tolerance:
            raise MoreThanCounted(
                f"The extract has {counted(self.counted, 'live birth')}, and the trust counts {self.births}",
                where=where,
                do="Nothing was used: rows that the trust does not count as live births may be children who "
                "died. Ask the supplier which of its two files is wrong, and run the month with the new one.",
            )

    def words(self, supplier: str) -> str:
        """The comparison in one sentence or two."""
        said = f"{supplier} counts {counted(self.births, 'live birth')}, the extract has {self.counted}"
        if self.quarantined:
            said += f", and {self.quarantined} more in quarantine"
        if self.unsaid:
            said += f", and {self.unsaid} of whom nothing says whether they were born alive"
        apart = f" They differ in {self.areas_apart} of {counted(self.areas, 'area')}." if self.areas else ""
        return f"{said}. {self._verdict}{apart}"

    @property
    def _verdict(self) -> str:
        if self.more:
            return f"{self.more} too many: find out which, before you approve."
        if self.missing:
            return f"{self.missing} are missing."
        if self.births != self.counted:
            return "The difference may be among these."
        return "The two agree."


def reconcile(
    totals: Totals, births: pd.DataFrame, *, quarantined: int, month: Month, areas: pd.Series | None
) -> Reconciled:
    """The trust's count beside one supplier's births.

    `births` needs reference, child, last_updated, live_or_still_birth and date_of_birth; `areas` gives, by
    reference, the code of the kind of area that the counts are by, and is None where they are of the whole.
    """
    newest = newest_versions(births)
    born = newest["date_of_birth"]
    ours = newest[(born >= pd.Timestamp(month.first_day)) & (born <= pd.Timestamp(month.last_day))]
    live = ours[ours["live_or_still_birth"].isin(_BORN_ALIVE)]
    apart = 0
    if areas is not None:
        there = areas.reindex(live["reference"]).value_counts()
        apart = sum(int(there.get(area, 0)) != births_there for area, births_there in totals.areas.items())
    return Reconciled(
        births=totals.births,
        counted=len(live),
        quarantined=quarantined,
        unsaid=int((ours["live_or_still_birth"] == "").sum()),
        areas=len(totals.areas),
        areas_apart=apart,
    )
