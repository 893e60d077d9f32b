"""A network's areas as square tiles of the map: who serves most live postcodes in each.

Tiles are for drawing. They are large enough that no postcode can be read from them, and say nothing of
anybody who lives there.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from math import ceil
from pathlib import Path
from typing import NamedTuple

from pipeline.geography.directory import Directory
from pipeline.geography.reach import Reach
from pipeline.geography.read_only import address
from pipeline.networks import NOBODY, SEVERAL

ACROSS = 60  # tiles, of the longer side of the map
_FINEST = 100  # metres; a postcode's homes rarely lie further apart
_BETWEEN = 3  # tiles: blanks up to twice as wide are filled
_OWN = 0.01  # of a network's postcodes: an authority with fewer is not one that the map is made for

_LIVE = f"""
SELECT p.easting, p.northing, p.authority,
       CASE WHEN s.postcode IS NULL THEN '{NOBODY}' WHEN s.recipient = '' THEN '{SEVERAL}'
            ELSE s.recipient END
FROM directory.postcode AS p LEFT JOIN served AS s ON s.network = ?1 AND s.postcode = p.postcode
WHERE p.terminated = '' AND p.easting > 0
  AND p.authority IN (SELECT authority FROM covered WHERE network = ?1)
"""  # noqa: S608 - of our own words alone


class Point(NamedTuple):
    """Where a live postcode is, in metres of the national grid, and who serves it."""

    easting: int
    northing: int
    authority: str
    served_by: str  # a recipient's code, NOBODY or SEVERAL


class Tiles(NamedTuple):
    """A map of tiles. Columns count from the west, rows from the south."""

    side: int  # of a tile, in metres
    serving: Mapping[tuple[int, int], str]  # by column and row, a recipient's code, NOBODY or SEVERAL
    postcodes: Mapping[str, int]  # live ones, by recipient's code, NOBODY or SEVERAL; on the map or beside it


def tiles(directory: Path, reach: Path, network: str) -> Tiles:
    """The network's areas and gaps, in the authorities that it covers.

    `directory` and `reach` are the built files. Raises SettingsError where they are missing or stale, or
    where the network has no reach area in force. A place far from all others, such as one postcode of
    another authority, counts and is not on the map.
    """
    with Directory(directory) as places, Reach(reach, places.facts) as areas:
        areas.check_network(network)
    with closing(sqlite3.connect(address(reach), uri=True)) as connection:
        connection.execute("ATTACH ? AS directory", (address(directory),))
        return tiled(points(connection, network))


def tiled(points: Collection[Point]) -> Tiles:
    """Points as tiles; the tiles are as large as makes ACROSS of them.

    A tile without postcodes that lies between others is its neighbours', so that fields and parks leave no
    holes in the map.
    """
    counted = Counter(point.served_by for point in points)
    home = list(_at_home(points))
    if not home:
        return Tiles(_FINEST, {}, counted)
    west, east = _ends(point.easting for point in home)
    south, north = _ends(point.northing for point in home)
    side = max(_FINEST, ceil(max(east - west, north - south) / ACROSS / 50) * 50)
    columns, rows = (east - west) // side, (north - south) // side
    found: dict[tuple[int, int], Counter[str]] = {}
    for point in points:
        at = (point.easting - west) // side, (point.northing - south) // side
        if 0 <= at[0] <= columns and 0 <= at[1] <= rows:
            found.setdefault(at, Counter())[point.served_by] += 1
    serving = _closed({at: _most(counts) for at, counts in sorted(found.items())})
    return Tiles(side, serving, counted)


def points(connection: sqlite3.Connection, network: str) -> list[Point]:
    """The live postcodes of the authorities that the network covers.

    The connection has `served` and `covered` as a reach index has them, and `directory` attached.
    """
    return [Point(*row) for row in connection.execute(_LIVE, (network,))]


def _at_home(points: Collection[Point]) -> Iterator[Point]:
    """The points of the authorities that the network is for."""
    served = Counter(point.authority for point in points if point.served_by != NOBODY)
    own = {authority for authority, count in served.items() if count >= _OWN * served.total()}
    return (point for point in points if point.authority in own)


def _ends(places: Iterable[int]) -> tuple[int, int]:
    known = list(places)
    return min(known), max(known)


def _most(counts: Mapping[str, int]) -> str:
    """Who has most of a tile; of equals the first by code."""
    return min(counts, key=lambda code: (-counts[code], code))


def _closed(serving: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], str]:
    """The tiles, grown outward, and pared as far again where nothing was: what lay between them is left."""
    grown = dict(serving)
    for _ in range(_BETWEEN):
        rim = {near for at in grown for near in _around(at) if near not in grown}
        grown |= {at: _most(Counter(grown[near] for near in _around(at) if near in grown)) for at in rim}
    kept = set(grown)
    for _ in range(_BETWEEN):
        kept = {at for at in kept if at in serving or kept.issuperset(_around(at))}
    return {at: grown[at] for at in sorted(kept)}


def _around(at: tuple[int, int]) -> list[tuple[int, int]]:
    column, row = at
    return [(column + x, row + y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]
