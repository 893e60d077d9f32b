"""For every reason, where the agreement says so, and what it says there in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.agreements.model import Agreement, Permission
from pipeline.agreements.words import counted, days, listed, named, on_day, role, several
from pipeline.reasons import Reason, ReasonClass

NO_AGREEMENT_LIFTS_THIS = "No agreement can lift this rule."

# Reason -> the agreement's key. The reasons that no agreement can lift have none.
KEYS: Mapping[Reason, str] = {
    Reason.BORN_OUTSIDE_WINDOW: "cohort",
    Reason.AGE_OUTSIDE_WINDOW: "cohort",
    Reason.NOT_RESIDENT: "cohort.residents_of",
    Reason.LOOKED_AFTER: "exclusions.looked_after",
    Reason.ADOPTION: "exclusions.adoption",
    Reason.SAFEGUARDING: "exclusions.safeguarding",
    Reason.PARENT_DIED: "exclusions.parent_died",
    Reason.IN_HOSPITAL: "exclusions.in_hospital",
    Reason.RECENT_MOVE: "cohort.settling_days",
    Reason.PARENT_UNDER_16: "exclusions.parent_under_16",
    Reason.CONSENT_REFUSED: "confidentiality.permission",
    Reason.CONSENT_WITHDRAWN: "confidentiality.permission",
    Reason.CONSENT_CONFLICT: "confidentiality.permission",
    Reason.CONSENT_NOT_ASKED: "confidentiality.permission",
    Reason.CONSENT_NOT_RECORDED: "confidentiality.permission",
    Reason.CONSENT_SCOPE_MISSING: "confidentiality.scope",
    Reason.CONSENT_WORDING_NOT_ACCEPTED: "confidentiality.wordings",
    Reason.CONSENT_DATE_INVALID: "confidentiality.antenatal_days",
    Reason.CONSENT_EXPIRED: "confidentiality.max_age_days",
    Reason.NOTICE_NOT_SENT: "confidentiality.permission",
    Reason.OBJECTION_WINDOW_OPEN: "confidentiality.objection_days",
    Reason.OBJECTED: "confidentiality.permission",
    Reason.NATIONAL_OPT_OUT: "confidentiality.national_opt_out",
    Reason.ADDRESS_INCOMPLETE: "recipients",
    Reason.POSTCODE_UNKNOWN: "recipients",
    Reason.POSTCODE_PSEUDO: "recipients",
    Reason.POSTCODE_IMPRECISE: "recipients",
    Reason.NO_REACH_AREA: "recipients.network",
    Reason.REACH_AREA_AMBIGUOUS: "recipients.network",
    Reason.ALREADY_SHARED: "id",
    Reason.NO_FAMILY_SHARED: "shares",
    Reason.DEATHS_FEED_STALE: "deaths_feed_max_age_days",
    Reason.AGREEMENT_NOT_IN_FORCE: "dates",
    Reason.AGREEMENT_NOT_APPROVED: "approvers",
    Reason.AGREEMENT_SUSPENDED: "approvers",
}


def clause(reason: Reason, agreement: Agreement) -> str:
    """What the agreement says where the reason comes from, in one or two sentences."""
    if reason.reason_class is ReasonClass.NEVER:
        return NO_AGREEMENT_LIFTS_THIS
    return _SAYS[reason](agreement)


def born_in(agreement: Agreement) -> str:
    """Which months' births, or expected births, count."""
    cohort = agreement.cohort
    if cohort.of == "expected_births":
        ahead = f" and {counted(cohort.months_ahead, 'later month')}" if cohort.months_ahead else ""
        return f"It is about babies who are expected in the month{ahead}."
    back = f" and of {counted(cohort.months_back, 'earlier month')}" if cohort.months_back else ""
    return f"It is about live births of the month{back}."


