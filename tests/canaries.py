"""Three families whose values occur nowhere else, and the search for them.

One is shared, one is held, one breaks a rule. Whatever is not a sealed file must hold none of their values.
What is said of them later, and in the companion file of answers, has values of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from pipeline.contract import contract_of

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

CANARY = {
    "record_id": "canary-record",
    "given_name": "Quillawren",
    "family_name": "Zanthwick",
    "parent_given_name": "Ysoldewyn",
    "parent_family_name": "Zanthwick-Brume",
    "parent_date_of_birth": "1987-02-13",
    "address_line_1": "Flat 4711, Plumstone Wharf",
    "address_line_2": "Vixenhollow",
    "address_line_3": "Umberleigh Quay",
    "address_line_4": "Xerxesford",
    "address_line_5": "Kestrelshire",
    "address_since": "1999-07-23",
    "language": "quenya-dialect",
    "consent_given_by": "foster-aunt-in-law",
}
SHARED = {"nhs_number": "9997786424", "parent_nhs_number": "9994994972"}
HELD = {"nhs_number": "9995790114", "postcode": "QX4 7ZQ"}
# At a home of its own: where nobody knows whom a row means, its home stands in for the child.
# Its row holds what would keep another from being shared: days long past, a form that nobody knows.
SET_ASIDE = {
    "nhs_number": "999 123 4567",
    "given_name": "=Quarrelsome",
    "postcode": "QX4 7ZR",
    "time_of_birth": "25:61:07",
    "date_of_death": "1998-05-19",
    "consent_date": "1997-04-08",
    "consent_scope": "umbrella-menders",
    "consent_wording": "wording-of-nowhere",
    "notice_date": "1996-03-07",
    "objection_date": "1995-02-06",
    "last_updated": "1994-01-05T03:47:12",
}

# What a companion file says of the family that is held.
ANSWERED = {
    "record_id": "canary-answer",
    "nhs_number": HELD["nhs_number"],
    "consent_status": "given",
    "consent_date": "1993-12-04",
    "consent_scope": "lantern-keepers",
    "consent_wording": "wording-of-elsewhere",
    "consent_given_by": "grandmother-in-law",
}

# What a feed says of them later, of its kind of subject.
LATER = (
    {"subject": "child", "nhs_number": SHARED["nhs_number"], "word": "child_died"},
    {
        "subject": "address",
        "address_line_1": CANARY["address_line_1"],
        "postcode": HELD["postcode"],
        "word": "suppressed",
        "record_id": "canary-word",
    },
    {
        "subject": "pregnancy",
        "nhs_number": SHARED["parent_nhs_number"],
        "pregnancy_id": "canary-pregnancy",
        "word": "consent_withdrawn",
        "since": "1992-11-03",
    },
)

CODED = ("subject", "word", "consent_status")

# As careless code would quote them.
_PLANTED = (CANARY, SHARED, HELD, SET_ASIDE, ANSWERED, *LATER)
QUOTED = " ".join(value for family in _PLANTED for name, value in family.items() if name not in CODED)

# Not made from families: what the postcode directory and the reach areas say of every postcode.
PUBLIC = ("reference", "state/reach")


def with_canaries(extract: pd.DataFrame) -> pd.DataFrame:
    """The extract with the three families in the place of its first three rows."""
    ordinary = extract[extract["record_id"] == "case-death-removed-1"].iloc[0].to_dict()
    families = [
        ordinary | CANARY | {"death_status": "", "record_id": f"canary-record-{place}"} | own
        for place, own in enumerate((SHARED, HELD, SET_ASIDE))
    ]
    return pd.concat([pd.DataFrame(families, dtype="str"), extract.iloc[3:]], ignore_index=True)


def values_of(extract: pd.DataFrame) -> list[str]:
    """Every personal value of the three families, and of what is said of them beside their extract."""
    own = [*CANARY, *SHARED, *HELD, "date_of_birth"]
    values = {value for column in own for value in extract[column].iloc[:3]}
    values |= {said[name] for said in (SET_ASIDE, ANSWERED, *LATER) for name in said if name not in CODED}
    return sorted(values - {""})


def telling(extract: pd.DataFrame, whose: pd.Series[bool]) -> list[str]:
    """Personal values of any families in the extract that no other text holds by chance."""
    columns = ("record_id", "nhs_number", "parent_nhs_number", "parent_date_of_birth", "address_line_1")
    return sorted({value for column in columns for value in extract.loc[whose, column]} - {""})


def personal_columns(kind: str) -> set[str]:
    """The columns of a contract whose values can be told from any other's: no codes, no small numbers."""
    return {one.name for one in contract_of(kind).columns if not one.codes and one.logical_type != "integer"}


def spellings(value: str) -> set[bytes]:
    """The ways in which a value could be written somewhere."""
    words = {value, value.upper(), value.lower(), value.replace(" ", ""), value.replace("-", "")}
    if DAY.fullmatch(value[:10]):
        day = date.fromisoformat(value[:10])
        words |= {f"{day:%d/%m/%Y}", f"{day.day} {day:%B %Y}"}
    if value.startswith("999"):
        words.add(f"{value[:3]} {value[3:6]} {value[6:]}")
    return {word.encode(coding) for word in words for coding in ("utf-8", "utf-16-le")}


@dataclass
class Search:
    """Where the canaries were found, by value and place; never the place's content."""

    values: list[str]
    found: set[tuple[str, str]] = field(default_factory=set)

    def text(self, place: str, content: str) -> None:
        self.bytes(place, content.encode())

    def bytes(self, place: str, content: bytes) -> None:
        for value in self.values:
            if any(spelling in content for spelling in spellings(value)):
                self.found.add((value, place))

    def kept(self, places: Iterable[tuple[str, bytes]]) -> None:
        """Search places as `airflow_kept` gives them."""
        for place, content in places:
            self.bytes(place, content)

    def folder(self, folder: Path, *, leaving_out: tuple[str, ...] = ()) -> None:
        # gpg's own helpers may take their files away while they are looked at; os.walk passes over these.
        for place, _, names in os.walk(folder):
            for file in (Path(place, name) for name in names):
                inside = file.relative_to(folder)
                if file.is_file() and not any(inside.is_relative_to(part) for part in leaving_out):
                    with suppress(FileNotFoundError):
                        self.bytes(str(inside), file.read_bytes())
