"""Where each version of an agreement stands, who signed it, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from agreements.conftest import furnished, office
from agreements.office import NAME, NOW, ROLES, Office, version
from pipeline import agreed
from pipeline.errors import SettingsError
from pipeline.ledger.ledger import Ledger
from pipeline.questions import agreements
from pipeline.questions.agreements import State, Version

__all__ = ["furnished", "office"]


@pytest.fixture
def ledger(office: Office) -> Iterator[Ledger]:
    with closing(Ledger.open(office.home.database_url)) as opened:
        yield opened


def look(office: Office, ledger: Ledger, at: datetime = NOW) -> dict[int, Version]:
    """Every version by its number."""
    every = agreements.versions(office.home, ledger, now=at)
    return {one.agreement.version: one for one in every}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.IN_FORCE),
        ({"starts": "2026-07-01"}, State.NOT_BEGUN),
        ({"review_by": "2026-06-01", "expires": "2026-06-01"}, State.EXPIRED),
        ({"review_by": "2026-03-01"}, State.LAPSED),
    ],
)
def test_a_signed_version_stands_by_its_dates(
    office: Office, ledger: Ledger, changes: dict[str, str], state: State
) -> None:
    office.write(1, version(1, **changes))
    assert look(office, ledger)[1].state is state


def test_a_version_waits_for_the_roles_that_have_not_signed(office: Office, ledger: Ledger) -> None:
    for role in ROLES[1:]:
        office.signature(role).unlink()
    one = look(office, ledger)[1]
    assert one.state is State.UNSIGNED
    assert one.loaded.awaits == ROLES[1:]
    assert [bool(signed.principal) for signed in one.signed] == [True, False, False]
    assert one.signed[0].relied_on is None


def test_when_a_signature_was_first_relied_on_is_known(office: Office, ledger: Ledger) -> None:
    early = NOW - timedelta(days=60)
    agreed.record_signatures(ledger, [look(office, ledger, early)[1].loaded], early)
    assert {signed.relied_on for signed in look(office, ledger)[1].signed} == {early}


def test_a_version_is_held_against_the_one_in_force_before_it(office: Office, ledger: Ledger) -> None:
    office.write(2, version(2, replaces=1), signed_by=())
    office.write(3, version(3, replaces=2), signed_by=())
    found = look(office, ledger)
    assert [found[3].before, found[2].before] == [found[1].agreement] * 2
    assert found[1].before is None
    assert found[2].loaded.awaits == ROLES


def test_a_version_whose_place_was_taken_waits_for_nobody(office: Office, ledger: Ledger) -> None:
    office.write(2, version(2, replaces=1))
    found = look(office, ledger)
    assert (found[1].state, found[2].state) == (State.REPLACED, State.IN_FORCE)
    assert found[1].loaded.awaits == ()
    assert found[2].before == found[1].agreement  # the one it replaces


def test_a_version_that_is_not_there_is_said_so(office: Office, ledger: Ledger) -> None:
    with pytest.raises(SettingsError, match="no such agreement"):
        agreements.version(office.home, ledger, NAME, 7, now=NOW)
