"""Following outcomes by pseudonym, with no direct identifier: whole months under the template."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.arrangement import (
    ACROSS,
    EARLIER,
    NORTH_WARD,
    SOUTH,
    Arrangement,
    Ground,
    arranged,
    born,
    child,
    day,
    number_of,
    word,
)

TEAM = "child-outcomes-team"
TOLD = {"notice_date": day(-29), "date_of_birth": born(EARLIER)}


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "outcomes-linkage",
        areas=[("childrens_centres", "centre", NORTH_WARD)],
        recipients={TEAM: "research_team", "centre": "childrens_centre"},
        formats={TEAM: "csv"},
    ) as made:
        yield made


def pseudonym(council: Arrangement, name: str) -> str:
    key = (council.home.path / "keys" / "pseudonym.outcomes-linkage.key").read_bytes()
    return hmac.new(key, number_of(name).encode(), hashlib.sha256).hexdigest()


def test_a_line_has_a_pseudonym_and_three_coarse_facts_and_nothing_that_says_who_it_is(
    council: Arrangement,
) -> None:
    rows = [child("Ada", **TOLD), child("Bea", postcode=SOUTH, sex="1", **TOLD)]
    council.sends("chis", rows, EARLIER)
    council.runs(EARLIER)
    assert council.headings(TEAM, EARLIER) == [
        "pseudonym", "month_of_birth", "sex", "deprivation_decile", "list_reference", "month",
        "agreement", "destroy_by", "receipt_code",
    ]  # fmt: skip
    found = {
        row["pseudonym"]: (row["month_of_birth"], row["sex"], row["deprivation_decile"])
        for row in council.rows(TEAM, EARLIER)
    }
    assert found == {
        pseudonym(council, "Ada"): (str(EARLIER), "2", "2"),
        pseudonym(council, "Bea"): (str(EARLIER), "1", "9"),
    }
    coarse = {"sex", "language"}
    values = {value for row in rows for name, value in row.items() if name not in coarse and len(value) > 2}
    text = "\n".join(cell for line in council.sheets(TEAM, EARLIER)[""] for cell in line)
    assert not [value for value in values if value in text]
    assert not re.search(r"\b[0-9]{10}\b", text)
    assert council.everything_sent().keys() == {TEAM}


def test_a_child_has_the_same_pseudonym_in_every_month_and_comes_once(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", **TOLD)], EARLIER)
    council.runs(EARLIER)
    council.sends("chis", [child("Ada", **TOLD), child("Bea", **TOLD), child("New")])
    council.runs()
    assert [row["pseudonym"] for row in council.rows(TEAM, EARLIER)] == [pseudonym(council, "Ada")]
    assert [row["pseudonym"] for row in council.rows(TEAM)] == [pseudonym(council, "Bea")]


def test_whoever_objected_opted_out_or_was_not_told_in_time_is_on_no_line(council: Arrangement) -> None:
    council.sends(
        "chis",
        [
            child("Ada", **TOLD),
            child("Refused", consent_status="refused", **TOLD),
            child("Objector", objection_date=day(-1), **TOLD),
            child("Optout", **TOLD),
            child("Untold", date_of_birth=born(EARLIER)),
            child("Justtold", date_of_birth=born(EARLIER), notice_date=day(-27)),
            child("Abroad", postcode=ACROSS, **TOLD),
        ],
        EARLIER,
    )
    council.hears([word("child", "Optout", "national_opt_out")])
    council.asks(EARLIER)
    assert council.decided(EARLIER) == {
        "Ada": "share",
        "Refused": "objected",
        "Objector": "objected",
        "Optout": "national_opt_out",
        "Untold": "notice_not_sent",
        "Justtold": "objection_window_open",
        "Abroad": "not_resident",
    }


def test_one_person_alone_cannot_release_the_lines(council: Arrangement) -> None:
    council.sends("chis", [child("Ada", **TOLD)], EARLIER)
    council.asks(EARLIER)
    council.approves("data_lead", month=EARLIER)
    assert "approval" in council.waits_for(EARLIER)
