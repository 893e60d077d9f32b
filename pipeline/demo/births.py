"""A month's extract of invented births, as a Child Health Information Service would send it.

Every hard case of `pipeline.demo.cases` stands in it at least once; the rest is as ordinary as a
real month: most parents agreed, some refused, some were not asked yet, a few families had twins,
some children have no name yet, and births of the two earlier months come again because their
parents' answer came late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.demo.case import Case, Setting, case_rows
from pipeline.demo.cases import CASES
from pipeline.demo.names import BOYS, FAMILIES, GIRLS, LANGUAGES, PARENTS, POST_TOWN, STREETS, TEMPORARY_NAMES
from pipeline.demo.nhs_numbers import nhs_numbers
from pipeline.errors import SettingsError
from pipeline.records import Month

Texts = npt.NDArray[np.str_]

MOST_BIRTHS = 400_000  # children and parents take their NHS numbers from one range

WORDING = "first-visit-form-2025"
SCOPE = "childrens_centre"

# How parents answered, of a thousand: this is the month that an authority hopes for, not a finding.
ANSWERS = {"given": 720, "refused": 70, "withdrawn": 10, "not_asked": 120, "": 80}

# Where families live, of a thousand, by the groups of `pipeline.demo.places.sample_postcodes`.
HOMES = {"live": 965, "terminated": 10, "neighbour": 15, "imprecise": 5, "gap": 5}

# What the siblings of one delivery have in common.
_OF_THE_FAMILY = (
    "date_of_birth", "family_name", "parent_given_name", "parent_family_name", "parent_nhs_number",
    "parent_date_of_birth", "address_line_1", "address_line_2", "address_line_3", "postcode", "language",
    "consent_status", "consent_date", "consent_scope", "consent_wording", "consent_given_by",
    "notice_date", "last_updated",
)  # fmt: skip


def synthetic_extract(
    month: Month, births: int, *, seed: int, places: pd.DataFrame, columns: Sequence[str]
) -> pd.DataFrame:
    """`births` rows of text in the contract's `columns`, the same for the same arguments.

    `places` has the columns postcode and group. The hard cases take at most half of the rows, in the
    order of their table, so that a small extract still has ordinary families. Dates are such that the
    extract can have been made on the first day of the following month. No births give a header only.
    Raises SettingsError as `check_births`.
    """
    check_births(births)
    rng = np.random.default_rng([seed, month.year, month.number])
    setting = Setting.of(month, places)
    chosen = _cases_that_fit(births // 2)
    of_cases = sum(len(case.rows) for case in chosen)
    children, parents = np.split(nhs_numbers(rng, 2 * births), 2)
    near = places[places["group"] == "live"]
    hard = case_rows(chosen, _families(rng, children[:of_cases], parents[:of_cases], setting, near), setting)
    families = _families(rng, children[of_cases:], parents[of_cases:], setting, places)
    rows = pd.concat([hard, _vary(rng, families, setting)], ignore_index=True).fillna("")
    shuffled = rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)
    return pd.DataFrame({name: shuffled.get(name, "") for name in columns}, index=shuffled.index, dtype="str")


def check_births(births: int) -> None:
    """Raises SettingsError for a number of births that the demonstration cannot make."""
    if not 0 <= births <= MOST_BIRTHS:
        raise SettingsError(f"The demonstration has 0 to {MOST_BIRTHS:,} births", where="--births")


def as_csv(frame: pd.DataFrame) -> bytes:
    """The extract as a supplier writes it: UTF-8, commas, quotes where needed, CR LF."""
    return frame.to_csv(index=False, lineterminator="\r\n").encode()


def _cases_that_fit(room: int) -> list[Case]:
    chosen, taken = [], 0
    for case in CASES:
        if taken + len(case.rows) > room:
            break
        chosen.append(case)
        taken += len(case.rows)
    return chosen


def _families(
    rng: np.random.Generator, children: Texts, parents: Texts, setting: Setting, places: pd.DataFrame
) -> pd.DataFrame:
    """Single births of the month to parents who agreed and were told; NHS numbers are given."""
    month, extracted, count = setting.month, setting.extracted, len(children)
    born = _days(month.first_day) + rng.integers(0, month.last_day.day, count)
    asked = np.minimum(born + rng.integers(10, 15, count), extracted)
    girl = _some(rng, count, 0.49)
    family = _pick(rng, FAMILIES, count)
    return pd.DataFrame(
        {
            "record_id": [f"{month.year}{month.number:02d}-{place:06d}" for place in range(1, count + 1)],
            "nhs_number": children,
            "date_of_birth": _written(born),
            "time_of_birth": _times(rng, count),
            "sex": np.where(girl, "2", "1"),
            "live_or_still_birth": "1",
            "number_of_births": "1",
            "birth_order": "1",
            "given_name": np.where(girl, _pick(rng, GIRLS, count), _pick(rng, BOYS, count)),
            "family_name": family,
            "parent_given_name": _pick(rng, PARENTS, count),
            "parent_family_name": np.where(_some(rng, count, 0.8), family, _pick(rng, FAMILIES, count)),
            "parent_nhs_number": parents,
            "parent_date_of_birth": _written(born - rng.integers(19 * 365, 43 * 365, count)),
            "address_line_1": _first_lines(rng, count),
            "address_line_2": "",
            "address_line_3": POST_TOWN,
            "postcode": _homes(rng, count, places, setting.hospital),
            "in_hospital": "N",
            "confidentiality": "U",
            "looked_after": "N",
            "adoption": "N",
            "safeguarding": "N",
            "language": "en",
            "consent_status": "given",
            "consent_date": _written(asked),
            "consent_scope": SCOPE,
            "consent_wording": WORDING,
            "consent_given_by": "mother",
            "notice_date": _written(np.minimum(born + rng.integers(1, 6, count), extracted)),
            "last_updated": _written(np.minimum(asked + rng.integers(0, 4, count), extracted)),
        }
    )


def _vary(rng: np.random.Generator, rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """What makes ordinary families differ: births of earlier months, answers, names, twins."""
    rows = _look_back(rng, rows, setting)
    rows = _answers(rng, rows)
    unnamed = _some(rng, len(rows), 0.06)
    rows.loc[unnamed, "given_name"] = _pick(rng, TEMPORARY_NAMES, len(rows))[unnamed]
    capitals = _some(rng, len(rows), 0.15)
    for name in ("given_name", "family_name", "parent_given_name", "parent_family_name"):
        rows.loc[capitals, name] = rows.loc[capitals, name].str.upper()
    abroad = _some(rng, len(rows), 0.12)
    rows.loc[abroad, "language"] = _pick(rng, LANGUAGES, len(rows))[abroad]
    unknown = _some(rng, len(rows), 0.03)
    rows.loc[unknown, ["parent_nhs_number", "parent_date_of_birth"]] = ""
    return _twins(rng, rows)


def _look_back(rng: np.random.Generator, rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Some births are of the two earlier months: their parents' answer came in this one."""
    back = rng.choice([0, 1, 2], size=len(rows), p=[0.78, 0.15, 0.07])
    for months in (1, 2):
        late = back == months
        earlier = setting.month.plus(-months)
        born = _days(earlier.first_day) + rng.integers(0, earlier.last_day.day, late.sum())
        rows.loc[late, "date_of_birth"] = _written(born)
        rows.loc[late, "notice_date"] = _written(born + rng.integers(1, 6, late.sum()))
    return rows


