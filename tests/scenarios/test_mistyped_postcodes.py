"""A postcode that was mistyped: the family gets its card, and nothing that speaks against one is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from geography.town import as_whole_country
from pipeline.facts import opened_ledger
from pipeline.records import SUPPRESSIONS, declared, dwelling_parts, keyed_references
from scenarios.arrangement import (
    HOSPITAL,
    NORTH_WARD,
    Arrangement,
    Ground,
    arranged,
    child,
    day,
    twin,
)

MISTYPED = "QA1 IAA"


@pytest.fixture
def council(ground: Ground, tmp_path: Path) -> Iterator[Arrangement]:
    with arranged(
        ground,
        tmp_path,
        "welcome-card-first-visit",
        areas=[("childrens_centres", "north", NORTH_WARD)],
        recipients={"north": "childrens_centre"},
    ) as made:
        as_whole_country(made.home.at(made.home.settings.geography.directory))
        yield made


def suppress(council: Arrangement, addresses: dict[str, str]) -> None:
    """Nobody may write to these addresses: by name of the family, with the postcode as somebody wrote it."""
    lines = pd.Series([f"1 {name} Street" for name in addresses], dtype="str")
    parts = dwelling_parts(lines, pd.Series(list(addresses.values()), dtype="str"))
    homes = keyed_references(council.home.secret("subject.key"), "dwelling", *parts)
    words = pd.DataFrame({"subject": homes, "word": "suppressed", "since": pd.Timestamp(day(0))})
    with opened_ledger(council.home) as ledger:
        ledger.suppress(declared(words, SUPPRESSIONS), council.now)


def test_a_mistyped_postcode_is_mended_and_the_card_is_addressed_to_what_is_meant(
    council: Arrangement,
) -> None:
    families = {"Ada": MISTYPED, "Bea": "Postcode: QA1-1AA (temp)", "Cleo": "QA1 1AA", "Dora": "QA1 1A?"}
    rows = [child(name, postcode=postcode) for name, postcode in families.items()]
    hospital = child("Ella", postcode=HOSPITAL.replace("1", "I"))
    unknown = child("Faye", postcode="QA1 7ZZ")
    council.sends("chis", [*rows, hospital, unknown])
    council.runs()
    assert council.children("north") == ["Ada", "Bea", "Cleo"]
    assert {row["Postcode"] for row in council.rows("north")} == {"QA1 1AA"}


def test_why_others_are_left_is_recorded(council: Arrangement) -> None:
    (council.home.at(council.home.settings.geography.hospital_postcodes)).write_text(
        f"postcode\n{HOSPITAL}\n", encoding="utf-8"
    )
    council.sends(
        "chis",
        [
            child("Ada", postcode=MISTYPED),
            child("Ella", postcode=HOSPITAL.replace("1", "I")),
            child("Faye", postcode="QA1 7ZZ"),
        ],
    )
    council.asks()
    assert council.decided() == {"Ada": "share", "Ella": "in_hospital", "Faye": "postcode_unknown"}


def test_a_word_about_the_address_is_heard_however_either_is_written(council: Arrangement) -> None:
    suppress(council, {"Ada": "QA1 1AA", "Bea": MISTYPED})
    names = ["Ada", "Bea", "Cleo"]
    council.sends("chis", [child(name, postcode=MISTYPED) for name in names])
    council.asks()
    assert council.decided() == {"Ada": "suppressed", "Bea": "suppressed", "Cleo": "share"}


def test_a_word_that_comes_after_the_approval_is_heard_as_well(council: Arrangement) -> None:
    council.sends("chis", [child(name, postcode=MISTYPED) for name in ("Ada", "Bea", "Cleo")])
    council.asks()
    council.approves()
    suppress(council, {"Ada": "QA1 1AA", "Bea": MISTYPED})
    council.delivers()
    assert council.children("north") == ["Cleo"]


@pytest.mark.parametrize("mistyped", ["Ada", "Ben"])
def test_twins_share_a_home_though_one_postcode_is_mistyped(council: Arrangement, mistyped: str) -> None:
    """Each row says of one child and none names the mother: only the address tells that they are two."""
    ada = child("Ada", parent_nhs_number="")
    ben = twin(ada, "Ben", birth_order="1", confidentiality="R")
    rows = [row | {"postcode": MISTYPED} if row["record_id"] == mistyped else row for row in (ada, ben)]
    council.sends("chis", [*rows, child("Cleo")])
    council.asks()
    assert council.decided() == {
        "Ada": "sibling_died_or_missing",
        "Ben": "sibling_died_or_missing restricted_record",
        "Cleo": "share",
    }
