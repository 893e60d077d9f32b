"""The Great Expectations suite, made from the contract, on outcomes alone.

Great Expectations never sees a birth. Each rule has been worked out as a mask before; what is handed
over is one column of true and false per rule, and the suite has one expectation per rule that says
all must be true, and a few about the file as a whole: that every row was judged, that every rule was
asked, and that most rows can be used. So neither its results, nor the text of an exception inside it,
can hold a value.

Import this module late: Great Expectations takes a second to load.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from pipeline.contract import ERROR, WARNING, Contract, Rule
from pipeline.errors import IntegrityError
from pipeline.validation.docs import Document, document
from pipeline.validation.sparing import sparingly

with sparingly():
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
        ExpectColumnValuesToBeInSet,
    )
    from great_expectations.expectations.core.expect_table_columns_to_match_set import (
        ExpectTableColumnsToMatchSet,
    )
    from great_expectations.expectations.core.expect_table_row_count_to_be_between import (
        ExpectTableRowCountToBeBetween,
    )
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity

_SEVERITY = {ERROR: FailureSeverity.CRITICAL, WARNING: FailureSeverity.WARNING}
_ACCEPTED = "accepted"  # the outcome of a row as a whole: it is not set aside
_USUAL_SHARE = 0.9  # of rows that go on; a file with fewer is worth a telephone call
_COUNTS_ALONE = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class RuleResult:
    """How one rule fared on one extract."""

    rule: str
    failed: int  # rows
    passed: bool


@dataclass(frozen=True)
class Results:
    """How a file fared: by rule, and all that is kept of it."""

    rules: tuple[RuleResult, ...]
    document: Document


@cache
def _expectation_class(rule_id: str) -> type[ExpectColumnValuesToBeInSet]:
    """An expectation type of its own for a rule, so that results speak of the rule by its name."""
    name = "Expect" + "".join(part.capitalize() for part in rule_id.split("_"))
    return type(name, (ExpectColumnValuesToBeInSet,), {"__module__": __name__})


def _expectation(rule: Rule) -> ExpectColumnValuesToBeInSet:
    return _expectation_class(rule.id)(
        column=rule.id,
        value_set=[True],
        mostly=1.0,
        description=rule.description,
        severity=_SEVERITY[rule.severity],
        meta={"rule": rule.id, "fields": list(rule.fields), "dimension": rule.dimension},
    )


def _of_the_file(contract: Contract, rows: int) -> list[Expectation]:
    """What is expected of a file of so many rows as a whole."""
    return [
        ExpectTableRowCountToBeBetween(
            min_value=rows,
            max_value=rows,
            description="Every row of the file was judged.",
            severity=FailureSeverity.CRITICAL,
            meta={"dimension": "completeness"},
        ),
        ExpectTableColumnsToMatchSet(
            column_set=[*(rule.id for rule in contract.rules), _ACCEPTED],
            exact_match=True,
            description="Every rule of the contract was asked, and no other.",
            severity=FailureSeverity.CRITICAL,
            meta={"dimension": "completeness"},
        ),
        ExpectColumnValuesToBeInSet(
            column=_ACCEPTED,
            value_set=[True],
            mostly=_USUAL_SHARE,
            description=f"At least {_USUAL_SHARE:.0%} of the rows can be used.",
            severity=FailureSeverity.WARNING,
            meta={"dimension": "conformity"},
        ),
    ]


def build_suite(contract: Contract, *, rows: int) -> gx.ExpectationSuite:
    """What is expected of a file of so many rows, and one expectation for each rule of its contract."""
    return gx.ExpectationSuite(
        name=f"{contract.id} {contract.version}",
        expectations=[*_of_the_file(contract, rows), *(_expectation(rule) for rule in contract.rules)],
    )


def check_outcomes(outcomes: pd.DataFrame, contract: Contract, *, rows: int) -> Results:
    """Run the suite over `outcomes`: one bool column per rule, true where the row keeps it.

    `rows` is how many the file has. Raises IntegrityError where the suite did not come to the same
    counts, or did not run at all: a check that fails to run must not look like a check that was passed.
    """
    errors = [rule.id for rule in contract.rules if rule.sets_aside and rule.id in outcomes]
    judged = outcomes.assign(**{_ACCEPTED: outcomes[errors].all(axis=1).astype(bool)})
    with _quiet():
        validation = _checkpoint(judged, contract, rows)
    expected = {rule.id: int((~outcomes[rule.id]).sum()) for rule in contract.rules}
    _check_agreed(validation, expected | {_ACCEPTED: int((~judged[_ACCEPTED]).sum())}, rows=rows)
    return Results(
        rules=tuple(RuleResult(rule, failed, failed == 0) for rule, failed in expected.items()),
        document=document(validation.results, suite=f"{contract.id} {contract.version}"),
    )


def _checkpoint(outcomes: pd.DataFrame, contract: Contract, rows: int) -> ExpectationSuiteValidationResult:
    """The suite's results, by a checkpoint in a context that lives in memory and reports to nobody."""
    in_memory = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=in_memory)
    asset = context.data_sources.add_pandas("outcomes").add_dataframe_asset("rows")
    definition = gx.ValidationDefinition(
        name=contract.dataset,
        data=asset.add_batch_definition_whole_dataframe("all"),
        suite=context.suites.add(build_suite(contract, rows=rows)),
    )
    checkpoint = gx.Checkpoint(
        name=contract.dataset,
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format=_COUNTS_ALONE,
    )
    run = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": outcomes})
    (validation,) = run.run_results.values()
    return validation


def _check_agreed(
    validation: ExpectationSuiteValidationResult, expected: dict[str, int], *, rows: int
) -> None:
    """Raises IntegrityError unless every expectation ran and counted what the masks count."""
    found, wanted = _counts(validation), expected | {"expect_table_row_count_to_be_between": rows}
    every_rule_asked = any(
        one.success and one.expectation_config.type == "expect_table_columns_to_match_set"
        for one in validation.results
        if one.expectation_config is not None
    )
    if found != wanted or not every_rule_asked:
        differing = sorted(rule for rule in wanted if found.get(rule) != wanted[rule]) or ["of the file"]
        raise IntegrityError(
            "The suite of checks did not run as it should",
            where=f"rules {', '.join(differing)}",
            do="Nothing was used. Keep the file and report this.",
        )


def _counts(validation: ExpectationSuiteValidationResult) -> dict[str, int]:
    """Rows that broke each rule, of the expectations that ran and agree with themselves.

    Of what is expected of the file as a whole, by type, the number that was found.
    """
    counts: dict[str, int] = {}
    for result in validation.results:
        asked = result.expectation_config
        failed, observed = (result.result.get(name) for name in ("unexpected_count", "observed_value"))
        if asked is None:
            continue
        if failed is not None and result.success == _is_met(asked.kwargs, result.result):
            counts[str(asked.kwargs["column"])] = int(failed)
        elif not isinstance(observed, list | None):
            counts[asked.type] = int(observed)
    return counts


def _is_met(asked: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether as many rows keep what was asked as should."""
    rows, failed = int(found["element_count"]), int(found["unexpected_count"])
    return failed == 0 or bool((rows - failed) / rows >= asked.get("mostly", 1))


@contextmanager
def _quiet() -> Iterator[None]:
    """Its running commentary at INFO has nothing that the results do not say."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
