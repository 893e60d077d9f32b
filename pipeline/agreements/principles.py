"""How an agreement meets the eight Caldicott principles.

Source: National Data Guardian for Health and Social Care, The Eight Caldicott Principles,
8 December 2020.
"""

from __future__ import annotations

from pipeline.agreements import clauses
from pipeline.agreements.model import Agreement, Permission, Shares
from pipeline.agreements.words import counted, days, on_day

EIGHTH = "Inform patients and service users about how their confidential information is used."


def no_surprises(agreement: Agreement) -> list[str]:
    """What the eighth principle asks for, and how it is met here."""
    return [
        f"The principle: {EIGHTH} Nobody should be surprised.",
        *_informed(agreement),
        "Every list says what its recipient may do, and what not.",
        *_no_visit(agreement),
    ]


def _informed(agreement: Agreement) -> list[str]:
    rules = agreement.confidentiality
    if rules.permission is Permission.NOT_NEEDED:
        return ["Nothing about any one family leaves. So there is nothing of which to be surprised."]
    heard = "Parents may change their mind at any time. Then nothing more is shared."
    if rules.permission is Permission.NOTICE:
        return [
            "Parents are told before anything is shared. A family that was not told is held back.",
            clauses.objecting(agreement),
            heard,
        ]
    return [
        "Parents are asked before anything is shared. The form that they answer says what will happen.",
        "Only one version of the form counts, named above."
        if len(rules.wordings) == 1
        else f"Only {len(rules.wordings)} versions of the form count, named above.",
        "Nobody is shared who was not asked.",
        heard,
    ]


def _no_visit(agreement: Agreement) -> list[str]:
    if agreement.shares is not Shares.FAMILIES:
        return []
    return ["A family that has lost a child is not written to."]


def other_principles(agreement: Agreement) -> list[str]:
    """The first seven, in one line each."""
    return [
        "1, justify the purpose: one purpose is named above, and people sign for it.",
        f"2, use it only when necessary: {_necessary(agreement)}",
        f"3, use the least that is necessary: {_least(agreement)}",
        "4, only those who need to know: each recipient can open its own list, and no other.",
        "5, everyone knows their duties: the rules of use go with every list.",
        f"6, keep to the law: it is named above, and looked at again by {on_day(agreement.dates.review_by)}.",
        f"7, sharing matters as much as protecting: {_shared(agreement)}",
    ]


def _necessary(agreement: Agreement) -> str:
    if agreement.shares is Shares.TOTALS:
        return "numbers are enough here, so no family is shared."
    return f"each child is shared once, and the list is destroyed after {days(agreement.retention_days)}."


def _least(agreement: Agreement) -> str:
    if agreement.shares is Shares.TOTALS:
        return "rounded numbers, and nothing else."
    most = max(len(agreement.fields_of(kind)) for kind in agreement.recipients.kinds)
    return f"a recipient learns at most {counted(most, 'thing')} of each family, all named above."


def _shared(agreement: Agreement) -> str:
    if agreement.shares is Shares.TOTALS:
        return "every recipient hears each month how many babies were born."
    if agreement.confidentiality.permission is Permission.CONSENT:
        return "every family that said yes, and may be shared, is on that month's list."
    return "every family that may be shared is on that month's list."
