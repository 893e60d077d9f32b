"""The day from which an outcome may change is the day on which the engine itself decides otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from pipeline.looking_back.prospects import Days, Prospect, may_change, next_look, stands_until, together
from pipeline.reasons import Reason, ReasonClass
from pipeline.records import Month
from spec.world import EXPECTING, MOMENT, MONTH, NOTICE, Row, World, agreement, birth, expecting, plain

DECIDED = MOMENT.date()


def days_of(row: Row) -> Days:
    agreed = (row["consent_date"],) if row["consent_date"] else ()
    return Days(row["date_of_birth"], row["notice_date"], row["address_since"], agreed)


def reasons_on(world: World, day: date) -> frozenset[str]:
    [decision] = plain(replace(world, moment=datetime.combine(day, time(9), UTC)).decide()).values()
    return decision.reasons


def prospect(reason: Reason, world: World, *, look: date | None = DECIDED) -> Prospect:
    [row] = world.births
    return may_change(reason, days_of(row), world.agreement, month=world.month, decided=DECIDED, look=look)


# --- days that are counted ------------------------------------------------------------------------

COUNTED = {
    "the parents may still object": (
        Reason.OBJECTION_WINDOW_OPEN,
        World.of(birth(notice_date=date(2026, 10, 30)), agreement=agreement(confidentiality=NOTICE)),
    ),
    "too young yet": (Reason.AGE_OUTSIDE_WINDOW, World.of(birth(date_of_birth=date(2026, 10, 28)))),
    "not settled yet": (Reason.RECENT_MOVE, World.of(birth(address_since=date(2026, 10, 25)))),
    "not far enough": (
        Reason.AGE_OUTSIDE_WINDOW,
        World.of(expecting(date_of_birth=date(2027, 6, 1)), agreement=agreement(**EXPECTING)),
    ),
}


@pytest.mark.parametrize(("reason", "world"), COUNTED.values(), ids=COUNTED.keys())
def test_the_engine_decides_otherwise_from_that_day_on_and_not_before(reason: Reason, world: World) -> None:
    day = prospect(reason, world).day
    assert day is not None and day > DECIDED
    assert reason in reasons_on(world, DECIDED)
    assert reason in reasons_on(world, day - timedelta(1))
    assert reason not in reasons_on(world, day)


def test_a_day_between_two_looks_counts_from_the_next_look() -> None:
    reason, world = COUNTED["the parents may still object"]
    later = date(2026, 12, 1)
    assert prospect(reason, world, look=later).day == later


def test_where_nobody_looks_any_more_nothing_changes() -> None:
    reason, world = COUNTED["too young yet"]
    assert prospect(reason, world, look=None).day is None
    assert "does not look" in prospect(reason, world, look=None).words


def test_a_notice_that_is_still_to_be_sent_gives_the_day_on_which_the_objection_ends() -> None:
    told = World.of(birth(notice_date=date(2026, 11, 10)), agreement=agreement(confidentiality=NOTICE))
    day = prospect(Reason.NOTICE_NOT_SENT, told).day
    assert day == date(2026, 11, 24)
    assert reasons_on(told, day) == frozenset()
    assert reasons_on(told, day - timedelta(1)) == {"objection_window_open"}


def test_who_is_too_old_stays_too_old() -> None:
    old = World.of(
        birth(date_of_birth=date(2026, 8, 1)), agreement=agreement(cohort={"maximum_age_days": 60})
    )
    assert prospect(Reason.AGE_OUTSIDE_WINDOW, old).day is None


def test_an_expected_day_that_has_passed_does_not_come_again() -> None:
    late = World.of(expecting(date_of_birth=date(2026, 11, 1)), agreement=agreement(**EXPECTING))
    assert reasons_on(late, DECIDED) == {"age_outside_window"}
    assert prospect(Reason.AGE_OUTSIDE_WINDOW, late).day is None


# --- how long a yes stands ------------------------------------------------------------------------

ENDS = {
    "the consent": agreement(cohort={"maximum_age_days": None}),
    "the child's age": agreement(confidentiality={"max_age_days": None}, cohort={"maximum_age_days": 40}),
    "whichever comes first": agreement(cohort={"maximum_age_days": 40}),
}


@pytest.mark.parametrize("terms", ENDS.values(), ids=ENDS.keys())
def test_a_family_can_be_shared_until_that_day_and_not_after(terms: Any) -> None:
    world = World.of(birth(), agreement=terms)
    until = stands_until(days_of(world.births[0]), terms)
    assert until is not None
    assert reasons_on(world, until) == frozenset()
    assert reasons_on(world, until + timedelta(1)) != frozenset()


def test_an_expected_birth_can_be_shared_until_the_expected_day() -> None:
    terms = agreement(
        **EXPECTING,
    )
    until = stands_until(Days(date(2026, 12, 24), agreed=(date(2026, 11, 1),)), terms)
    assert until == date(2026, 12, 24)


def test_without_any_limit_a_yes_has_no_end() -> None:
    terms = agreement(confidentiality={"max_age_days": None}, cohort={"maximum_age_days": None})
    assert stands_until(days_of(birth()), terms) is None


# --- months ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("months_back", "born", "looked_at"), [
    (0, date(2026, 10, 8), False), (1, date(2026, 10, 8), True), (1, date(2026, 9, 30), False),
    (2, date(2026, 9, 30), True), (0, date(2026, 11, 1), True),
])  # fmt: skip
def test_the_next_month_is_looked_at_as_long_as_the_agreement_looks_back(
    months_back: int, born: date, looked_at: bool
) -> None:
    terms = agreement(cohort={"months_back": months_back})
    expected = Month(2026, 12).first_day if looked_at else None
    assert next_look(Days(born), terms, MONTH) == expected
    following = World.of(
        birth(date_of_birth=born), agreement=terms, month=MONTH.plus(1),
        moment=datetime(2026, 12, 3, tzinfo=UTC),
    )  # fmt: skip
    assert ("born_outside_window" not in reasons_on(following, date(2026, 12, 3))) is looked_at


def test_a_birth_after_the_month_counts_from_its_own_month_on() -> None:
    early = World.of(birth(date_of_birth=date(2026, 11, 2)))
    found = prospect(Reason.BORN_OUTSIDE_WINDOW, early)
    assert found.day == date(2026, 12, 1)
    assert "2026-11" in found.words


def test_a_birth_before_the_agreed_months_never_counts() -> None:
    assert prospect(Reason.BORN_OUTSIDE_WINDOW, World.of(birth(date_of_birth=date(2026, 1, 2)))).day is None


# --- every reason ---------------------------------------------------------------------------------

OF_RECORDS = [reason for reason in Reason if reason.reason_class is not ReasonClass.RUN]


@pytest.mark.parametrize("reason", OF_RECORDS)
def test_every_reason_has_its_own_words(reason: Reason) -> None:
    found = prospect(reason, World.of(birth()))
    assert found.words.endswith(".")
    assert "does not depend on the family" not in found.words


@pytest.mark.parametrize(
    "reason", [Reason.CHILD_DIED, Reason.NOT_A_LIVE_BIRTH, Reason.IDENTITY_SUPERSEDED, Reason.ALREADY_SHARED,
               Reason.NO_FAMILY_SHARED, Reason.SUPPRESSED]
)  # fmt: skip
def test_what_is_for_good_has_no_day(reason: Reason) -> None:
    assert prospect(reason, World.of(birth())).day is None


def test_several_reasons_change_with_the_last_of_them() -> None:
    early, late, never = (Prospect(day, "") for day in (date(2026, 11, 5), date(2026, 12, 1), None))
    assert together([early, late]) == date(2026, 12, 1)
    assert together([early, never]) is None
    assert together([]) is None
