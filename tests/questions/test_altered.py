"""A ledger that was altered answers no question, and no evidence is made of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from month_authority import MONTH, CommandLine, copied, prototype
from pipeline.demo.authority import Demonstration

__all__ = ["prototype"]

WHO = ("--as", "data.lead@example.org", "--why", "a question")


@pytest.fixture(scope="module")
def altered(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A closed month in a ledger whose newest entry was taken away afterwards."""
    with copied(prototype, tmp_path_factory.mktemp("altered")) as authority:
        birthshare = CommandLine(authority)
        birthshare.finish()
        with closing(sqlite3.connect(authority.home.state / "birthshare.db")) as database:
            database.execute("UPDATE head SET size = size - 1")
            database.commit()
        yield birthshare


@pytest.mark.parametrize(
    "question",
    [
        ("report", "month", str(MONTH), "--out", "answer.html"),
        ("report", "transfers", "--out", "answer.xlsx"),
        ("report", "breach", "--recipient", "centre-01", *WHO, "--out", "answer.txt"),
        ("report", "retention", "--out", "answer.csv"),
        ("report", "recalls", "--out", "answer.json"),
        ("report", "article30", "--out", "answer.html"),
        ("report", "dataflows", "--out", "answer.html"),
        ("ledger", "prove", "--month", str(MONTH), *WHO, "--out", "answer.zip"),
        ("ledger", "export", "--out", "answer.jsonl"),
    ],
    ids=lambda question: question[1],
)
def test_nothing_is_answered(altered: CommandLine, tmp_path: Path, question: tuple[str, ...]) -> None:
    *words, out = question
    answer = altered(*words, tmp_path / out)
    assert (answer.code, answer.out, list(tmp_path.iterdir())) == (4, "", []), answer.err
    answer.says("The ledger is damaged")
