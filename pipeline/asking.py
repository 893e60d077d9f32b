"""Who asks, and why: checked before anything is looked up, written or changed."""

from __future__ import annotations

from pipeline.errors import Refused, SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import check_note
from pipeline.roles import Role
from pipeline.wording import stranger

# Who answers families and the regulator, whether or not an agreement lets them approve.
_OFFICERS = frozenset({Role.IG_OFFICER, Role.GUARDIAN})
_OF_BREACHES = _OFFICERS | {Role.DATA_LEAD}


def check_known(home: Home, principal: str) -> None:
    """Raises Refused for a person whom the settings do not know."""
    if principal not in {one.principal for one in home.settings.approvers}:
        raise Refused(
            "This person is not known here",
            where=stranger(principal),
            do="Name one that stands under [[approvers]] in birthshare.toml. Nothing was done.",
        )


def check_asks(home: Home, principal: str, purpose: str) -> None:
    """Raises Refused as `check_known` does, SettingsError where nobody said why, or as `check_note` does."""
    check_known(home, principal)
    _check_said(purpose)


def check_looks(home: Home, principal: str, purpose: str) -> None:
    """The same for whoever looks at what was shared: officers do, too, who need not be approvers."""
    if not _OFFICERS & _roles(home, principal):
        check_known(home, principal)
    _check_said(purpose)


def check_works_out(home: Home, principal: str, purpose: str) -> None:
    """The same for whom a breach affects, in numbers: the data lead is who hears of it first."""
    if not _OF_BREACHES & _roles(home, principal):
        check_known(home, principal)
    _check_said(purpose)


def check_takes(home: Home, principal: str, purpose: str) -> None:
    """The same for evidence about no family: auditors take it, too, who sign nothing."""
    if Role.AUDITOR not in _roles(home, principal):
        check_looks(home, principal, purpose)
    _check_said(purpose)


def _roles(home: Home, principal: str) -> frozenset[Role]:
    """What the settings let somebody be in the console; nothing for whom they do not name there."""
    mine = [one.roles for one in home.settings.console.people if one.principal == principal]
    return frozenset(role for roles in mine for role in roles)


def _check_said(purpose: str) -> None:
    if not purpose.strip():
        raise SettingsError("Nobody said why", where="why", do="Say it in a few words, without names.")
    check_note(purpose)
