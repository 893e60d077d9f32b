"""Checks that hold rows against one another: versions of one child's record, children of one delivery."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from pipeline.validation.rows import Mask, Rows, spread

Groups = npt.NDArray[np.intp]

_IDENTITY = ("nhs_number", "pregnancy_id")  # whom a row is about: those of them that the contract has
_NOT_FACTS = ("record_id", "last_updated")  # two rows may differ in these and still say the same
_SAYS_NOTHING = ("", "X")  # blank, or sex not known
_A_DAY = len("YYYY-MM-DD")
_REST_OF_DAY = np.timedelta64(86_399, "s")
_POSITIONS = [str(place) for place in range(1, 8)]  # birth order 8: not applicable, 9: not known


def version_tied(rows: Rows, name: str) -> Mask:
    """Another row of the same child says something else, and nobody can know which of them is newer.

    A row without the day may be the newest. Rows that are overtaken say nothing any more.
    """
    among, child = _versions(rows)
    newest = _newest(rows)
    facts = [column for column in rows.contract.names if column not in _NOT_FACTS]
    rivals = rows.text.loc[among & newest, facts].assign(child=child[newest[among]])
    accounts = np.bincount(rivals["child"], weights=~rivals.duplicated(), minlength=_groups(child))
    return spread(among, accounts[child] > 1) & newest


def versions_disagree(rows: Rows, name: str) -> Mask:
    """The rows of one child differ in a fact that does not change; what is not known differs from nothing."""
    among, child = _versions(rows)
    said = rows.text.loc[among, name]
    return spread(among, _several_values(said.mask(said.isin(_SAYS_NOTHING)), child))


def same_place(rows: Rows, name: str) -> Mask:
    """Another child of the same delivery has the same place in it."""
    among, delivery = _deliveries(rows)
    there = rows.text.loc[among, ["nhs_number", name]].assign(delivery=delivery)
    placed = there[there[name].isin(_POSITIONS)]
    children = placed.groupby(["delivery", name])["nhs_number"].transform("nunique")
    return spread(among, there.index.isin(children.index[children > 1]))


def numbers_differ(rows: Rows, name: str) -> Mask:
    """The rows of one delivery differ in how many were born."""
    among, delivery = _deliveries(rows)
    said = rows.text.loc[among, name]
    return spread(among, _several_values(said.mask(said == ""), delivery))


def same_child(rows: Rows, name: str, failed: Mask) -> Mask:
    """Another row with the same digits in its NHS number was set aside, but not this one.

    That row might say that the child died or that the parents refused; without it, this row's
    permission cannot be trusted.
    """
    if not failed.any():
        return rows.nothing
    digits = pd.Series(pc.replace_substring_regex(rows.column(name), r"[^0-9]", "").to_numpy())
    # A row that broke no rule so far has ten digits, so rows without any are never taken for one child.
    return np.asarray(digits.isin(digits[failed])) & ~failed


def _versions(rows: Rows) -> tuple[Mask, Groups]:
    """Rows of which another has the same NHS number, and a number for the child of each."""

    def find() -> tuple[Mask, Groups]:
        among = _shared(rows, "nhs_number")
        identity = [name for name in _IDENTITY if name in rows.contract.names]
        return among, rows.text.loc[among].groupby(identity, sort=False).ngroup().to_numpy().astype(np.intp)

    return rows.once("versions", find)


def _newest(rows: Rows) -> Mask:
    """Rows of which no newer version is known; a day alone may be any time of it."""

    def find() -> Mask:
        among, child = _versions(rows)
        updated = rows.dates["last_updated"][among]
        a_day = rows.text.loc[among, "last_updated"].str.len() == _A_DAY
        at_the_latest = updated.mask(a_day, updated + _REST_OF_DAY)
        return ~spread(among, np.asarray(at_the_latest < updated.groupby(child).transform("max")))

    return rows.once("newest", find)


def _deliveries(rows: Rows) -> tuple[Mask, Groups]:
    """Newest rows of which another has the same parent, and a number for the delivery: parent and day.

    A child whose number is not ten digits may be another row's.
    """

    def find() -> tuple[Mask, Groups]:
        children, _ = rows.numbers("nhs_number")
        among = _shared(rows, "parent_nhs_number") & _newest(rows) & children
        together = rows.text.loc[among].groupby(["parent_nhs_number", "date_of_birth"], sort=False)
        return among, together.ngroup().to_numpy().astype(np.intp)

    return rows.once("deliveries", find)


def _shared(rows: Rows, name: str) -> Mask:
    """Rows whose NHS number in that column, if it is ten digits, stands in another row too."""
    ten, numbers = rows.numbers(name)
    return spread(ten, pd.Series(numbers).duplicated(keep=False).to_numpy())


def _several_values(said: pd.Series, group: Groups) -> Mask:
    """Which of these rows are of a group of which rows say different things; a null says nothing."""
    repeated = pd.DataFrame({"said": said, "group": group}).duplicated()
    different = np.bincount(group, weights=said.notna() & ~repeated, minlength=_groups(group))
    return np.asarray(different[group] > 1)


def _groups(group: Groups) -> int:
    return int(group.max(initial=-1)) + 1


CHECKS: dict[str, Callable[[Rows, str], Mask]] = {
    check.__name__: check for check in (version_tied, versions_disagree, same_place, numbers_differ)
}
# These look at rows that other rules have set aside, and so come after them.
CHECKS_AFTERWARDS: dict[str, Callable[[Rows, str, Mask], Mask]] = {"same_child_set_aside": same_child}