def aged(agreement: Agreement) -> str:
    """How old a child may be, or how far a pregnancy must be."""
    cohort = agreement.cohort
    if cohort.of == "expected_births":
        least = cohort.minimum_gestation_days
        weeks = f"before {days(least)} of pregnancy, or " if least else ""
        return f"Nothing is shared {weeks}after the expected date has passed."
    limits = [
        *([f"at least {days(cohort.minimum_age_days)}"] if cohort.minimum_age_days else []),
        *([f"at most {days(cohort.maximum_age_days)}"] if cohort.maximum_age_days is not None else []),
    ]
    return f"The child must be {listed(limits)} old." if limits else "The child's age does not matter."


def resident(agreement: Agreement) -> str:
    """Where a family must live."""
    codes = listed(agreement.cohort.residents_of, "or")
    return f"The family must live in the area of the local authority with the code {codes}."


def settled(agreement: Agreement) -> str:
    """How long an address must have stood."""
    wanted = agreement.cohort.settling_days
    if not wanted:
        return "A known change of address that is not settled holds the family."
    return f"An address that changed less than {days(wanted)} ago holds the family."


def permitted(agreement: Agreement) -> str:
    """Whether parents are asked, or told."""
    return {
        Permission.CONSENT: "A family is shared only if the parents said yes, and nobody said no.",
        Permission.NOTICE: "A family is shared only if the parents were told, and nobody objected.",
        Permission.NOT_NEEDED: "No family is shared, so no permission is needed.",
    }[agreement.confidentiality.permission]


def scoped(agreement: Agreement) -> str:
    """What kind of recipient an answer must name."""
    scope = agreement.confidentiality.scope
    return f"The answer must name {several(scope)}." if scope else "The answer need not name a recipient."


def worded(agreement: Agreement) -> str:
    """Which versions of the form count."""
    wordings = agreement.confidentiality.wordings
    if not wordings:
        return "No version of a form is named."
    return f"Only answers on these versions of the form count: {listed(wordings)}."


def dated(agreement: Agreement) -> str:
    """From when on a consent counts."""
    before = agreement.confidentiality.antenatal_days
    event = "expected date" if agreement.cohort.of == "expected_births" else "birth"
    if not before:
        return f"A consent counts only if it was given on the day of the {event} or later."
    return f"A consent may be given up to {days(before)} before the {event}."


def expiring(agreement: Agreement) -> str:
    """How long a consent counts."""
    most = agreement.confidentiality.max_age_days
    return "A consent does not grow too old." if most is None else f"A consent counts for {days(most)}."


def objecting(agreement: Agreement) -> str:
    """How long parents have to object."""
    given = agreement.confidentiality.objection_days
    if given is None:
        return "Any objection stops the sharing at any time."
    return f"Parents have {days(given)} to object after they were told. Nothing is shared before."


def opted_out(agreement: Agreement) -> str:
    """Whether a national data opt-out counts."""
    if not agreement.confidentiality.national_opt_out:
        return "A national data opt-out does not stop this sharing by itself."
    if agreement.confidentiality.permission is Permission.CONSENT:
        return "A national data opt-out also stops the sharing, unless the parents agreed to this very use."
    return "A national data opt-out also stops the sharing."


def served(agreement: Agreement) -> str:
    """Which recipient gets a family."""
    wanted = agreement.recipients
    if wanted.named is not None:
        return f"One recipient alone receives all of it: {named(wanted.named)}."
    network = named(str(wanted.network))
    return f"Each recipient receives only what belongs to its own area. The areas are those of: {network}."


def fresh(agreement: Agreement) -> str:
    """How new the word on deaths must be."""
    limit = days(agreement.deaths_feed_max_age_days)
    return f"Nothing leaves when the newest word on deaths is older than {limit}."


def in_force(agreement: Agreement) -> str:
    """From when until when it counts."""
    dates = agreement.dates
    grace = dates.review_grace_days
    stops = f"{days(grace)} later" if grace else "after that day"
    return (
        f"It is in force from {on_day(dates.starts)} to {on_day(dates.expires)}. "
        f"It must be reviewed by {on_day(dates.review_by)}. "
        f"If that is not done, it stops {stops}."
    )


