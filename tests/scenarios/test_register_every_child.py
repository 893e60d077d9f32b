"""Registration of every child with parents notified, from two suppliers: whole months under the template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import Refused, WaitingForPerson
from scenarios.arrangement import (
    EARLIER,
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
    twin,
    word,
)

TOLD = {"notice_date": day(-28), "date_of_birth": born(EARLIER), "consent_status": "", "consent_date": ""}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "register-every-child",
        areas=[("childrens_centres", "north", NORTH_WARD), ("childrens_centres", "south", SOUTH_WARD)],
        recipients={"north": "childrens_centre", "south": "childrens_centre"},
    ) as made:
        yield made


def test_every_child_of_both_hospitals_is_registered_once(council: Arrangement) -> None:
    bea = child("Bea", number_of_births="2", **TOLD)
    both = child("Both", **TOLD)
    council.sends("chis", [child("Ada", **TOLD), bea, twin(bea, "Ben"), both], EARLIER)
    council.sends(
        "second_trust", [child("Cleo", postcode=SOUTH, **TOLD), both | {"record_id": "again"}], EARLIER
    )
    state = council.runs(EARLIER)
    assert council.children("north", EARLIER) == ["Ada", "Bea", "Ben", "Both"]
    assert council.children("south", EARLIER) == ["Cleo"]
    [agreement] = state["agreements"].values()
    assert (agreement["shared"], agreement["duplicates"]) == (5, 1)


def test_what_either_hospital_knows_against_it_counts(council: Arrangement) -> None:
    families = {name: child(name, **TOLD) for name in ("Ada", "Objector", "Died", "Hidden", "Window")}
    council.sends("chis", list(families.values()), EARLIER)
    known_there = {
        "Objector": {"objection_date": day(-3)},
        "Died": {"death_status": "1"},
        "Hidden": {"confidentiality": "R"},
    }
    council.sends(
        "second_trust",
        [
            families[name] | changes | {"record_id": f"{name} there", "last_updated": day(-20)}
            for name, changes in known_there.items()
        ],
        EARLIER,
    )
    council.asks(EARLIER)
    decided = council.decided(EARLIER)
    assert decided["Ada"] == "share"
    assert decided["Objector"] == "objected"
    assert decided["Died"] == "child_died"
    assert decided["Hidden"] == "restricted_record"


def test_what_one_hospital_knows_counts_even_where_it_cannot_be_read(council: Arrangement) -> None:
    families = [child(name, **TOLD) for name in ("Ada", "Died")]
    there = families[1] | {"record_id": "Died there", "death_status": "2", "postcode": "QA1 1A?"}
    council.sends("chis", families, EARLIER)
    council.sends("second_trust", [there], EARLIER)
    council.asks(EARLIER)
    assert council.decided(EARLIER) == {"Ada": "share", "Died": "child_died suppressed"}


def test_a_mother_on_the_list_stays_there_although_one_hospital_does_not_name_her(
    council: Arrangement,
) -> None:
    families = [child(name, **TOLD) for name in ("Ada", "Protected")]
    nameless = {"record_id": "Protected there", "parent_nhs_number": "", "last_updated": day(-1)}
    council.hears([word("parent", "Protected", "suppressed")])
    council.sends("chis", families, EARLIER)
    council.sends("second_trust", [families[1] | nameless], EARLIER)
    council.asks(EARLIER)
    assert council.decided(EARLIER)["Protected there"] == "suppressed"


def test_the_month_waits_for_both_hospitals(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", **TOLD)], EARLIER)
    with pytest.raises(WaitingForPerson, match="second_trust"):
        council.asks(EARLIER)


def test_both_trusts_guardians_must_have_signed(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", **TOLD)], EARLIER)
    council.sends("second_trust", [], EARLIER)
    file = council.home.agreements / "register-every-child.v1.second_trust_caldicott_guardian.sig"
    file.unlink()
    with pytest.raises(Refused, match="second_trust_caldicott_guardian"):
        council.asks(EARLIER)


def test_a_child_reported_late_is_registered_and_nobody_twice(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", **TOLD)], EARLIER)
    council.sends("second_trust", [child("Other", **TOLD)], EARLIER)
    council.runs(EARLIER)
    council.sends("chis", [child("Ada", **TOLD), child("Late", **TOLD), child("New")])
    council.sends("second_trust", [child("Ada", **TOLD), child("Other", **TOLD), child("Next")])
    council.runs()
    assert council.children("north", EARLIER) == ["Ada", "Other"]
    assert council.children("north", MONTH) == ["Late"]
