"""Reasons about the child's age, the family's situation and the named parent."""

from __future__ import annotations

import pandas as pd

from pipeline.agreements.model import PREGNANCY_DAYS
from pipeline.consent.facts import Facts, Mask
from pipeline.consent.versions import addresses_differ
from pipeline.reasons import Reason

SIXTEEN_YEARS_AT_MOST = pd.Timedelta(days=16 * 366)


def born_outside_window(facts: Facts) -> Mask:
    """Born, or expected, before the earliest month that counts, or after the latest."""
    cohort = facts.agreement.cohort
    first = facts.month.plus(-cohort.months_back).first_day
    last = facts.month.plus(cohort.months_ahead).last_day
    return ~facts.births["date_of_birth"].between(pd.Timestamp(first), pd.Timestamp(last))


def too_young(facts: Facts) -> Mask:
    """Fewer days old at the moment of decision than agreed; of a pregnancy, fewer days along."""
    days, cohort = facts.days_since("date_of_birth"), facts.agreement.cohort
    if facts.expected:
        return ~(days + PREGNANCY_DAYS >= cohort.minimum_gestation_days)
    return ~(days >= cohort.minimum_age_days)


def too_old(facts: Facts) -> Mask:
    """More days old at the moment of decision than agreed; of a pregnancy, past the expected day."""
    most = 0 if facts.expected else facts.agreement.cohort.maximum_age_days
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
    """The family moved after the row's address began, or equally new versions disagree on the address.

    Only an address that holds since the day of the move, or later, is the new one; that a row was
    written since tells nothing of its address.
    """
    left = facts.moved.notna() & ~(facts.births["address_since"] >= facts.moved)
    return left | addresses_differ(facts.births, facts.versions)


def moved_within_settling_days(facts: Facts) -> Mask:
    """The address is newer than the agreement's settling period; a blank date is no known change."""
    return facts.days_since("address_since") < facts.agreement.cohort.settling_days


def parent_under_16(facts: Facts) -> Mask:
    """The named parent was under 16 on the day of the birth; an unknown date of birth says nothing.

    Before the birth the day counts on which the pregnancy began, so that nobody has to guess.
    """
    begun = pd.Timedelta(days=PREGNANCY_DAYS if facts.expected else 0)
    return under_16(facts.births["date_of_birth"] - begun, facts.births["parent_date_of_birth"])


def under_16(on: pd.Series, born: pd.Series) -> Mask:
    """Whether somebody born then had not turned 16 on that day; False where no date of birth is known.

    The calendar is asked only about those who are young enough by the number of days.
    """
    under: Mask = on - born <= SIXTEEN_YEARS_AT_MOST
    day, birthday = on[under].dt, born[under].dt
    birthday_to_come = (day.month * 100 + day.day) < (birthday.month * 100 + birthday.day)
    under[under] = (day.year - birthday.year - birthday_to_come) < 16
    return under
