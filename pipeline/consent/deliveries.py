"""Children born together: one family, one card, and no card while one of them may be lost.

A delivery is the rows of one parent with dates of birth at most a day apart (twins may be born on
either side of midnight). Where a row does not give the parent's number, all rows of its dwelling and
family name count as one delivery likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.consent.facts import Facts, Mask
from pipeline.consent.findings import Findings, Groups, pooled
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
        births, versions = facts.births, facts.versions
        newest = versions.newest.to_numpy()
        of_child = np.zeros(len(births), dtype="intp")
        of_child[versions.child[newest]] = _linked(births[newest], versions.child[newest])
        delivery = of_child[versions.child]
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
    lost = pd.Series((found.reasons & _NEVER) != 0)
    siblings = _others(facts, deliveries, pd.Series(True, index=lost.index))
    lost_siblings = _others(facts, deliveries, lost)
    declared = facts.births["number_of_births"].astype("int64")
    incomplete = siblings != declared - 1
    rows = incomplete | (lost_siblings > 0) | _contradictory(facts, deliveries)
    found.add(Reason.SIBLING_DIED_OR_MISSING, _for_each_version(facts, rows))


def _hold_for_the_same_card(facts: Facts, deliveries: Deliveries, found: Findings) -> None:
    """What the agreement sets against one child of a delivery holds the others too: it is one card.

    So a refusal for one twin is not got round by the other, and a family that had its card does not
    get a second.
    """
    against = found.reasons & _SET_BY_AGREEMENT
    stays = facts.versions.stays.to_numpy(dtype="bool")
    inherited = pooled(np.bitwise_or, against, deliveries.delivery, stays)
    found.add_all(np.where(stays, inherited, 0), Outcome.HOLD)


def _others(facts: Facts, deliveries: Deliveries, counted: Mask) -> pd.Series[int]:
    """How many other children of each row's delivery are counted, one row for each child."""
    ones = (counted & facts.versions.stays).astype("int64")
    return ones.groupby(deliveries.delivery).transform("sum") - ones


def _contradictory(facts: Facts, deliveries: Deliveries) -> Mask:
    """Newest rows of one delivery that disagree on how many were born, to whom, or in what order."""
    births, newest = facts.births, facts.versions.newest
    groups = deliveries.delivery
    said = pd.DataFrame({
        "number": births["number_of_births"].where(newest),
        "parent": births["parent"].where(newest & (births["parent"] != "")),
    })  # fmt: skip
    differ = (said.groupby(groups).transform("nunique") > 1).any(axis=1)
    placed = facts.versions.stays & births["birth_order"].isin(POSITIONS)
    order = pd.DataFrame({"delivery": groups, "order": births["birth_order"]})[placed]
    twice = order.loc[order.duplicated(), "delivery"].unique()
    return differ | pd.Series(np.isin(groups, twice))


def _for_each_version(facts: Facts, rows: Mask) -> Mask:
    """What holds for the row that stays holds for every version of it."""
    return facts.about(facts.births.loc[rows & facts.versions.stays, "child"])


def _households(facts: Facts, delivery: Groups) -> npt.NDArray[np.int64]:
    """The lowest reference of the children of one delivery at one dwelling.

    A child without a dwelling has a household of its own; no card can be posted there anyway.
    """
    births, versions = facts.births, facts.versions
    children = births[versions.stays].assign(delivery=delivery[versions.stays])
    lowest = children.groupby(["delivery", "dwelling"])["reference"].transform("min")
    own = lowest.where(children["dwelling"] != "", children["reference"])
    return births["child"].map(own.set_axis(children["child"])).to_numpy(dtype="int64")


def _linked(births: pd.DataFrame, child: Groups) -> Groups:
    """A number for each row, the same for rows that any key links, directly or through others."""
    born, home = births["date_of_birth"], _homes(births)
    keys = [_runs(births["parent"], born), _runs(home, born), child]
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
    name = births["family_name"].str.upper().str.strip()
    home = births["dwelling"].str.cat(name, sep=" ").where((births["dwelling"] != "") & (name != ""), "")
    return home.where(home.isin(home[births["parent"] == ""]), "")


def _runs(key: pd.Series[str], born: pd.Series) -> Groups:
    """The same number for rows of one key, each born at most a day after the one before.

    A row with a blank key has a number of its own.
    """
    codes, days = pd.factorize(key)[0], born.to_numpy()
    order = np.lexsort((days, codes))
    starts = np.ones(len(key), dtype="bool")
    ordered = codes[order]
    near = np.diff(days[order]) <= ONE_DAY
    starts[1:] = (np.diff(ordered) != 0) | ~near | (key.to_numpy()[order][1:] == "")
    runs = np.empty(len(key), dtype="intp")
    runs[order] = np.cumsum(starts)
    return runs
