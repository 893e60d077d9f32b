"""Expected births as births, so that one decision serves both.

What is said of the woman is said of the birth: where she died, or the pregnancy does not go on, no
agreement can lift what follows.
"""

from __future__ import annotations

import pandas as pd

from pipeline.contract import contract_of
from pipeline.records import declared, empty

LIVE, NOT_STATED, NOT_LIVE = "1", "", "2"

# Every status that is not here stands for a pregnancy that does not go on, however it ended.
GOES_ON = {"continuing": LIVE, "": NOT_STATED}


def as_births(expected: pd.DataFrame) -> pd.DataFrame:
    """Rows of the contract for expected births in the columns of the contract for births, and `row`.

    The date of birth is the expected date of delivery, the NHS number is the pregnant woman's, and she
    is the named parent. Columns that expected births do not have are blank.
    """
    columns = contract_of("births").dtypes
    blank = empty(columns).reindex(expected.index)
    shared = {name: expected[name] for name in columns if name in expected}
    births = blank.assign(
        **shared,
        date_of_birth=expected["expected_date_of_delivery"],
        live_or_still_birth=expected["pregnancy_status"].map(GOES_ON).fillna(NOT_LIVE),
        number_of_births=1,
        # That a notice of the woman's death was removed takes back no word about the pregnancy.
        death_status=expected["parent_death_status"].where(expected["parent_death_status"] != "U", ""),
        parent_nhs_number=expected["nhs_number"],
    )
    filled = births.fillna(
        {name: "" if dtype == "str" else 0 for name, dtype in columns.items() if dtype in ("str", "int16")}
    )
    return declared(filled, columns).assign(row=expected["row"])
