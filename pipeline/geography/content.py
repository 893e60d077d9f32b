"""Whether what was read is a postcode directory: checks of its rows, before they replace the old ones.

A download that broke off, columns that slipped by one, two columns that changed their names: each gives
a file that can be read, and then sends families to the wrong place. So every column must hold what
it is said to hold. One row in ten thousand may be odd: the statistics office's own files are so, and an
odd row is never placed. A column that slipped is odd in all of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.errors import SettingsError
from pipeline.geography.geojson import System
from pipeline.geography.statuses import NO_GRID

WHOLE_COUNTRY = 2_000_000  # postcodes; the United Kingdom had 2.6 million in 2021, 2.7 million in 2026
_ODD = 10_000  # one row in so many may be odd
_UNPLACED = 1_000  # one live row in so many may have no small area, ward, authority or degrees

# GSS codes of England, Wales, Scotland and Northern Ireland; small areas there were called otherwise in 2011.
_AUTHORITIES = ("E0[6-9]??????", "S12??????", "W06??????", "N09??????")
_WARDS = ("E05??????", "S13??????", "W05??????", "N08??????")
_LSOAS = ("[EWS]01??????", "N2[01]??????", "95??????")
_IRISH = "postcode GLOB 'BT[0-9]*'"  # on the Irish grid, which is not looked at
_WEST, _SOUTH, _EAST, _NORTH = System.GRID.bounds
_PLACED = "easting != 0 AND northing != 0"

# Where a grid reference lies, right to a hundredth of a degree all over Great Britain: fitted to the grid
# of the Ordnance Survey. `e` and `n` are hundreds of kilometres east of the middle of the grid, and north.
_LATITUDE = "49.9005 + 0.89894 * n - 0.008333 * e * e - 0.000316 * e * e * n"
_LONGITUDE = "-1.99993 + 1.392506 * e + 0.025206 * e * n + 0.000857 * e * n * n"
_APART = 0.05  # degrees; 3 to 6 km


class _Check(NamedTuple):
    """Rows that are not as they should be: which, in what column, and what is said of them."""

    rows: str  # SQL
    column: str
    says: str


def _no_code(column: str, patterns: tuple[str, ...]) -> str:
    return " AND ".join([f"{column} != ''", *(f"{column} NOT GLOB '{pattern}'" for pattern in patterns)])


_FORMS = (
    _Check(
        # The old postcodes of Newport have three letters and no digit in their first half; so has GIR 0AA.
        "NOT (postcode GLOB '[A-Z]*[0-9][A-Z][A-Z]' AND length(postcode) BETWEEN 5 AND 7)",
        "postcode",
        "are not written as postcodes",
    ),
    _Check(
        "terminated != '' AND NOT (terminated GLOB '[12][0-9][0-9][0-9][01][0-9]'"
        " AND substr(terminated, 5) BETWEEN '01' AND '12')",
        "terminated",
        "have a date of termination that is not written YYYYMM",
    ),
    _Check(_no_code("authority", _AUTHORITIES), "authority", "have a code that is no local authority's"),
    _Check(_no_code("ward", _WARDS), "ward", "have a code that is no ward's"),
    _Check(
        _no_code("lsoa11", _LSOAS),
        "lsoa11",
        "have a code that is no small area's",
    ),
    _Check(
        _no_code("lsoa21", _LSOAS),
        "lsoa21",
        "have a code that is no small area's",
    ),
    _Check("gridind NOT BETWEEN 0 AND 9", "gridind", "have a positional quality other than 1 to 9"),
    _Check(
        f"NOT ({_IRISH}) AND NOT (easting BETWEEN {_WEST} AND {_EAST}"
        f" AND northing BETWEEN {_SOUTH} AND {_NORTH})",
        "easting",
        "have a grid reference outside Great Britain",
    ),
    _Check(
        f"NOT ({_IRISH}) AND {_PLACED} AND latitude != 0"
        f" AND (abs(latitude - ({_LATITUDE})) > {_APART} OR abs(longitude - ({_LONGITUDE})) > {_APART})",
        "latitude",
        "lie elsewhere by latitude and longitude than by grid reference",
    ),
)
_LIVE = f"terminated = '' AND gridind != {NO_GRID}"
_ENGLISH_OR_WELSH = f"{_LIVE} AND authority GLOB '[EW]*'"
_GAPS = (
    _Check(f"{_LIVE} AND authority = ''", "authority", "have no local authority"),
    _Check(f"{_ENGLISH_OR_WELSH} AND ward = ''", "ward", "have no ward"),
    _Check(f"{_ENGLISH_OR_WELSH} AND lsoa11 = ''", "lsoa11", "have no small area of 2011"),
    _Check(f"{_ENGLISH_OR_WELSH} AND lsoa21 = ''", "lsoa21", "have no small area of 2021"),
    _Check(f"{_LIVE} AND {_PLACED} AND latitude = 0", "latitude", "have no latitude"),
    _Check(f"{_LIVE} AND gridind = 0", "gridind", "have no positional quality"),
)


def check_content(
    connection: sqlite3.Connection, columns: Mapping[str, str], *, release: str, whole: bool
) -> None:
    """Raise SettingsError that says everything that is wrong with the rows of the table `postcode`.

    `columns` are our names of the columns found and the published ones. A directory that is meant to be
    `whole` must have the size of the United Kingdom, and no column may be half empty.
    """
    problems = list(_problems(connection, columns, whole=whole))
    if problems:
        raise SettingsError(
            f"The postcode directory is not what it should be: {'; '.join(problems)}",
            where=release,
            do="Download it again. If that does not help, wait for a corrected release;"
            " the directory in use goes on serving.",
        )


def _problems(connection: sqlite3.Connection, columns: Mapping[str, str], *, whole: bool) -> Iterator[str]:
    rows, live, counted = _counted(connection)
    if whole and rows < WHOLE_COUNTRY:
        yield (
            f"it holds {rows:,} postcodes, and the whole country has more than {WHOLE_COUNTRY:,}"
            " (where a part of it is meant, say --part)"
        )
    for check in (*_FORMS, *_GAPS):
        of, one_in = (live, _UNPLACED) if check in _GAPS else (rows, _ODD)
        found = counted[check]
        if check.column in columns and found * one_in > of and (whole or check not in _GAPS):
            kind = "live postcodes" if check in _GAPS else "postcodes"
            yield f"{found:,} of {of:,} {kind} {check.says} (column {columns[check.column]})"


def _counted(connection: sqlite3.Connection) -> tuple[int, int, dict[_Check, int]]:
    """Rows, live rows, and the rows that each check finds; in one reading."""
    checks = (*_FORMS, *_GAPS)
    totals = ", ".join(f"total({check.rows})" for check in checks)
    rows, live, *found = connection.execute(
        f"SELECT count(*), total(terminated = ''), {totals} FROM (SELECT *,"  # noqa: S608 - of our own words alone
        " (easting - 400000) / 100000.0 AS e, northing / 100000.0 AS n FROM postcode)"
    ).fetchone()
    return rows, int(live), {check: int(number) for check, number in zip(checks, found, strict=True)}
