"""Expected families, with consent given at booking: whole months under the template.

The rule that matters most: nobody who has lost a child before the birth ever hears from a centre.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.afterwards.changes import listed
from pipeline.errors import WaitingForPerson
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Kind, RecallRaised
from scenarios.arrangement import (
    ACROSS,
    MONTH,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    Ground,
    arranged,
    born,
    child,
    day,
    pregnancy,
    word,
)

EXPECTED = "antenatal-consent-at-booking"


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        EXPECTED,
        areas=[("childrens_centres", "north", NORTH_WARD), ("childrens_centres", "south", SOUTH_WARD)],
        recipients={"north": "childrens_centre", "south": "childrens_centre"},
        supplier_settings={"changes": "changes_{supplier}_{date}.csv.gpg"},
    ) as made:
        for month in (MONTH, MONTH.plus(1)):
            made.sends("chis", [], month)
        yield made


def invited(council: Arrangement, centre: str = "north") -> list[str]:
    return sorted(row["Parent or carer"] for row in council.rows(centre))


def test_a_centre_learns_who_expects_a_baby_when_and_where_and_nothing_more(council: Arrangement) -> None:
    council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea", postcode=SOUTH)])
    council.runs()
    assert council.headings("north") == [
        "Parent or carer", *(f"Address line {line}" for line in range(1, 6)), "Postcode", "Baby expected on",
        "Reference",
    ]  # fmt: skip
    assert invited(council, "north") == ["Mary Adason"]
    assert invited(council, "south") == ["Mary Beason"]


def test_only_a_pregnancy_that_goes_on_and_a_woman_who_agreed_is_on_a_list(council: Arrangement) -> None:
    no_answer = dict.fromkeys(("consent_date", "consent_scope", "consent_wording", "consent_given_by"), "")
    women = {
        "share": pregnancy("Ada"),
        # What became of the pregnancy.
        "not_a_live_birth": pregnancy("Lost", pregnancy_status="ended"),
        "live_birth_not_stated": pregnancy("Unsaid", pregnancy_status=""),
        "age_outside_window": pregnancy("Overdue", expected_date_of_delivery=day(-1)),
        "restricted_record": pregnancy("Hidden", confidentiality="R"),
        "child_died parent_died": pregnancy("Dead", parent_death_status="1"),
        # What she answered.
        "consent_refused": pregnancy("Refused", consent_status="refused"),
        "consent_withdrawn": pregnancy("Withdrawn", consent_status="withdrawn"),
        "consent_not_asked": pregnancy("Unasked", consent_status="not_asked", **no_answer),
        "consent_scope_missing": pregnancy("Reader", consent_scope="library"),
        "consent_wording_not_accepted": pregnancy("Otherform", consent_wording="first-visit-form-2026"),
        "consent_date_invalid consent_expired": pregnancy("Before", consent_date=day(-250)),
        "not_resident no_reach_area": pregnancy("Abroad", postcode=ACROSS),
    }
    transferred = pregnancy("Moved", pregnancy_status="transferred")
    delivered = pregnancy("Delivered", pregnancy_status="delivered")
    council.sends("maternity", [*women.values(), transferred, delivered])
    council.asks()
    expected = {row["record_id"]: reasons for reasons, row in women.items()}
    assert council.decided() == expected | dict.fromkeys(("Moved", "Delivered"), "not_a_live_birth")
    council.approves()
    council.delivers()
    assert invited(council) == ["Mary Adason"]


def test_nobody_is_written_to_before_the_twenty_sixth_week(council: Arrangement) -> None:
    this_month = MONTH.plus(1)
    council.sends(
        "maternity",
        [
            pregnancy("Ada", expected_date_of_delivery=day(280 - 182)),
            pregnancy("Early", expected_date_of_delivery=day(280 - 181)),
        ],
        this_month,
    )
    council.asks(this_month)
    assert council.decided(this_month) == {"Ada": "share", "Early": "age_outside_window"}


def test_a_loss_that_is_heard_after_the_approval_reaches_nobody(council: Arrangement) -> None:
    names = ("Ada", "Lost", "Ended", "Protected")
    council.sends("maternity", [pregnancy(name) for name in names])
    council.asks()
    council.approves()
    council.feeds(
        "maternity", [word("pregnancy", "Lost", "child_died"), word("pregnancy", "Ended", "suppressed")]
    )
    council.hears([word("parent", "Protected", "suppressed")])
    council.delivers()
    assert invited(council) == ["Mary Adason"]


def test_a_second_record_of_a_pregnancy_that_still_goes_on_does_not_undo_a_loss(council: Arrangement) -> None:
    council.sends(
        "maternity",
        [
            pregnancy("Ada"),
            pregnancy("Lost", pregnancy_status="ended", last_updated=day(-9)),
            pregnancy("Lost", record_id="Lost again", last_updated=day(-1)),
        ],
    )
    council.runs()
    assert invited(council) == ["Mary Adason"]


def test_one_person_alone_cannot_release_a_month(council: Arrangement) -> None:
    council.sends("maternity", [pregnancy("Ada")])
    council.asks()
    council.approves("data_lead")
    assert "approval" in council.waits_for()


@pytest.mark.parametrize("how", [{"live_or_still_birth": "3"}, {"death_status": "2"}, {}])
def test_a_birth_or_a_loss_that_another_trust_reports_ends_the_expectation(
    council: Arrangement, how: dict[str, str]
) -> None:
    council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea")])
    council.sends("chis", [child("Cleo"), child("Bea", **how)])
    council.asks()
    assert council.decided() == {"Ada": "share", "Bea": "suppressed"}


def test_no_month_is_decided_without_the_word_of_the_trust_that_hears_of_losses(council: Arrangement) -> None:
    council.sends("maternity", [pregnancy("Ada")])
    for file in council.home.inbox("chis").iterdir():
        file.unlink()
    with pytest.raises(WaitingForPerson, match="chis"):
        council.asks()


def test_a_loss_is_remembered_until_the_pregnancy_is_first_heard_of(council: Arrangement) -> None:
    council.sends("maternity", [pregnancy("Ada")])
    council.sends("chis", [child("Bea", live_or_still_birth="3")])
    council.asks()
    next_month = MONTH.plus(1)
    council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea")], next_month)
    council.asks(next_month)
    assert council.decided(next_month) == {"Ada": "share", "Bea": "suppressed"}
    assert listed(council.home)["words"] == {}  # the delivery is remembered, and is no word against a family


def test_what_has_ended_stays_ended_although_next_months_files_do_not_say_so(council: Arrangement) -> None:
    council.sends(
        "maternity", [pregnancy("Ada"), pregnancy("Bea"), pregnancy("Lost", pregnancy_status="ended")]
    )
    council.sends("chis", [child("Bea", live_or_still_birth="3")])
    council.asks()
    next_month = MONTH.plus(1)
    council.sends("maternity", [pregnancy(name) for name in ("Ada", "Bea", "Lost")], next_month)
    council.asks(next_month)
    assert council.decided(next_month) == {"Ada": "share", "Bea": "suppressed", "Lost": "suppressed"}


@pytest.mark.parametrize(
    ("how", "called_back"),
    [({}, []), ({"live_or_still_birth": "3"}, ["suppressed"]), ({"death_status": "2"}, ["suppressed"])],
    ids=["born alive", "stillborn", "died"],
)
def test_a_loss_calls_the_list_back_and_a_living_child_does_not(
    council: Arrangement, how: dict[str, str], called_back: list[str]
) -> None:
    council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea")])
    council.runs()
    next_month = MONTH.plus(1)
    council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea")], next_month)
    council.sends("chis", [child("Bea", date_of_birth=born(next_month, on=1), **how)], next_month)
    council.asks(next_month)
    assert council.decided(next_month) == {"Ada": "already_shared", "Bea": "suppressed already_shared"}
    with opened_ledger(council.home) as ledger:
        raised = [entry.body for entry in ledger.entries(kinds={Kind.RECALL_RAISED})]
    assert [body.word for body in raised if isinstance(body, RecallRaised)] == called_back


def test_a_birth_that_cannot_be_read_stops_the_card_to_the_woman_whom_it_names(council: Arrangement) -> None:
    council.sends("maternity", [pregnancy("Ada"), pregnancy("Bea")])
    council.sends("chis", [child("Cleo"), child("Bea", live_or_still_birth="3", postcode="QA1 1A?")])
    council.asks()
    assert council.decided() == {"Ada": "share", "Bea": "suppressed"}
