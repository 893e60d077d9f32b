"""The Great Expectations suite, made from the contract, on outcomes alone.

Great Expectations never sees a birth. Each rule has been worked out as a mask before; what is handed
over is one column of true and false per rule, and the suite has one expectation per rule that says
all must be true. So neither its results, nor the text of an exception inside it, can hold a value.

Import this module late: Great Expectations takes seconds to load.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
    ExpectColumnValuesToBeInSet,
)
from great_expectations.expectations.metadata_types import FailureSeverity

from pipeline.contract import Contract, Rule
from pipeline.errors import IntegrityError

_SEVERITY = {"error": FailureSeverity.CRITICAL}


@dataclass(frozen=True)
class RuleResult:
    """How one rule fared on one extract."""

    rule: str
    failed: int  # rows
    passed: bool


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


def build_suite(contract: Contract) -> gx.ExpectationSuite:
    """One expectation for each rule of the contract, and nothing else."""
    return gx.ExpectationSuite(
        name=f"{contract.id} {contract.version}",
        expectations=[_expectation(rule) for rule in contract.rules],
    )


def check_outcomes(outcomes: pd.DataFrame, contract: Contract) -> tuple[RuleResult, ...]:
    """Run the suite over `outcomes`: one bool column per rule, true where the row keeps it.

    Raises IntegrityError where the suite did not come to the same counts, or did not run at all:
    a check that fails to run must not look like a check that was passed.
    """
    with _quiet():
        validation = _batch(outcomes).validate(
            build_suite(contract), result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
        )
    found = _counts(validation)
    expected = {rule.id: int((~outcomes[rule.id]).sum()) for rule in contract.rules}
    if found != expected:
        differing = sorted(rule for rule in expected if found.get(rule) != expected[rule])
        raise IntegrityError(
            "The suite of checks did not run as it should",
            where=f"rules {', '.join(differing)}",
            do="Nothing was used. Keep the file and report this.",
        )
    return tuple(RuleResult(rule, failed, failed == 0) for rule, failed in expected.items())


def _batch(outcomes: pd.DataFrame) -> Batch:
    """The outcomes as a batch of a context that lives in memory, builds no pages and reports to nobody."""
    in_memory = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=in_memory)
    asset = context.data_sources.add_pandas("outcomes").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": outcomes})


def _counts(validation: ExpectationSuiteValidationResult) -> dict[str, int]:
    """Rows that broke each rule, of the expectations that ran and agree with themselves."""
    counts = {}
    for result in validation.results:
        failed = result.result.get("unexpected_count")
        if failed is not None and result.success == (failed == 0) and result.expectation_config is not None:
            counts[str(result.expectation_config.kwargs["column"])] = int(failed)
    return counts


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