def _answers(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """The parents' answers; who was not asked, or whose answer is not recorded, has no date or form.

    A refusal has a date and nothing of what it would have covered.
    """
    drawn = rng.choice(list(ANSWERS), size=len(rows), p=np.array(list(ANSWERS.values())) / 1000)
    rows["consent_status"] = drawn
    unanswered = np.isin(drawn, ["", "not_asked"])
    rows.loc[unanswered, ["consent_date", "consent_scope", "consent_wording", "consent_given_by"]] = ""
    rows.loc[drawn == "refused", ["consent_scope", "consent_wording"]] = ""
    both = (drawn == "given") & _some(rng, len(rows), 0.4)
    rows.loc[both, "consent_scope"] = f"{SCOPE};library"
    return rows


def _twins(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """About three deliveries in two hundred are twins: the next row becomes the second child."""
    first = np.flatnonzero(_some(rng, len(rows) // 2, 0.015)) * 2
    second = first + 1
    for name in _OF_THE_FAMILY:
        rows.loc[second, name] = rows.loc[first, name].to_numpy()
    rows.loc[np.concatenate([first, second]), "number_of_births"] = "2"
    rows.loc[second, "birth_order"] = "2"
    return rows


def _homes(rng: np.random.Generator, count: int, places: pd.DataFrame, hospital: str) -> Texts:
    free = places[places["postcode"] != hospital]
    known = {group: free.loc[free["group"] == group, "postcode"].to_numpy(dtype=str) for group in HOMES}
    groups = {group: postcodes for group, postcodes in known.items() if len(postcodes)}
    shares = np.array([HOMES[group] for group in groups], dtype=np.float64)
    drawn = rng.choice(list(groups), size=count, p=shares / shares.sum())
    homes: Texts = np.full(count, "", dtype="U10")
    for group, postcodes in groups.items():
        here = drawn == group
        homes[here] = rng.choice(postcodes, size=int(here.sum()))
    return homes


def _first_lines(rng: np.random.Generator, count: int) -> Texts:
    numbers = rng.integers(1, 180, count).astype(str)
    flats = np.where(_some(rng, count, 0.1), "Flat 2, ", "")
    lines: Texts = np.char.add(np.char.add(np.char.add(flats, numbers), " "), _pick(rng, STREETS, count))
    return lines


def _times(rng: np.random.Generator, count: int) -> Texts:
    minutes = rng.integers(0, 24 * 60, count).astype("timedelta64[m]")
    whole: Texts = (np.datetime64("2000-01-01T00:00") + minutes).astype(str)
    return np.array([moment[11:] for moment in whole.tolist()], dtype="U5")


def _some(rng: np.random.Generator, count: int, share: float) -> npt.NDArray[np.bool_]:
    """Which of many are among a share of them, by lot."""
    chosen: npt.NDArray[np.bool_] = rng.random(count) < share
    return chosen


def _pick(rng: np.random.Generator, choices: Sequence[str], count: int) -> Texts:
    picked: Texts = np.array(choices)[rng.integers(0, len(choices), count)]
    return picked


def _days(day: date) -> np.datetime64:
    return np.datetime64(day, "D")


def _written(days: npt.NDArray[np.datetime64]) -> Texts:
    text: Texts = days.astype("datetime64[D]").astype(str)
    return text
