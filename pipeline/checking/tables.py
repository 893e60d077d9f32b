"""Deciding about every combination, without deciding each of them.

A record is shared exactly when no reason speaks against it, and each reason looks at a few variables
only. So the variables fall into groups that do not look at one another: within a group every
combination is decided by `pipeline.consent.decide` itself, with all other variables ordinary, and a
record is shared exactly when its part in every group is clear. Two groups look at the day of birth as
well; they are joined by it.

That the groups do not look at one another is not taken on trust: `mixing` decides records whose groups
are mixed at random, and compares: a little in every check, and much in a test for every template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pipeline.checking.choices import Setting, Variable, dates_of
from pipeline.checking.engine import Chosen, Engine, Packed
from pipeline.checking.families import Mask, Positions
from pipeline.checking.variables import ANOTHER_WORD, said, variables
from pipeline.reasons import Reason

COHORT, ANSWERS = "cohort", "answers"  # the groups that look at the day of birth

GROUPS: dict[str, tuple[str, ...]] = {
    COHORT: ("month", "date_of_birth", "parent_date_of_birth"),
    ANSWERS: (
        "consent_status", "consent_date", "consent_scope", "consent_wording", "consent_given_by", "answers",
        said(Reason.NATIONAL_OPT_OUT),
    ),
    "life": ("live_or_still_birth",),
    "death": (
        "death_status", "date_of_death", "said_of_death", "other_version", "version", "last_updated",
    ),
    "siblings": (
        "number_of_births", "birth_order", "siblings", "sibling", "sibling_order", "sibling_linked",
    ),
    "restriction": ("confidentiality", said(Reason.RESTRICTED_RECORD)),
    "suppression": (said(Reason.SUPPRESSED), said(ANOTHER_WORD)),
    "identity": ("nhs_number", said(Reason.IDENTITY_SUPERSEDED)),
    "looked_after": ("looked_after", said(Reason.LOOKED_AFTER)),
    "adoption": ("adoption", said(Reason.ADOPTION)),
    "safeguarding": ("safeguarding", said(Reason.SAFEGUARDING)),
    "parent_died": ("parent_death_status", said(Reason.PARENT_DIED)),
    "hospital": ("in_hospital", "hospital_postcode", said(Reason.IN_HOSPITAL)),
    "move": ("address_since", said(Reason.RECENT_MOVE)),
    "refusal": (said(Reason.CONSENT_REFUSED), said(Reason.CONSENT_WITHDRAWN)),
    "notice": ("notice_date", "objection_date", said(Reason.OBJECTED)),
    "place": ("placement", "authority", "shared_before", "address_line_1", "postcode"),
}  # fmt: skip

INDEPENDENT = [name for name in GROUPS if name not in (COHORT, ANSWERS)]

OF_COHORT = Reason.BORN_OUTSIDE_WINDOW.bit | Reason.AGE_OUTSIDE_WINDOW.bit | Reason.PARENT_UNDER_16.bit


@dataclass(frozen=True)
class Table:
    """Every combination of one group, and what was found of each."""

    cases: Mapping[str, Positions] = field(repr=False)
    reasons: Packed = field(repr=False)

    def __len__(self) -> int:
        return len(self.reasons)

    @cached_property
    def clear(self) -> Mask:
        """The combinations with nothing against them."""
        nothing: Mask = self.reasons == 0
        return nothing

    def matching(self, wanted: Mapping[str, frozenset[int]]) -> Mask:
        """The combinations that make one of the wanted choices in every variable that is named."""
        matches = np.ones(len(self), dtype=bool)
        for name, positions in wanted.items():
            if name in self.cases:
                matches &= np.isin(self.cases[name], sorted(positions))
        return matches


class Tables:
    """The tables of one agreement."""

    def __init__(self, setting: Setting, *, demonstration: bool = False) -> None:
        self.setting = setting
        self.variables: dict[str, Variable] = variables(setting)
        self.engine = Engine(setting, self.variables, demonstration=demonstration)
        self._tables: dict[object, Table] = {}

    @cached_property
    def cohort(self) -> Table:
        """Which births the agreement is about, by month and days of birth; no other reason is in it."""
        return Table(self._product(COHORT), self._born & OF_COHORT)

    @cached_property
    def _born(self) -> Packed:
        """What the engine finds of ordinary records of every month and day of birth."""
        cases = self._product(COHORT)
        return self.engine.reasons(cases, _total(cases))

    @cached_property
    def births(self) -> list[int]:
        """Days of birth, by position, that some month allows."""
        return [int(one) for one in np.unique(self.cohort.cases["date_of_birth"][self.cohort.clear])]

    def group(self, name: str) -> Table:
        """The table of a group that does not look at the day of birth.

        What is found of all its combinations is not of its making, or is in `always`: it is left out.
        """
        if name not in self._tables:
            reasons = self._found[name]
            self._tables[name] = Table(self._product(name), reasons & ~_in_all(reasons))
        return self._tables[name]

    def answers(self, birth: int) -> Table:
        """What was answered, for one day of birth.

        Days of birth that stand in one order to the days of answers have one table, since no rule does
        more than compare them.
        """
        order = self._orders[birth]
        if order not in self._tables:
            if order not in self._found:
                self._found[order] = self.engine.reasons(*self._answers_for(birth)) & ~OF_COHORT
            reasons = self._found[order] & ~self._in_all_answers
            self._tables[order] = Table(self._product(ANSWERS), reasons)
        return self._tables[order]

    @cached_property
    def always(self) -> int:
        """What is found of every record under this agreement: packed reasons."""
        common = [_in_all(self._found[name]) for name in INDEPENDENT]
        if self.births:
            common.append(self._in_all_answers)
        return int(np.bitwise_and.reduce(common)) & ~OF_COHORT

    def names(self, group: str) -> list[str]:
        """The variables of a group that this agreement has."""
        return [one for one in GROUPS[group] if one in self.variables]

    @cached_property
    def _found(self) -> dict[object, Packed]:
        """By group, or by order of days, what the engine finds of every combination."""
        parts: dict[object, tuple[Chosen, int]] = {}
        for name in INDEPENDENT:
            cases = self._product(name)
            parts[name] = ({**self._ordinary, **cases}, _total(cases))
        for birth in self.births:
            parts[self._orders[birth]] = self._answers_for(birth)
        found = dict(zip(parts, self.engine.together(list(parts.values())), strict=True))
        for birth in self.births:
            found[self._orders[birth]] = found[self._orders[birth]] & ~OF_COHORT
        return found

    def _answers_for(self, birth: int) -> tuple[Chosen, int]:
        cases = self._product(ANSWERS)
        return {**self._ordinary, "date_of_birth": np.array(birth), **cases}, _total(cases)

    @cached_property
    def _ordinary(self) -> Chosen:
        """The ordinary month and day of birth: with nothing against the record at all, if there are any."""
        best = int(np.argmin(np.bitwise_count(self._born)))
        return {name: self.cohort.cases[name][best] for name in ("month", "date_of_birth")}

    @cached_property
    def _in_all_answers(self) -> int:
        """What no answer changes, on whichever day the child was born."""
        tables = [_in_all(self._found[self._orders[birth]]) for birth in self.births]
        return int(np.bitwise_and.reduce(tables)) if tables else 0

    @cached_property
    def _orders(self) -> list[tuple[int, ...]]:
        """For each day of birth in what order the days of answers stand, some counted from it."""
        found = []
        for born in self.variables["date_of_birth"].choices:
            days = dates_of(self.variables["consent_date"].choices, self.setting.today, born.value)
            numbers = days.astype("int64")  # a blank is lower than any
            found.append(tuple(np.sign(np.subtract.outer(numbers, numbers)).ravel().tolist()))
        return found

    def _product(self, name: str) -> dict[str, Positions]:
        """Every combination of a group's variables; the ordinary one comes first."""
        names = self.names(name)
        grid = np.indices([len(self.variables[one].choices) for one in names]).reshape(len(names), -1)
        return dict(zip(names, grid, strict=True))


def _total(cases: Chosen) -> int:
    return len(next(iter(cases.values())))


def _in_all(reasons: Packed) -> int:
    """The reasons that every one of these has."""
    return int(np.bitwise_and.reduce(reasons))
