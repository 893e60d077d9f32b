"""What each field of an agreement takes from the births or their areas, and what it becomes on a list.

This is the only place that reads a birth's own columns: a field that an agreement does not name is
never read for its lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.agreements.model import ListField
from pipeline.lists import names

# One column's values, as a list of its children's values for each household.
Grouped = Sequence[Sequence[str]]

# Between the dates or the numbers of siblings, in a cell that machines may read.
SEPARATOR = ";"

# The column that `pipeline.lists.pseudonyms` makes; no birth has it.
PSEUDONYM = "pseudonym"

_ADDRESS = (*(f"address_line_{line}" for line in range(1, 6)), "postcode")


@dataclass(frozen=True)
class Shown:
    """One field: the columns of births and areas it reads, the list's columns it fills, and how."""

    sources: tuple[str, ...]
    columns: tuple[str, ...]
    fill: Callable[..., list[list[str]]]  # a Grouped for each source -> values for each column


def _child_name(given: Grouped, family: Grouped) -> list[list[str]]:
    homes = list(zip(given, family, strict=True))
    return [[names.addressed_to(*home) for home in homes], [names.children(*home) for home in homes]]


def _parent_name(given: Grouped, family: Grouped) -> list[list[str]]:
    return [[_parents(*home) for home in zip(given, family, strict=True)]]


def _parents(given: Sequence[str], family: Sequence[str]) -> str:
    full = [
        f"{names.as_written(first)} {names.as_written(last)}".strip()
        for first, last in zip(given, family, strict=True)
    ]
    return names.in_words(names.distinct(full))


def _address(*parts: Grouped) -> list[list[str]]:
    # Siblings of one household have one dwelling; the eldest child's lines are the ones on the card.
    *lines, postcode = ([home[0] for home in part] for part in parts)
    return [*lines, [_spaced(code) for code in postcode]]


def _spaced(postcode: str) -> str:
    """A postcode as the post office writes it: upper case, one space before the last three."""
    compact = "".join(postcode.upper().split())
    return f"{compact[:-3]} {compact[-3:]}".strip()


def _each_once(values: Grouped) -> list[list[str]]:
    return [[SEPARATOR.join(names.distinct(home)) for home in values]]


def _phrase(values: Grouped) -> list[list[str]]:
    return [[names.in_words(names.distinct(home)) for home in values]]


def _months(days: Grouped) -> list[list[str]]:
    return _each_once([[day[:7] for day in home] for home in days])


def _of_the_home(*parts: Grouped) -> list[list[str]]:
    # Siblings of one household have one dwelling, and so one area.
    return [[home[0] for home in part] for part in parts]


def _decile(deciles: Grouped) -> list[list[str]]:
    return [["" if home[0] == "0" else home[0] for home in deciles]]


SHOWN: dict[ListField, Shown] = {
    ListField.PSEUDONYM: Shown((PSEUDONYM,), (PSEUDONYM,), _each_once),
    ListField.CHILD_NAME: Shown(("given_name", "family_name"), ("addressed_to", "children"), _child_name),
    ListField.PARENT_NAME: Shown(("parent_given_name", "parent_family_name"), ("parent",), _parent_name),
    ListField.ADDRESS: Shown(_ADDRESS, _ADDRESS, _address),
    ListField.DATE_OF_BIRTH: Shown(("date_of_birth",), ("date_of_birth",), _each_once),
    ListField.EXPECTED_DATE_OF_DELIVERY: Shown(
        ("date_of_birth",), ("expected_date_of_delivery",), _each_once
    ),
    ListField.MONTH_OF_BIRTH: Shown(("date_of_birth",), ("month_of_birth",), _months),
    ListField.SEX: Shown(("sex",), ("sex",), _each_once),
    ListField.LANGUAGE: Shown(("language",), ("language",), _phrase),
    ListField.NHS_NUMBER: Shown(("nhs_number",), ("nhs_number",), _each_once),
    ListField.WARD: Shown(("ward", "ward_name"), ("ward", "ward_name"), _of_the_home),
    ListField.LSOA: Shown(("lsoa21",), ("lsoa21",), _of_the_home),
    ListField.LOCALITY: Shown(("locality", "locality_name"), ("locality", "locality_name"), _of_the_home),
    ListField.DEPRIVATION_DECILE: Shown(("deprivation_decile",), ("deprivation_decile",), _decile),
}


def ordered(fields: Sequence[ListField]) -> list[ListField]:
    """An agreement's fields in the order in which every list shows them."""
    return [field for field in SHOWN if field in fields]
