"""What a newer release of the postcode directory changes: by itself, and under the same reach areas.

Counted inside the database, so a whole country takes seconds and little memory. Nothing here names a
postcode.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.geography.directory import Directory
from pipeline.geography.read_only import address
from pipeline.networks import NOBODY, SEVERAL

NEW, GONE = "+", "?"  # in place of a recipient's code: in the newer directory alone, or in the older alone


@dataclass(frozen=True)
class Changes:
    """How many postcodes differ in the newer directory.

    Moves are those of postcodes that are live in both; None where only one of the two knows such areas.
    """

    new: int  # not in the older one
    gone: int  # in the older one alone
    terminated: int  # since the older one
    live_again: int
    authority: int  # in another local authority than before
    ward: int
    lsoa11: int | None
    lsoa21: int | None


class Move(NamedTuple):
    """So many live postcodes of a network that were one recipient's and are another's."""

    network: str
    before: str  # a recipient's code, or NOBODY, SEVERAL, NEW
    after: str  # a recipient's code, or NOBODY, SEVERAL, GONE
    postcodes: int


_LIVE_IN_BOTH = "newer.terminated = '' AND older.terminated = ''"
_CHANGES = f"""
SELECT total(older.postcode IS NULL), total(older.postcode IS NOT NULL),
       total(newer.terminated != '' AND older.terminated = ''),
       total(newer.terminated = '' AND older.terminated != ''),
       total({_LIVE_IN_BOTH} AND newer.authority != older.authority),
       total({_LIVE_IN_BOTH} AND newer.ward != older.ward),
       total({_LIVE_IN_BOTH} AND newer.lsoa11 != older.lsoa11),
       total({_LIVE_IN_BOTH} AND newer.lsoa21 != older.lsoa21)
FROM newer.postcode AS newer LEFT JOIN older.postcode AS older USING (postcode)
"""  # noqa: S608 - of our own words alone
# A served postcode without recipient is one that several claim.
_BEFORE = f"""
CASE WHEN older.postcode IS NULL THEN '{NEW}' WHEN was.postcode IS NULL THEN '{NOBODY}'
     WHEN was.recipient = '' THEN '{SEVERAL}' ELSE was.recipient END
"""
_AFTER = f"""
CASE WHEN newer.postcode IS NULL THEN '{GONE}' WHEN now.postcode IS NULL THEN '{NOBODY}'
     WHEN now.recipient = '' THEN '{SEVERAL}' ELSE now.recipient END
"""
_MOVES = f"""
SELECT network, before, after, count(*) FROM (
    SELECT served.network, {_BEFORE} AS before, {_AFTER} AS after
    FROM (SELECT network, postcode FROM {{was}}.served UNION SELECT network, postcode FROM {{now}}.served)
         AS served
    LEFT JOIN {{older}}.postcode AS older ON older.postcode = served.postcode
    LEFT JOIN {{newer}}.postcode AS newer ON newer.postcode = served.postcode
    LEFT JOIN {{was}}.served AS was ON was.network = served.network AND was.postcode = served.postcode
    LEFT JOIN {{now}}.served AS now ON now.network = served.network AND now.postcode = served.postcode
    WHERE newer.terminated = '' OR (newer.postcode IS NULL AND older.terminated = '')
) WHERE before != after GROUP BY network, before, after ORDER BY network, count(*) DESC, before, after
"""  # noqa: S608 - of our own words alone


def compare(older: Path, newer: Path) -> Changes:
    """What differs between two built directories."""
    with Directory(older) as one, Directory(newer) as two:
        rows, both = one.facts.rows, set(one.facts.vintages) & set(two.facts.vintages)
    with _attached(older=older, newer=newer) as connection:
        counts = map(int, connection.execute(_CHANGES).fetchone())
    new, known, terminated, live_again, authority, ward, lsoa11, lsoa21 = counts
    return Changes(
        new=new,
        gone=rows - known,
        terminated=terminated,
        live_again=live_again,
        authority=authority,
        ward=ward,
        lsoa11=lsoa11 if "2011" in both else None,
        lsoa21=lsoa21 if "2021" in both else None,
    )


def moves(older: Path, newer: Path, was: Path, now: Path) -> list[Move]:
    """Whose live postcodes change hands between two directories, by the reach index compiled for each."""
    with _attached(older=older, newer=newer, was=was, now=now) as connection:
        return moves_between(connection, older="older", newer="newer", was="was", now="now")


def moves_between(
    connection: sqlite3.Connection, *, older: str, newer: str, was: str, now: str
) -> list[Move]:
    """The same of directories and indexes that the connection has under these names."""
    return [
        Move(*row) for row in connection.execute(_MOVES.format(older=older, newer=newer, was=was, now=now))
    ]


@contextmanager
def _attached(**files: Path) -> Iterator[sqlite3.Connection]:
    """Built files, opened together for reading only, each under its name."""
    connection = sqlite3.connect(":memory:", uri=True)
    try:
        for name, file in files.items():
            connection.execute(f"ATTACH ? AS {name}", (address(file),))
        yield connection
    finally:
        connection.close()
