"""A list as CSV, for a technical recipient's own system.

UTF-8, RFC 4180, values as they are: nothing is put before a value to calm a spreadsheet, for that
would corrupt it for every other reader. One OpenPGP message holds one file, so each row carries the
agreement, the day by which it must be destroyed and the number of births in the area; the full
conditions of use are in the signed agreement that the row names.

A list of numbers alone has one row, which is about no family.
"""

from __future__ import annotations

import csv
import io
from datetime import date

import pandas as pd

from pipeline.agreements.model import Shares
from pipeline.lists.compile import FamilyList
from pipeline.lists.conditions import destroy_by

_FIRST = "month"  # of the columns that are not about a family


def render_csv(family_list: FamilyList, *, made_on: date) -> bytes:
    """The list's columns, then month, agreement, destroy_by and, where agreed, births_in_area_rounded.

    Dates are YYYY-MM-DD, months YYYY-MM. Where siblings of one row have several dates or numbers, ";"
    is between them, in the order of birth.
    """
    agreement, births = family_list.agreement, family_list.totals.births
    same_on_each_row = {
        _FIRST: str(family_list.month),
        "agreement": f"{agreement.id}.v{agreement.version}",
        "destroy_by": destroy_by(agreement, made_on).isoformat(),
        **({} if births is None else {"births_in_area_rounded": str(births)}),
    }
    numbers_alone = agreement.shares is Shares.TOTALS
    rows = pd.DataFrame(index=[0]) if numbers_alone else family_list.rows
    return rows.assign(**same_on_each_row).to_csv(index=False, lineterminator="\r\n").encode()


def count_rows(rendered: bytes) -> int:
    """How many families or children a finished file holds a row of, read back from its bytes."""
    header, *rows = csv.reader(io.StringIO(rendered.decode(), newline=""))
    return 0 if header[0] == _FIRST else len(rows)
