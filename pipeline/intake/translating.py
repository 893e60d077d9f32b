"""A supplier's way of writing, turned into the contract's: what is used, dates, NHS numbers, codes.

Nothing is guessed. A value that is not written as the profile says stays as it came, so that the row's
rules find it; a code that the profile does not know stops the file.
"""

from __future__ import annotations

import pandas as pd

from pipeline.contract import Contract, check_codes
from pipeline.intake.profiles import Layout


def translated(frame: pd.DataFrame, contract: Contract, layout: Layout, *, where: str) -> pd.DataFrame:
    """`frame` (text, the contract's names and those not used, `row`) as the contract writes it.

    Raises IntegrityError where a mapped column holds a code that the profile does not know.
    """
    used = frame[[name for name in frame if name in contract.names or name == "row"]]
    return _codes(used, layout, where=where)


def _codes(frame: pd.DataFrame, layout: Layout, *, where: str) -> pd.DataFrame:
    found = {}
    for column, codes in layout.codes.items():
        if column in frame:
            values = frame[column].str.strip(" ")
            check_codes(column, values, codes, frame["row"], where=where)
            found[column] = values.replace(codes)
    return frame.assign(**found)
