"""A ledger of an older program is brought up to date when it is opened, and is as whole as before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.keeping.references import OPENLY, forget
from pipeline.ledger.entries import DestructionAttested, Entry, canonical, leaf, write_moment
from pipeline.ledger.journal import Head
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.merkle import CHAIN_START, CompactRange, leaf_hash
from pipeline.ledger.verify import verify
from pipeline.records import SUPPRESSIONS, declared

ADDED = ("parent", "dwelling", "reference", "heard")  # columns of step 0002


def make_older(sql: Callable[..., Any]) -> None:
    """The tables as step 0001 left them."""
    sql("DROP TABLE openings")
    sql("DROP TABLE subtrees")
    sql("ALTER TABLE checkpoints ADD COLUMN at TEXT NOT NULL DEFAULT ''")
    sql("DROP TABLE recalls")
    for index in ("disclosures_by_child", "disclosures_by_parent", "disclosures_by_dwelling"):
        sql(f"DROP INDEX {index}")
    sql("DROP INDEX suppressions_by_subject")
    for column in ADDED:
        sql(f"ALTER TABLE disclosures DROP COLUMN {column}")
    sql("UPDATE alembic_version SET version_num = '0001'")


def write_older(sql: Callable[..., Any], at: datetime, *bodies: dict[str, Any]) -> None:
    """Entries as that program recorded them: whom they are about stood in them openly."""
    head = Head(CompactRange(), CHAIN_START)
    for seq, body in enumerate(bodies, start=1):
        row = {
            "seq": seq, "kind": body.pop("kind"), "month": MONTH, "at": write_moment(at),
            "body": canonical(body),
        }  # fmt: skip
        digest = leaf_hash(leaf(**row))
        head.add(digest)
        sql(
            "INSERT INTO entries VALUES (:seq, :kind, :month, :at, :body, :leaf_hash, :chain_hash)",
            **row, leaf_hash=digest.hex(), chain_hash=head.chain.hex(),
        )  # fmt: skip
    sql("UPDATE head SET size = :size, chain_hash = :chain_hash, nodes = :nodes", **head.row())


@pytest.fixture
def older(url: str, sql: Callable[..., Any], now: datetime) -> str:
    """A ledger of step 0001 with one list that went out, and more entries than a subtree has."""
    Ledger.open(url).close()
    make_older(sql)
    permit = permit_body(children=1).model_dump(mode="json", exclude={"heard", "destroy_by", "receipt_check"})
    disclosure = {"permit": 2, "child": child(1), "agreement": "welcome-card", "recipient": "centre-1"}
    write_older(
        sql,
        now,
        {"kind": "release_approved", **APPROVED.body.model_dump(mode="json")},
        {"kind": "permit", **permit},
        {"kind": "disclosure", **disclosure},
        {"kind": "publishing", "permit": 2},
        *({"kind": "month_closed"} for _ in range(296)),
    )
    sql(
        "INSERT INTO disclosures VALUES (3, :child, 'welcome-card', 'centre-1', :month, 2)",
        child=child(1), month=MONTH,
    )  # fmt: skip
    return url


def test_what_an_older_entry_says_openly_stays_and_the_answer_says_so(
    older: str, later: Callable[[], datetime]
) -> None:
    newer = Ledger.open(older)
    gone = DestructionAttested(of=2, way="person", principal="data.lead@example.org")
    newer.append(Entry(gone, MONTH), at=later())
    asked = forget(newer, {child(1): newer.size}, at=later())
    assert (asked.rows, [(one.entry, why) for one, why in asked.stay]) == (0, [(2, OPENLY)])


def test_lists_that_were_sent_before_are_found_by_words_that_come_after(
    older: str, later: Callable[[], datetime], check_note: Callable[[str], str]
) -> None:
    newer = Ledger.open(older)
    try:
        assert verify(newer, check_note=check_note).problem is None
        words = pd.DataFrame({"subject": [child(1)], "word": "child_died", "since": pd.NaT})
        newer.suppress(declared(words, SUPPRESSIONS), later())
        [found] = newer.words_since().to_dict("records")
        assert (found["permit"], found["child"], found["reference"]) == (2, child(1), "")
        [disclosed] = newer.disclosures_of([child(1)])
        assert disclosed.seq == 3
        assert verify(newer, check_note=check_note).problem is None
    finally:
        newer.close()


def test_what_was_recorded_before_can_be_proved(older: str) -> None:
    newer = Ledger.open(older)
    try:
        with newer.proving() as proofs:
            assert proofs.root(300).hex() == verify(newer, check_note=None).root
    finally:
        newer.close()
