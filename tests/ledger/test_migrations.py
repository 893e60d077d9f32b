"""A ledger of an older program is brought up to date when it is opened, and is as whole as before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
from ledger_examples import APPROVED, MONTH, child, permit_body

from pipeline.ledger.entries import Entry, Publishing
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.verify import verify
from pipeline.records import SUPPRESSIONS, OnList, declared

ADDED = ("parent", "dwelling", "reference", "heard")  # columns of step 0002


def make_older(sql: Callable[..., Any]) -> None:
    """The tables as step 0001 left them."""
    sql("DROP TABLE recalls")
    for index in ("disclosures_by_child", "disclosures_by_parent", "disclosures_by_dwelling"):
        sql(f"DROP INDEX {index}")
    sql("DROP INDEX suppressions_by_subject")
    for column in ADDED:
        sql(f"ALTER TABLE disclosures DROP COLUMN {column}")
    sql("UPDATE alembic_version SET version_num = '0001'")


def test_lists_that_were_sent_before_are_found_by_words_that_come_after(
    url: str, ledger: Ledger, later: Callable[[], datetime], sql: Callable[..., Any],
    check_note: Callable[[str], str],
) -> None:  # fmt: skip
    ledger.append(APPROVED, at=later())
    permit = ledger.permit(permit_body(children=1), [OnList(child(1))], month=MONTH, at=later())
    ledger.append(Entry(Publishing(permit=permit.entry), MONTH), at=later())
    ledger.close()
    make_older(sql)

    newer = Ledger.open(url)
    try:
        assert verify(newer, check_note=check_note).problem is None
        words = pd.DataFrame({"subject": [child(1)], "word": "child_died", "since": pd.NaT})
        newer.suppress(declared(words, SUPPRESSIONS), later())
        [found] = newer.words_since().to_dict("records")
        assert (found["permit"], found["child"], found["reference"]) == (permit.entry, child(1), "")
    finally:
        newer.close()
