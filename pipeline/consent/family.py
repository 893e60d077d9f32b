"""Reasons about the child's age, the family's situation and the named parent."""

from __future__ import annotations

import pandas as pd

from pipeline.consent.facts import Facts, Mask
from pipeline.consent.versions import addresses_differ
from pipeline.reasons import Reason


def born_outside_window(facts: Facts) -> Mask:
    """Born before the first day of the earliest month that counts, or after the month's last day."""
    first = facts.month.plus(-facts.agreement.cohort.months_back).first_day
    window = pd.Timestamp(first), pd.Timestamp(facts.month.last_day)
    return ~facts.births["date_of_birth"].between(*window)


def too_young(facts: Facts) -> Mask:
    """Fewer days old at the moment of decision than agreed."""
    return ~(facts.days_since("date_of_birth") >= facts.agreement.cohort.minimum_age_days)


def too_old(facts: Facts) -> Mask:
    """More days old at the moment of decision than agreed."""
    most = facts.agreement.cohort.maximum_age_days
    return facts.nobody if most is None else ~(facts.days_since("date_of_birth") <= most)


def looked_after(facts: Facts) -> Mask:
    """The flag is set, or was set later."""
    return facts.flagged("looked_after") | facts.told(Reason.LOOKED_AFTER)


def adoption(facts: Facts) -> Mask:
    """The flag is set, or was set later."""
    return facts.flagged("adoption") | facts.told(Reason.ADOPTION)


def safeguarding(facts: Facts) -> Mask:
    """The flag is set, or was set later."""
    return facts.flagged("safeguarding") | facts.told(Reason.SAFEGUARDING)


def parent_died(facts: Facts) -> Mask:
    """The named parent has a death status, in the row or later."""
    return ~facts.births["parent_death_status"].isin(["", "U"]) | facts.told(Reason.PARENT_DIED)


def in_hospital(facts: Facts) -> Mask:
    """Discharge is not recorded, or the postcode is a hospital's."""
    return facts.flagged("in_hospital") | facts.placement["hospital"] | facts.told(Reason.IN_HOSPITAL)


def address_unsettled(facts: Facts) -> Mask:
    """The address is not settled: changed later, or equally new versions of the row disagree on it."""
    return facts.told(Reason.RECENT_MOVE) | addresses_differ(facts.births, facts.versions)


def moved_within_settling_days(facts: Facts) -> Mask:
    """The address is newer than the agreement's settling period; a blank date is no known change."""
    return facts.days_since("address_since") < facts.agreement.cohort.settling_days


def parent_under_16(facts: Facts) -> Mask:
    """The named parent was under 16 on the day of the birth; an unknown date of birth says nothing."""
    child, parent = facts.births["date_of_birth"].dt, facts.births["parent_date_of_birth"].dt
    birthday_to_come = (child.month * 100 + child.day) < (parent.month * 100 + parent.day)
    under: Mask = (child.year - parent.year - birthday_to_come) < 16
    return under
