"""Whom somebody stands for: the person in the settings whom a sign-on, or a login in Airflow, names.

Settings are read for every request, so that somebody who is taken out of them is out at once.
"""

from __future__ import annotations

from pipeline.home import Console, Person


def by_sign_on(console: Console, claim: str) -> Person | None:
    """Whom the sign-on's claim names; None for nobody, and for a claim that is blank."""
    return next((one for one in console.people if claim and one.sign_on == claim), None)


def by_airflow_user(console: Console, login: str) -> Person | None:
    """Whose login in Airflow this is; None for nobody's."""
    return next((one for one in console.people if login and one.airflow_user == login), None)


def by_principal(console: Console, principal: str) -> Person | None:
    """The person of this name in the settings."""
    return next((one for one in console.people if one.principal == principal), None)
