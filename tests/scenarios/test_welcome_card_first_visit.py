"""Consent on the first-visit form, a postal card only, with area totals: whole months under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.arrangement import (
    ACROSS,
    EARLIER,
    EAST,
    HOSPITAL,
    MONTH,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    Ground,
    answer,
    arranged,
    born,
    child,
    day,
    twin,
    word,
)

NO_ANSWER = {"consent_date": "", "consent_scope": "", "consent_wording": "", "consent_given_by": ""}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "welcome-card-first-visit",
        areas=[("childrens_centres", "north", NORTH_WARD), ("childrens_centres", "south", SOUTH_WARD)],
        recipients={"north": "childrens_centre", "south": "childrens_centre"},
    ) as made:
        yield made


def test_each_centre_gets_its_own_families_and_what_a_card_needs(council: Arrangement) -> None:
    bea = child("Bea", number_of_births="2")
    council.sends(
        "chis", [child("Ada"), bea, twin(bea, "Ben"), child("Cleo", given_name="BABY", postcode=SOUTH)]
    )
    council.runs()
    assert council.headings("north") == [
        "Addressed to", "Children", "Parent or carer",
        *(f"Address line {line}" for line in range(1, 6)), "Postcode", "Date of birth",
        "Reference",
    ]  # fmt: skip
    assert council.children("north") == ["Ada", "Bea and Ben"]
    assert council.rows("north")[0]["Addressed to"] == "The parents or carers of Ada Adason"
    assert council.rows("north")[0]["Address line 1"] == "1 Ada Street"
    assert council.children("south") == ["your new baby"]


def test_who_gets_no_card_and_why(council: Arrangement) -> None:
    fleur = child("Fleur", number_of_births="2")
    families = {
        "share": [child("Ada")],
        # What the parents answered.
        "consent_refused": [child("Refused", consent_status="refused")],
        "consent_withdrawn": [child("Withdrawn", consent_status="withdrawn")],
        "consent_not_asked": [child("Unasked", consent_status="not_asked", **NO_ANSWER)],
        "consent_not_recorded": [child("Silent", consent_status="", **NO_ANSWER)],
        "consent_scope_missing": [child("Reader", consent_scope="library")],
        "consent_wording_not_accepted": [child("Oldform", consent_wording="first-visit-form-2019")],
        "consent_date_invalid": [child("Early", consent_date=born(on=1))],
        "consent_expired": [child("Stale", date_of_birth=born(MONTH.plus(-2), on=1), consent_date=day(-85))],
        "objected": [child("Objector", objection_date=day(-1))],
        # What became of the child, and who is protected.
        "child_died": [child("Died", death_status="1"), twin(fleur, "Flora", death_status="2")],
        "not_a_live_birth": [child("Still", live_or_still_birth="3")],
        "sibling_died_or_missing": [child("Alone", number_of_births="2"), fleur],
        "restricted_record": [child("Hidden", confidentiality="R")],
        "looked_after": [child("Fostered", looked_after="Y")],
        "adoption": [child("Adopted", adoption="Y")],
        "safeguarding": [child("Guarded", safeguarding="Y")],
        "parent_died": [child("Orphan", parent_death_status="2")],
        "in_hospital": [child("Inpatient", in_hospital="Y"), child("Ward", postcode=HOSPITAL)],
        "parent_under_16": [child("Young", parent_date_of_birth=born(MONTH.plus(-12 * 15)))],
        # Where and when.
        "recent_move": [child("Mover", address_since=day(-10))],
        "no_reach_area": [child("Nowhere", postcode=EAST)],
        "not_resident no_reach_area": [child("Abroad", postcode=ACROSS)],
        "born_outside_window age_outside_window": [child("Elder", date_of_birth=born(MONTH.plus(-4)))],
    }
    council.sends("chis", [row for rows in families.values() for row in rows])
    council.asks()
    expected = {row["record_id"]: reasons for reasons, rows in families.items() for row in rows}
    assert council.decided() == expected
    council.approves()
    council.delivers()
    assert council.children("north") == ["Ada"]
    assert council.rows("south") == []


def test_a_late_yes_is_heard_the_month_after_and_nobody_gets_a_second_card(council: Arrangement) -> None:
    ada, late = child("Ada", date_of_birth=born(EARLIER)), child("Late", date_of_birth=born(EARLIER))
    council.sends("chis", [ada, late | {"consent_status": "not_asked"} | NO_ANSWER], EARLIER)
    council.runs(EARLIER)
    assert council.children("north", EARLIER) == ["Ada"]
    council.sends("chis", [ada, late, child("New")])
    council.asks()
    assert council.decided() == {"Ada": "already_shared", "Late": "share", "New": "share"}
    council.approves()
    council.delivers()
    assert council.children("north") == ["Late", "New"]


def test_a_death_that_is_heard_after_the_approval_reaches_nobody(council: Arrangement) -> None:
    council.sends("chis", [child("Ada"), child("Bea"), child("Cleo")])
    council.asks()
    council.approves()
    council.hears([word("child", "Bea", "child_died"), word("parent", "Cleo", "suppressed")])
    council.delivers()
    assert council.children("north") == ["Ada"]


def test_every_baby_counts_in_the_total_and_it_points_to_nobody(council: Arrangement) -> None:
    refused = [child(f"No{number}", consent_status="refused") for number in range(8)]
    council.sends("chis", [child("Ada"), *refused, child("Cleo", postcode=SOUTH, consent_status="refused")])
    council.runs()
    assert council.babies_in_area("north") == 10  # nine, to the nearest five
    assert council.babies_in_area("south") == "fewer than 8"  # one, as any number down to none
    assert council.children("north") == ["Ada"]


@pytest.fixture
def with_answers(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "welcome-card-first-visit",
        areas=[("childrens_centres", "north", NORTH_WARD)],
        recipients={"north": "childrens_centre"},
        supplier_settings={"consents": "consents_{supplier}_{month}.csv.gpg"},
    ) as made:
        yield made


def test_one_parents_no_outweighs_the_others_yes(with_answers: Arrangement) -> None:
    with_answers.sends(
        "chis", [child("Ada"), child("Bea"), child("Cleo"), child("Dot", consent_status="", **NO_ANSWER)]
    )
    with_answers.answers(
        "chis",
        [
            answer("Ada", "given"),
            answer("Bea", "refused"),
            answer("Cleo", "refused", consent_given_by="mother", consent_date=day(-9)),
            answer("Dot", "given"),
        ],
    )
    with_answers.asks()
    assert with_answers.decided() == {
        "Ada": "share",
        "Bea": "consent_refused consent_conflict",
        "Cleo": "share",  # she said yes the day after
        "Dot": "share",  # the row has no answer, the companion file has
    }
    with_answers.approves()
    with_answers.delivers()
    assert with_answers.children("north") == ["Ada", "Cleo", "Dot"]
