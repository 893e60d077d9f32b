"""Whom an entry is about can be destroyed, and everything that was proved stays proved."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body
from sqlalchemy import select

from pipeline.ledger.entries import Disclosure, Entry, FamilyLookedUp, Kind, RecallRaised
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.openings import stretches
from pipeline.ledger.tables import OPENINGS
from pipeline.ledger.verify import Damage, Problem, verify
from pipeline.records import SUPPRESSIONS, OnList, Permit, declared

Sql = Callable[..., Any]
ORIGIN = "birthshare.example.org/test"


@pytest.fixture
def permit(ledger: Ledger, later: Callable[[], datetime]) -> Permit:
    """A list of two children (entries 3 and 4); the first was called back (entry 5)."""
    ledger.append(APPROVED, at=later())
    on_list = [OnList(child(1), parent=child(7)), OnList(child(2))]
    issued = ledger.permit(permit_body(), on_list, month=MONTH, at=later())
    ledger.call_back([called_back(issued, child(1))], at=later())
    return issued


def called_back(permit: Permit, who: str) -> RecallRaised:
    return RecallRaised(
        permit=permit.entry, reference="", child=who, agreement="welcome-card",
        recipient="centre-1", word="child_died", due=date(2026, 11, 5),
    )  # fmt: skip


def looked_up_by_somebody() -> Entry:
    return Entry(FamilyLookedUp(subject=child(1), principal="data.lead@example.org", purpose="a call"))


def test_no_entry_says_whom_it_is_about(permit: Permit, sql: Sql) -> None:
    bodies = [one[0] for one in sql("SELECT body FROM entries")]
    assert not [body for body in bodies if child(1) in body or child(2) in body or child(7) in body]


def test_what_is_read_says_it_as_it_was_recorded(ledger: Ledger, permit: Permit) -> None:
    disclosed = [entry.body for entry in ledger.entries(kinds=[Kind.DISCLOSURE])]
    assert [(one.child, one.parent) for one in disclosed if isinstance(one, Disclosure)] == [
        (child(1), child(7)),
        (child(2), ""),
    ]


def test_two_commitments_to_one_child_have_nothing_in_common(
    ledger: Ledger, permit: Permit, sql: Sql
) -> None:
    bodies = [json.loads(one[0]) for one in sql("SELECT body FROM entries WHERE seq IN (3, 5)")]
    salts = sql("SELECT DISTINCT salt FROM openings")
    assert len({body["commitment"] for body in bodies}) == 2
    assert len(salts) == 3


def test_once_it_is_destroyed_nobody_finds_it_and_the_ledger_is_sound(
    ledger: Ledger, permit: Permit, later: Callable[[], datetime], sign: Callable[[str], str],
    check_note: Callable[[str], str], sql: Sql,
) -> None:  # fmt: skip
    kept = ledger.checkpoint(sign, origin=ORIGIN)
    gone = ledger.destroy_openings([3], because="erasure", at=later(), principal="data.lead@example.org")
    assert gone == 2, "the disclosure, and the recall of the same row"
    assert ledger.disclosures_of([child(1), child(7)]) == []
    assert sql("SELECT entry FROM openings ORDER BY entry") == [(4,)]
    [first, second] = [entry.body for entry in ledger.entries(kinds=[Kind.DISCLOSURE])]
    assert isinstance(first, Disclosure) and isinstance(second, Disclosure)
    assert (first.child, bool(first.commitment), second.child) == ("", True, child(2))
    assert verify(ledger, check_note=check_note, kept_elsewhere=[kept.note]).problem is None


def test_who_destroyed_what_is_recorded(
    ledger: Ledger, permit: Permit, later: Callable[[], datetime]
) -> None:
    ledger.destroy_openings([3, 4], because="retention", at=later())
    [entry] = ledger.entries(kinds=[Kind.OPENINGS_DESTROYED])
    assert entry.body.model_dump() == {"entries": ((3, 5),), "because": "retention", "principal": ""}


def test_what_is_destroyed_already_is_not_recorded_again(
    ledger: Ledger, permit: Permit, later: Callable[[], datetime]
) -> None:
    ledger.destroy_openings([3], because="erasure", at=later())
    size = ledger.size
    assert ledger.destroy_openings([3, 99], because="erasure", at=later()) == 0
    assert ledger.size == size


def test_a_word_that_comes_later_finds_only_what_can_be_opened(
    ledger: Ledger, permit: Permit, later: Callable[[], datetime]
) -> None:
    ledger.destroy_openings([4], because="erasure", at=later())
    words = pd.DataFrame({"subject": [child(2)], "word": "child_died", "since": pd.NaT})
    ledger.suppress(declared(words, SUPPRESSIONS), later())
    assert ledger.words_since().empty
    assert verify(ledger, check_note=None).problem is None


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM openings WHERE entry = 4", Problem(Damage.UNOPENED, 4)),
        (
            "UPDATE openings SET said = (SELECT said FROM openings WHERE entry = 4) WHERE entry = 3",
            Problem(Damage.OPENING, 3),
        ),
        (
            "UPDATE openings SET salt = (SELECT salt FROM openings WHERE entry = 4) WHERE entry = 3",
            Problem(Damage.OPENING, 3),
        ),
        ("UPDATE openings SET salt = 'not hexadecimal' WHERE entry = 3", Problem(Damage.OPENING, 3)),
        (
            "INSERT INTO openings SELECT 1, salt, said FROM openings WHERE entry = 4",
            Problem(Damage.OPENING, 1),
        ),
        (
            "INSERT INTO openings SELECT 99, salt, said FROM openings WHERE entry = 4",
            Problem(Damage.LOOKUP, 99),
        ),
    ],
)  # fmt: skip
def test_an_opening_that_was_touched_is_found(
    ledger: Ledger, permit: Permit, unguarded: None, sql: Sql, statement: str, problem: Problem
) -> None:
    sql(statement)
    assert verify(ledger, check_note=None).problem == problem


def test_an_opening_that_was_put_back_is_found(
    ledger: Ledger, permit: Permit, later: Callable[[], datetime], sql: Sql
) -> None:
    [(salt, said)] = sql("SELECT salt, said FROM openings WHERE entry = 3")
    ledger.destroy_openings([3], because="erasure", at=later())
    sql("INSERT INTO openings VALUES (3, :salt, :said)", salt=salt, said=said)
    assert verify(ledger, check_note=None).problem == Problem(Damage.STILL_OPEN, 3)


def test_only_openings_that_are_still_there_are_named(
    ledger: Ledger, permit: Permit, later: Callable[[], datetime]
) -> None:
    assert ledger.openings_between(1, 4) == [3, 4]
    assert ledger.openings_between(4, 9) == [4, 5]
    ledger.destroy_openings([4], because="retention", at=later())
    assert ledger.openings_between(1, 9) == [3, 5]


def test_look_ups_before_a_day_are_named_and_no_later_one(ledger: Ledger, permit: Permit) -> None:
    looked_up = looked_up_by_somebody()
    moments = [datetime(2020, 1, 1, 23, 59, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)]
    [old], [_] = (ledger.append(looked_up, at=at) for at in moments)
    assert ledger.openings_of_look_ups(before=date(2020, 1, 2)) == [old]


def test_nothing_of_a_destroyed_opening_is_left_in_the_file(
    tmp_path: Path, later: Callable[[], datetime]
) -> None:
    """SQLite overwrites what it deletes, but not the copies that stay where rows were moved between pages."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.append(APPROVED, at=later())
    chance = random.Random(2)  # with these references one copy stays
    families = [OnList(*(chance.randbytes(16).hex() for _ in range(3))) for _ in range(2_000)]
    permit = ledger.permit(permit_body(children=len(families)), families, month=MONTH, at=later())
    ledger.call_back([called_back(permit, one.child) for one in families[::5]], at=later())
    gone = [entry.seq for entry in ledger.disclosures_of([one.child for one in families[::5]])]
    with ledger.database.reading() as connection:
        query = select(OPENINGS.c.salt).where(OPENINGS.c.entry.in_(gone))
        salts = connection.execute(query).scalars().all()
    secret = [part.encode() for one in families[::5] for part in one[:3]] + [salt.encode() for salt in salts]
    assert left(tmp_path, secret) == len(secret) == 4 * len(gone)
    for first in range(0, len(gone), 40):
        ledger.destroy_openings(gone[first : first + 40], because="erasure", at=later())
    root = verify(ledger, check_note=None).root
    ledger.database.clean()
    assert left(tmp_path, secret) == 0
    assert left(tmp_path, [families[1].child.encode()]) == 1
    assert verify(ledger, check_note=None).root == root
    ledger.close()


def test_a_file_of_which_nothing_was_destroyed_is_not_written_anew(
    tmp_path: Path, later: Callable[[], datetime]
) -> None:
    file = tmp_path / "ledger.db"
    ledger = Ledger.open(f"sqlite:///{file}")
    ledger.append(APPROVED, at=later())
    [seq] = ledger.append(looked_up_by_somebody(), at=later())

    def written_by_cleaning() -> bool:
        before = file.stat().st_mtime_ns
        ledger.database.clean()
        return file.stat().st_mtime_ns != before

    assert not written_by_cleaning()
    ledger.destroy_openings([seq], because="retention", at=later())
    ledger.close()  # stopped before it cleaned: the next one does
    assert [written_by_cleaning(), written_by_cleaning()] == [True, False]
    ledger.close()


def left(folder: Path, secret: list[bytes]) -> int:
    """How many of these stand in the database's files."""
    content = b"".join(file.read_bytes() for file in folder.iterdir())
    return sum(one in content for one in secret)


def test_numbers_become_unbroken_runs() -> None:
    assert stretches([1, 2, 3, 7, 9, 10]) == ((1, 3), (7, 7), (9, 10))
    assert stretches([]) == ()
