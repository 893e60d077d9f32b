"""What was found about each row so far: its reasons, and the strictest outcome of any."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.consent.facts import Facts, Mask
from pipeline.consent.groups import Groups, Rows, pooled, several
from pipeline.consent.rules import RULES
from pipeline.reasons import Outcome, Reason

Packed = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Findings:
    """One element for each birth. Findings only grow: nothing that was found is ever taken back."""

    reasons: Packed = field(repr=False)
    outcomes: npt.NDArray[np.int8] = field(repr=False)

    @classmethod
    def of(cls, facts: Facts) -> Findings:
        """Every rule of the agreement, evaluated for every row."""
        births = len(facts.births)
        found = cls(np.zeros(births, dtype="int64"), np.zeros(births, dtype="int8"))
        for rule in RULES:
            if rule.applies(facts.agreement):
                found.add(rule.reason, rule.true_when(facts), rule.outcome)
        return found

    def add(self, reason: Reason, rows: Mask | Rows, outcome: Outcome | None = None) -> None:
        """`reason` holds for `rows`, with its own outcome unless another is given."""
        mask = np.asarray(rows, dtype="bool")
        self.reasons[mask] |= reason.bit
        least = reason.outcome if outcome is None else outcome
        self.outcomes[mask] = np.maximum(self.outcomes[mask], np.int8(least))

    def add_all(self, reasons: Packed, outcome: Outcome) -> None:
        """Each row's packed set of `reasons` holds for it, with at least this outcome."""
        self.reasons[:] |= reasons
        np.maximum(self.outcomes, np.int8(outcome), out=self.outcomes, where=reasons != 0)

    def pool(self, groups: Groups, among: Rows) -> None:
        """Among these rows, what was found of one counts for every other of its group."""
        rows = several(groups, among)
        self.reasons[rows] = pooled(np.bitwise_or, self.reasons, groups, rows)[rows]
        self.outcomes[rows] = pooled(np.maximum, self.outcomes, groups, rows)[rows]
