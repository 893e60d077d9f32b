"""The page of examples says what the tests prove."""

from __future__ import annotations

from spec.decision_table import PAGE, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python tests/spec/decision_table.py --write"
