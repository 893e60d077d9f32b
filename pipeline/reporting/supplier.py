"""The report that a supplier gets about the rows that were set aside."""

from __future__ import annotations

import pandas as pd

from pipeline.contract import contract_of
from pipeline.records import QUARANTINE


def supplier_report(quarantine: pd.DataFrame, dataset: str = "births") -> bytes:
    """CSV (UTF-8, RFC 4180): supplier, row, field, rule, and what the rule means; never a value.

    `quarantine` is records.QUARANTINE: `row` is the record number in the supplier's own file, the
    header being record 0. A row that broke several rules has several lines. `dataset` is the kind of
    file, one of contract.CONTRACT_FILES.
    """
    meanings = {rule.id: rule.description for rule in contract_of(dataset).rules}
    report = quarantine[list(QUARANTINE)].sort_values(["supplier", "row", "field", "rule"])
    report["what_it_means"] = report["rule"].map(meanings).fillna("")
    return report.to_csv(index=False, lineterminator="\r\n").encode()
