"""Reasons about what the parents answered, were told, or objected to.

A refusal wins over any permission: nothing here lets a later word or another person's yes undo it,
but for a newer answer of the same person.
"""

from __future__ import annotations

import math

import pandas as pd

from pipeline.consent.answers import GIVEN, REFUSED, WITHDRAWN, conflicting
from pipeline.consent.facts import Facts, Mask
from pipeline.consent.rule import opt_in
from pipeline.reasons import Reason


def consent_refused(facts: Facts) -> Mask:
    """Newest answer of any person with parental responsibility is a refusal."""
    return facts.answered(REFUSED) | facts.told(Reason.CONSENT_REFUSED)


def consent_withdrawn(facts: Facts) -> Mask:
    """Newest answer is a withdrawal."""
    return facts.answered(WITHDRAWN) | facts.told(Reason.CONSENT_WITHDRAWN)


def consent_conflict(facts: Facts) -> Mask:
    """Two persons' newest answers differ."""
    return facts.about(conflicting(facts.answers))


def consent_not_asked(facts: Facts) -> Mask:
    """Asked = no."""
    return facts.births["consent_status"] == "not_asked"


def consent_not_recorded(facts: Facts) -> Mask:
    """Blank, or an answer that we do not know."""
    return ~facts.births["consent_status"].isin([GIVEN, REFUSED, WITHDRAWN, "not_asked"])


def consent_scope_missing(facts: Facts) -> Mask:
    """The answer does not cover this kind of recipient."""
    wanted = facts.agreement.confidentiality.scope
    given = facts.yes
    if wanted is None:
        return facts.nobody
    covers = [wanted in (kind.strip() for kind in scope.split(";")) for scope in given["scope"]]
    return facts.about(given.loc[~pd.Series(covers, index=given.index, dtype="bool"), "child"])


def consent_wording_not_accepted(facts: Facts) -> Mask:
    """The form's wording version is not one that the agreement lists."""
    given = facts.yes
    return facts.about(given.loc[~given["wording"].isin(facts.agreement.confidentiality.wordings), "child"])


def consent_date_invalid(facts: Facts) -> Mask:
    """No date, in the future, or before the birth minus the antenatal window."""
    given = facts.yes
    impossible = given["date"].isna() | (given["date"] > facts.today)
    earliest = given.groupby("child")["date"].min().reindex(facts.births["child"]).to_numpy()
    antenatal = pd.Timedelta(days=facts.agreement.confidentiality.antenatal_days)
    too_early = facts.births["date_of_birth"] - antenatal > earliest
    return facts.about(given.loc[impossible, "child"]) | too_early


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
    in_a_row = facts.births.loc[facts.births["objection_date"].notna(), "child"]
    said = facts.about(in_a_row) | facts.told(Reason.OBJECTED)
    return said if opt_in(facts.agreement) else said | consent_refused(facts)


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
