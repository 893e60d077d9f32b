"""Who may what in the console: one table, from which every page asks, and which is shown on a page itself.

What is not in it is not allowed. It says who may try: whether a decision counts is for the agreement and
for `pipeline.steps.deciding` to say, as from the command line.
"""

from __future__ import annotations

from enum import Enum

from pipeline.roles import Role

_LEAD, _IG, _GUARDIAN, _APPROVER, _AUDITOR = Role
_EVERYBODY = (_LEAD, _IG, _GUARDIAN, _APPROVER, _AUDITOR)
_WHO_DECIDE = (_LEAD, _IG, _GUARDIAN, _APPROVER)  # those whom agreements may name as approvers


class Act(Enum):
    """One thing that is seen or done; with the words for it, and the roles that may."""

    SEE_WAITING = ("See what waits for people", _EVERYBODY)
    SEE_MONTHS = ("See months, their books and their reports", _EVERYBODY)
    DECIDE_RELEASE = ("Approve or refuse a release, or end a month without a list", _WHO_DECIDE)
    ACCEPT_DRIFT = ("Accept that a supplier's file differs from earlier ones", _WHO_DECIDE)
    SEE_AGREEMENTS = ("See agreements, what they change, and what they would have shared", _EVERYBODY)
    SIGN_AGREEMENT = ("Sign or suspend an agreement", _WHO_DECIDE)
    PREVIEW_AGREEMENT = ("Try an agreement out on past months, which is recorded", _WHO_DECIDE)
    SEE_TRANSFERS = ("See the register of transfers", _EVERYBODY)
    EXPORT_TRANSFERS = ("Export the register of transfers", (_LEAD, _IG, _GUARDIAN, _AUDITOR))
    SEE_FAMILY = ("Look at what was shared about one family, for a recorded reason", (_IG, _GUARDIAN))
    SEE_RECALLS = ("See recalls and receipts", _EVERYBODY)
    SEE_RECIPIENTS = ("See the register of recipients", _EVERYBODY)
    SIGN_REGISTER = ("Sign a change of the register of recipients", _WHO_DECIDE)
    SEE_MAP = ("See reach areas and protected counts", _EVERYBODY)
    REVIEW_POSTCODES = ("Decide on postcodes that wait for a person", (_LEAD, _APPROVER))
    SEE_PROOF = ("See checkpoints and witnesses, and download the verifier", _EVERYBODY)
    CHECK_PROOF = ("Have the ledger verified now", (_LEAD, _IG, _GUARDIAN, _AUDITOR))
    TAKE_EVIDENCE = ("Download evidence", (_IG, _GUARDIAN, _AUDITOR))
    SEE_BREACH = ("Work out whom a breach affects, and the facts for the notice", (_LEAD, _IG, _GUARDIAN))
    MAKE_PASSKEY = ("Make a passkey to sign with", _WHO_DECIDE)
    SEE_WHO_MAY = ("See this table", _EVERYBODY)

    def __init__(self, words: str, roles: tuple[Role, ...]) -> None:
        self.words, self.roles = words, frozenset(roles)
