"""Checks of counts: how many, and where."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.validation.rows import Mask, Rows

ALL = "all"  # the area of the whole
WARD, LSOA = "ward", "lsoa21"  # the kinds of area, as geography calls them
_KINDS = {WARD: r"[EW]05[0-9]{6}", LSOA: r"[EW]01[0-9]{6}"}


def whole_count(rows: Rows, name: str) -> Mask:
    """Not a whole number from 0 to 9999, without a sign, a point or a zero in front."""
    return rows.filled(name) & ~rows.matches(name, r"\A(0|[1-9][0-9]{0,3})\z")


def area_code(rows: Rows, name: str) -> Mask:
    """Neither the whole nor the code of an area of a known kind."""
    return rows.filled(name) & ~rows.matches(name, rf"\A({ALL}|{'|'.join(_KINDS.values())})\z")


def other_month(rows: Rows, name: str) -> Mask:
    """Another month than the file's own."""
    return rows.filled(name) & np.asarray(rows.text[name] != str(rows.month), dtype=np.bool_)


def repeated(rows: Rows, name: str) -> Mask:
    """Another row has the same value."""
    return rows.filled(name) & np.asarray(rows.text[name].duplicated(keep=False), dtype=np.bool_)


def kind_of(area: str) -> str:
    """Which kind of area a code is of."""
    return WARD if area[1:3] == "05" else LSOA


CHECKS: dict[str, Callable[[Rows, str], Mask]] = {
    "whole_count": whole_count,
    "area_code": area_code,
    "other_month": other_month,
    "repeated": repeated,
}
