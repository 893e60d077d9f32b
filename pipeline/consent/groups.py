"""Rows that belong together: each row has the number of its group.

Most children have one row and most deliveries one child, so whatever compares rows looks first for the
groups that have several, and leaves the others alone.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

Groups: TypeAlias = npt.NDArray[np.intp]
Rows: TypeAlias = npt.NDArray[np.bool_]
Integer = TypeVar("Integer", bound=np.integer)


def numbered(key: pd.Series[str]) -> Groups:
    """Rows of one key as a group, numbered in the order in which the keys come."""
    return pd.factorize(key)[0]


def how_many(groups: Groups, among: Rows) -> npt.NDArray[np.intp]:
    """For each row how many of these rows are of its group."""
    return np.bincount(groups[among], minlength=int(groups.max(initial=0)) + 1)[groups]


def several(groups: Groups, among: Rows) -> Rows:
    """Those of these rows whose group has another of them."""
    shared: Rows = among & (how_many(groups, among) > 1)
    return shared


def pooled(join: np.ufunc, values: npt.NDArray[Integer], groups: Groups, rows: Rows) -> npt.NDArray[Integer]:
    """For each row the values of these `rows` of its group, joined; 0 where the group has none."""
    joined = np.zeros(int(groups.max(initial=0)) + 1, dtype=values.dtype)
    join.at(joined, groups[rows], values[rows])
    return joined[groups]
