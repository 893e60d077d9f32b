"""What a hard case of the demonstration is, and how its rows are made from ordinary families.

The cases themselves are in `pipeline.demo.cases`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.records import Month

SHARE = "share"
QUARANTINED = "quarantined:"


@dataclass(frozen=True)
class Setting:
    """What the cases need to know of the month and of the places."""

    month: Month
    postcodes: Mapping[str, str]  # one postcode of each group of places
    hospital: str  # the postcode that stands for a hospital

    @classmethod
    def of(cls, month: Month, places: pd.DataFrame) -> Setting:
        """From places with the columns postcode and group; the same for the same places."""
        ordered = places.sort_values("postcode", ascending=False)  # so that the first of each group stays
        postcodes = dict(zip(ordered["group"].tolist(), ordered["postcode"].tolist(), strict=True))
        return cls(month, postcodes, hospital_postcode(places))

    @property
    def extracted(self) -> np.datetime64:
        """The day on which the supplier makes the extract."""
        return np.datetime64(self.month.plus(1).first_day, "D")


def hospital_postcode(places: pd.DataFrame) -> str:
    """The live postcode that the demonstration takes for a maternity hospital's."""
    return str(places.loc[places["group"] == "live", "postcode"].max())


# What a field becomes, from the setting and from what an ordinary family has there.
Change = Callable[[Setting, str], str]


@dataclass(frozen=True)
class CaseRow:
    """One row: what must become of it, and what differs from what it begins from.

    `expects` is "share", a reason code that must be among the row's reasons, or "quarantined:" and
    the id of the rule. `same` says what it begins from: "" an ordinary family, "family" the case's
    first row as a sibling of the delivery, "child" the first row as another version of the record,
    "all" the very same row again, "nothing" no value at all.
    """

    expects: str
    changes: Mapping[str, str | Change] = field(default_factory=dict)
    same: str = ""


@dataclass(frozen=True)
class Case:
    """One hard case."""

    id: str
    story: str
    rows: tuple[CaseRow, ...]

    def record_id(self, row: int) -> str:
        """The record_id of one of its rows, counted from 0."""
        same = self.rows[row].same
        return "" if same == "nothing" else f"case-{self.id}-{1 if same == 'all' else row + 1}"


def case_rows(cases: Sequence[Case], families: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The rows of the cases, each made from the next of `families`; there must be one for each row."""
    supply = iter(
        [dict(zip(families.columns, row, strict=True)) for row in families.to_numpy(dtype=str).tolist()]
    )
    made = [row for case in cases for row in _rows_of(case, [next(supply) for _ in case.rows], setting)]
    return pd.DataFrame(made, dtype="str").fillna("")


def _rows_of(case: Case, ordinary: list[dict[str, str]], setting: Setting) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    first: dict[str, str] = {}
    for place, (row, own) in enumerate(zip(case.rows, ordinary, strict=True)):
        base = _COMMON[row.same](first, _clean(own, setting))
        base["record_id"] = case.record_id(place)
        made = base | {
            name: _changed(change, base.get(name, ""), setting) for name, change in row.changes.items()
        }
        first = first or made
        rows.append(made)
    return rows


def _clean(own: Mapping[str, str], setting: Setting) -> dict[str, str]:
    """An ordinary family with the dates that the stories count from."""
    born = setting.month.first_day.replace(day=6)
    days = {"date_of_birth": born, "notice_date": born.replace(day=8), "consent_date": born.replace(day=18)}
    written = {name: day.isoformat() for name, day in days.items()}
    updated = born.replace(day=20).isoformat()
    return {**own, **written, "last_updated": updated}


_COMMON: dict[str, Callable[[dict[str, str], dict[str, str]], dict[str, str]]] = {
    "": lambda first, own: dict(own),
    "family": lambda first, own: first | {name: own[name] for name in ("nhs_number", "given_name", "sex")},
    "child": lambda first, own: dict(first),
    "all": lambda first, own: dict(first),
    "nothing": lambda first, own: {},
}


def _changed(change: str | Change, ordinary: str, setting: Setting) -> str:
    return change if isinstance(change, str) else change(setting, ordinary)
