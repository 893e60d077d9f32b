"""What a later extract says against a family that was shared becomes a later word, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.consent.later import said_of_shared
from pipeline.facts import opened_ledger
from pipeline.ledger.entries import Kind, RecallRaised
from pipeline.records import ON_LISTS, SUPPRESSIONS, keyed_references
from scenarios.arrangement import (
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
    laid_ground,
    number_of,
    word,
)
from spec.world import NOTICE, Row, World, agreement, answer, birth, frame
from spec.world import word as said

UPDATED = birth()["last_updated"]
AFTER = MONTH.plus(1)


def shared(number: int = 1, **changes: str) -> Row:
    """A child on a list of the month before, at the home that its row gives still."""
    listed = {"child": f"child-{number}", "month": "2026-09", "dwelling": f"dwelling-{number}"}
    return {**listed, "agreement": "welcome-card", **changes}


def news(
    world: World, *lists: Row, known: tuple[Row, ...] = (), decided: tuple[str, ...] = ("welcome-card",)
) -> list[tuple[str, str, Any]]:
    """Subject, word and since of everything that is said for the first time."""
    births, placements, suppressions, _ = world.frames
    found = said_of_shared(
        births, placements, suppressions, frame(known, SUPPRESSIONS), frame(lists or (shared(),), ON_LISTS),
        world.agreement, decided=decided, month=world.month, moment=world.moment,
        answers=world.setting["answers"], demonstration=False,
    )  # fmt: skip
    return list(found.itertuples(index=False, name=None))


def words(world: World, *lists: Row, known: tuple[Row, ...] = ()) -> set[tuple[str, str]]:
    return {(subject, what) for subject, what, _ in news(world, *lists, known=known)}


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("death_status", "1", "child_died"), ("date_of_death", date(2026, 10, 30), "child_died"),
        ("live_or_still_birth", "3", "suppressed"), ("confidentiality", "R", "restricted_record"),
        ("looked_after", "Y", "looked_after"), ("adoption", "Y", "adoption"),
        ("safeguarding", "?", "safeguarding"), ("parent_death_status", "2", "parent_died"),
        ("consent_status", "refused", "consent_refused"),
        ("consent_status", "withdrawn", "consent_withdrawn"),
        ("objection_date", date(2026, 10, 30), "objected"),
    ],
)  # fmt: skip
def test_what_speaks_against_a_shared_child_is_said_of_it(column: str, value: Any, what: str) -> None:
    world = World.of(birth(1, **{column: value}), birth(2, **{column: value}))
    assert news(world, shared(1)) == [("child-1", what, pd.Timestamp(UPDATED))]


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"in_hospital": "Y"}, {"consent_status": "not_asked"}, {"address_line_1": ""},
        {"date_of_birth": date(2026, 5, 1)}, {"death_status": "U"},
        {"parent_date_of_birth": date(2012, 1, 1)},
    ],
)  # fmt: skip
def test_what_passes_or_concerns_the_agreement_alone_calls_nothing_back(changes: Row) -> None:
    assert words(World.of(birth(1, **changes))) == set()


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({"confidentiality": "R"}, said("child-1", "restricted_record")),
        ({"confidentiality": "R"}, said("parent-1", "restricted_record", None)),
        ({"looked_after": "Y"}, said("dwelling-1", "looked_after")),
        ({"live_or_still_birth": "2"}, said("child-1", "suppressed")),
        ({"death_status": "2"}, said("child-1", "child_died", datetime(2026, 9, 1))),
        (
            {"dwelling": "dwelling-9", "address_since": date(2026, 10, 1)},
            said("child-1", "recent_move", datetime(2026, 10, 1)),
        ),
    ],
)
def test_what_was_said_already_is_not_said_again(changes: Row, known: Row) -> None:
    world = World.of(birth(1, **changes))
    assert words(world) != set()
    assert words(world.with_words(known), known=(known,)) == set()


def test_a_death_is_news_again_after_a_notice_of_it_was_taken_back() -> None:
    known = (
        said("child-1", "child_died", datetime(2026, 9, 1)),
        said("child-1", "death_removed", datetime(2026, 9, 2)),
    )
    world = World.of(birth(1, death_status="2")).with_words(*known)
    assert words(world, known=known) == {("child-1", "child_died")}


def test_a_death_that_a_newer_row_takes_back_is_none() -> None:
    older = birth(1, death_status="1", last_updated=datetime(2026, 10, 2))
    newer = birth(2, child="child-1", death_status="U")
    assert words(World.of(older, newer)) == set()


def test_an_older_row_says_nothing_that_the_newest_does_not() -> None:
    older = birth(1, confidentiality="R", last_updated=datetime(2026, 10, 2))
    assert words(World.of(older, birth(2, child="child-1"))) == set()


def test_of_two_rows_equally_new_each_is_heard() -> None:
    rows = birth(1), birth(2, child="child-1", confidentiality="R")
    assert words(World.of(*rows)) == {("child-1", "restricted_record")}


def test_a_refusal_that_the_same_person_took_back_is_none_and_any_other_is() -> None:
    refused = {"consent_status": "refused", "consent_date": date(2026, 10, 1)}
    older = birth(1, last_updated=datetime(2026, 10, 2), **refused)
    assert words(World.of(older, birth(2, child="child-1"))) == set()
    other = older | {"consent_given_by": "father"}
    assert words(World.of(other, birth(2, child="child-1"))) == {("child-1", "consent_refused")}


def test_an_answer_in_the_companion_file_is_heard() -> None:
    world = replace(World.of(birth(1)), answers=(answer("child-1", answer="withdrawn"),))
    assert words(world) == {("child-1", "consent_withdrawn")}


def test_what_the_agreement_does_not_look_at_is_no_reason_to_call_its_lists_back() -> None:
    lifted = agreement(exclusions={"looked_after": False})
    assert words(World.of(birth(1, looked_after="Y"), agreement=lifted)) == set()
    told = agreement(confidentiality=NOTICE)
    assert words(World.of(birth(1, consent_status="refused"), agreement=told)) == {("child-1", "objected")}


@pytest.mark.parametrize(
    ("decided", "heard"), [(("welcome-card",), True), (("welcome-card", "another"), False)]
)
def test_lists_of_an_agreement_that_is_decided_no_more_are_judged_by_the_others(
    decided: tuple[str, ...], heard: bool
) -> None:
    found = news(World.of(birth(1, adoption="Y")), shared(agreement="another"), decided=decided)
    assert bool(found) == heard


# --- moves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "listed", "moved"),
    [
        ({"address_since": date(2026, 9, 1)}, {"dwelling": "dwelling-9"}, True),
        ({"address_since": date(2026, 8, 31)}, {"dwelling": "dwelling-9"}, False),
        ({"address_since": None}, {"dwelling": "dwelling-9"}, False),
        ({"address_since": date(2026, 10, 20)}, {}, False),
        ({"address_since": date(2026, 10, 20)}, {"dwelling": ""}, True),
        ({"address_since": date(2026, 10, 20), "dwelling": ""}, {}, True),
    ],
    ids=["moved", "written differently", "no day", "the same home", "no home then", "no home now"],
)
def test_a_family_moved_where_its_home_and_the_lists_differ_since(now: Row, listed: Row, moved: bool) -> None:
    expected = [("child-1", "recent_move", pd.Timestamp(now["address_since"]))] if moved else []
    assert news(World.of(birth(1, **now)), shared(**listed)) == expected


def test_a_family_on_two_lists_moved_once() -> None:
    world = World.of(birth(1, address_since=date(2026, 10, 20)))
    lists = shared(dwelling="dwelling-8"), shared(dwelling="dwelling-9", month="2026-08")
    assert [what for _, what, _ in news(world, *lists)] == ["recent_move"]


# --- whole months ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with laid_ground(tmp_path_factory.mktemp("ground")) as made:
        yield made


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


def sends_next(council: Arrangement, *rows: Row) -> None:
    """The next month's extract: a birth of that month, and these older ones again."""
    council.sends("chis", [child("Newborn", date_of_birth=born(AFTER, on=1)), *rows], AFTER)
    council.asks(AFTER)


