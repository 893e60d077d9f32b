"""Whom somebody stands for: the person in the settings whom a sign-on, or a login in Airflow, names.

Settings are read for every request, so that somebody who is taken out of them is out at once.
"""

from __future__ import annotations

from pipeline.home import Console, Person, Settings


def by_sign_on(console: Console, claim: str) -> Person | None:
    """Whom the sign-on's claim names; None for nobody, and for a claim that is blank."""
    return next((one for one in console.people if claim and one.sign_on == claim), None)


def by_airflow_user(settings: Settings, login: str) -> Person | None:
    """Whose login in Airflow this is, as [[approvers]] or [[console.people]] say; None for nobody's."""
    approver = next(
        (one.principal for one in settings.approvers if login and one.airflow_user == login), None
    )
    if approver is not None:
        return by_principal(settings.console, approver)
    return next((one for one in settings.console.people if login and one.airflow_user == login), None)


def by_principal(console: Console, principal: str) -> Person | None:
    """The person of this name in the settings."""
    return next((one for one in console.people if one.principal == principal), None)
