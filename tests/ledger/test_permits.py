"""Permits: only for an approved release, only one for each list, and every child on it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest
from ledger_examples import APPROVED, MONTH, PACK, child, digest, permit_body

from pipeline.errors import IntegrityError, NotAllDelivered, Refused
from pipeline.ledger.entries import Delivered, Entry, Kind, ReleaseApproved, ReleaseRefused
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import verify
from pipeline.records import DISCLOSURES, OnList, Permit

Later = Callable[[], datetime]
CHILDREN = [child(1), child(2)]
ON_LIST = [OnList(one) for one in CHILDREN]
REFUSED = Entry(
    ReleaseRefused(pack_sha256=PACK, principal="guardian@example.org", roles=("guardian",), way="airflow"),
    MONTH,
)


def issue(ledger: Ledger, at: datetime, recipient: str = "centre-1", *, month: str = MONTH) -> Permit:
    return ledger.permit(permit_body(recipient), ON_LIST, month=month, at=at)


def deliver(ledger: Ledger, permit: Permit, at: datetime) -> None:
    body = Delivered(permit=permit.entry, sha256=permit.sealed_sha256, size=10, found_there=False)
    ledger.append(Entry(body, permit.month), at=at)


def shared(ledger: Ledger, before_month: str = "2026-11") -> list[tuple[str, ...]]:
    frame = ledger.disclosures(before_month=before_month)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DISCLOSURES
    return list(frame.itertuples(index=False, name=None))


@pytest.fixture
def approved(ledger: Ledger, later: Later) -> Ledger:
    ledger.append(APPROVED, at=later())
    return ledger


def test_a_permit_says_exactly_what_may_go_where(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    assert permit == Permit(
        entry=2,
        month=MONTH,
        agreement="welcome-card",
        recipient="centre-1",
        file_name="births_centre-1_2026-10.xlsx",
        sealed_sha256=digest("5"),
        households=2,
        children=2,
    )
    assert approved.standing_permits(MONTH) == [permit]


def test_every_child_on_a_permitted_list_is_recorded(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    entries = list(approved.entries(month=MONTH, kinds={Kind.DISCLOSURE}))
    assert [(one.body.child, one.body.permit) for one in entries] == [(one, permit.entry) for one in CHILDREN]
    assert shared(approved) == [(one, "welcome-card", "centre-1", MONTH) for one in CHILDREN]


def test_a_month_is_not_told_of_its_own_lists(approved: Ledger, later: Later) -> None:
    issue(approved, later())
    assert shared(approved, before_month=MONTH) == []
    assert len(shared(approved, before_month="2026-09")) == 2


def test_a_list_without_families_needs_a_permit_too(approved: Ledger, later: Later) -> None:
    approved.permit(permit_body(children=0), [], month=MONTH, at=later())
    assert len(approved.standing_permits(MONTH)) == 1


@pytest.mark.parametrize("children", [[], [child(1)], [child(1), child(1)], [child(1), child(2), child(3)]])
def test_the_children_must_be_as_many_as_the_permit_says(
    approved: Ledger, later: Later, children: list[str]
) -> None:
    with pytest.raises(IntegrityError, match="not as many"):
        approved.permit(permit_body(children=2), [OnList(one) for one in children], month=MONTH, at=later())
    assert approved.standing_permits(MONTH) == []


def test_a_child_without_a_keyed_reference_is_refused(approved: Ledger, later: Later) -> None:
    with pytest.raises(IntegrityError, match="disclosure: child"):
        approved.permit(permit_body(), [OnList(child(1)), OnList("")], month=MONTH, at=later())
    assert [one.kind for one in approved.entries()] == [Kind.RELEASE_APPROVED]


def test_no_permit_without_an_approval(ledger: Ledger, later: Later) -> None:
    with pytest.raises(Refused, match="Nobody has approved"):
        issue(ledger, later())
    assert list(ledger.entries()) == []


def test_the_approval_must_be_of_this_pack_and_month(ledger: Ledger, later: Later) -> None:
    other = ReleaseApproved(
        pack_sha256=digest("b"), principal="data.lead@example.org", roles=("data_lead",), way="airflow"
    )
    ledger.append(Entry(other, MONTH), Entry(APPROVED.body, "2026-09"), at=later())
    with pytest.raises(Refused, match="Nobody has approved"):
        issue(ledger, later())


@pytest.mark.parametrize("order", [[APPROVED, REFUSED], [REFUSED, APPROVED], [APPROVED, REFUSED, APPROVED]])
def test_a_refusal_wins_whatever_the_order(ledger: Ledger, later: Later, order: list[Entry]) -> None:
    for decision in order:
        ledger.append(decision, at=later())
    with pytest.raises(Refused, match="was refused"):
        issue(ledger, later())


def test_one_list_has_one_permit(approved: Ledger, later: Later) -> None:
    first = issue(approved, later())
    with pytest.raises(Refused, match=f"entry {first.entry}"):
        issue(approved, later())
    deliver(approved, first, later())
    with pytest.raises(Refused, match="stands already"):
        issue(approved, later())
    assert approved.standing_permits(MONTH) == [first]


def test_other_recipients_and_months_have_permits_of_their_own(approved: Ledger, later: Later) -> None:
    approved.append(Entry(APPROVED.body, "2026-11"), at=later())
    issued = [issue(approved, later()), issue(approved, later(), "centre-2")]
    november = issue(approved, later(), month="2026-11")
    assert approved.standing_permits(MONTH) == issued
    assert approved.standing_permits("2026-11") == [november]


def test_eight_at_once_get_one_permit_for_one_list(approved: Ledger, later: Later) -> None:
    moment = later()

    def attempt(_: int) -> bool:
        try:
            issue(approved, moment)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert len(shared(approved)) == 2


def test_an_annulled_permit_counts_no_more_and_its_list_can_have_another(
    approved: Ledger, later: Later
) -> None:
    first = issue(approved, later())
    approved.annul(first, at=later())
    assert approved.standing_permits(MONTH) == []
    assert shared(approved) == []
    assert len(list(approved.entries(kinds={Kind.DISCLOSURE}))) == 2  # what was recorded stays
    second = issue(approved, later())
    assert second.entry > first.entry
    assert len(shared(approved)) == 2
    assert verify(approved, check_note=None).sound


def test_annulling_again_changes_nothing(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    approved.annul(permit, at=later())
    approved.annul(permit, at=later())
    assert len(list(approved.entries(kinds={Kind.PERMIT_ANNULLED}))) == 1


def test_a_delivered_list_is_called_back_and_not_annulled(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    deliver(approved, permit, later())
    with pytest.raises(Refused, match="delivered"):
        approved.annul(permit, at=later())
    assert len(shared(approved)) == 2


def test_a_permit_that_the_ledger_did_not_issue_is_worth_nothing(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    token = approved.take("key")
    for forged in (
        replace(permit, sealed_sha256=digest("6")),
        replace(permit, recipient="centre-2"),
        replace(permit, entry=1),
        replace(permit, month="2026-09"),
    ):
        with pytest.raises(IntegrityError, match="did not issue"):
            approved.publish(forged, "key", token, at=later())
        with pytest.raises(IntegrityError, match="did not issue"):
            approved.annul(forged, at=later())


def test_what_arrived_is_found_by_its_permit(approved: Ledger, later: Later) -> None:
    first, second = issue(approved, later()), issue(approved, later(), "centre-2")
    deliver(approved, second, later())
    assert {seq: body.sha256 for seq, body in approved.delivered(MONTH).items()} == {
        second.entry: digest("5")
    }
    assert approved.delivered("2026-09") == {}
    assert approved.standing_permits(MONTH) == [first, second]


def test_a_list_may_be_put_in_place_under_a_permit_that_stands(approved: Ledger, later: Later) -> None:
    permit, token = issue(approved, later()), approved.take("key")
    assert approved.publish(permit, "key", token, at=later())


def test_a_list_may_not_be_put_in_place_when_the_lease_was_taken(approved: Ledger, later: Later) -> None:
    permit, token = issue(approved, later()), approved.take("key")
    newer = approved.take("key")
    assert not approved.publish(permit, "key", token, at=later())
    assert approved.publish(permit, "key", newer, at=later())


def test_a_list_may_not_be_put_in_place_when_its_permit_was_annulled(approved: Ledger, later: Later) -> None:
    permit, token = issue(approved, later()), approved.take("key")
    approved.annul(permit, at=later())
    assert not approved.publish(permit, "key", token, at=later())


def test_a_list_may_not_be_put_in_place_twice(approved: Ledger, later: Later) -> None:
    permit, token = issue(approved, later()), approved.take("key")
    deliver(approved, permit, later())
    assert not approved.publish(permit, "key", token, at=later())


def test_a_refusal_that_comes_late_still_stops_what_has_not_left(approved: Ledger, later: Later) -> None:
    permit, token = issue(approved, later()), approved.take("key")
    approved.append(REFUSED, at=later())
    assert not approved.publish(permit, "key", token, at=later())


def test_a_lease_has_one_holder_who_is_the_newest(ledger: Ledger) -> None:
    first = ledger.take("month")
    assert ledger.take("month") > first
    assert ledger.take("another") == 1


def test_no_permit_for_who_lost_the_lease(approved: Ledger, later: Later) -> None:
    token = approved.take("key")
    approved.take("key")
    with pytest.raises(NotAllDelivered, match="taken over"):
        approved.permit(permit_body(), ON_LIST, month=MONTH, at=later(), lease=("key", token))
    assert approved.standing_permits(MONTH) == []


def test_who_is_on_a_permitted_list_can_be_asked(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    issue(approved, later(), "centre-2")
    assert approved.children(permit) == set(CHILDREN)


def test_a_list_that_may_have_arrived_is_never_forgotten(
    approved: Ledger, later: Later, check_note: Callable[[str], str]
) -> None:
    permit, token = issue(approved, later()), approved.take("key")
    approved.publish(permit, "key", token, at=later())
    approved.annul(permit, at=later())
    assert set(approved.disclosures(before_month="2026-11")["child"]) == set(CHILDREN)
    assert verify(approved, check_note=check_note).problem is None


def test_takers_at_once_never_get_the_same_token(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: ledger.take("month"), range(24)))
    assert sorted(tokens) == list(range(1, 25))


# --- what became of a list at its recipient -------------------------------------------------------


def test_an_arrival_is_recorded_once_by_however_many_find_it(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    body = Delivered(permit=permit.entry, sha256=permit.sealed_sha256, size=10, found_there=True)

    def found(number: int) -> bool:
        return approved.arrive(body, month=MONTH, at=at, taken=number % 2 == 0)

    at = later()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(found, range(8))) == 1
    assert approved.delivered(MONTH) == {permit.entry: body}
    assert len(list(approved.entries(kinds={Kind.DELIVERED}))) == 1
    assert len(list(approved.entries(kinds={Kind.COLLECTED}))) <= 1


def test_a_list_that_was_taken_is_delivered_and_collected_at_once(approved: Ledger, later: Later) -> None:
    permit = issue(approved, later())
    body = Delivered(permit=permit.entry, sha256=permit.sealed_sha256, size=10, found_there=True)
    assert approved.arrive(body, month=MONTH, at=later(), taken=True)
    [collected] = approved.entries(month=MONTH, kinds={Kind.COLLECTED})
    assert collected.body.of == permit.entry
    assert verify(approved, check_note=None).problem is None


def test_what_is_gone_because_leave_was_taken_back_was_not_delivered(approved: Ledger, later: Later) -> None:
    """A try that was held up finds its part gone: we withdrew it ourselves, and no recipient has it."""
    permit, token = issue(approved, later()), approved.take("key")
    approved.publish(permit, "key", token, at=later())
    approved.annul(permit, at=later())
    body = Delivered(permit=permit.entry, sha256=permit.sealed_sha256, size=10, found_there=True)
    assert not approved.arrive(body, month=MONTH, at=later(), taken=True)
    assert approved.delivered(MONTH) == {}
    assert approved.arrive(body, month=MONTH, at=later()), "seen there, it is recorded all the same"


def test_the_parts_for_which_leave_was_given_are_known_for_each_list_apart(
    approved: Ledger, later: Later
) -> None:
    first, second = issue(approved, later()), issue(approved, later(), "centre-2")
    assert approved.asked(first) == []
    lease = approved.take("first")
    for part in ("a" * 16, "a" * 16, "b" * 16):
        assert approved.publish(first, "first", lease, at=later(), part=part)
    assert approved.publish(second, "second", approved.take("second"), at=later(), part="c" * 16)
    assert not approved.publish(first, "first", lease - 1, at=later(), part="d" * 16)
    assert approved.asked(first) == ["a" * 16, "b" * 16]
    assert approved.asked(second) == ["c" * 16]


def test_parts_at_another_place_are_told_apart(approved: Ledger, later: Later) -> None:
    permit, lease = issue(approved, later()), approved.take("list")
    for part, place in (("a", ""), ("b", "1"), ("c", "2")):
        assert approved.publish(permit, "list", lease, at=later(), part=part * 16, place=place * 16)
    assert approved.asked(permit, place="1" * 16) == ["a" * 16, "b" * 16]
    assert approved.asked_elsewhere(permit, place="1" * 16) == ["c" * 16]
