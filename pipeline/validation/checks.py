"""From an extract to births: gates for the whole file, rules for each row, types last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.contract import Contract
from pipeline.records import (
    BIRTH_KEYS,
    QUARANTINE,
    Extract,
    declared,
    dwelling_parts,
    empty,
    keyed_references,
)
from pipeline.validation import gates, rules

if TYPE_CHECKING:
    from pipeline.validation.suite import RuleResult


@dataclass(frozen=True)
class Validated:
    """What became of one extract. Every row is in exactly one of births and quarantine."""

    births: pd.DataFrame = field(repr=False)  # contract columns in their types, plus records.BIRTH_KEYS
    quarantine: pd.DataFrame = field(repr=False)  # records.QUARANTINE, one line for each row, field and rule
    quarantined_rows: int
    results: tuple[RuleResult, ...]

    @property
    def by_rule(self) -> dict[str, int]:
        """Rows that broke each rule; a row counts under every rule it broke."""
        return {result.rule: result.failed for result in self.results if not result.passed}

    @property
    def summary(self) -> dict[str, Any]:
        """Counts alone, for the month's records."""
        return {
            "rows": len(self.births) + self.quarantined_rows,
            "accepted": len(self.births),
            "quarantined": self.quarantined_rows,
            "rules": [vars(result) for result in self.results],
        }


def validate(
    extract: Extract, *, contract: Contract, reference_key: bytes, first_reference: int = 1
) -> Validated:
    """Births that keep every rule, and the quarantine of the others.

    `reference_key` keys the references of children, parents and dwellings; births are numbered from
    `first_reference` in the file's order. Raises IntegrityError where the file as a whole cannot be
    used: a code that nobody agreed, or births of another month.
    """
    source_rows = extract.frame["row"].reset_index(drop=True)
    text = _stripped(extract.frame, contract)
    gates.check_all_codes(text, contract, source_rows)
    rows = rules.prepare(text, contract, signed_at=extract.signed_at)
    gates.check_month(rows.dates["date_of_birth"], extract.month, supplier=extract.supplier)
    broken = rules.broken(rows)
    failed = rules.any_of(broken, len(text))
    births = pd.DataFrame({name: _typed(rows, name, ~failed) for name in contract.names})
    keyed = _keyed(births, extract.supplier, source_rows[~failed], reference_key, first_reference)
    return Validated(
        births=declared(keyed, contract.dtypes | BIRTH_KEYS),
        quarantine=_quarantine(broken, extract.supplier, source_rows),
        quarantined_rows=int(failed.sum()),
        results=_results(broken, contract, len(text)),
    )


def _stripped(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """All contract columns without the spaces around their values; a column left out is blank.

    Only the space itself: a tab or a line break at the edge is for the rules to find.
    """
    missing = pd.Series("", index=range(len(frame)), dtype="str")
    return pd.DataFrame(
        {
            name: frame[name].reset_index(drop=True).astype("str").str.strip(" ")
            if name in frame
            else missing
            for name in contract.names
        }
    )


def _results(
    broken: dict[tuple[str, str], rules.Mask], contract: Contract, rows: int
) -> tuple[RuleResult, ...]:
    from pipeline.validation.suite import check_outcomes  # late: loads Great Expectations

    kept = {
        rule.id: ~rules.any_of({pair: mask for pair, mask in broken.items() if pair[0] == rule.id}, rows)
        for rule in contract.rules
    }
    return check_outcomes(pd.DataFrame(kept), contract)


def _quarantine(
    broken: dict[tuple[str, str], rules.Mask], supplier: str, source_rows: pd.Series
) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"supplier": supplier, "row": source_rows[mask], "field": field_name, "rule": rule})
        for (rule, field_name), mask in broken.items()
        if mask.any()
    ]
    if not parts:
        return empty(QUARANTINE)
    return declared(pd.concat(parts).sort_values("row", kind="stable", ignore_index=True), QUARANTINE)


def _keyed(
    births: pd.DataFrame, supplier: str, rows: pd.Series, reference_key: bytes, first_reference: int
) -> pd.DataFrame:
    """Births in the contract's columns, with records.BIRTH_KEYS added."""
    dwelling = dwelling_parts(births["address_line_1"], births["postcode"])
    return births.assign(
        reference=np.arange(first_reference, first_reference + len(births), dtype=np.int64),
        supplier=supplier,
        row=rows.to_numpy(),
        child=keyed_references(reference_key, "child", births["nhs_number"].tolist()),
        parent=keyed_references(reference_key, "parent", births["parent_nhs_number"].tolist()),
        dwelling=keyed_references(reference_key, "dwelling", *dwelling),
    )


def _typed(rows: rules.Rows, name: str, good: rules.Mask) -> pd.Series:
    column = rows.contract.column(name)
    values = rows.dates[name] if name in rows.dates else rows.text[name]
    kept = values[good].reset_index(drop=True)
    return kept.replace("", "0").astype("int16") if column.dtype == "int16" else kept
