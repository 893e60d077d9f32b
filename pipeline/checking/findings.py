"""What is wrong with an agreement in itself, whoever uses it: in plain words, each with its key.

An error is a rule that cannot work; a warning is one that a person should have meant. What can be found
by search is found by search (`tables`), so that no rule of the engine is told here a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.agreements.clauses import KEYS
from pipeline.agreements.model import PREGNANCY_DAYS, Agreement, ListField, Permission, Shares
from pipeline.agreements.words import days, listed, named, role
from pipeline.checking.asking import ask
from pipeline.checking.tables import INDEPENDENT, Tables
from pipeline.reasons import Reason

SHORTEST_MONTH = 28  # days
LONGEST_MONTH = 31
YEAR = 366
LONG_GRACE = 92  # days after which a review that is due is rather one that is forgotten


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    level: Literal["error", "warning"]
    key: str  # of the agreement, or of the home's settings
    says: str


def error(key: str, says: str) -> Finding:
    """A rule that cannot work."""
    return Finding("error", key, says)


def warning(key: str, says: str) -> Finding:
    """A rule that a person should have meant."""
    return Finding("warning", key, says)


def findings(agreement: Agreement, tables: Tables) -> list[Finding]:
    """Everything that is found of the agreement alone; errors first."""
    found = [one for search in _SEARCHES for one in search(agreement, tables)]
    return sorted([*by_looking(agreement), *found], key=lambda one: one.level)


def by_looking(agreement: Agreement) -> list[Finding]:
    """What is found without deciding about any record."""
    return [one for look in _LOOKS for one in look(agreement)]


# --- found by search --------------------------------------------------------------------------------


def _nobody(agreement: Agreement, tables: Tables) -> Iterator[Finding]:
    """No record at all can be shared."""
    if agreement.shares is Shares.TOTALS:
        return
    [answer] = ask(tables, {"anybody": [{}]})
    if not answer.ever:
        why = listed(f"{one} ({one.wording})" for one in answer.stopped_by)
        keys = dict.fromkeys(KEYS.get(one, one) for one in answer.stopped_by)
        yield error(
            ", ".join(keys),
            f"Nobody can ever be shared: every one of {answer.combinations:,} records is stopped by {why}.",
        )


def _never_too_old(agreement: Agreement, tables: Tables) -> Iterator[Finding]:
    """Nobody who was born in the agreed months is over the oldest age when they are decided."""
    most, cohort = agreement.cohort.maximum_age_days, tables.cohort
    born = tables.variables["date_of_birth"].choices
    in_window = cohort.cases["date_of_birth"][(cohort.reasons & Reason.BORN_OUTSIDE_WINDOW.bit) == 0]
    days_old = [(tables.setting.today - born[one].value).days for one in np.unique(in_window)]
    oldest = max(days_old, default=0)
    if most is not None and most >= oldest:
        yield warning(
            "cohort.maximum_age_days",
            f"No child is ever too old: births of the agreed months are decided when they are at most"
            f" {days(oldest)} old, and the limit is {days(most)}.",
        )


def _idle(agreement: Agreement, tables: Tables) -> Iterator[Finding]:
    """A setting that stops nobody whom something else does not stop as well."""
    if agreement.shares is Shares.TOTALS or not tables.births:
        return
    applied = {
        Reason.NATIONAL_OPT_OUT: agreement.confidentiality.national_opt_out,
        Reason.CONSENT_EXPIRED: agreement.confidentiality.max_age_days is not None,
        Reason.RECENT_MOVE: agreement.cohort.settling_days > 0,
        Reason.OBJECTION_WINDOW_OPEN: bool(agreement.confidentiality.objection_days),
    }
    decisive = _decisive(tables)
    for reason, wanted in applied.items():
        if wanted and reason not in decisive:
            yield warning(KEYS[reason], f"This rule stops nobody: {_WHY_IDLE[reason]}")


_WHY_IDLE = {
    Reason.NATIONAL_OPT_OUT: "whoever consented to this very use is not stopped by a national opt-out, and"
    " whoever did not is stopped already. Write false, so that nobody counts on it.",
    Reason.CONSENT_EXPIRED: "before a consent is that old, the child is too old, or the consent is from too"
    " long before the birth.",
    Reason.RECENT_MOVE: "no new address is ever within the settling period.",
    Reason.OBJECTION_WINDOW_OPEN: "the parents' time to object is never open.",
}


def _decisive(tables: Tables) -> set[Reason]:
    """The reasons that are, of some record, the only one."""
    packed = [tables.group(name).reasons for name in INDEPENDENT]
    packed += [tables.answers(birth).reasons for birth in tables.births]
    alone = set(np.unique(np.concatenate(packed)).tolist())
    return {reason for reason in Reason if reason.bit in alone}


# --- the cohort -------------------------------------------------------------------------------------


def _ages(agreement: Agreement) -> Iterator[Finding]:
    cohort = agreement.cohort
    least, most = cohort.minimum_age_days, cohort.maximum_age_days
    if most is not None and most < least:
        yield error(
            "cohort.maximum_age_days",
            f"A child must be at least {days(least)} old and at most {days(most)}: nobody is both.",
        )


def _held_too_long(agreement: Agreement) -> Iterator[Finding]:
    """Families who are held and have fallen out of the window when the hold ends."""
    cohort, terms = agreement.cohort, agreement.confidentiality
    if cohort.of == "expected_births":
        return
    window = cohort.months_back * SHORTEST_MONTH
    waits = {
        "cohort.minimum_age_days": cohort.minimum_age_days,
        "cohort.settling_days": cohort.settling_days,
        "confidentiality.objection_days": terms.objection_days or 0,
    }
    for key, wait in waits.items():
        if wait > window:
            yield warning(
                key,
                f"A family may be held for {days(wait)}, and births of {cohort.months_back} earlier month(s)"
                " count: those born late in a month, or told or moved late, are never looked at again."
                " More months_back would let them in later.",
            )
        if cohort.maximum_age_days is not None and wait >= cohort.maximum_age_days > 0:
            yield warning(
                key,
                f"A family may be held for {days(wait)}, and after {days(cohort.maximum_age_days)} the child"
                " is too old.",
            )


def _consent_dies_first(agreement: Agreement) -> Iterator[Finding]:
    most, least = agreement.confidentiality.max_age_days, agreement.cohort.minimum_age_days
    if most is not None and most < least:
        yield warning(
            "confidentiality.max_age_days",
            f"A consent given at the birth has run out ({days(most)}) before the child is old enough"
            f" ({days(least)}).",
        )


def _antenatal(agreement: Agreement) -> Iterator[Finding]:
    cohort, terms = agreement.cohort, agreement.confidentiality
    if cohort.of == "births":
        return
    left = PREGNANCY_DAYS - cohort.minimum_gestation_days
    if terms.permission is Permission.CONSENT and terms.antenatal_days < left:
        yield warning(
            "confidentiality.antenatal_days",
            f"A consent given more than {days(terms.antenatal_days)} before the expected date does not count,"
            f" and families may be shared up to {days(left)} before it.",
        )
    if agreement.lawful_basis.article_9 is None:
        yield warning(
            "lawful_basis.article_9", "A pregnancy is a fact about health: Article 9 asks for a basis."
        )


# --- permission, exclusions, deaths -----------------------------------------------------------------


def _terms_that_do_nothing(agreement: Agreement) -> Iterator[Finding]:
    terms = agreement.confidentiality
    if terms.permission is Permission.CONSENT:
        return
    written = {
        "scope": terms.scope is not None, "wordings": bool(terms.wordings),
        "antenatal_days": terms.antenatal_days > 0, "max_age_days": terms.max_age_days is not None,
    }  # fmt: skip
    for name, there in written.items():
        if there:
            yield warning(
                f"confidentiality.{name}", "This has no effect: only where parents are asked does it count."
            )


def _scope(agreement: Agreement) -> Iterator[Finding]:
    terms, kinds = agreement.confidentiality, agreement.recipients.kinds
    if terms.permission is not Permission.CONSENT:
        return
    if terms.scope is None and len(kinds) > 1:
        yield warning(
            "confidentiality.scope",
            f"Any yes counts for {listed(named(kind) for kind in kinds)}, whatever the parents were asked.",
        )
    if terms.scope is not None and terms.scope not in kinds:
        yield warning(
            "confidentiality.scope",
            f"The parents' answer must cover {named(terms.scope)}, and the recipients are"
            f" {listed(named(kind) for kind in kinds)}.",
        )


_LIFTED = {
    "looked_after": "Children who are looked after are shared.",
    "adoption": "Children with an adoption recorded are shared.",
    "safeguarding": "Children with a safeguarding flag are shared.",
    "parent_died": "Families whose named parent died are shared.",
    "in_hospital": "Babies who are still in hospital are shared.",
    "parent_under_16": "Families whose named parent is under 16 are shared, and nobody looks first.",
}


def _exclusions(agreement: Agreement) -> Iterator[Finding]:
    for name, says in _LIFTED.items():
        if not getattr(agreement.exclusions, name) and agreement.shares is not Shares.TOTALS:
            yield warning(f"exclusions.{name}", f"This exclusion is lifted. {says}")


def _deaths(agreement: Agreement) -> Iterator[Finding]:
    limit = agreement.deaths_feed_max_age_days
    if limit > LONGEST_MONTH:
        yield warning(
            "deaths_feed_max_age_days",
            f"A list may leave when nothing was heard of deaths for {days(limit)}, longer than a month.",
        )


# --- who approves, and for how long -----------------------------------------------------------------


def _approvers(agreement: Agreement) -> Iterator[Finding]:
    if len(set(agreement.approvers)) < len(agreement.approvers):
        yield error("approvers", "A role is named twice.")
    if len(set(agreement.approvers)) == 1:
        yield warning("approvers", f"One signature, of the {role(agreement.approvers[0])}, is enough.")


def _dates(agreement: Agreement) -> Iterator[Finding]:
    dates = agreement.dates
    if (dates.expires - dates.starts).days < LONGEST_MONTH:
        yield warning("dates", "It expires before one whole month can be shared under it.")
    if (dates.review_by - dates.starts).days > 2 * YEAR:
        yield warning(
            "dates.review_by", f"Nobody looks at it again for {days((dates.review_by - dates.starts).days)}."
        )
    if dates.review_grace_days > LONG_GRACE:
        yield warning(
            "dates.review_grace_days",
            f"It stands for {days(dates.review_grace_days)} after its review was due.",
        )


def _keeping(agreement: Agreement) -> Iterator[Finding]:
    if agreement.kept_months == 0 and agreement.shares is not Shares.TOTALS:
        yield warning(
            "kept_months",
            "Nothing is kept: no change of this agreement can be tried on past months, and no decision"
            " of a closed month be explained.",
        )
    if agreement.retention_days > YEAR and agreement.shares is Shares.FAMILIES:
        yield warning(
            "retention_days", f"Recipients may keep a list for {days(agreement.retention_days)}, over a year."
        )


# --- what leaves ------------------------------------------------------------------------------------


def _fields(agreement: Agreement) -> Iterator[Finding]:
    small = {ListField.LSOA, ListField.MONTH_OF_BIRTH, ListField.SEX}
    if agreement.shares is Shares.PSEUDONYMS and small <= set(agreement.fields):
        yield warning(
            "fields", "Small area, month of birth and sex together may single a child out without a name."
        )
    if agreement.shares is Shares.FAMILIES and ListField.ADDRESS not in agreement.fields:
        yield warning(
            "fields", "No address is shared, so families whose address is not complete are held for nothing."
        )
    if not agreement.use.forbidden:
        yield warning("use.forbidden", "Nothing is forbidden to recipients.")


_LOOKS: tuple[Callable[[Agreement], Iterator[Finding]], ...] = (
    _ages, _held_too_long, _consent_dies_first, _antenatal, _terms_that_do_nothing, _scope, _exclusions,
    _deaths, _approvers, _dates, _keeping, _fields,
)  # fmt: skip
_SEARCHES: tuple[Callable[[Agreement, Tables], Iterator[Finding]], ...] = (_nobody, _never_too_old, _idle)
