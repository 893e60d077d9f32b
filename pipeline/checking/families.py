"""Frames of coded families, as the rooms would hand them on; nobody in them exists.

Each case is a family of its own, with its own child, parent and address, so that thousands can be decided
at once without touching one another. The row that a case is about has a reference that ends in `OURS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.checking.choices import ANOTHER_AUTHORITY, Choice, Day, Setting, Variable, dates_of
from pipeline.consent.facts import COLUMNS
from pipeline.contract import contract_of
from pipeline.records import (
    ANSWERS,
    BIRTH_KEYS,
    DISCLOSURES,
    PLACEMENTS,
    SUPPRESSIONS,
    declared,
    empty,
)

APART = 10  # between the references of two families
EARLIER, OURS, LATER = 4, 5, 6  # endings of references
SIBLINGS = (7, 8)
RECIPIENT = "recipient"

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Said = tuple[str, str, pd.Timestamp]  # whom it is said of, the word, since when

_BLANK: dict[str, Any] = {"str": "", "int16": 0, "int64": 0, "datetime64[s]": pd.NaT}
# What a brother or sister has in common with ours; everything else about them is ordinary.
_IN_COMMON = [
    "supplier", "parent", "dwelling", "address_since", "family_name", "date_of_birth", "number_of_births",
]  # fmt: skip


@dataclass(frozen=True)
class Cases:
    """Which choice each case makes: by variable, its position; the ordinary one where none is named."""

    variables: Mapping[str, Variable] = field(repr=False)
    chosen: Mapping[str, Positions] = field(repr=False)
    total: int

    def at(self, name: str) -> Positions:
        """Each case's choice of one variable, as a position."""
        return np.broadcast_to(self.chosen.get(name, np.int64(0)), self.total)

    def kinds(self, name: str) -> Iterator[tuple[Choice, Mask]]:
        """Each choice of a variable that some case makes, and which cases make it."""
        at = self.at(name)
        for position in np.unique(at):
            yield self.variables[name].choices[position], at == position

    def values(self, name: str) -> npt.NDArray[Any]:
        """Each case's value of one variable."""
        values = np.empty(len(self.variables[name].choices), dtype=object)
        values[:] = [one.value for one in self.variables[name].choices]
        return values[self.at(name)]

    def ordinary(self) -> Cases:
        """As many cases in which all is ordinary but the day of birth."""
        return Cases(self.variables, {"date_of_birth": self.at("date_of_birth")}, self.total)


@dataclass(frozen=True)
class Frames:
    """The inputs of one decision."""

    births: pd.DataFrame = field(repr=False)
    placements: pd.DataFrame = field(repr=False)
    suppressions: pd.DataFrame = field(repr=False)
    disclosures: pd.DataFrame = field(repr=False)
    answers: pd.DataFrame = field(repr=False)


def frames(setting: Setting, cases: Cases, *, behind: int) -> Frames:
    """The frames of all cases; `behind` says which month is decided."""
    ours = _rows(setting, cases)
    siblings = _siblings(setting, cases, ours)
    births = [ours, *_versions(setting, cases, ours), *siblings]
    together = _declared(pd.concat(births, ignore_index=True))
    return Frames(
        births=together,
        placements=_placements(setting, cases, together),
        suppressions=_words(setting, cases),
        disclosures=_disclosures(setting, cases, behind),
        answers=_answers(setting, cases),
    )


def _types() -> dict[str, str]:
    known = {**contract_of("births").dtypes, **BIRTH_KEYS}
    return {column: known[column] for column in COLUMNS}


def _declared(rows: pd.DataFrame) -> pd.DataFrame:
    return declared(rows, _types())


# --- rows -------------------------------------------------------------------------------------------


def _rows(setting: Setting, cases: Cases) -> pd.DataFrame:
    """Our row of each case."""
    number = pd.Series(np.arange(cases.total)).astype("str")
    rows = pd.DataFrame({column: _column(setting, cases, column) for column in COLUMNS}, index=number.index)
    postless = cases.at("address_line_1") + cases.at("postcode") > 0
    return _declared(rows.assign(
        reference=np.arange(cases.total) * APART + OURS,
        supplier=setting.agreement.suppliers[0],
        child="child-" + number,
        parent="parent-" + number,
        dwelling=("dwelling-" + number).mask(postless, ""),
        family_name="FAMILY",
    ))  # fmt: skip


def _column(setting: Setting, cases: Cases, column: str) -> Any:
    dtype = _types()[column]
    if column not in cases.variables:
        return _BLANK[dtype]
    return _dates(setting, cases, column) if dtype == "datetime64[s]" else cases.values(column)


def _dates(setting: Setting, cases: Cases, column: str) -> npt.NDArray[np.datetime64]:
    """Each case's date; one that is counted from the birth needs the case's own."""
    days = cases.variables["date_of_birth"].choices
    choices = cases.variables[column].choices
    table = np.array([dates_of(choices, setting.today, day.value) for day in days])
    found: npt.NDArray[np.datetime64] = table[cases.at("date_of_birth"), cases.at(column)]
    return found


def _date(setting: Setting, day: Day | None) -> pd.Timestamp:
    return pd.Timestamp(dates_of([Choice("", "", day)], setting.today, None)[0])


