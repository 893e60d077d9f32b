"""Drawn areas and the postcodes in them.

Asked when reach areas are compiled or checked, never in a month: a month only looks postcodes up. A
postcode exactly on a border lies in both areas; who serves it is for priorities to say, or for nobody.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline.geography.areas import Area, Problems
from pipeline.geography.geojson import Position, Shape, System
from pipeline.geography.read_only import address

if TYPE_CHECKING:
    import shapely

    Outlines = Mapping[int, tuple[System, shapely.Geometry]]  # by the number of the area
    Row = tuple[str, int, int, float, float]  # postcode, easting, northing, longitude, latitude

_BOX = {
    # Northern Irish postcodes have Irish grid references, which are other places of the British grid.
    System.GRID: "(easting BETWEEN ? AND ? AND northing BETWEEN ? AND ? AND easting + northing > 0"
    " AND substr(postcode, 1, 2) != 'BT')",
    System.DEGREES: "(longitude BETWEEN ? AND ? AND latitude BETWEEN ? AND ?)",
}
_BATCH = 50_000  # postcodes at once
_METRES = 111_320.0  # in a degree of latitude, and of longitude at the equator
_LEAST_METRES = 53_000.0  # in a degree of either axis, anywhere in Great Britain
_SPACING = 40.0  # metres; what is published as generalised to 20 m has corners 70 to 130 m apart on average


def outlines(drawn: Mapping[int, Area], problems: Problems) -> Outlines:
    """The drawn areas by number, ready to be asked; what is wrong with one is noted in `problems`."""
    import shapely

    found = {}
    for number, area in drawn.items():
        outline = outline_of(_shape(area))
        if outline.area == 0:
            problems.add(area.file, area.line, "its polygon encloses nothing")
        elif not outline.is_valid:
            why = shapely.is_valid_reason(outline).partition("[")[0].lower()
            problems.add(area.file, area.line, f"its polygon is not a simple one: {why}")
        else:
            shapely.prepare(outline)
            found[number] = _shape(area).system, outline
    return found


def outline_of(shape: Shape) -> shapely.Geometry:
    """The shape as a geometry, right or wrong."""
    import shapely

    parts = [shapely.Polygon(rings[0], rings[1:]) for rings in shape.polygons]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def boxes(drawn: Iterable[Area], metres: float = 0.0) -> tuple[list[str], list[float]]:
    """Conditions on a directory's columns that hold wherever a drawn area may be, and their values.

    The boxes reach so many metres further on all sides, at least.
    """
    conditions, values = [], []
    shapes = [_shape(area) for area in drawn]
    for system in System:
        bounds = [shape.bounds for shape in shapes if shape.system is system]
        if bounds:
            west, south, east, north = zip(*bounds, strict=True)
            conditions.append(_BOX[system])
            more = metres if system is System.GRID else metres / _LEAST_METRES
            values += [min(west) - more, max(east) + more, min(south) - more, max(north) + more]
    return conditions, values


def inside(areas: Outlines, rows: Iterable[Row]) -> Iterator[tuple[int, str]]:
    """The number of each area with each postcode in it or on its border."""
    for some in _batches(rows):
        for system in System:
            drawn = {number: outline for number, (own, outline) in areas.items() if own is system}
            yield from _pairs(drawn, some, system, predicate="intersects")


def spacing(shape: Shape) -> float:
    """How far the corners of the shape's border are apart, in metres: half of them are closer."""
    scale = _scale([shape])
    rings = [[(x * scale[0], y * scale[1]) for x, y in ring] for rings in shape.polygons for ring in rings]
    return median(math.dist(*pair) for ring in rings for pair in zip(ring, ring[1:], strict=False))


def looks_generalised(shape: Shape) -> bool:
    """Whether the border is too coarse to tell on which side a house is: generalised, or drawn by hand."""
    return spacing(shape) > _SPACING


def near_borders(areas: Sequence[Area], directory: Path, metres: float) -> list[tuple[Area, set[str]]]:
    """Each drawn area with the live postcodes within so many metres of its border, on either side.

    Other areas are passed over, and shapes are taken as they are. Degrees are turned into metres at the
    middle of all shapes: in a county that is right to two percent.
    """
    drawn = [area for area in areas if area.shape is not None]
    if not drawn:
        return []
    conditions, bounds = boxes(drawn, metres)
    query = (
        "SELECT postcode, easting, northing, longitude, latitude FROM postcode"  # noqa: S608 - of our own words alone
        f" WHERE terminated = '' AND ({' OR '.join(conditions)})"
    )
    near: list[set[str]] = [set() for _ in drawn]
    borders = {system: _borders(drawn, system) for system in System}
    with closing(sqlite3.connect(address(directory), uri=True)) as connection:
        for some in _batches(connection.execute(query, bounds)):
            for system, (scale, found) in borders.items():
                close = {"predicate": "dwithin", "distance": metres}
                for number, postcode in _pairs(found, some, system, scale=scale, **close):
                    near[number].add(postcode)
    return list(zip(drawn, near, strict=True))


def _borders(
    drawn: Sequence[Area], system: System
) -> tuple[tuple[float, float], dict[int, shapely.Geometry]]:
    """Metres to one unit of each axis, and the borders of all areas of one system, in metres."""
    import shapely

    shapes = {number: _shape(area) for number, area in enumerate(drawn) if _shape(area).system is system}
    scale = _scale(list(shapes.values()))
    return scale, {
        number: shapely.transform(outline_of(shape).boundary, lambda points: points * scale)
        for number, shape in shapes.items()
    }


def _scale(shapes: Sequence[Shape]) -> tuple[float, float]:
    """Metres to one unit of each axis, in the middle of the shapes, which are all of one system."""
    if not shapes or shapes[0].system is System.GRID:
        return 1.0, 1.0
    _, souths, _, norths = zip(*(shape.bounds for shape in shapes), strict=True)
    south, north = min(souths), max(norths)
    return _METRES * math.cos(math.radians((south + north) / 2)), _METRES


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in parts, so that an area around half the country takes no more memory than another."""
    remaining = iter(rows)
    while some := list(islice(remaining, _BATCH)):
        yield some


def _pairs(
    drawn: Mapping[int, shapely.Geometry],
    rows: Sequence[Row],
    system: System,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    **relation: Any,
) -> Iterator[tuple[int, str]]:
    """The number of each geometry with each postcode that has this relation to it."""
    import shapely

    usable = [row for row in rows if _has_position(row, system)]
    if not (drawn and usable):
        return
    places = [_position(row, system) for row in usable]
    tree = shapely.STRtree(shapely.points([(x * scale[0], y * scale[1]) for x, y in places]))
    numbers = list(drawn)
    found_drawn, found_points = tree.query(list(drawn.values()), **relation)
    for place, point in zip(found_drawn.tolist(), found_points.tolist(), strict=True):
        yield numbers[place], usable[point][0]


def _position(row: Row, system: System) -> Position:
    return (row[1], row[2]) if system is System.GRID else (row[3], row[4])


def _has_position(row: Row, system: System) -> bool:
    if system is System.GRID and row[0].startswith("BT"):
        return False
    return any(_position(row, system))


def _shape(area: Area) -> Shape:
    if area.shape is None:
        raise ValueError("not a drawn area")
    return area.shape
