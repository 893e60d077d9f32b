"""From a file's text to typed rows: gates for the whole file, rules for each row, types last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.contract import Contract, contract_of
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
from pipeline.validation.expected import as_births

if TYPE_CHECKING:
    from pipeline.validation.suite import RuleResult


@dataclass(frozen=True)
class Checked:
    """One file's rows, held against the rules of its contract."""

    rows: rules.Rows = field(repr=False)
    source: npt.NDArray[np.int64] = field(repr=False)  # each row's record number in the supplier's file
    failed: rules.Mask = field(repr=False)  # which rows break any rule
    frame: pd.DataFrame = field(repr=False)  # the others: contract columns in their types, and `row`
    quarantine: pd.DataFrame = field(repr=False)  # records.QUARANTINE, one line for each row, field and rule
    results: tuple[RuleResult, ...]

    @property
    def quarantined_rows(self) -> int:
        """How many rows break a rule."""
        return int(self.failed.sum())

    @property
    def by_rule(self) -> dict[str, int]:
        """Rows that broke each rule; a row counts under every rule it broke."""
        return {result.rule: result.failed for result in self.results if not result.passed}

    @property
    def summary(self) -> dict[str, Any]:
        """Counts alone, for the month's records."""
        return {
            "rows": len(self.failed),
            "accepted": len(self.frame),
            "quarantined": self.quarantined_rows,
            "rules": [vars(result) for result in self.results],
        }


@dataclass(frozen=True)
class Validated(Checked):
    """What became of one extract. Every row is in exactly one of births and quarantine."""

    births: pd.DataFrame = field(repr=False)  # the birth contract's columns, plus records.BIRTH_KEYS
    unread: pd.DataFrame = field(repr=False)  # whom rows in quarantine name: subject (keyed), kind


def check(extract: Extract, contract: Contract) -> Checked:
    """The rows that keep every rule of the contract, and the quarantine of the others.

    Raises IntegrityError where the file as a whole cannot be used: a code that nobody agreed, or
    another month's rows.
    """
    source_rows = extract.frame["row"].reset_index(drop=True)
    text = _stripped(extract.frame, contract)
    where = contract.file_of(extract.supplier, extract.month)
    gates.check_all_codes(text, contract, source_rows, where=where)
    rows = rules.prepare(text, contract, signed_at=extract.signed_at)
    gates.check_month(rows.dates, contract, extract.month, supplier=extract.supplier)
    broken = rules.broken(rows)
    failed = rules.any_of(broken, len(text))
    kept = {name: _typed(rows, name, ~failed) for name in contract.names}
    return Checked(
        rows=rows,
        source=source_rows.to_numpy(),
        failed=failed,
        frame=pd.DataFrame(kept).assign(row=source_rows[~failed].to_numpy()),
        quarantine=_quarantine(broken, extract.supplier, source_rows),
        results=_results(broken, contract, len(text)),
    )


def validate(
    extract: Extract, *, contract: Contract, reference_key: bytes, first_reference: int = 1
) -> Validated:
    """Births, or expected births as births, that keep every rule, and the quarantine of the others.

    `reference_key` keys the references of children, parents and dwellings; births are numbered from
    `first_reference` in the file's order. Raises IntegrityError as `check` does.
    """
    checked = check(extract, contract)
    expected = contract.dataset == "expected_births"
    births = as_births(checked.frame) if expected else checked.frame
    subjects = [
        checked.frame[name].tolist()
        for name in (("nhs_number", "pregnancy_id") if expected else ("nhs_number",))
    ]
    children = keyed_references(reference_key, "pregnancy" if expected else "child", *subjects)
    keyed = _keyed(births.assign(child=children), extract.supplier, reference_key, first_reference)
    return Validated(
        **vars(checked),
        births=declared(keyed, contract_of("births").dtypes | BIRTH_KEYS),
        unread=_unread(checked, reference_key, {"parent": "nhs_number"} if expected else _OF_A_BIRTH),
    )


_OF_A_BIRTH = {"child": "nhs_number", "parent": "parent_nhs_number"}


def _unread(checked: Checked, key: bytes, named_in: Mapping[str, str]) -> pd.DataFrame:
    """Children and parents of rows that could not be read: nobody knows what was said of them."""
    rows = checked.rows.text[checked.failed]
    found = [
        pd.DataFrame({"subject": keyed_references(key, kind, rows[column].tolist()), "kind": kind})
        for kind, column in named_in.items()
    ]
    together = declared(pd.concat(found, ignore_index=True), {"subject": "str", "kind": "str"})
    return together[together["subject"] != ""].drop_duplicates(ignore_index=True)


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


def _keyed(births: pd.DataFrame, supplier: str, reference_key: bytes, first_reference: int) -> pd.DataFrame:
    """Births in the contract's columns, with `row` and `child`, and the rest of records.BIRTH_KEYS added."""
    dwelling = dwelling_parts(births["address_line_1"], births["postcode"])
    return births.assign(
        reference=np.arange(first_reference, first_reference + len(births), dtype=np.int64),
        supplier=supplier,
        parent=keyed_references(reference_key, "parent", births["parent_nhs_number"].tolist()),
        dwelling=keyed_references(reference_key, "dwelling", *dwelling),
    )


def _typed(rows: rules.Rows, name: str, good: rules.Mask) -> pd.Series:
    column = rows.contract.column(name)
    values = rows.dates[name] if name in rows.dates else rows.text[name]
    kept = values[good].reset_index(drop=True)
    return kept.replace("", "0").astype("int16") if column.dtype == "int16" else kept
