"""From a file's text to typed rows: gates for the whole file, rules for each row, types last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.contract import ERROR, WARNING, WHOLE_ROW, Contract, contract_of
from pipeline.records import (
    BIRTH_KEYS,
    QUARANTINE,
    Extract,
    declared,
    empty,
    keyed_column,
)
from pipeline.validation import gates, rules
from pipeline.validation.aside import unread
from pipeline.validation.expected import as_births

if TYPE_CHECKING:
    from pipeline.validation.suite import Results, RuleResult


@dataclass(frozen=True)
class Checked:
    """One file's rows, held against the rules of its contract."""

    rows: rules.Rows = field(repr=False)
    source: npt.NDArray[np.int64] = field(repr=False)  # each row's record number in the supplier's file
    failed: rules.Mask = field(repr=False)  # which rows are set aside: they break a rule of severity error
    frame: pd.DataFrame = field(repr=False)  # the others: contract columns in their types, and `row`
    quarantine: pd.DataFrame = field(repr=False)  # records.QUARANTINE, one line for each row, field and rule
    warnings: pd.DataFrame = field(repr=False)  # the same, of rules of severity warning and rows that go on
    results: tuple[RuleResult, ...]
    document: Mapping[str, Any]  # what is kept of the results of the suite; see `docs`

    @property
    def quarantined_rows(self) -> int:
        """How many rows are set aside."""
        return int(self.failed.sum())

    @property
    def broken(self) -> str:
        """Which rules of severity error were broken in which fields, in words."""
        fields = self.quarantine["field"].replace("", WHOLE_ROW)
        return "; ".join(dict.fromkeys(fields + ": " + self.quarantine["rule"]))

    @property
    def by_rule(self) -> dict[str, int]:
        """Rows set aside by each rule; a row counts under every rule it broke."""
        return self._counts(ERROR)

    @property
    def warned(self) -> dict[str, int]:
        """Rows that go on though they break a rule of severity warning, by rule."""
        return self._counts(WARNING)

    def _counts(self, severity: str) -> dict[str, int]:
        known = {rule.id for rule in self.rows.contract.rules if rule.severity == severity}
        return {one.rule: one.failed for one in self.results if not one.passed and one.rule in known}

    @property
    def summary(self) -> dict[str, Any]:
        """Counts alone, for the month's records."""
        return {
            "rows": len(self.failed),
            "accepted": len(self.frame),
            "quarantined": self.quarantined_rows,
            "warned": int(self.warnings["row"].nunique()),
            "rules": [vars(result) for result in self.results],
        }


@dataclass(frozen=True)
class Validated(Checked):
    """What became of one extract. Every row is in exactly one of births and quarantine."""

    births: pd.DataFrame = field(repr=False)  # the birth contract's columns, plus records.BIRTH_KEYS
    unread: pd.DataFrame = field(repr=False)  # records.UNREAD: what rows in quarantine say all the same


def check(extract: Extract, contract: Contract, *, look_back_months: int | None = None) -> Checked:
    """The rows that go on, and the quarantine of the others.

    `look_back_months` is how late a birth may be reported; None: at any time. Raises IntegrityError where
    the file as a whole cannot be used: a code that nobody agreed, or another month's rows.
    """
    source_rows = extract.frame["row"].reset_index(drop=True)
    text = _stripped(extract.frame, contract)
    where = contract.file_of(extract.supplier, extract.month)
    gates.check_all_codes(text, contract, source_rows, where=where)
    rows = rules.prepare(
        text,
        contract,
        signed_at=extract.signed_at,
        month=extract.month,
        look_back_months=look_back_months,
        left_out=set(contract.names) - set(extract.frame.columns),
    )
    gates.check_month(rows.dates, contract, extract.month, supplier=extract.supplier)
    broken = rules.broken(rows)
    failed = rules.any_of(broken, len(text))
    doubted = {pair: mask & ~failed for pair, mask in rules.warnings(rows).items()}
    rows.forget()
    kept = {name: _typed(rows, name, ~failed) for name in contract.names}
    found = _results(broken | doubted, contract, len(text))
    return Checked(
        rows=rows,
        source=source_rows.to_numpy(),
        failed=failed,
        frame=pd.DataFrame(kept).assign(row=source_rows[~failed].to_numpy()),
        quarantine=_lines(broken, extract.supplier, source_rows),
        warnings=_lines(doubted, extract.supplier, source_rows),
        results=found.rules,
        document=found.document,
    )


def validate(
    extract: Extract,
    *,
    contract: Contract,
    reference_key: bytes,
    first_reference: int = 1,
    look_back_months: int | None = None,
) -> Validated:
    """Births, or expected births as births, that keep every rule, and the quarantine of the others.

    `reference_key` keys the references of children, parents and dwellings; births are numbered from
    `first_reference` in the file's order. Raises IntegrityError as `check` does.
    """
    checked = check(extract, contract, look_back_months=look_back_months)
    expected = contract.dataset == "expected_births"
    births = as_births(checked.frame) if expected else checked.frame
    named = ("nhs_number", "pregnancy_id") if expected else ("nhs_number",)
    subjects = [checked.frame[name] for name in named]
    children = keyed_column(reference_key, "pregnancy" if expected else "child", *subjects)
    keyed = _keyed(births.assign(child=children), extract.supplier, reference_key, first_reference)
    return Validated(
        **vars(checked),
        births=declared(keyed, contract_of("births").dtypes | BIRTH_KEYS),
        unread=unread(checked, reference_key),
    )


def _stripped(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """All contract columns without the spaces around their values; a column left out is blank.

    Only the space itself: a tab or a line break at the edge is for the rules to find.
    """
    missing = pd.Series("", index=range(len(frame)), dtype="str")
    return pd.DataFrame(
        {
            name: _bare(frame[name].reset_index(drop=True)) if name in frame else missing
            for name in contract.names
        }
    )


def _bare(values: pd.Series) -> pd.Series:
    """Text without the spaces around it: the same column, not another, where there are none."""
    text = values.astype("str")
    spaced = text.str.startswith(" ") | text.str.endswith(" ")
    return text.str.strip(" ") if spaced.any() else text


def _results(broken: rules.Masks, contract: Contract, rows: int) -> Results:
    from pipeline.validation.suite import check_outcomes  # late: loads Great Expectations

    kept = {
        rule.id: ~rules.any_of({pair: mask for pair, mask in broken.items() if pair[0] == rule.id}, rows)
        for rule in contract.rules
    }
    return check_outcomes(pd.DataFrame(kept), contract, rows=rows)


def _lines(broken: rules.Masks, supplier: str, source_rows: pd.Series) -> pd.DataFrame:
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
    address = births["address_line_1"], births["postcode"]
    return births.assign(
        reference=np.arange(first_reference, first_reference + len(births), dtype=np.int64),
        supplier=supplier,
        parent=keyed_column(reference_key, "parent", births["parent_nhs_number"]),
        dwelling=keyed_column(reference_key, "dwelling", *address),
    )


def _typed(rows: rules.Rows, name: str, good: rules.Mask) -> pd.Series:
    column = rows.contract.column(name)
    values = rows.dates[name] if name in rows.dates else rows.text[name]
    kept = values[good].reset_index(drop=True)
    return kept.replace("", "0").astype("int16") if column.dtype == "int16" else kept
