"""Every rule of the decision that can be known from one row and what is known about it, in order.

The order is that of the specification; it has no effect, since every rule is evaluated for every
record and the strictest outcome wins. Two reasons are not here, because they compare rows:
`sibling_died_or_missing` (`deliveries`) and `duplicate_record` (`versions`). The reasons that concern
the whole run (a stale deaths feed, an agreement that is not in force) are not decided row by row.
"""

from __future__ import annotations

from pipeline.consent import family, never, permission, place
from pipeline.consent.rule import Rule, by_reach_area, opt_in, opt_out, totals_alone
from pipeline.reasons import Outcome, Reason

RULES = (
    # No agreement can lift these.
    Rule(Reason.NOT_A_LIVE_BIRTH, never.not_a_live_birth),
    Rule(Reason.LIVE_BIRTH_NOT_STATED, never.live_birth_not_stated),
    Rule(Reason.CHILD_DIED, never.child_died),
    Rule(Reason.RESTRICTED_RECORD, never.restricted_record),
    Rule(Reason.SUPPRESSED, never.suppressed),
    Rule(Reason.IDENTITY_SUPERSEDED, never.identity_superseded),
    Rule(Reason.TEST_RECORD, never.test_record),
    # Which births the agreement is about.
    Rule(Reason.BORN_OUTSIDE_WINDOW, family.born_outside_window),
    Rule(Reason.AGE_OUTSIDE_WINDOW, family.too_young, own_outcome=Outcome.HOLD),
    Rule(Reason.AGE_OUTSIDE_WINDOW, family.too_old),
    Rule(Reason.NOT_RESIDENT, place.not_resident),
    # Exclusions that stand unless the agreement lifts them.
    Rule(Reason.LOOKED_AFTER, family.looked_after, lambda a: a.exclusions.looked_after),
    Rule(Reason.ADOPTION, family.adoption, lambda a: a.exclusions.adoption),
    Rule(Reason.SAFEGUARDING, family.safeguarding, lambda a: a.exclusions.safeguarding),
    Rule(Reason.PARENT_DIED, family.parent_died, lambda a: a.exclusions.parent_died),
    Rule(Reason.IN_HOSPITAL, family.in_hospital, lambda a: a.exclusions.in_hospital),
    Rule(Reason.RECENT_MOVE, family.address_unsettled),
    Rule(Reason.RECENT_MOVE, family.moved_within_settling_days),
    Rule(Reason.PARENT_UNDER_16, family.parent_under_16, lambda a: a.exclusions.parent_under_16),
    # What the parents answered.
    Rule(Reason.CONSENT_REFUSED, permission.consent_refused, opt_in),
    Rule(Reason.CONSENT_WITHDRAWN, permission.consent_withdrawn),
    Rule(Reason.CONSENT_CONFLICT, permission.consent_conflict),
    Rule(Reason.CONSENT_NOT_ASKED, permission.consent_not_asked, opt_in),
    Rule(Reason.CONSENT_NOT_RECORDED, permission.consent_not_recorded, opt_in),
    Rule(Reason.CONSENT_SCOPE_MISSING, permission.consent_scope_missing, opt_in),
    Rule(Reason.CONSENT_WORDING_NOT_ACCEPTED, permission.consent_wording_not_accepted, opt_in),
    Rule(Reason.CONSENT_DATE_INVALID, permission.consent_date_invalid, opt_in),
    Rule(Reason.CONSENT_EXPIRED, permission.consent_expired, opt_in),
    # What the parents were told.
    Rule(Reason.NOTICE_NOT_SENT, permission.notice_not_sent, opt_out),
    Rule(Reason.OBJECTION_WINDOW_OPEN, permission.objection_window_open, opt_out),
    Rule(Reason.OBJECTED, permission.objected),
    Rule(Reason.NATIONAL_OPT_OUT, permission.national_opt_out, lambda a: a.confidentiality.national_opt_out),
    # Where the card would go, and whether it went before.
    Rule(Reason.ADDRESS_INCOMPLETE, place.address_incomplete),
    Rule(Reason.POSTCODE_UNKNOWN, place.postcode_unknown),
    Rule(Reason.POSTCODE_PSEUDO, place.postcode_pseudo),
    Rule(Reason.POSTCODE_IMPRECISE, place.postcode_imprecise),
    Rule(Reason.NO_REACH_AREA, place.no_reach_area, by_reach_area),
    Rule(Reason.REACH_AREA_AMBIGUOUS, place.reach_area_ambiguous, by_reach_area),
    Rule(Reason.ALREADY_SHARED, place.already_shared),
    # Whether the agreement is about families at all.
    Rule(Reason.NO_FAMILY_SHARED, place.no_family_shared, totals_alone),
)