def keyed(council: Arrangement, *names: str) -> dict[str, str]:
    """The children's names by keyed reference."""
    key = council.home.secret("subject.key")
    return {keyed_references(key, "child", [number_of(name)])[0]: name for name in names}


def called_back(council: Arrangement, *names: str) -> dict[str, list[str]]:
    """The words for which lists were called back, by the child's name."""
    children = keyed(council, *names)
    found: dict[str, list[str]] = {}
    with opened_ledger(council.home) as ledger:
        for entry in ledger.entries(kinds={Kind.RECALL_RAISED}):
            assert isinstance(entry.body, RecallRaised)
            found.setdefault(children[entry.body.child], []).append(entry.body.word)
    return found


def test_the_next_extract_calls_lists_back(council: Arrangement) -> None:
    names = ["Ada", "Bea", "Cleo", "Dora", "Eve", "Fay"]
    council.sends("chis", [child(name) for name in names])
    council.runs()
    assert called_back(council, *names) == {}
    later = [
        child("Ada", consent_status="withdrawn", consent_date=day(-1)),
        child("Bea", confidentiality="R"),
        child("Cleo", death_status="1"),
        child("Dora"),
        child("Eve", consent_status="withdrawn", consent_date="yesterday"),  # in quarantine, and heard
        child("Fay", consent_date="yesterday"),  # in quarantine, with nothing against it
        child("New", consent_status="withdrawn"),  # on no list
    ]
    sends_next(council, *later)
    expected = {"Ada": ["consent_withdrawn"], "Bea": ["restricted_record"], "Cleo": ["child_died"]}
    expected |= {"Eve": ["consent_withdrawn"]}
    assert called_back(council, *names) == expected
    with opened_ledger(council.home) as ledger:
        before = len(ledger.suppressions())
        assert set(ledger.on_lists()["child"]) == set(keyed(council, "Dora", "Fay"))
    sends_next(council, child("Other"), *later)  # decided anew
    with opened_ledger(council.home) as ledger:
        assert len(ledger.suppressions()) == before


def test_a_corrected_address_goes_to_the_right_new_centre(council: Arrangement) -> None:
    council.sends("chis", [child("Ada"), child("Bea")])
    council.runs()
    assert council.children("north") == ["Ada", "Bea"]
    council.hears([word("child", "Ada", "recent_move")])
    sends_next(council, child("Ada"), child("Bea"))
    assert council.decided(AFTER)["Ada"] == "recent_move"
    home = {"address_line_1": "2 New Street", "postcode": SOUTH, "address_since": day(0)}
    sends_next(council, child("Ada", **home), child("Bea"))
    assert council.decided(AFTER)["Ada"] == "recent_move"
    council.days_pass(36)
    sends_next(council, child("Ada", **home), child("Bea"), child("Cleo"))
    decided = council.decided(AFTER)
    assert {name: decided[name] for name in ("Ada", "Bea")} == {"Ada": "share", "Bea": "already_shared"}
    assert called_back(council, "Ada") == {"Ada": ["recent_move"]}
