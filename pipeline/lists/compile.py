"""One recipient's list: a row for each household or each child, and only what the agreement names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from pipeline.agreements.model import Agreement, ListField
from pipeline.errors import IntegrityError
from pipeline.lists.columns import REFERENCE
from pipeline.lists.fields import PSEUDONYM, SHOWN, Grouped, ordered
from pipeline.lists.pseudonyms import pseudonyms
from pipeline.lists.references import list_name, receipt_code, row_reference
from pipeline.lists.totals import AreaNumbers
from pipeline.reasons import Outcome, Reason, ReasonClass
from pipeline.records import AREAS, Month, OnList

# No card goes to a home where one of these is known of a child of the same household.
_NEVER = sum(
    reason.bit
    for reason in Reason
    if reason.reason_class is ReasonClass.NEVER and reason is not Reason.DUPLICATE_RECORD
)

# The pseudonyms' order, which reveals nothing; or the post's; else the words' own.
_SORT_FIRST = (PSEUDONYM, "postcode", "address_line_1")


@dataclass(frozen=True)
class FamilyList:
    """What one recipient receives for one month under one agreement."""

    recipient: str
    agreement: Agreement
    month: Month
    fields: tuple[ListField, ...]  # what this kind of recipient may see
    # A household or a child each; text columns as in lists.fields, and REFERENCE.
    rows: pd.DataFrame = field(repr=False)
    on_list: list[OnList] = field(repr=False)  # the children on the list, sorted
    households: int
    totals: AreaNumbers
    receipt_code: str = field(repr=False)

    @property
    def name(self) -> str:
        """What the list is called, without the ending of its file."""
        return list_name(self.agreement.id, str(self.month), self.recipient)

    @property
    def children(self) -> list[str]:
        """Keyed references of the children on the list, sorted."""
        return [one.child for one in self.on_list]


def compile_list(
    births: pd.DataFrame,
    decisions: pd.DataFrame,
    agreement: Agreement,
    recipient: str,
    month: Month,
    numbers: AreaNumbers,
    *,
    kind: str,
    areas: pd.DataFrame,
    reference_key: bytes,
    pseudonym_key: bytes | None = None,
) -> FamilyList:
    """The list of one recipient of that kind from one agreement's gated decisions (records.DECISIONS).

    Of `births` only the reference, child, parent, dwelling, birth_order and the sources of the fields that
    this kind of recipient may see are read; of `areas` (records.AREAS) only what a field about areas names.
    The rows' order does not depend on the extract's. Raises IntegrityError when a row to be shared is
    not exactly one known birth with no reason against it, shares its household with a child that no
    agreement may share (the decision rules, "Households"), or lacks what a field needs.
    """
    _check_decided_once(decisions)
    shared = decisions[(decisions["outcome"] == Outcome.SHARE) & (decisions["recipient"] == recipient)]
    _check_nothing_against(shared, decisions)
    fields = ordered(agreement.fields_of(kind))
    children = _children(births, areas, shared, fields, pseudonym_key)
    one_for = "child" if agreement.household == "each_child" else "household"
    name = list_name(agreement.id, str(month), recipient)
    called = _called(children, one_for, partial(row_reference, reference_key, name))
    if not fields:
        called = called.mask(called != "", "")
    return FamilyList(
        recipient,
        agreement,
        month,
        tuple(fields),
        _rows(children, fields, called),
        _on_list(children, called),
        children["household"].nunique(),
        numbers,
        receipt_code(reference_key, name, children["child"].tolist()),
    )


def _called(children: pd.DataFrame, one_for: str, refer: Callable[[list[str]], str]) -> pd.Series:
    """For each child what its row is called: rows are one for each household or child."""
    named = children.groupby(one_for, sort=False)["child"].agg(lambda mine: refer(mine.tolist()))
    if named.duplicated().any():
        raise _broken("Two rows of one list would be called the same")
    return children[one_for].map(named).astype("str")


def _on_list(children: pd.DataFrame, called: pd.Series) -> list[OnList]:
    who = zip(children["child"], children["parent"], children["dwelling"], called, strict=True)
    return sorted(OnList(*one) for one in who)


def _check_decided_once(decisions: pd.DataFrame) -> None:
    if decisions["reference"].duplicated().any():
        raise _broken("A birth was decided twice under one agreement")


def _check_nothing_against(shared: pd.DataFrame, decisions: pd.DataFrame) -> None:
    if (shared["reasons"] != 0).any():
        raise _broken("A birth is to be shared and has a reason against it")
    never = decisions.loc[(decisions["reasons"] & _NEVER) != 0, "household"]
    if shared["household"].isin(never).any():
        raise _broken("A household is to be shared though one of its children may never be")


def _children(
    births: pd.DataFrame,
    areas: pd.DataFrame,
    shared: pd.DataFrame,
    fields: list[ListField],
    pseudonym_key: bytes | None,
) -> pd.DataFrame:
    """The births to be shared with the columns that the fields need; households together, eldest first."""
    sources = {source for wanted in fields for source in SHOWN[wanted].sources}
    of_areas = sorted(sources & set(AREAS))
    own = sorted(sources - set(AREAS) - {PSEUDONYM})
    known = _known(births, shared, ["child", "parent", "dwelling", "birth_order", *own])
    children = known.assign(household=shared["household"].to_numpy())
    if of_areas:
        children = children.join(_known(areas, shared, of_areas))
    if PSEUDONYM in sources:
        numbers = _known(births, shared, ["nhs_number"])["nhs_number"].tolist()
        children = children.assign(**{PSEUDONYM: pseudonyms(pseudonym_key, numbers)})
    _check_same_people(children, shared)
    # 0 is blank; 8 (not applicable) and 9 (not known) come last by themselves.
    return children.assign(birth_order=children["birth_order"].replace(0, 9)).sort_values(
        ["household", "birth_order", "child"]
    )


def _known(frame: pd.DataFrame, shared: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The columns of exactly the births to be shared, in their order, by reference."""
    wanted = frame["reference"].isin(shared["reference"])
    known = frame.loc[wanted, ["reference", *columns]].set_index("reference")
    if len(known) != len(shared) or not known.index.is_unique:
        raise _broken("A birth to be shared is not exactly one birth of the month")
    return known.loc[shared["reference"]]


