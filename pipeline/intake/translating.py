"""A supplier's way of writing, turned into the contract's: what is used, dates, NHS numbers, codes.

Nothing is guessed. A value that is not written as the profile says stays as it came, so that the row's
rules find it; a code that the profile does not know stops the file.
"""

from __future__ import annotations

import pandas as pd

from pipeline.contract import Contract, check_codes
from pipeline.intake.dates import as_iso
from pipeline.intake.profiles import Layout

_SPACED = r"\A([0-9]{3}) ([0-9]{3}) ([0-9]{4})\z"


def translated(frame: pd.DataFrame, contract: Contract, layout: Layout, *, where: str) -> pd.DataFrame:
    """`frame` (text, the contract's names and those not used, `row`) as the contract writes it.

    A column that comes in a companion file is there, and blank. Raises IntegrityError where a mapped
    column holds a code that the profile does not know.
    """
    used = frame[[name for name in frame if name in contract.names or name == "row"]]
    used = used.assign(**{name: pd.Series("", used.index, dtype="str") for name in layout.elsewhere})
    used = _codes(_blanks(used, layout), layout, where=where)
    return _nhs_numbers(_dates(used, contract, layout), contract, layout)


def _blanks(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    columns = {name: words for name, words in layout.blanks.items() if name in frame}
    found = {name: frame[name].mask(_bare(frame[name]).isin(words), "") for name, words in columns.items()}
    return frame.assign(**found)


def _codes(frame: pd.DataFrame, layout: Layout, *, where: str) -> pd.DataFrame:
    found = {}
    for column, codes in layout.codes.items():
        if column in frame:
            values = _bare(frame[column])
            check_codes(column, values, codes, frame["row"], where=where)
            found[column] = values.replace(codes)
    return frame.assign(**found)


def _dates(frame: pd.DataFrame, contract: Contract, layout: Layout) -> pd.DataFrame:
    """Days and moments as the contract writes them; the time of a column of days is left out."""
    found = {}
    for column in contract.of_type("date", "timestamp"):
        pattern = layout.dates.get(column) or layout.dates.get("*")
        if pattern and column in frame:
            timed = contract.column(column).logical_type == "timestamp"
            found[column] = as_iso(_bare(frame[column]), pattern, timed=timed)
    return frame.assign(**found)


def _nhs_numbers(frame: pd.DataFrame, contract: Contract, layout: Layout) -> pd.DataFrame:
    """Ten digits for a number that is written in groups of three, three and four."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if layout.nhs_numbers == "plain":
        return frame
    found = {}
    for column in [one.name for one in contract.columns if one.is_nhs_number and one.name in frame]:
        text = pa.chunked_array(pa.array(_bare(frame[column])))
        plain = pc.replace_substring_regex(text, _SPACED, r"\1\2\3").to_pandas()
        found[column] = pd.Series(plain.array, index=frame.index, dtype="str")
    return frame.assign(**found)


def _bare(values: pd.Series) -> pd.Series:
    """Without the spaces around it, as validation reads it."""
    return values.str.strip(" ")
