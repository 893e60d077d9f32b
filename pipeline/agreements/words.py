"""Small words for what an agreement writes as codes and numbers; never used to decide anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from pipeline.agreements.model import ListField

FIELDS = {
    ListField.CHILD_NAME: "the child's name",
    ListField.DATE_OF_BIRTH: "the date of birth",
    ListField.EXPECTED_DATE_OF_DELIVERY: "the expected date of delivery",
    ListField.PARENT_NAME: "the parent's name",
    ListField.ADDRESS: "the address",
    ListField.LANGUAGE: "the language spoken at home",
    ListField.NHS_NUMBER: "the NHS number",
    ListField.WARD: "the ward",
    ListField.LSOA: "the small area of the census",
    ListField.DEPRIVATION_DECILE: "the deprivation decile of the neighbourhood",
    ListField.PSEUDONYM: "a pseudonym",
    ListField.MONTH_OF_BIRTH: "the month of birth",
    ListField.SEX: "the child's sex",
    ListField.LOCALITY: "the locality",
}
_ROLES = {
    "siro": "senior information risk owner",
    "dpo": "data protection officer",
}
_KINDS = {"childrens_centre": "children's centre", "gp": "general practice"}
_WEEK, _YEAR = 7, 365


def named(code: str) -> str:
    """A code as words: `family_hub` is a family hub."""
    if code.endswith("s") and code[:-1] in _KINDS:
        return several(code[:-1])
    return _KINDS.get(code, code.replace("_", " ").replace("-", " "))


def role(code: str) -> str:
    """A person's role as words."""
    return _ROLES.get(code, code.replace("_", " ").replace("caldicott", "Caldicott"))


def several(code: str) -> str:
    """A kind of recipient, as many: children's centres, libraries."""
    one = named(code)
    return one[:-1] + "ies" if one.endswith("y") and one[-2:-1] not in "aeiou" else one + "s"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as a sentence lists them: one, two and three."""
    *first, final = [*words] or ["nothing"]
    return f"{', '.join(first)} {last} {final}" if first else final


def days(number: int) -> str:
    """A number of days; also in years or weeks, where it is a whole number of them."""
    for unit, name, least in ((_YEAR, "year", _YEAR), (_WEEK, "week", 2 * _WEEK)):
        if number >= least and number % unit == 0:
            return f"{number} days ({counted(number // unit, name)})"
    return counted(number, "day")


def counted(number: int, what: str) -> str:
    """A number of things, one or many."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@lru_cache(maxsize=1024)  # a page says the same few days hundreds of times
def on_day(day: date) -> str:
    """A day as a letter writes it: 5 October 2026."""
    return f"{day.day} {day:%B %Y}"


def sentence(text: str) -> str:
    """Text that begins with a capital letter and ends with a stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