def approved_by(agreement: Agreement) -> str:
    """Whose signatures it needs."""
    roles = listed(role(one) for one in agreement.approvers)
    return f"It counts only as long as this very text is signed by: {roles}."


def suspended_by(agreement: Agreement) -> str:
    """Who may stop it."""
    roles = listed((role(one) for one in agreement.suspenders), "or")
    return f"Any one of these may stop it at once: {roles}."


def _excluded(key: str, sentence: str) -> Callable[[Agreement], str]:
    def says(agreement: Agreement) -> str:
        stands = getattr(agreement.exclusions, key)
        return sentence if stands else f"The agreement lifts this rule: {sentence[:1].lower()}{sentence[1:]}"

    return says


EXCLUSIONS: Mapping[Reason, Callable[[Agreement], str]] = {
    Reason.LOOKED_AFTER: _excluded("looked_after", "A child who is looked after is not shared."),
    Reason.ADOPTION: _excluded("adoption", "A child with a recorded adoption is not shared."),
    Reason.SAFEGUARDING: _excluded("safeguarding", "A child with a safeguarding flag is not shared."),
    Reason.PARENT_DIED: _excluded("parent_died", "A family whose named parent has died is held."),
    Reason.IN_HOSPITAL: _excluded("in_hospital", "A child who is still in hospital is held."),
    Reason.PARENT_UNDER_16: _excluded(
        "parent_under_16", "A family whose named parent was under 16 at the birth is held."
    ),
}

_SAYS: Mapping[Reason, Callable[[Agreement], str]] = {
    Reason.BORN_OUTSIDE_WINDOW: born_in,
    Reason.AGE_OUTSIDE_WINDOW: aged,
    Reason.NOT_RESIDENT: resident,
    Reason.RECENT_MOVE: settled,
    **EXCLUSIONS,
    Reason.CONSENT_REFUSED: permitted,
    Reason.CONSENT_WITHDRAWN: permitted,
    Reason.CONSENT_CONFLICT: permitted,
    Reason.CONSENT_NOT_ASKED: permitted,
    Reason.CONSENT_NOT_RECORDED: permitted,
    Reason.CONSENT_SCOPE_MISSING: scoped,
    Reason.CONSENT_WORDING_NOT_ACCEPTED: worded,
    Reason.CONSENT_DATE_INVALID: dated,
    Reason.CONSENT_EXPIRED: expiring,
    Reason.NOTICE_NOT_SENT: permitted,
    Reason.OBJECTION_WINDOW_OPEN: objecting,
    Reason.OBJECTED: lambda agreement: "An objection always stops the sharing.",
    Reason.NATIONAL_OPT_OUT: opted_out,
    Reason.ADDRESS_INCOMPLETE: lambda agreement: (
        "A family needs an address with a first line and a postcode."
    ),
    Reason.POSTCODE_UNKNOWN: lambda agreement: _FIND_THE_HOME,
    Reason.POSTCODE_PSEUDO: lambda agreement: _FIND_THE_HOME,
    Reason.POSTCODE_IMPRECISE: lambda agreement: _FIND_THE_HOME,
    Reason.NO_REACH_AREA: served,
    Reason.REACH_AREA_AMBIGUOUS: served,
    Reason.ALREADY_SHARED: lambda agreement: "A child is shared once with a recipient under one agreement.",
    Reason.NO_FAMILY_SHARED: lambda agreement: "It shares numbers alone, and no family.",
    Reason.DEATHS_FEED_STALE: fresh,
    Reason.AGREEMENT_NOT_IN_FORCE: in_force,
    Reason.AGREEMENT_NOT_APPROVED: approved_by,
    Reason.AGREEMENT_SUSPENDED: suspended_by,
}

_FIND_THE_HOME = "The home must be found by its postcode, so that the right recipient gets the family."
