"""When a family's outcome may change: pure, from the days that the agreement counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.agreements.model import PREGNANCY_DAYS, Agreement
from pipeline.reasons import Reason
from pipeline.records import Month


@dataclass(frozen=True)
class Days:
    """The days of one family that an agreement counts from; None where a day is not known."""

    born: date  # or expected
    told: date | None = None  # of the notice
    moved: date | None = None  # since when the address stands
    agreed: tuple[date, ...] = ()  # of every consent that stands


@dataclass(frozen=True)
class Prospect:
    """From which day an outcome may be another, if any, and why in words."""

    day: date | None  # None: not under this agreement, as long as what we know of the family is right
    words: str


# What does not change by itself, and what would have to happen.
_FOR_GOOD = {
    Reason.NOT_A_LIVE_BIRTH: "This does not change, unless the health service corrects its record.",
    Reason.CHILD_DIED: "This does not change, unless the health service corrects its record.",
    Reason.IDENTITY_SUPERSEDED: "This number is not looked at again.",
    Reason.TEST_RECORD: "This number is nobody's.",
    Reason.DUPLICATE_RECORD: "Another, newer row speaks for this child.",
    Reason.ALREADY_SHARED: "It was shared once, and once is enough.",
    Reason.NO_FAMILY_SHARED: "Only another agreement could share families.",
    Reason.PARENT_UNDER_16: "The age at the birth does not change; a person must look at it.",
    Reason.SUPPRESSED: "Only the authority can take a family off its suppression list.",
}

# What changes as soon as a newer extract, or a newer answer of the parents, says otherwise.
_WHEN_SAID = {
    Reason.LIVE_BIRTH_NOT_STATED: "when the health service's record says that the birth was a live one",
    Reason.SIBLING_DIED_OR_MISSING: "when the records of all children of this birth are there and agree",
    Reason.RESTRICTED_RECORD: "when the health service lifts the restriction",
    Reason.NOT_RESIDENT: "when the family moves into the area",
    Reason.LOOKED_AFTER: "when the health service's record no longer says so",
    Reason.ADOPTION: "when the health service's record no longer says so",
    Reason.SAFEGUARDING: "when the health service's record no longer says so",
    Reason.PARENT_DIED: "when the health service's record names another parent",
    Reason.IN_HOSPITAL: "when the discharge is recorded, and the address is a home",
    Reason.RECENT_MOVE: "when the health service's record gives one address, and since when it holds",
    Reason.CONSENT_REFUSED: "when whoever said no says yes, and the health service has recorded it",
    Reason.CONSENT_WITHDRAWN: "when whoever withdrew agrees again, and the health service has recorded it",
    Reason.CONSENT_CONFLICT: "when everybody who was asked has given the same answer",
    Reason.CONSENT_NOT_ASKED: "when the parents are asked, and the answer is recorded",
    Reason.CONSENT_NOT_RECORDED: "when the parents' answer is recorded",
    Reason.CONSENT_SCOPE_MISSING: "when the parents agree to this kind of recipient",
    Reason.CONSENT_WORDING_NOT_ACCEPTED: "when the parents agree on a form that counts",
    Reason.CONSENT_DATE_INVALID: "when the answer is recorded with its right date",
    Reason.CONSENT_EXPIRED: "when the parents agree anew",
    Reason.NOTICE_NOT_SENT: "when the parents have been told, and did not object in time",
    Reason.OBJECTION_WINDOW_OPEN: "when the parents have been told, and did not object in time",
    Reason.OBJECTED: "when whoever objected takes it back, and the health service has recorded it",
    Reason.NATIONAL_OPT_OUT: "when the national data opt-out is taken back",
    Reason.ADDRESS_INCOMPLETE: "when the address is complete in the health service's record",
    Reason.POSTCODE_UNKNOWN: "when the postcode is put right, or the council's directory or a person there"
    " knows where it is",
    Reason.POSTCODE_PSEUDO: "when the postcode of the family's home is recorded",
    Reason.POSTCODE_IMPRECISE: "when the postcode is put right, or the directory knows better where it is",
    Reason.NO_REACH_AREA: "when the council puts the home into a reach area",
    Reason.REACH_AREA_AMBIGUOUS: "when the council says which reach area the home is in",
}


def may_change(
    reason: Reason,
    family: Days,
    agreement: Agreement,
    *,
    month: Month,
    decided: date,
    look: date | None,
) -> Prospect:
    """From which day `reason`, found in `month` on the day it was `decided`, may not stand any more.

    `look` is the next day on which somebody looks: today while the month is open and can be run again,
    then `next_look`; None where the agreement looks no more.
    """
    if reason in _FOR_GOOD:
        return Prospect(None, _FOR_GOOD[reason])
    if reason is Reason.BORN_OUTSIDE_WINDOW:
        return _window(family, agreement, month)
    counted = _counted_day(reason, family, agreement)
    if counted is not None and counted[0] > decided:
        return _at_a_look(look, *counted)
    if reason is Reason.AGE_OUTSIDE_WINDOW:
        return Prospect(None, _too_late(agreement))
    words = _WHEN_SAID.get(reason)
    if words is None:
        return Prospect(None, "It does not depend on the family.")
    return _at_a_look(look, decided, f"It may change {words}.")


def together(prospects: Iterable[Prospect]) -> date | None:
    """From which day all of several reasons may have gone; None where one of them does not go."""
    days = [one.day for one in prospects]
    known = [day for day in days if day is not None]
    return max(known, default=None) if len(known) == len(days) else None


def stands_until(family: Days, agreement: Agreement) -> date | None:
    """The last day on which nothing that is counted in days speaks against a family; None: no end."""
    most_age = 0 if _is_expected(agreement) else agreement.cohort.maximum_age_days
    most_consent = agreement.confidentiality.max_age_days
    ends = [family.born + timedelta(days=most_age)] if most_age is not None else []
    if most_consent is not None:
        ends += [agreed + timedelta(days=most_consent) for agreed in family.agreed]
    return min(ends, default=None)


def next_look(family: Days, agreement: Agreement, month: Month) -> date | None:
    """The first day after the next month, if the agreement still looks at the family then."""
    born = Month(family.born.year, family.born.month)
    following = month.plus(1)
    earliest, latest = born.plus(-agreement.cohort.months_ahead), born.plus(agreement.cohort.months_back)
    return following.plus(1).first_day if earliest <= following <= latest else None


def _at_a_look(look: date | None, day: date, words: str) -> Prospect:
    """A change counts when somebody looks."""
    if look is None:
        return Prospect(None, f"{words} But the agreement does not look at births of that month any more.")
    return Prospect(max(look, day), words)


def _too_late(agreement: Agreement) -> str:
    if _is_expected(agreement):
        return "The expected day has passed, and that does not change."
    return "The child is too old for this agreement, and that does not change."


def _window(family: Days, agreement: Agreement, month: Month) -> Prospect:
    """Too early for the agreement's months, or too late for them."""
    born = Month(family.born.year, family.born.month)
    first = born.plus(-agreement.cohort.months_ahead)
    if month < first:
        return Prospect(first.plus(1).first_day, f"It counts from the run of {first} on.")
    return Prospect(None, "The agreement does not look back so far, and that does not change.")


def _counted_day(reason: Reason, family: Days, agreement: Agreement) -> tuple[date, str] | None:
    """The day on which the agreement's own counting of days ends this reason."""
    cohort, objection = agreement.cohort, agreement.confidentiality.objection_days
    if reason in (Reason.NOTICE_NOT_SENT, Reason.OBJECTION_WINDOW_OPEN) and family.told:
        return family.told + timedelta(days=objection or 0), "The parents may object until then."
    if reason is Reason.RECENT_MOVE and family.moved:
        return family.moved + timedelta(days=cohort.settling_days), "The address counts as settled then."
    if reason is Reason.AGE_OUTSIDE_WINDOW and _is_expected(agreement):
        before = timedelta(days=PREGNANCY_DAYS - cohort.minimum_gestation_days)
        return family.born - before, "The pregnancy has come far enough then."
    if reason is Reason.AGE_OUTSIDE_WINDOW:
        return family.born + timedelta(days=cohort.minimum_age_days), "The child is old enough then."
    return None


def _is_expected(agreement: Agreement) -> bool:
    return agreement.cohort.of == "expected_births"
