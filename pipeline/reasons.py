"""Why a family is not on a list: the codes, their class, their outcome, their wording.

The rules themselves are in `pipeline.consent.rules`; this is the vocabulary every room shares.
Nobody ever matches on a wording, only on a code.

A set of reasons travels as one integer, a bit for each reason in the order below, so that a
month of decisions is a column of numbers and not of lists.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Outcome(IntEnum):
    """What is decided about one record under one agreement; the higher is the stricter."""

    SHARE = 0
    HOLD = 1
    WITHHOLD = 2

    @property
    def word(self) -> str:
        """The word that people and files see."""
        return self.name.lower()


class ReasonClass(StrEnum):
    """Who may lift a reason."""

    NEVER = "N"
    AGREEMENT = "A"
    RUN = "R"


class Reason(StrEnum):
    """Every reason, in the order of the specification."""

    outcome: Outcome
    reason_class: ReasonClass
    wording: str

    def __new__(cls, code: str, reason_class: str, outcome: Outcome, wording: str) -> Reason:
        member = str.__new__(cls, code)
        member._value_ = code
        member.outcome = outcome
        member.reason_class = ReasonClass(reason_class)
        member.wording = wording
        return member

    @property
    def bit(self) -> int:
        """The reason as a set of one."""
        return 1 << _POSITION[self]

    NOT_A_LIVE_BIRTH = "not_a_live_birth", "N", Outcome.WITHHOLD, "not a live birth"
    LIVE_BIRTH_NOT_STATED = (
        "live_birth_not_stated",
        "N",
        Outcome.HOLD,
        "the record does not say that this was a live birth",
    )
    CHILD_DIED = "child_died", "N", Outcome.WITHHOLD, "the child has died"
    SIBLING_DIED_OR_MISSING = (
        "sibling_died_or_missing",
        "N",
        Outcome.HOLD,
        "a child of the same delivery has died, was stillborn, or is missing from the extract",
    )
    RESTRICTED_RECORD = "restricted_record", "N", Outcome.WITHHOLD, "the NHS record is restricted"
    SUPPRESSED = "suppressed", "N", Outcome.WITHHOLD, "on the authority's suppression list"
    IDENTITY_SUPERSEDED = (
        "identity_superseded",
        "N",
        Outcome.WITHHOLD,
        "the NHS number was superseded or invalidated",
    )
    TEST_RECORD = "test_record", "N", Outcome.WITHHOLD, "the NHS number is in a range that is not issued"
    DUPLICATE_RECORD = (
        "duplicate_record",
        "N",
        Outcome.WITHHOLD,
        "an older or equal version of another row for the same child",
    )
    BORN_OUTSIDE_WINDOW = "born_outside_window", "A", Outcome.WITHHOLD, "born outside the agreed months"
    AGE_OUTSIDE_WINDOW = (
        "age_outside_window",
        "A",
        Outcome.WITHHOLD,
        "too young yet (then held), or too old, under the agreement",
    )
    NOT_RESIDENT = "not_resident", "A", Outcome.WITHHOLD, "lives in an area that the agreement does not cover"
    LOOKED_AFTER = "looked_after", "A", Outcome.WITHHOLD, "the child is looked after"
    ADOPTION = "adoption", "A", Outcome.WITHHOLD, "an adoption is recorded"
    SAFEGUARDING = "safeguarding", "A", Outcome.WITHHOLD, "a safeguarding flag is recorded"
    PARENT_DIED = "parent_died", "A", Outcome.HOLD, "the named parent has died"
    IN_HOSPITAL = (
        "in_hospital",
        "A",
        Outcome.HOLD,
        "discharge is not recorded, or the postcode is a hospital's",
    )
    RECENT_MOVE = "recent_move", "A", Outcome.HOLD, "the address changed within the settling period"
    PARENT_UNDER_16 = "parent_under_16", "A", Outcome.HOLD, "a person must look at this family first"
    CONSENT_REFUSED = "consent_refused", "A", Outcome.WITHHOLD, "consent was refused"
    CONSENT_WITHDRAWN = "consent_withdrawn", "A", Outcome.WITHHOLD, "consent was withdrawn"
    CONSENT_CONFLICT = "consent_conflict", "A", Outcome.WITHHOLD, "two persons' newest answers differ"
    CONSENT_NOT_ASKED = "consent_not_asked", "A", Outcome.HOLD, "the parents were not asked yet"
    CONSENT_NOT_RECORDED = "consent_not_recorded", "A", Outcome.HOLD, "no answer is recorded"
    CONSENT_SCOPE_MISSING = (
        "consent_scope_missing",
        "A",
        Outcome.WITHHOLD,
        "the answer does not cover this kind of recipient",
    )
    CONSENT_WORDING_NOT_ACCEPTED = (
        "consent_wording_not_accepted",
        "A",
        Outcome.WITHHOLD,
        "the form's wording is not one that the agreement lists",
    )
    CONSENT_DATE_INVALID = (
        "consent_date_invalid",
        "A",
        Outcome.WITHHOLD,
        "the consent has no date, a future date, or one too long before the birth",
    )
    CONSENT_EXPIRED = (
        "consent_expired",
        "A",
        Outcome.WITHHOLD,
        "the consent is older than the agreement allows",
    )
    NOTICE_NOT_SENT = "notice_not_sent", "A", Outcome.HOLD, "the parents were not told yet"
    OBJECTION_WINDOW_OPEN = "objection_window_open", "A", Outcome.HOLD, "the parents may still object"
    OBJECTED = "objected", "A", Outcome.WITHHOLD, "a parent objected"
    NATIONAL_OPT_OUT = "national_opt_out", "A", Outcome.WITHHOLD, "a national data opt-out applies"
    ADDRESS_INCOMPLETE = (
        "address_incomplete",
        "A",
        Outcome.HOLD,
        "the address is not complete enough for post",
    )
    POSTCODE_UNKNOWN = "postcode_unknown", "A", Outcome.HOLD, "the postcode is not in the directory"
    POSTCODE_PSEUDO = "postcode_pseudo", "A", Outcome.HOLD, "the postcode stands for no real place"
    POSTCODE_IMPRECISE = (
        "postcode_imprecise",
        "A",
        Outcome.HOLD,
        "the postcode's position is not precise enough",
    )
    NO_REACH_AREA = "no_reach_area", "A", Outcome.HOLD, "in no reach area"
    REACH_AREA_AMBIGUOUS = "reach_area_ambiguous", "A", Outcome.HOLD, "in two reach areas with no precedence"
    ALREADY_SHARED = (
        "already_shared",
        "A",
        Outcome.WITHHOLD,
        "shared with this recipient for this purpose in an earlier month",
    )
    NO_FAMILY_SHARED = (
        "no_family_shared",
        "A",
        Outcome.WITHHOLD,
        "the agreement shares numbers, and no family",
    )
    DEATHS_FEED_STALE = "deaths_feed_stale", "R", Outcome.WITHHOLD, "the newest word on deaths is too old"
    AGREEMENT_NOT_IN_FORCE = "agreement_not_in_force", "R", Outcome.WITHHOLD, "the agreement is not in force"
    AGREEMENT_NOT_APPROVED = "agreement_not_approved", "R", Outcome.WITHHOLD, "a required approval is missing"
    AGREEMENT_SUSPENDED = "agreement_suspended", "R", Outcome.WITHHOLD, "the agreement is suspended"


_POSITION = {reason: position for position, reason in enumerate(Reason)}


def unpack(packed: int) -> tuple[Reason, ...]:
    """The reasons in one packed set, in the order of the specification."""
    return tuple(reason for reason in Reason if packed & reason.bit)


def having(packed: npt.NDArray[np.int64], reason: Reason) -> npt.NDArray[np.bool_]:
    """Which of many packed sets hold `reason`."""
    found: npt.NDArray[np.bool_] = (packed & reason.bit) != 0
    return found


def count(packed: npt.NDArray[np.int64]) -> dict[str, int]:
    """How many of many packed sets hold each reason; reasons that none holds are left out."""
    totals = {str(reason): int(having(packed, reason).sum()) for reason in Reason}
    return {code: total for code, total in totals.items() if total}
