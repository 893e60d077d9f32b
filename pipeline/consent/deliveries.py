"""Children born together: one family, one card, and no card while one of them may be lost.

A delivery is the rows of one parent with dates of birth at most a day apart (twins may be born on
either side of midnight). Where a row does not give the parent's number, all rows of its dwelling and
family name count as one delivery likewise. Expected births of one woman are one delivery whatever the
expected days: of two pregnancies in one extract nobody knows which was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.consent.facts import Facts
from pipeline.consent.findings import Findings
from pipeline.consent.groups import Groups, Rows, how_many, numbered, pooled, several
from pipeline.reasons import Outcome, Reason, ReasonClass

ONE_DAY = np.timedelta64(1, "D")

# Birth orders that are a position; 8 (not applicable), 9 (not known) and blank are none.
POSITIONS = range(1, 8)

_NEVER = sum(
    reason.bit for reason in Reason
    if reason.reason_class is ReasonClass.NEVER and reason is not Reason.DUPLICATE_RECORD
)  # fmt: skip
_SET_BY_AGREEMENT = sum(reason.bit for reason in Reason if reason.reason_class is ReasonClass.AGREEMENT)


@dataclass(frozen=True, eq=False)
class Deliveries:
    """Which rows are of one delivery, and which of those share a card."""

    delivery: Groups = field(repr=False)  # the same number for every version of every sibling
    household: npt.NDArray[np.int64] = field(repr=False)  # lowest reference of one delivery and dwelling

    @classmethod
    def of(cls, facts: Facts) -> Deliveries:
        """Group all births; older versions of a row go where the version that stays goes."""
        child, newest = facts.versions.child, facts.versions.newest
        of_child = np.zeros(len(child), dtype="intp")
        of_child[child[newest]] = _linked(facts, newest)
        delivery = of_child[child]
        return cls(delivery, _households(facts, delivery))


def hold_families(facts: Facts, deliveries: Deliveries, found: Findings) -> None:
    """Add to the findings what follows for each child from the others of the delivery."""
    _hold_for_lost_siblings(facts, deliveries, found)
    _hold_for_the_same_card(facts, deliveries, found)


def _hold_for_lost_siblings(facts: Facts, deliveries: Deliveries, found: Findings) -> None:
    """`sibling_died_or_missing`.

    Births in this delivery > live rows received for it, or a sibling has a reason that no agreement
    can lift. Rows that contradict one another, or do not say how many were born, are treated alike:
    who knows which child is missing?
    """
    stays = facts.versions.stays
    lost = stays & ((found.reasons & _NEVER) != 0)
    lost_siblings = how_many(deliveries.delivery, lost) - lost
    received = how_many(deliveries.delivery, stays)
    incomplete = received != facts.births["number_of_births"].to_numpy()
    rows = stays & (incomplete | (lost_siblings > 0) | _contradictory(facts, deliveries))
    found.add(Reason.SIBLING_DIED_OR_MISSING, facts.in_any_version(rows))


def _hold_for_the_same_card(facts: Facts, deliveries: Deliveries, found: Findings) -> None:
    """What the agreement sets against one child of a delivery holds the others too: it is one card.

    So a refusal for one twin is not got round by the other, and a family that had its card does not
    get a second.
    """
    siblings = several(deliveries.delivery, facts.versions.stays)
    against = found.reasons & _SET_BY_AGREEMENT
    inherited = pooled(np.bitwise_or, against, deliveries.delivery, siblings)
    found.add_all(np.where(siblings, inherited, 0), Outcome.HOLD)


def _contradictory(facts: Facts, deliveries: Deliveries) -> Rows:
    """Rows of deliveries whose newest rows disagree on how many were born, to whom, or in what order."""
    together = several(deliveries.delivery, facts.versions.newest)
    columns = ["number_of_births", "parent", "birth_order"]
    rows = facts.births.loc[together, columns].assign(delivery=deliveries.delivery[together])
    said = rows[["number_of_births"]].assign(parent=rows["parent"].where(rows["parent"] != ""))
    differ = (said.groupby(rows["delivery"]).nunique() > 1).any(axis=1)
    placed = rows[facts.versions.stays[together] & rows["birth_order"].isin(POSITIONS)]
    twice = placed.loc[placed.duplicated(["delivery", "birth_order"]), "delivery"]
    return np.isin(deliveries.delivery, [*differ.index[differ], *twice])


def _households(facts: Facts, delivery: Groups) -> npt.NDArray[np.int64]:
    """The lowest reference of the children of one delivery at one dwelling.

    A child without a dwelling has a household of its own; no card can be posted there anyway.
    """
    births, versions = facts.births, facts.versions
    siblings = several(delivery, versions.stays) & (births["dwelling"] != "").to_numpy(dtype="bool")
    children = births.loc[siblings, ["reference", "dwelling"]]
    lowest = births["reference"].to_numpy(copy=True)
    lowest[siblings] = children.groupby([delivery[siblings], "dwelling"])["reference"].transform("min")
    of_child = np.zeros(len(births), dtype="int64")
    of_child[versions.child[versions.stays]] = lowest[versions.stays]
    return of_child[versions.child]


def _linked(facts: Facts, rows: Rows) -> Groups:
    """A number for each of these rows, the same for those that any key links, directly or not."""
    births = facts.births.loc[rows, ["parent", "dwelling", "family_name", "date_of_birth"]]
    near = None if facts.expected else ONE_DAY
    runs = [_runs(key, births["date_of_birth"], near) for key in (births["parent"], _homes(births))]
    keys = [*runs, facts.versions.child[rows]]
    labels = np.arange(len(births), dtype="intp")
    while True:
        before = labels.copy()
        for key in keys:
            lowest = np.full(int(key.max(initial=0)) + 1, len(births), dtype="intp")
            np.minimum.at(lowest, key, labels)
            labels = lowest[key]
        if np.array_equal(before, labels):
            return labels


def _homes(births: pd.DataFrame) -> pd.Series[str]:
    """Dwelling and family name, where any row of them does not give the parent; blank elsewhere."""
    there = births[_with_one_nameless(births["dwelling"], births["parent"])]
    name = there["family_name"].str.upper().str.strip()
    home = there["dwelling"].str.cat(name, sep=" ").where(name != "", "")
    return home[_with_one_nameless(home, there["parent"])].reindex(births.index, fill_value="")


def _with_one_nameless(key: pd.Series[str], parent: pd.Series[str]) -> Rows:
    """Rows of a key of which any row does not give the parent; never those of a blank key."""
    groups, nameless = numbered(key), (parent == "").to_numpy(dtype="bool")
    return (how_many(groups, nameless) > 0) & (key != "").to_numpy(dtype="bool")


def _runs(key: pd.Series[str], born: pd.Series, near: np.timedelta64 | None) -> Groups:
    """The same number for rows of one key, each born no later than `near` after the one before.

    A row with a blank key has a number of its own.
    """
    codes = numbered(key)
    shared = several(codes, (key != "").to_numpy(dtype="bool"))
    days, codes = born[shared].to_numpy(), codes[shared]
    order = np.lexsort((days, codes))
    starts = np.ones(len(order), dtype="bool")
    apart = np.diff(days[order]) > near if near is not None else False
    starts[1:] = (np.diff(codes[order]) != 0) | apart
    alone = int((~shared).sum())
    runs = np.empty(len(key), dtype="intp")
    runs[~shared] = np.arange(alone)
    runs[np.flatnonzero(shared)[order]] = alone - 1 + np.cumsum(starts)
    return runs
