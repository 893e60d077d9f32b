"""Reasons about what the parents answered, were told, or objected to.

A refusal wins over any permission: nothing here lets a later word or another person's yes undo it,
but for a newer answer of the same person.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.consent.answers import GIVEN, REFUSED, WITHDRAWN, conflicting
from pipeline.consent.facts import Facts, Mask
from pipeline.consent.rule import opt_in, opt_out
from pipeline.reasons import Reason

# Later than any day on which somebody could agree.
NEVER = np.datetime64("9999-12-31", "s")


def consent_refused(facts: Facts) -> Mask:
    """Newest answer of any person with parental responsibility is a refusal."""
    return facts.answered(REFUSED) | facts.told(Reason.CONSENT_REFUSED)


def consent_withdrawn(facts: Facts) -> Mask:
    """Newest answer is a withdrawal."""
    return facts.answered(WITHDRAWN) | facts.told(Reason.CONSENT_WITHDRAWN)


def consent_conflict(facts: Facts) -> Mask:
    """Two persons' newest answers differ."""
    return facts.about(conflicting(facts.answers.standing))


def consent_not_asked(facts: Facts) -> Mask:
    """Asked = no, and the companion file has no answer either."""
    return (facts.births["consent_status"] == "not_asked") & ~_answered_apart(facts)


def consent_not_recorded(facts: Facts) -> Mask:
    """Blank, or an answer that we do not know, and the companion file has no answer either."""
    known = [GIVEN, REFUSED, WITHDRAWN, "not_asked"]
    return ~facts.births["consent_status"].isin(known) & ~_answered_apart(facts)


def _answered_apart(facts: Facts) -> Mask:
    """An answer in the companion file stands, whatever the row says."""
    return facts.about(facts.answers.companion)


def consent_scope_missing(facts: Facts) -> Mask:
    """The answer does not cover this kind of recipient."""
    wanted = facts.agreement.confidentiality.scope
    given = facts.yes
    if wanted is None:
        return facts.nobody
    covering = [one for one in given["scope"].unique() if wanted in map(str.strip, one.split(";"))]
    return facts.about(given.loc[~given["scope"].isin(covering), "child"])


def consent_wording_not_accepted(facts: Facts) -> Mask:
    """The form's wording version is not one that the agreement lists."""
    given = facts.yes
    return facts.about(given.loc[~given["wording"].isin(facts.agreement.confidentiality.wordings), "child"])


def consent_date_invalid(facts: Facts) -> Mask:
    """No date, in the future, or before the birth minus the antenatal window."""
    given = facts.yes
    impossible = ~(given["date"] <= facts.today)
    antenatal = pd.Timedelta(days=facts.agreement.confidentiality.antenatal_days)
    too_early = facts.births["date_of_birth"] - antenatal > _earliest_yes(facts)
    return facts.about(given.loc[impossible, "child"]) | too_early


def _earliest_yes(facts: Facts) -> npt.NDArray[np.datetime64]:
    """For each birth the day of the earliest standing permission about its child."""
    dated = facts.yes[facts.yes["date"].notna()]
    earliest = np.full(len(facts.births), NEVER)
    np.minimum.at(earliest, dated["child"].to_numpy(), dated["date"].to_numpy(dtype=NEVER.dtype))
    return earliest[facts.versions.child]


def consent_expired(facts: Facts) -> Mask:
    """Older than the agreement's `max_age_days` at the moment of decision."""
    given, most = facts.yes, facts.agreement.confidentiality.max_age_days
    if most is None:
        return facts.nobody
    return facts.about(given.loc[(facts.today - given["date"]).dt.days > most, "child"])


def notice_not_sent(facts: Facts) -> Mask:
    """No date on which the parents were told, or one that is still to come."""
    return ~(facts.births["notice_date"] <= facts.today)


def objection_window_open(facts: Facts) -> Mask:
    """Fewer days than agreed since the notice."""
    agreed = facts.agreement.confidentiality.objection_days
    return facts.days_since("notice_date") < (math.inf if agreed is None else agreed)


def objected(facts: Facts) -> Mask:
    """Any objection, in any version of the row or later, under either model.

    Where the parents are told and not asked, a refusal is an objection.
    """
    said = facts.in_any_version(facts.births["objection_date"].notna()) | facts.told(Reason.OBJECTED)
    return said | consent_refused(facts) if opt_out(facts.agreement) else said


def national_opt_out(facts: Facts) -> Mask:
    """On the list, and the parent did not consent to this very use."""
    return facts.told(Reason.NATIONAL_OPT_OUT) & ~_consented(facts)


def _consented(facts: Facts) -> Mask:
    """A yes stands on which this sharing may rest: an opt-in answer with nothing wrong about it."""
    if not opt_in(facts.agreement):
        return facts.nobody
    wrong = [
        consent_refused, consent_withdrawn, consent_conflict, consent_scope_missing,
        consent_wording_not_accepted, consent_date_invalid, consent_expired,
    ]  # fmt: skip
    said_yes = facts.answered(GIVEN)
    return said_yes & ~pd.concat([rule(facts) for rule in wrong], axis=1).any(axis=1)
