"""What Great Expectations answers, asked once about each contract, with the numbers of each file in it.

Of a small month it takes as long as all the rest, and of two files that keep the same contract its
answers differ in nothing but numbers: `tests/validation` asks it every time, and proves this there.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )

    from pipeline.contract import Contract

    Ask = Callable[[pd.DataFrame, Contract, int], ExpectationSuiteValidationResult]

# By contract and columns.
_ANSWERS: dict[tuple[str, ...], ExpectationSuiteValidationResult] = {}


def asked_once(ask: Ask) -> Ask:
    """`ask`, which itself answers about a contract's first file, and about files without rows."""

    def answered(outcomes: pd.DataFrame, contract: Contract, rows: int) -> ExpectationSuiteValidationResult:
        if not rows or len(outcomes) != rows:
            return ask(outcomes, contract, rows)
        key = contract.id, contract.version, *outcomes.columns
        if key not in _ANSWERS:
            _ANSWERS[key] = ask(outcomes, contract, rows)
        return with_numbers_of(outcomes, _ANSWERS[key])

    return answered


def with_numbers_of(
    outcomes: pd.DataFrame, answer: ExpectationSuiteValidationResult
) -> ExpectationSuiteValidationResult:
    """The answer of the same contract about another file."""
    made = copy(answer)
    made.results = [_counted(outcomes, one) for one in answer.results]
    made.success = all(one.success for one in made.results)
    return made


def _counted(outcomes: pd.DataFrame, one: ExpectationValidationResult) -> ExpectationValidationResult:
    made, rows = copy(one), len(outcomes)
    asked: dict[str, Any] = one.expectation_config.kwargs if one.expectation_config else {}
    if "column" in asked:
        failed = int((~outcomes[asked["column"]]).sum())
        numbers = {
            "element_count": rows,
            "unexpected_count": failed,
            "unexpected_percent": failed / rows * 100,
        }
        made.result, made.success = one.result | numbers, (rows - failed) / rows >= asked.get("mostly", 1)
    elif "min_value" in asked:
        made.result = one.result | {"observed_value": rows}
    return made
