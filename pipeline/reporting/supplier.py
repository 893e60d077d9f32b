"""The report that a supplier gets about the rows that were set aside."""

from __future__ import annotations

import pandas as pd

from pipeline.contract import load_contract
from pipeline.records import QUARANTINE


def supplier_report(quarantine: pd.DataFrame) -> bytes:
    """CSV (UTF-8, RFC 4180): supplier, row, field, rule, and what the rule means; never a value.

    `quarantine` is records.QUARANTINE: `row` is the record number in the supplier's own file, the
    header being record 0. A row that broke several rules has several lines.
    """
    meanings = {rule.id: rule.description for rule in load_contract().rules}
    report = quarantine[list(QUARANTINE)].sort_values(["supplier", "row", "field", "rule"])
    report["what_it_means"] = report["rule"].map(meanings).fillna("")
    return report.to_csv(index=False, lineterminator="\r\n").encode()
