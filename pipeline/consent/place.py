"""Reasons about the address, its postcode, its reach area and what was shared before."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.consent.facts import Facts, Mask
from pipeline.consent.groups import numbered
from pipeline.reasons import Reason

SAID_BY_GEOGRAPHY = frozenset({
    Reason.POSTCODE_UNKNOWN, Reason.POSTCODE_PSEUDO, Reason.POSTCODE_IMPRECISE,
    Reason.NO_REACH_AREA, Reason.REACH_AREA_AMBIGUOUS,
})  # fmt: skip


def not_resident(facts: Facts) -> Mask:
    """The postcode's authority is not covered.

    Where geography could not find the authority it says why, and that holds the family; a placed
    postcode without an authority is nobody's resident.
    """
    authority = facts.placement["authority"]
    unknown = (authority == "") & (facts.placement["reason"] != "")
    return ~authority.isin(facts.agreement.cohort.residents_of) & ~unknown


def address_incomplete(facts: Facts) -> Mask:
    """No first line or no postcode to post a card to."""
    return (facts.births["address_line_1"].str.strip() == "") | (facts.births["postcode"].str.strip() == "")


def postcode_unknown(facts: Facts) -> Mask:
    """Not in the directory; where the recipient is named, also whatever else was not placed."""
    reason = facts.placement["reason"]
    said = reason == Reason.POSTCODE_UNKNOWN
    if facts.agreement.recipients.named is None:
        return said
    return said | ~reason.isin(["", Reason.POSTCODE_PSEUDO, Reason.POSTCODE_IMPRECISE])


def postcode_pseudo(facts: Facts) -> Mask:
    """ZZ99 and other pseudo codes."""
    return facts.placement["reason"] == Reason.POSTCODE_PSEUDO


def postcode_imprecise(facts: Facts) -> Mask:
    """Grid indicator 5, 6, 8 or 9."""
    return facts.placement["reason"] == Reason.POSTCODE_IMPRECISE


def no_reach_area(facts: Facts) -> Mask:
    """In no area; also a birth that was not placed, or placed for a reason that we do not know."""
    reason = facts.placement["reason"]
    unplaced = (reason == "") & (facts.placement["recipient"] == "")
    unknown = (reason != "") & ~reason.isin(SAID_BY_GEOGRAPHY)
    return (reason == Reason.NO_REACH_AREA) | unplaced | unknown


def reach_area_ambiguous(facts: Facts) -> Mask:
    """In two areas with no precedence."""
    return facts.placement["reason"] == Reason.REACH_AREA_AMBIGUOUS


def already_shared(facts: Facts) -> Mask:
    """The same child, agreement and recipient, in another month and not recalled.

    This month's own disclosures do not count, so that a month that was interrupted can be finished.
    """
    told = facts.disclosures
    told = told[(told["agreement"] == facts.agreement.id) & (told["month"] != str(facts.month))]
    children = facts.versions.numbers(facts.births, told["child"])
    shared = facts.about(children[children >= 0])
    pairs = facts.births.loc[shared, "child"] + " " + facts.placement.loc[shared, "recipient"]
    before = numbered(pd.concat([told["child"] + " " + told["recipient"], pairs]))
    shared[shared] = np.isin(before[len(told) :], before[: len(told)])
    return shared


def no_family_shared(facts: Facts) -> Mask:
    """Every birth: the agreement shares numbers alone."""
    return ~facts.nobody
