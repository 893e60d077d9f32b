"""One recipient's list: one row for each household, and only what the agreement names."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from pipeline.agreements.model import Agreement, ListField
from pipeline.errors import IntegrityError
from pipeline.lists.fields import SHOWN, Grouped, ordered
from pipeline.lists.totals import AreaNumbers
from pipeline.reasons import Outcome, Reason, ReasonClass
from pipeline.records import Month

# No card goes to a home where one of these is known of a child of the same household.
_NEVER = sum(
    reason.bit
    for reason in Reason
    if reason.reason_class is ReasonClass.NEVER and reason is not Reason.DUPLICATE_RECORD
)

# The post's order where the address is shared, else the words' own.
_SORT_FIRST = ("postcode", "address_line_1")


@dataclass(frozen=True)
class FamilyList:
    """What one recipient receives for one month under one agreement."""

    recipient: str
    agreement: Agreement
    month: Month
    rows: pd.DataFrame = field(repr=False)  # a household each; text columns as in lists.fields
    children: list[str] = field(repr=False)  # keyed references of the children on the list, sorted
    totals: AreaNumbers


def compile_list(
    births: pd.DataFrame,
    decisions: pd.DataFrame,
    agreement: Agreement,
    recipient: str,
    month: Month,
    numbers: AreaNumbers,
) -> FamilyList:
    """The list of one recipient from one agreement's gated decisions (records.DECISIONS).

    Of `births` only the reference, child, dwelling, birth_order and the sources of the agreement's
    fields are read. The rows' order does not depend on the extract's. Raises IntegrityError when a
    row to be shared is not exactly one known birth with no reason against it, or shares its
    household with a child that no agreement may share (the decision rules, "Households").
    """
    _check_decided_once(decisions)
    shared = decisions[(decisions["outcome"] == Outcome.SHARE) & (decisions["recipient"] == recipient)]
    _check_nothing_against(shared, decisions)
    fields = ordered(agreement.fields)
    children = _children(births, shared, fields)
    return FamilyList(
        recipient, agreement, month, _rows(children, fields), sorted(children["child"].tolist()), numbers
    )


def _check_decided_once(decisions: pd.DataFrame) -> None:
    if decisions["reference"].duplicated().any():
        raise _broken("A birth was decided twice under one agreement")


def _check_nothing_against(shared: pd.DataFrame, decisions: pd.DataFrame) -> None:
    if (shared["reasons"] != 0).any():
        raise _broken("A birth is to be shared and has a reason against it")
    never = decisions.loc[(decisions["reasons"] & _NEVER) != 0, "household"]
    if shared["household"].isin(never).any():
        raise _broken("A household is to be shared though one of its children may never be")


def _children(births: pd.DataFrame, shared: pd.DataFrame, fields: list[ListField]) -> pd.DataFrame:
    """The births to be shared with the columns that the fields need; households together, eldest first."""
    sources = [source for wanted in fields for source in SHOWN[wanted].sources]
    columns = ["reference", "child", "dwelling", "birth_order", *sources]
    known = births.loc[births["reference"].isin(shared["reference"]), columns].set_index("reference")
    if len(known) != len(shared) or not known.index.is_unique:
        raise _broken("A birth to be shared is not exactly one birth of the month")
    children = known.loc[shared["reference"]].assign(household=shared["household"].to_numpy())
    _check_same_people(children, shared)
    # 0 is blank; 8 (not applicable) and 9 (not known) come last by themselves.
    return children.assign(birth_order=children["birth_order"].replace(0, 9)).sort_values(
        ["household", "birth_order", "child"]
    )


def _check_same_people(children: pd.DataFrame, shared: pd.DataFrame) -> None:
    if (children["child"].to_numpy() != shared["child"].to_numpy()).any():
        raise _broken("A decision and its birth are not about the same child")
    if children["child"].duplicated().any():
        raise _broken("A child would be on the list twice")
    if (children.groupby("household")["dwelling"].nunique() > 1).any():
        raise _broken("One household has two addresses")


def _broken(what: str) -> IntegrityError:
    return IntegrityError(what, do="The list was not made. Keep the home as it is and report this.")


def _rows(children: pd.DataFrame, fields: list[ListField]) -> pd.DataFrame:
    bounds = _bounds(children["household"].to_numpy())
    columns: dict[str, list[str]] = {}
    for wanted in fields:
        shown = SHOWN[wanted]
        values = shown.fill(*(_grouped(children[source], bounds) for source in shown.sources))
        columns.update(zip(shown.columns, values, strict=True))
    rows = pd.DataFrame(columns, index=range(len(bounds)), dtype="str")
    first = [column for column in _SORT_FIRST if column in rows]
    return rows.sort_values([*first, *rows.columns.difference(first)], ignore_index=True)


def _bounds(household: np.ndarray) -> list[tuple[int, int]]:
    """Where each household's children begin and end; they stand together."""
    edges = np.flatnonzero(np.diff(household)) + 1
    return list(pairwise([0, *edges.tolist(), len(household)])) if len(household) else []


def _grouped(column: pd.Series, bounds: list[tuple[int, int]]) -> Grouped:
    text = column.dt.strftime("%Y-%m-%d").fillna("") if column.dtype.kind == "M" else column
    values = text.tolist()
    return [values[start:end] for start, end in bounds]
