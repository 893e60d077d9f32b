"""Reasons that no agreement can lift, for one row at a time.

`sibling_died_or_missing` and `duplicate_record` need several rows: see `deliveries` and `versions`.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from pipeline.consent.facts import Facts, Mask
from pipeline.consent.words import restricted
from pipeline.nhs_number import FOR_TESTS, ISSUED
from pipeline.reasons import Reason
from pipeline.records import among

NOT_LIVE = ["2", "3", "4", "5"]
LIVE_OR_NOT = ["1", *NOT_LIVE]


def not_a_live_birth(facts: Facts) -> Mask:
    """Live/still-birth indicator is 2, 3, 4 or 5.

    An expected birth says 2 where the pregnancy has ended; then no other version of the row counts.
    """
    ended = facts.births["live_or_still_birth"].isin(NOT_LIVE)
    return facts.in_any_version(ended) if facts.expected else ended


def live_birth_not_stated(facts: Facts) -> Mask:
    """Indicator blank or any value other than 1 to 5."""
    return ~facts.births["live_or_still_birth"].isin(LIVE_OR_NOT)


def child_died(facts: Facts) -> Mask:
    """Death status 1 or 2, or a date of death, in any version or later word; `U` only if the newest."""
    return facts.died


def restricted_record(facts: Facts) -> Mask:
    """PDS confidentiality is anything other than U or blank, or was restricted later."""
    return restricted(facts.births) | facts.told(Reason.RESTRICTED_RECORD)


def suppressed(facts: Facts) -> Mask:
    """Child, parent or address is on the authority's suppression list, or in a word we do not know.

    Of an expected birth also: the woman is known to have given birth.
    """
    return facts.told(Reason.SUPPRESSED) | facts.delivered


def identity_superseded(facts: Facts) -> Mask:
    """NHS number superseded or invalidated; old and new are never linked."""
    return facts.told(Reason.IDENTITY_SUPERSEDED)


def test_record(facts: Facts) -> Mask:
    """NHS number in a range that is not issued; a demonstration accepts 999 and no other."""
    accepted = (*ISSUED, FOR_TESTS) if facts.demonstration else ISSUED
    return ~in_range(facts.births["nhs_number"], accepted)


def in_range(number: pd.Series[str], ranges: Collection[int]) -> Mask:
    """Ten digits, of which the first three are one of these."""
    return number.str.fullmatch("[0-9]{10}") & among(number.str[:3], [str(first) for first in ranges])
