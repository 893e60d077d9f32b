"""The real engine, asked about coded families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.checking.choices import Setting, Variable
from pipeline.checking.families import APART, OURS, Cases, Positions, frames
from pipeline.consent.decide import decide
from pipeline.reasons import Outcome, Reason, unpack

Chosen = Mapping[str, Positions]  # by variable, the position of each case's choice; one for all, or many
Packed = npt.NDArray[np.int64]  # sets of reasons


@dataclass(frozen=True)
class Record:
    """One whole record: the position of the choice in every variable, and what the engine decided."""

    positions: Mapping[str, int]
    outcome: Outcome
    reasons: tuple[Reason, ...]


class Engine:
    """Decides coded families under one agreement, and counts them."""

    def __init__(self, setting: Setting, variables: Mapping[str, Variable], *, demonstration: bool) -> None:
        self._setting, self._variables, self._demonstration = setting, variables, demonstration
        self.decided = 0  # rows so far

    def reasons(self, chosen: Chosen, total: int) -> Packed:
        """What is found of each of so many cases."""
        return self._decide(chosen, total)["reasons"].to_numpy()

    def together(self, parts: Sequence[tuple[Chosen, int]]) -> list[Packed]:
        """The same of several parts, decided at once: each time the engine is asked takes its time."""
        names = {name for chosen, _ in parts for name in chosen}
        nothing = np.int64(0)
        chosen = {
            name: np.concatenate([np.broadcast_to(one.get(name, nothing), total) for one, total in parts])
            for name in names
        }
        ends = np.cumsum([total for _, total in parts])
        return np.split(self.reasons(chosen, int(ends[-1])), ends[:-1])

    def records(self, wanted: Sequence[Mapping[str, int]]) -> list[Record]:
        """Whole records, each with its outcome."""
        chosen = {name: np.array([one[name] for one in wanted]) for name in wanted[0]}
        decided = self._decide(chosen, len(wanted))
        return [
            Record(positions, Outcome(outcome), unpack(int(reasons)))
            for positions, (outcome, reasons) in zip(wanted, decided.to_numpy(), strict=True)
        ]

    def _decide(self, chosen: Chosen, total: int) -> pd.DataFrame:
        """Outcome and reasons of each case, decided month by month."""
        cases, found = Cases(self._variables, chosen, total), []
        for month, these in cases.kinds("month"):
            some = Cases(self._variables, {name: cases.at(name)[these] for name in chosen}, int(these.sum()))
            found.append(self._of_month(some, behind=month.value).set_axis(np.flatnonzero(these)))
        return pd.concat(found).sort_index()

    def _of_month(self, cases: Cases, *, behind: int) -> pd.DataFrame:
        inputs = frames(self._setting, cases, behind=behind)
        decisions = decide(
            inputs.births, inputs.placements, inputs.suppressions, inputs.disclosures,
            self._setting.agreement, answers=inputs.answers, month=self._setting.month(behind),
            moment=self._setting.moment, demonstration=self._demonstration,
        )  # fmt: skip
        self.decided += len(decisions)
        return decisions.loc[decisions["reference"] % APART == OURS, ["outcome", "reasons"]]
