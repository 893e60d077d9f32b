"""Everything that is known of the births at the moment of decision, laid out row beside row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.agreements.model import Agreement
from pipeline.consent import words
from pipeline.consent.answers import GIVEN, Answers
from pipeline.consent.groups import Groups
from pipeline.consent.versions import ADDRESS, Versions
from pipeline.errors import IntegrityError
from pipeline.reasons import Reason, having
from pipeline.records import ANSWERS, Month, empty

Mask: TypeAlias = "pd.Series[bool]"

# The columns of births that decisions rest on; this room looks at no other.
COLUMNS = [
    "reference", "supplier", "child", "parent", "dwelling",
    "nhs_number", "date_of_birth", "live_or_still_birth", "number_of_births", "birth_order",
    "death_status", "date_of_death", "family_name", "parent_date_of_birth", "parent_death_status",
    *ADDRESS, "address_since", "in_hospital", "confidentiality",
    "looked_after", "adoption", "safeguarding",
    "consent_status", "consent_date", "consent_scope", "consent_wording", "consent_given_by",
    "notice_date", "objection_date", "last_updated",
]  # fmt: skip

# What stands for a birth that geography did not place; the reason is no code, and so holds the family.
_UNPLACED = {"reason": "not placed", "recipient": "", "authority": "", "hospital": False}


@dataclass(frozen=True, eq=False)
class Facts:
    """One row for each birth in every frame and series, in the order of `reference`."""

    births: pd.DataFrame = field(repr=False)  # COLUMNS
    placement: pd.DataFrame = field(repr=False)  # reason, recipient, authority, hospital
    disclosures: pd.DataFrame = field(repr=False)  # records.DISCLOSURES
    versions: Versions
    answers: Answers
    words: npt.NDArray[np.int64] = field(repr=False)  # packed sets of what was said later
    died: Mask = field(repr=False)
    moved: pd.Series = field(repr=False)  # the last day of a move that was said later; NaT where none was
    delivered: Mask = field(repr=False)  # of an expected birth: the woman has given birth since
    agreement: Agreement
    month: Month
    today: pd.Timestamp  # the day of the moment of decision
    demonstration: bool

    @property
    def expected(self) -> bool:
        """The rows are of children who are not born yet; the day of birth is the expected one."""
        return self.agreement.cohort.of == "expected_births"

    @property
    def nobody(self) -> Mask:
        """No birth at all."""
        return pd.Series(False, index=self.births.index)

    def flagged(self, column: str) -> Mask:
        """The flag is set in the row."""
        return words.flagged(self.births, column)

    def told(self, reason: Reason) -> Mask:
        """That was said later of the child, the parent or the dwelling."""
        return pd.Series(having(self.words, reason), index=self.births.index)

    def about(self, children: pd.Series[int] | Groups) -> Mask:
        """Births of these children (numbers of `versions`), every version."""
        meant = np.zeros(len(self.births), dtype=np.bool_)
        meant[children] = True
        return pd.Series(meant[self.versions.child], index=self.births.index)

    def in_any_version(self, rows: Mask) -> Mask:
        """Births of whose child any row is one of these."""
        return self.about(self.versions.child[rows])

    @cached_property
    def yes(self) -> pd.DataFrame:
        """The standing answers that give consent."""
        return self.answers.standing[self.answers.standing["answer"] == GIVEN]

    def answered(self, answer: str) -> Mask:
        """Births about whose child that answer stands."""
        return self.about(self.answers.about(answer))

    def days_since(self, column: str) -> pd.Series[float]:
        """Whole days from a date in the births to the moment of decision; no date gives no number."""
        days: pd.Series[float] = (self.today - self.births[column]).dt.days
        return days


def gather(
    births: pd.DataFrame,
    placements: pd.DataFrame,
    suppressions: pd.DataFrame,
    disclosures: pd.DataFrame,
    agreement: Agreement,
    *,
    month: Month,
    moment: datetime,
    companion: pd.DataFrame | None,
    demonstration: bool,
) -> Facts:
    """Lay the inputs of a decision out; raises IntegrityError where they cannot be what they should."""
    _check(births, agreement)
    births = births[COLUMNS].sort_values("reference", ignore_index=True)
    versions, today = Versions.of(births), pd.Timestamp(moment.date())
    companion = empty(ANSWERS) if companion is None else companion
    nobody = pd.Series(False, index=births.index)
    expected = agreement.cohort.of == "expected_births"
    said = words.of_children(births, suppressions)
    return Facts(
        births=births,
        placement=_placement(births, placements, agreement),
        disclosures=disclosures,
        versions=versions,
        answers=Answers.of(births, versions, companion, today),
        words=words.told(births, said),
        died=words.died(births, suppressions, moment),
        moved=words.moved(births, said),
        delivered=words.delivered(births, suppressions) if expected else nobody,
        agreement=agreement,
        month=month,
        today=today,
        demonstration=demonstration,
    )


def _check(births: pd.DataFrame, agreement: Agreement) -> None:
    """Refuse births that cannot be told apart, or that the agreement does not speak of."""
    missing = [column for column in COLUMNS if column not in births.columns]
    if missing:
        raise IntegrityError("Births reached the decision without a column", where=", ".join(missing))
    if births["reference"].duplicated().any():
        raise IntegrityError("Two births reached the decision with one reference", where="reference")
    if (births["child"] == "").any():
        raise IntegrityError("A birth reached the decision without the child's reference", where="child")
    if not births["supplier"].isin(agreement.suppliers).all():
        raise IntegrityError(
            "A supplier's births reached the decision of an agreement that does not name it",
            where=f"agreement {agreement.id}",
            do="Decide each agreement on the births of its own suppliers.",
        )


def _placement(births: pd.DataFrame, placements: pd.DataFrame, agreement: Agreement) -> pd.DataFrame:
    """Where each birth belongs, under this agreement.

    A recipient that the agreement names receives whatever the directory could place; no reach area is
    looked at.
    """
    recipients = agreement.recipients
    placement = _aligned(births, placements[placements["network"] == recipients.placed_in])
    if recipients.named is not None:
        placement["recipient"] = placement["recipient"].mask(placement["reason"] == "", recipients.named)
    return placement


def _aligned(births: pd.DataFrame, placements: pd.DataFrame) -> pd.DataFrame:
    """Each birth's placement in one network."""
    if placements["reference"].duplicated().any():
        raise IntegrityError("A birth was placed twice in one network", where="reference")
    known = placements.set_index("reference")[list(_UNPLACED)]
    aligned = known.reindex(births["reference"]).reset_index(drop=True)
    return aligned.fillna(_UNPLACED).astype({"hospital": "bool"})
