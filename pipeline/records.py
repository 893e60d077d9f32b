"""The shared vocabulary: the frames that travel from room to room, and the few small records.

Births travel as pandas frames. Text columns are never null: a blank is the empty string. Dates
are `datetime64[s]`, blank is NaT. Small whole numbers are `int16`, blank is 0. `reference` is the
only key: a whole number that is unique within one month's run and means nothing outside it.

The births' own columns, types and codes are declared once, in `schemas/birth_extract.yaml`; the
frames that Birthshare makes from them are declared here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import SettingsError

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
TEMPLATES = SCHEMAS.parent / "sharing_agreements"

# Columns that validation adds to the contract's own when it hands on births.
BIRTH_KEYS = {
    "reference": "int64",  # unique within the month's run
    "supplier": "str",
    "row": "int64",  # record number in the supplier's file; the header is record 0
    "child": "str",  # keyed reference of the child (NHS number)
    "parent": "str",  # keyed reference of the named parent (NHS number); "" when not given
    "dwelling": "str",  # keyed reference of first address line and postcode; "" when either is blank
}

QUARANTINE = {"supplier": "str", "row": "int64", "field": "str", "rule": "str"}

# Whom rows in quarantine name, and what such a row says against sharing the child.
UNREAD = {
    "subject": "str",  # keyed reference
    "kind": "str",  # child, parent, or stand_in: of a child who cannot be known, the parent or dwelling
    "word": "str",  # a reason code; "": nobody knows what was said
    "since": "datetime64[s]",
}

# One row for every birth and network of reach areas.
PLACEMENTS = {
    "reference": "int64",
    "network": "str",
    "status": "str",  # a pipeline.geography.statuses.Status
    "reason": "str",  # reason code, or "" where the birth was placed
    "recipient": "str",  # code of the recipient that serves the reach area, or ""
    "matched": "str",  # what the placement rests on: kind of reach area, review, or ""
    "authority": "str",  # GSS code of the postcode's local authority, or ""
    "hospital": "bool",  # the postcode is on the authority's list of hospital postcodes
}

# Which place each birth was placed by: the same reference for the same postcode, and no postcode.
KEYED_PLACES = {
    "reference": "int64",
    "place": "str",  # keyed reference of the postcode as it was read; "" where none could be read
}

# What is known of the area that each birth's family lives in, for lists whose agreement names it.
AREAS = {
    "reference": "int64",
    "ward": "str",  # GSS code, or ""
    "ward_name": "str",
    "lsoa21": "str",  # GSS code, or ""
    "deprivation_decile": "int16",  # 1 is the most deprived tenth of England; 0 where not known
    "locality": "str",  # code of the locality for reports, or ""
    "locality_name": "str",  # its name, or its code where no name is known
}

# What parents answered, beside what the births' own rows say: one row for each answer.
ANSWERS = {
    "child": "str",  # keyed reference
    "person": "str",  # who answered
    "answer": "str",  # given, refused or withdrawn
    "date": "datetime64[s]",
    "scope": "str",  # kinds of recipient, separated by ";"
    "wording": "str",  # version of the form
}

# Where extracts and companion files write an answer: their columns, and those of ANSWERS.
ANSWER_COLUMNS = {
    "consent_given_by": "person",
    "consent_status": "answer",
    "consent_date": "date",
    "consent_scope": "scope",
    "consent_wording": "wording",
}

# Later words about a subject: deaths, withdrawals, restrictions, suppressions.
SUPPRESSIONS = {
    "subject": "str",  # keyed reference of a child, a parent or a dwelling
    "word": "str",  # a reason code, "death_removed" or "delivered"
    "since": "datetime64[s]",
}

# What earlier months shared and nobody called back: one row for each child, purpose and recipient.
DISCLOSURES = {"child": "str", "agreement": "str", "recipient": "str", "month": "str"}

# Who is on lists, and where their home was then; nobody called them back.
ON_LISTS = {"child": "str", "agreement": "str", "month": "str", "dwelling": "str"}

DECISIONS = {
    "reference": "int64",
    "supplier": "str",
    "child": "str",
    "household": "int64",  # the same for children who share one card
    "recipient": "str",
    "outcome": "int8",  # a pipeline.reasons.Outcome
    "reasons": "int64",  # a packed set of pipeline.reasons.Reason
}

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\Z")


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month, written YYYY-MM."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read YYYY-MM; raises SettingsError for anything else."""
        if not _MONTH.match(text):
            raise SettingsError("That is not a month", do="Write it as YYYY-MM, for example 2026-10.")
        return cls(int(text[:4]), int(text[5:]))

    @property
    def first_day(self) -> date:
        """The month's first day."""
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        """The month's last day."""
        return self.plus(1).first_day - timedelta(days=1)

    @property
    def in_full(self) -> str:
        """The month as a letter writes it: October 2026."""
        return f"{self.first_day:%B %Y}"

    def plus(self, months: int) -> Month:
        """The month that many months later (or earlier, below zero)."""
        total = self.year * 12 + self.number - 1 + months
        return Month(total // 12, total % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True)
class Extract:
    """An opened extract: every column as text, and where each row stood in the file."""

    supplier: str
    month: Month
    frame: pd.DataFrame = field(repr=False)  # contract columns as text, plus "row"
    sealed_sha256: str
    signer: str  # fingerprint of the key that signed it
    signed_at: datetime


class OnList(NamedTuple):
    """A child on a list: who must be found again when something becomes known later, and the list's row.

    The keyed references of child, parent and dwelling, "" where not given; `reference` is what the row
    is called on this one list (pipeline.lists.references), "" on a list of numbers alone.
    """

    child: str
    parent: str = ""
    dwelling: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Permit:
    """Leave, recorded in the ledger, for exactly these sealed bytes to go to this recipient.

    A list's permit belongs to a month; a notice's (pipeline.afterwards.notices) to none, and counts nobody.
    """

    entry: int  # ledger sequence number
    month: str
    agreement: str
    recipient: str
    file_name: str
    sealed_sha256: str
    households: int
    children: int


@dataclass(frozen=True)
class Receipt:
    """What the far side was found to hold after a push."""

    permit: int
    file_name: str
    sha256: str
    size: int  # bytes
    found_there: bool  # it was already delivered by an earlier try
    taken: bool = False  # and its recipient has taken it away since


_HASH_BLOCK = 64  # bytes that SHA-256 takes in at a time
_ROWS = 50_000  # that are keyed together


def keyed_references(key: bytes, kind: str, *columns: Sequence[str]) -> list[str]:
    """Keyed references for one kind of subject (child, parent, dwelling): 32 hexadecimal digits.

    HMAC-SHA-256 under the authority's own key, the kind kept apart, so that nobody without the key
    can tell whom a reference means or try out guesses. Any blank part gives "".
    """
    # HMAC (RFC 2104): two hashes that begin with the key. Begun once for all, they take a third of the time.
    padded = (key if len(key) <= _HASH_BLOCK else sha256(key).digest()).ljust(_HASH_BLOCK, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))

    def keyed(text: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(text.encode())
        second.update(first.digest())
        return second.hexdigest()[:32]

    return [keyed("\x1f".join((kind, *parts))) if all(parts) else "" for parts in zip(*columns, strict=True)]


def keyed_column(key: bytes, kind: str, *columns: pd.Series) -> pd.Series:
    """The keyed references of columns of text, a block of rows at a time.

    All as Python's own texts at once would need much memory. A dwelling is keyed by its folded parts.
    """
    blocks = []
    for begin in range(0, max(len(columns[0]), 1), _ROWS):
        rows = [column.iloc[begin : begin + _ROWS] for column in columns]
        parts = dwelling_parts(*rows) if kind == "dwelling" else [column.tolist() for column in rows]
        blocks.append(pd.Series(keyed_references(key, kind, *parts), dtype="str"))
    return pd.concat(blocks).set_axis(columns[0].index)


def dwelling_parts(address_line_1: pd.Series, postcode: pd.Series) -> tuple[list[str], list[str]]:
    """First line and postcode, folded so that two spellings of one address meet."""
    line = address_line_1.str.upper().str.replace(r"[^0-9A-Z]+", "", regex=True)
    compact = postcode.str.upper().str.replace(" ", "", regex=False)
    return line.tolist(), compact.tolist()


def newest_versions(births: pd.DataFrame) -> pd.DataFrame:
    """One row for each child: the newest version of its record.

    `births` needs child, last_updated and reference; what has no date is the oldest.
    """
    ordered = births.sort_values(
        ["last_updated", "reference"], ascending=[False, True], na_position="last", kind="stable"
    )
    return ordered.drop_duplicates("child")


def empty(columns: dict[str, str]) -> pd.DataFrame:
    """A frame of no rows with the declared columns."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


def among(texts: pd.Series[str], known: Collection[str] | pd.Series[str]) -> npt.NDArray[np.bool_]:
    """Which of the texts are among the known: what `Series.isin` answers.

    That makes a Python object of every known text: of 200,000 it takes forty times as long.
    """
    of = pa.large_string()
    values = known if isinstance(known, pd.Series) else list(known)
    found = pc.is_in(pa.array(texts, type=of), value_set=pa.array(values, type=of))
    return np.asarray(found)


def declared(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """`frame` with exactly the declared columns, in order, in the declared types."""
    chosen = frame[list(columns)]
    # Most columns have their type, and pandas takes as long for them as for the others.
    has = zip(columns.items(), chosen.dtypes, strict=True)
    others = {column: dtype for (column, dtype), own in has if str(own) != dtype}
    return chosen.astype(others) if others else chosen


def as_moment(moment: datetime) -> np.datetime64:
    """The day of a moment, for comparison with date columns."""
    return np.datetime64(moment.date(), "s")