def _versions(setting: Setting, cases: Cases, ours: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The other row about the child: like ours, but for its day and what is the matter with it."""
    others = [(one.value, these) for one, these in cases.kinds("other_version") if one.value is not None]
    faulty = _with_faults(setting, ours, cases, "version") if others else ours
    for other, these in others:
        rows, ending = faulty[these], EARLIER if other.first else LATER
        yield rows.assign(reference=rows["reference"] - OURS + ending, last_updated=_date(setting, other.on))


def _siblings(setting: Setting, cases: Cases, ours: pd.DataFrame) -> list[pd.DataFrame]:
    """Ordinary brothers and sisters, born the same day; something may be the matter with the first."""
    if not cases.at("siblings").any():
        return []
    plain = _rows(setting, cases.ordinary()).assign(**ours[_IN_COMMON])
    plain["parent"] = plain["parent"].mask(cases.values("sibling_linked") == "home", "")
    first = _with_faults(setting, plain.assign(birth_order=cases.values("sibling_order")), cases, "sibling")
    found = []
    for place, rows in enumerate([first, plain.assign(birth_order=3)]):
        reference = rows["reference"] - OURS + SIBLINGS[place]
        rows = rows.assign(reference=reference, child=_sibling(reference))
        found.append(rows[cases.at("siblings") > place])
    return found


def _sibling(reference: pd.Series[int]) -> pd.Series[str]:
    return "sibling-" + reference.astype("str")


def _with_faults(setting: Setting, rows: pd.DataFrame, cases: Cases, name: str) -> pd.DataFrame:
    rows = rows.copy()
    for choice, these in cases.kinds(name):
        for column, value in choice.value.columns.items():
            rows.loc[these, column] = _date(setting, value) if isinstance(value, Day) else value
    return rows


# --- beside the rows --------------------------------------------------------------------------------


def _placements(setting: Setting, cases: Cases, births: pd.DataFrame) -> pd.DataFrame:
    """Where geography found every row; brothers and sisters have a place of their own."""
    family, ending = births["reference"] // APART, births["reference"] % APART
    plain = ending.isin(SIBLINGS).to_numpy()
    known = pd.concat([_places(setting, cases), _places(setting, cases.ordinary())])
    placed = known.iloc[family.to_numpy() + plain * cases.total].reset_index(drop=True)
    for name, endings in (("version", [EARLIER, LATER]), ("sibling", [SIBLINGS[0]])):
        moved = np.array([one.authority is not None for one in cases.values(name)])[family]
        placed.loc[moved & ending.isin(endings).to_numpy(), "authority"] = ANOTHER_AUTHORITY
    placed["reference"] = births["reference"].to_numpy()
    return declared(placed[placed["known"].to_numpy(dtype="bool")], PLACEMENTS)


def _places(setting: Setting, cases: Cases) -> pd.DataFrame:
    """Each case's place, as geography would tell it, and whether geography looked at all."""
    found, wanted = cases.values("placement"), setting.agreement.recipients
    served = wanted.named is None
    return pd.DataFrame({
        "network": wanted.placed_in,
        "status": ["unplaced" if one.reason else "placed" for one in found],
        "reason": [one.reason for one in found],
        "recipient": [RECIPIENT if served and one.recipient else "" for one in found],
        "matched": "",
        "authority": cases.values("authority"),
        "hospital": cases.values("hospital_postcode"),
        "known": [one.known for one in found],
    })  # fmt: skip


def _words(setting: Setting, cases: Cases) -> pd.DataFrame:
    """Everything that was said later, of our families and of their other children."""
    said: list[Said] = []
    for name in (name for name in cases.chosen if name.startswith("said_")):
        for choice, these in cases.kinds(name):
            for word in choice.value:
                subjects = [f"{word.of}-{number}" for number in np.flatnonzero(these)]
                said += _told(setting, subjects, word.word, word.on)
    for choice, these in cases.kinds("sibling"):
        references = pd.Series(np.flatnonzero(these) * APART + SIBLINGS[0])
        if choice.value.word:
            said += _told(setting, _sibling(references), choice.value.word, Day("today", -5))
    return declared(pd.DataFrame(said, columns=["subject", "word", "since"]), SUPPRESSIONS)


def _told(setting: Setting, subjects: Iterable[str], word: str, on: Day | None) -> list[Said]:
    since = _date(setting, on)
    return [(subject, word, since) for subject in subjects]


def _disclosures(setting: Setting, cases: Cases, behind: int) -> pd.DataFrame:
    """What was shared before."""
    mine = setting.agreement.id
    to = setting.agreement.recipients.named or RECIPIENT
    before, now = str(setting.month(behind + 3)), str(setting.month(behind))
    rows = {
        "before": (mine, to, before), "this_month": (mine, to, now),
        "elsewhere": (mine, "elsewhere", before), "otherwise": ("another", to, before),
    }  # fmt: skip
    found = [empty(DISCLOSURES)]
    for choice, these in cases.kinds("shared_before"):
        if choice.code in rows:
            agreement, recipient, month = rows[choice.code]
            child = "child-" + pd.Series(np.flatnonzero(these)).astype("str")
            found.append(pd.DataFrame(
                {"child": child, "agreement": agreement, "recipient": recipient, "month": month}
            ))  # fmt: skip
    return declared(pd.concat(found, ignore_index=True), DISCLOSURES)


def _answers(setting: Setting, cases: Cases) -> pd.DataFrame:
    """Answers in the companion file."""
    terms = setting.agreement.confidentiality
    found = [empty(ANSWERS)]
    for choice, these in cases.kinds("answers"):
        child = "child-" + pd.Series(np.flatnonzero(these)).astype("str")
        for one in choice.value:
            found.append(pd.DataFrame({
                "child": child, "person": one.person, "answer": one.answer, "date": _date(setting, one.on),
                "scope": (terms.scope or "") if one.scope is None else one.scope,
                "wording": next(iter(terms.wordings), "") if one.wording is None else one.wording,
            }).astype(ANSWERS))  # fmt: skip
    return declared(pd.concat(found, ignore_index=True), ANSWERS)
