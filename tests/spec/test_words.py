"""What the extracts of suppliers whom an agreement does not name say against sharing."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.consent.words import deliveries, ended, heard, heard_beside
from pipeline.reasons import Reason
from spec.world import EXPECTING, Row, World, agreement, birth, expecting, plain, word


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
        ("safeguarding", "Y", "safeguarding"), ("in_hospital", "Y", "in_hospital"),
        ("parent_death_status", "2", "parent_died"),
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


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (birth(7), "born"),
        (birth(7, live_or_still_birth="3"), "suppressed"),
        (birth(7, death_status="2"), "suppressed"),
        (birth(7, live_or_still_birth=""), "suppressed"),
    ],
)
def test_a_birth_of_any_kind_elsewhere_ends_what_was_expected_of_its_parent(row: Row, what: str) -> None:
    assert said_of(row, expecting_a_birth=True) == {("parent-7", what)}
    world = World.of(expecting(1, parent="parent-7"), agreement=agreement(**EXPECTING))
    assert plain(world.with_words(word("parent-7", what)).decide())[1].reasons == {Reason.SUPPRESSED}


def test_a_pregnancy_that_ended_elsewhere_has_ended_here() -> None:
    rows = expecting(7, live_or_still_birth="2"), expecting(8), expecting(9, live_or_still_birth="")
    assert said_of(*rows, expecting_a_birth=True) == {("parent-7", "suppressed")}


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [("consent_status", "refused", "consent_refused"), ("confidentiality", "R", "restricted_record")],
)
def test_what_a_woman_said_to_another_trust_counts_whatever_number_the_pregnancy_has_there(
    column: str, value: str, word: str
) -> None:
    assert said_of(expecting(7, **{column: value}), expecting_a_birth=True) == {("parent-7", word)}


def test_where_the_parent_is_not_given_the_dwelling_hears_of_the_birth() -> None:
    rows = birth(7, parent=""), birth(8, parent="", dwelling="")
    assert said_of(*rows, expecting_a_birth=True) == {("dwelling-7", "born")}


@pytest.mark.parametrize("subject", ["parent-1", "dwelling-1"])
@pytest.mark.parametrize(
    ("due_after", "outcome"), [(239, "withhold"), (240, "share")], ids=["too soon", "another child"]
)
def test_a_birth_in_an_earlier_month_ends_what_was_expected_and_not_the_next_child(
    subject: str, due_after: int, outcome: str
) -> None:
    heard_of = expecting()["date_of_birth"] - timedelta(days=due_after)
    world = World.of(expecting(1), agreement=agreement(**EXPECTING))
    said = word(subject, "delivered", datetime.combine(heard_of, time()))
    assert plain(world.with_words(said).decide())[1].outcome == outcome


def test_of_a_delivery_only_the_month_is_remembered_and_whose_it_was() -> None:
    rows = birth(7, date_of_birth=date(2026, 10, 8)), birth(8, parent=""), birth(9, parent="", dwelling="")
    said = deliveries(World.of(*rows).frames[0])
    assert said["subject"].tolist() == ["parent-7", "dwelling-8"]
    assert set(said["since"]) == {pd.Timestamp(2026, 10, 1)}


def test_a_delivery_of_nobody_known_stops_nobody() -> None:
    world = World.of(expecting(1, parent="", dwelling=""), agreement=agreement(**EXPECTING))
    decided = plain(world.with_words(word("", "delivered", None)).decide())
    assert Reason.SUPPRESSED not in decided[1].reasons


def test_a_birth_that_was_heard_of_does_not_stop_the_card_for_that_birth() -> None:
    said = word("parent-1", "delivered", datetime(2026, 10, 1))
    assert plain(World.of(birth(1)).with_words(said).decide())[1].outcome == "share"


@pytest.mark.parametrize("who", ["parent", "Guardian ", "other"])
def test_a_word_that_names_no_one_person_never_overtakes_a_refusal(who: str) -> None:
    refused = {"child": "child-1", "person": who, "answer": "refused", "date": date(2026, 10, 20)}
    agreed = {**refused, "answer": "given", "date": date(2026, 10, 25)}
    told = {"scope": "childrens_centre", "wording": "form-2025"}
    world = World.of(birth(1, consent_given_by=who), answers=({**refused, **told}, {**agreed, **told}))
    assert Reason.CONSENT_REFUSED in plain(world.decide())[1].reasons


def test_a_birth_elsewhere_stops_the_card_to_the_woman() -> None:
    world = World.of(expecting(1), expecting(2), agreement=agreement(**EXPECTING))
    rows = World.of(birth(9, parent="parent-1")).frames[0]
    words = ended(rows, rows["given_name"] != "").to_dict("records")
    decided = plain(world.with_words(*words).decide())
    assert decided[1].reasons == {Reason.SUPPRESSED}
    assert decided[2].outcome == "share"


@pytest.mark.parametrize("newer_parent", ["", "parent-9"])
@pytest.mark.parametrize("said", ["suppressed", "objected"])
def test_a_newer_row_that_leaves_the_parent_out_takes_nobody_off_the_list(
    newer_parent: str, said: str
) -> None:
    older = birth(1, last_updated=datetime(2026, 10, 2))
    newer = birth(2, child="child-1", parent=newer_parent, last_updated=datetime(2026, 10, 9))
    decided = plain(World.of(older, newer).with_words(word("parent-1", said)).decide())
    assert decided[2].reasons == {Reason(said)}


def test_that_a_parents_death_was_a_mistake_takes_back_no_childs_death() -> None:
    world = World.of(birth(1, death_status="2")).with_words(word("parent-1", "death_removed"))
    assert plain(world.decide())[1].reasons == {Reason.CHILD_DIED}
