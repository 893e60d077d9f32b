"""Read an opened file, whatever its format, into text columns under the contract's names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from pipeline.contract import Contract
from pipeline.intake.profiles import Layout
from pipeline.records import Extract, Month

if TYPE_CHECKING:
    from pipeline.encryption.opening import Opened

_LOCAL = ZoneInfo("Europe/London")  # the contract's times are local


def as_extract(opened: Opened, supplier: str, month: Month, *, contract: Contract, layout: Layout) -> Extract:
    """The extract in an opened file, with the proof of who signed it; raises as `read_file` does."""
    where = contract.file_of(supplier, month)
    frame = read_file(opened.content, contract=contract, layout=layout, where=where)
    return Extract(supplier, month, frame, opened.sealed_sha256, opened.signer, opened.signed_at)


def read_file(content: bytes, *, contract: Contract, layout: Layout, where: str) -> pd.DataFrame:
    """The file's columns under the contract's names, as text, and `row`: the record number from 1.

    Values are as received but for what the layout says of dates, codes and NHS numbers; blank is "".
    Raises IntegrityError, with the place and no value, for a file that is not as agreed.
    """
    if layout.format == "xlsx":
        from pipeline.intake.workbooks import read_workbook

        return read_workbook(content, contract=contract, layout=layout, where=where)
    if layout.format == "fhir":
        from pipeline.intake.fhir_births import read_births

        return read_births(content, zone=_LOCAL, where=where)
    from pipeline.intake.readers import read_csv

    return read_csv(content, contract=contract, profile=layout, where=where)