def _check_same_people(children: pd.DataFrame, shared: pd.DataFrame) -> None:
    if (children["child"].to_numpy() != shared["child"].to_numpy()).any():
        raise _broken("A decision and its birth are not about the same child")
    if children["child"].duplicated().any():
        raise _broken("A child would be on the list twice")
    if (children.groupby("household")["dwelling"].nunique() > 1).any():
        raise _broken("One household has two addresses")


def _broken(what: str) -> IntegrityError:
    return IntegrityError(what, do="The list was not made. Keep the home as it is and report this.")


def _rows(children: pd.DataFrame, fields: list[ListField], called: pd.Series) -> pd.DataFrame:
    """One row for each value of `called`: household or child."""
    bounds = _bounds(pd.factorize(called)[0])
    columns: dict[str, list[str]] = {}
    for wanted in fields:
        shown = SHOWN[wanted]
        values = shown.fill(*(_grouped(children[source], bounds) for source in shown.sources))
        columns.update(zip(shown.columns, values, strict=True))
    if not fields:
        return pd.DataFrame(columns, dtype="str")
    columns[REFERENCE] = [called.iloc[start] for start, _ in bounds]
    first = [column for column in _SORT_FIRST if column in columns]
    order = [*first, *sorted(columns.keys() - set(first))]
    # Lists are short: pandas takes longer to make ready for sorting than this takes for all of it.
    rows = sorted(zip(*(columns[column] for column in order), strict=True))
    return pd.DataFrame(rows, columns=order, dtype="str")[list(columns)]


def _bounds(groups: np.ndarray) -> list[tuple[int, int]]:
    """Where the children of each row begin and end; they stand together."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    return list(pairwise([0, *edges.tolist(), len(groups)])) if len(groups) else []


def _grouped(column: pd.Series, bounds: list[tuple[int, int]]) -> Grouped:
    text = column.dt.strftime("%Y-%m-%d").fillna("") if column.dtype.kind == "M" else column.astype("str")
    values = text.tolist()
    return [values[start:end] for start, end in bounds]
