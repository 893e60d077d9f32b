"""What the extracts of suppliers whom an agreement does not name say against sharing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from pipeline.consent.words import ended, heard, heard_beside
from pipeline.reasons import Reason
from spec.world import EXPECTING, Row, World, agreement, birth, expecting, plain


def said_of(*others: Row, expecting_a_birth: bool = False) -> set[tuple[str, str]]:
    """Subject and word of everything heard from these rows."""
    rows = World.of(*others).frames[0]
    words = ended(rows, rows["given_name"] != "") if expecting_a_birth else heard(rows)
    return set(zip(words["subject"], words["word"], strict=True))


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("death_status", "1", "child_died"), ("death_status", "9", "child_died"),
        ("date_of_death", birth()["notice_date"], "child_died"), ("death_status", "U", "death_removed"),
        ("live_or_still_birth", "2", "suppressed"), ("live_or_still_birth", "9", "suppressed"),
        ("confidentiality", "R", "restricted_record"), ("confidentiality", "?", "restricted_record"),
        ("consent_status", "refused", "consent_refused"),
        ("consent_status", "withdrawn", "consent_withdrawn"),
        ("objection_date", birth()["notice_date"], "objected"),
        ("looked_after", "Y", "looked_after"), ("adoption", "?", "adoption"),
        ("safeguarding", "Y", "safeguarding"),
    ],
)  # fmt: skip
def test_what_speaks_against_a_child_counts_wherever_it_is_written(
    column: str, value: Any, word: str
) -> None:
    assert said_of(birth(7, **{column: value})) == {("child-7", word)}


@pytest.mark.parametrize(
    "changes",
    [{}, {"live_or_still_birth": ""}, {"confidentiality": ""}, {"looked_after": ""},
     {"consent_status": "not_asked"}, {"consent_status": ""}],
)  # fmt: skip
def test_what_says_nothing_against_a_child_is_not_heard(changes: Row) -> None:
    assert said_of(birth(7, **changes)) == set()


def test_a_word_carries_the_moment_at_which_the_row_was_updated() -> None:
    row = birth(7, death_status="1")
    assert heard(World.of(row).frames[0])["since"].tolist() == [row["last_updated"]]


def test_of_two_suppliers_neither_lifts_what_the_other_says() -> None:
    restricted = {"confidentiality": "R", "last_updated": datetime(2026, 10, 2)}
    rows = [birth(7, supplier="another", **restricted), birth(8, child="child-7")]
    words = heard_beside(World.of(*rows).frames[0])
    assert words[["subject", "word"]].values.tolist() == [["child-7", "restricted_record"]]


@pytest.mark.parametrize(
    "rows",
    [
        [birth(7, confidentiality="R"), birth(8)],
        [birth(7, confidentiality="R", last_updated=datetime(2026, 10, 2)), birth(8, child="child-7")],
        [birth(7, supplier="another", consent_status="refused"), birth(8, child="child-7")],
        [
            birth(7, supplier="another", confidentiality="R", last_updated=datetime(2026, 10, 2)),
            birth(9, child="child-7", supplier="another"),
            birth(8, child="child-7"),
        ],
    ],
    ids=["of two children", "of one supplier", "an answer", "what the same supplier lifted"],
)
def test_what_is_weighed_elsewhere_is_not_heard_beside(rows: list[Row]) -> None:
    assert heard_beside(World.of(*rows).frames[0]).empty


@pytest.mark.parametrize("born", [birth(7), birth(7, live_or_still_birth="3"), birth(7, death_status="2")])
def test_a_birth_of_any_kind_elsewhere_ends_what_was_expected_of_its_parent(born: Row) -> None:
    assert said_of(born, expecting_a_birth=True) == {("parent-7", "suppressed")}


def test_a_pregnancy_that_ended_elsewhere_has_ended_here() -> None:
    rows = expecting(7, live_or_still_birth="2"), expecting(8), expecting(9, live_or_still_birth="")
    assert said_of(*rows, expecting_a_birth=True) == {("parent-7", "suppressed")}


def test_where_the_parent_is_not_given_the_dwelling_hears_of_the_birth() -> None:
    rows = birth(7, parent=""), birth(8, parent="", dwelling="")
    assert said_of(*rows, expecting_a_birth=True) == {("dwelling-7", "suppressed")}


def test_a_birth_elsewhere_stops_the_card_to_the_woman() -> None:
    world = World.of(expecting(1), expecting(2), agreement=agreement(**EXPECTING))
    rows = World.of(birth(9, parent="parent-1")).frames[0]
    words = ended(rows, rows["given_name"] != "").to_dict("records")
    decided = plain(world.with_words(*words).decide())
    assert decided[1].reasons == {Reason.SUPPRESSED}
    assert decided[2].outcome == "share"
