"""Explicit consent only, with the NHS number for the centre's own system: whole months under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.arrangement import (
    EARLIER,
    NORTH_WARD,
    SOUTH,
    SOUTH_WARD,
    Arrangement,
    Ground,
    answer,
    arranged,
    born,
    child,
    number_of,
    twin,
)

FORM = "registration-consent-2026"
YES = {"consent_wording": FORM}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "explicit-consent-nhs-number",
        areas=[("childrens_centres", "north", NORTH_WARD), ("childrens_centres", "south", SOUTH_WARD)],
        recipients={"north": "childrens_centre", "south": "childrens_centre"},
        formats={"north": "csv"},
        supplier_settings={"consents": "consents_{supplier}_{month}.csv.gpg"},
    ) as made:
        yield made


def test_the_centres_own_system_can_read_each_child_with_its_nhs_number(council: Arrangement) -> None:
    bea = child("Bea", number_of_births="2", **YES)
    council.sends("chis", [child("Ada", **YES), bea, twin(bea, "Ben"), child("Cleo", postcode=SOUTH, **YES)])
    council.answers("chis", [])
    council.runs()
    assert [name for name in council.files("north") if name.endswith(".csv.gpg")] == council.files("north")
    assert council.headings("north") == [
        "addressed_to", "children", "parent", *(f"address_line_{line}" for line in range(1, 6)), "postcode",
        "date_of_birth", "nhs_number", "list_reference", "month", "agreement", "destroy_by", "receipt_code",
    ]  # fmt: skip
    numbers = {row["children"]: row["nhs_number"] for row in council.rows("north")}
    assert numbers == {name: number_of(name) for name in ("Ada", "Bea", "Ben")}
    assert [row["NHS number"] for row in council.rows("south")] == [number_of("Cleo")]


def test_nothing_less_than_a_clear_yes_of_everybody_who_answered_shares_a_family(
    council: Arrangement,
) -> None:
    no_answer = {"consent_date": "", "consent_scope": "", "consent_wording": "", "consent_given_by": ""}
    council.sends(
        "chis",
        [
            child("Ada", **YES),
            child("Silent", **no_answer | {"consent_status": ""}),
            child("Unasked", **no_answer | {"consent_status": "not_asked"}),
            child("Otherform", consent_wording="first-visit-form-2026"),
            child("Undated", consent_date="", **YES),
            child("Twosided", **YES),
            child("Gone", **YES),
            child("Late", **no_answer | {"consent_status": ""}),
        ],
    )
    council.answers(
        "chis",
        [
            answer("Twosided", "refused"),
            answer("Gone", "withdrawn", consent_given_by="mother"),
            answer("Late", "given", consent_wording=FORM),
        ],
    )
    council.asks()
    assert council.decided() == {
        "Ada": "share",
        "Silent": "consent_not_recorded",
        "Unasked": "consent_not_asked",
        "Otherform": "consent_wording_not_accepted",
        "Undated": "consent_date_invalid",
        "Twosided": "consent_refused consent_conflict",
        "Gone": "consent_withdrawn",
        "Late": "share",
    }
    council.approves()
    council.delivers()
    assert council.children("north") == ["Ada", "Late"]


def test_the_no_of_one_twin_keeps_both_off_the_list(council: Arrangement) -> None:
    bea = child("Bea", number_of_births="2", **YES)
    council.sends("chis", [child("Ada", **YES), bea, twin(bea, "Ben", consent_status="refused")])
    council.answers("chis", [])
    council.runs()
    assert council.children("north") == ["Ada"]


def test_a_family_that_answers_late_is_registered_the_month_after_and_once(council: Arrangement) -> None:
    silent = dict.fromkeys(
        ("consent_status", "consent_date", "consent_scope", "consent_wording", "consent_given_by"), ""
    )
    rows = [
        child("Ada", date_of_birth=born(EARLIER), **YES),
        child("Late", **silent | {"date_of_birth": born(EARLIER)}),
    ]
    council.sends("chis", rows, EARLIER)
    council.answers("chis", [], EARLIER)
    council.runs(EARLIER)
    assert council.children("north", EARLIER) == ["Ada"]
    council.sends("chis", [*rows, child("New", **YES)])
    council.answers("chis", [answer("Late", "given", consent_wording=FORM)])
    council.runs()
    assert council.children("north") == ["Late", "New"]
