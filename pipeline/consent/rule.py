"""What a rule is: a reason, when it is true, under which agreements, and how strict it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.agreements.model import Agreement, Permission, Shares
from pipeline.consent.facts import Facts, Mask
from pipeline.reasons import Outcome, Reason


def under_any(agreement: Agreement) -> bool:
    """The rule stands under every agreement."""
    return True


def opt_in(agreement: Agreement) -> bool:
    """Under agreements that rest on the parents' consent."""
    return agreement.confidentiality.permission is Permission.CONSENT


def opt_out(agreement: Agreement) -> bool:
    """Under agreements that rest on notice without objection."""
    return agreement.confidentiality.permission is Permission.NOTICE


def by_reach_area(agreement: Agreement) -> bool:
    """Under agreements whose recipient is the one that serves the family's reach area."""
    return agreement.recipients.named is None


def totals_alone(agreement: Agreement) -> bool:
    """Under agreements that share numbers and no family."""
    return agreement.shares is Shares.TOTALS


@dataclass(frozen=True)
class Rule:
    """One reason and when it is true, evaluated for every row.

    `outcome` is the reason's own, but where one reason has two (too young: hold; too old: withhold).
    """

    reason: Reason
    true_when: Callable[[Facts], Mask]
    applies: Callable[[Agreement], bool] = under_any
    own_outcome: Outcome | None = None

    @property
    def outcome(self) -> Outcome:
        """What follows for a row where the reason is true."""
        return self.reason.outcome if self.own_outcome is None else self.own_outcome
