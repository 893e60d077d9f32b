"""Births with a stand-in for every personal value, about which any agreement decides the same.

Proposed agreements are replayed on past months, long after the families' names and addresses were
destroyed. A rule asks of a name only whether it equals another, of an NHS number only its range, of
an address only whether it is there and whether two rows agree on it; that is all that is left here.
The days that rules count from stay as they are, and so do the keyed references.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.agreements.model import PREGNANCY_DAYS
from pipeline.consent.answers import one_person
from pipeline.consent.facts import COLUMNS
from pipeline.consent.family import under_16
from pipeline.consent.never import in_range
from pipeline.consent.versions import ADDRESS, folded_address
from pipeline.nhs_number import FOR_TESTS, ISSUED

# Ten digits in the range, whose check digit does not fit: nobody's number.
ISSUED_NUMBER, TEST_NUMBER = "4000000000", "9990000000"

# A line that is there and says nothing.
SOME_LINE = "-"

# Of a death or an objection only whether it is dated counts, never the day.
SOME_DAY = pd.Timestamp(1900, 1, 1)


def coded(births: pd.DataFrame, answers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same births (facts.COLUMNS) and companion answers (records.ANSWERS) in stand-ins.

    `decide` gives the same decisions for both, under any agreement and at any moment.
    """
    stand_ins = {
        "nhs_number": _number(births["nhs_number"]),
        "family_name": _name(births),
        "parent_date_of_birth": _parent(births),
        **_address(births),
        **{day: _some_day(births[day]) for day in ("date_of_death", "objection_date")},
    }
    people, others = _people(births, answers)
    without_values = births[COLUMNS].assign(**stand_ins, consent_given_by=people)
    return without_values.astype(births.dtypes[COLUMNS].to_dict()), answers.assign(person=others)


def _number(number: pd.Series[str]) -> pd.Series[str]:
    """One number for each range that a rule tells apart; blank for what no range holds."""
    issued, of_test = in_range(number, ISSUED), in_range(number, [FOR_TESTS])
    kinds = np.select([issued, of_test], [ISSUED_NUMBER, TEST_NUMBER], "")
    return pd.Series(kinds, index=number.index)


def _name(births: pd.DataFrame) -> pd.Series[str]:
    """A number for each family name of a dwelling; blank where no rule compares it."""
    name = births["family_name"].str.upper().str.strip()
    return _labels(name.where(births["dwelling"] != "", ""), births["dwelling"])


def _parent(births: pd.DataFrame) -> pd.Series:
    """A date of birth that gives the same answer to `parent_under_16`, before a birth and after."""
    born, parent = births["date_of_birth"], births["parent_date_of_birth"]
    begun = born - pd.Timedelta(days=PREGNANCY_DAYS)
    turned_16_on_the_day = born - pd.DateOffset(years=16)
    between = turned_16_on_the_day.where(under_16(begun, parent))
    return between.mask(under_16(born, parent), born)


def _address(births: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """Whether a line and a postcode are there, and which rows of one child give the same address."""
    there = {
        column: (births[column].str.strip() != "").map({True: SOME_LINE, False: ""})
        for column in ("address_line_1", "postcode")
    }
    nothing = {column: pd.Series("", index=births.index) for column in ADDRESS}
    return {**nothing, **there, "address_line_2": _labels(folded_address(births), births["child"])}


def _some_day(days: pd.Series) -> pd.Series:
    return days.mask(days.notna(), SOME_DAY)


def _people(births: pd.DataFrame, answers: pd.DataFrame) -> tuple[pd.Series[str], pd.Series[str]]:
    """A number for each person who answered about one child, the same in both frames."""
    person = one_person(pd.concat([births["consent_given_by"], answers["person"]], ignore_index=True))
    child = pd.concat([births["child"], answers["child"]], ignore_index=True)
    labels = _labels(person, child).to_numpy()
    mine, others = labels[: len(births)], labels[len(births) :]
    return pd.Series(mine, births.index, dtype="str"), pd.Series(others, answers.index, dtype="str")


def _labels(values: pd.Series[str], within: pd.Series[str]) -> pd.Series[str]:
    """A number for each value, counted anew within each group; blank stays blank."""
    codes = pd.Series(pd.factorize(values)[0], index=values.index)
    lowest = codes.groupby(within).transform("min")
    return (codes - lowest + 1).astype("str").where(values != "", "")
