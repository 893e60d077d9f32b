"""A list as CSV, for a technical recipient's own system, as `schemas/LIST.md` describes it.

UTF-8, RFC 4180, values as they are: nothing is put before a value to calm a spreadsheet, for that
would corrupt it for every other reader. One OpenPGP message holds one file, so each row carries the
agreement, the day by which it must be destroyed, the receipt code and the number of births in the
area; the full conditions of use are in the signed agreement that the row names.

A list of no family, and a list of numbers alone, has one row with a blank reference: it is about no
family, and carries the rest.
"""

from __future__ import annotations

import csv
import io
from datetime import date

import pandas as pd

from pipeline.agreements.model import Shares
from pipeline.errors import IntegrityError
from pipeline.lists.columns import COLUMNS, RECEIPT_CODE, REFERENCE
from pipeline.lists.compile import FamilyList
from pipeline.lists.conditions import destroy_by
from pipeline.lists.telling import Told


def render_csv(family_list: FamilyList, *, made_on: date) -> bytes:
    """The list's columns, then what is the same on each row (lists.columns).

    Dates are YYYY-MM-DD, months YYYY-MM. Where siblings of one row have several dates or numbers, ";"
    is between them, in the order of birth.
    """
    agreement = family_list.agreement
    same_on_each_row = {
        "month": str(family_list.month),
        "agreement": f"{agreement.id}.v{agreement.version}",
        "destroy_by": destroy_by(agreement, made_on).isoformat(),
        **_number(family_list.totals.births),
        RECEIPT_CODE: family_list.receipt_code,
    }
    rows = _at_least_one(family_list).assign(**same_on_each_row)
    return rows.to_csv(index=False, lineterminator="\r\n").encode()


def _number(births: Told | None) -> dict[str, str]:
    """The columns of the number of births; all are blank where it is not told."""
    if births is None:
        return {}
    told = {"rounded": births.rounded, "least": births.least, "most": births.most}
    return {f"births_in_area_{name}": "" if one is None else str(one) for name, one in told.items()}


def _at_least_one(family_list: FamilyList) -> pd.DataFrame:
    """The list's rows; or one that is about no family, for what is said of the list itself."""
    if family_list.agreement.shares is Shares.TOTALS:
        return pd.DataFrame(index=[0])
    rows = family_list.rows
    return rows if len(rows) else rows.reindex([0], fill_value="")


def count_rows(rendered: bytes) -> int:
    """How many families or children a finished file holds a row of, read back from its bytes.

    Raises IntegrityError where a column or a value is not as `schemas/LIST.md` says.
    """
    header, *rows = csv.reader(io.StringIO(rendered.decode(), newline=""), strict=True)
    if header != [name for name in COLUMNS if name in header] or {*map(len, rows)} - {len(header)}:
        raise _not_as_published("The columns of a list")
    for place, name in enumerate(header):
        if not all(COLUMNS[name].fits(row[place]) for row in rows):
            raise _not_as_published(f"A value of the column {name}")
    if REFERENCE not in header:
        return 0
    called = header.index(REFERENCE)
    return sum(1 for row in rows if row[called])


def _not_as_published(what: str) -> IntegrityError:
    return IntegrityError(
        f"{what} is not as schemas/LIST.md says", do="The list was not sealed. Report this."
    )
