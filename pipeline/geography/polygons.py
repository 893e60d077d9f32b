"""Drawn areas and the postcodes in them.

Asked when reach areas are compiled or checked, never in a month: a month only looks postcodes up. A
postcode exactly on a border lies in both areas; who serves it is for priorities to say, or for nobody.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pipeline.geography.areas import Area, Problems
from pipeline.geography.geojson import Position, Shape, System
from pipeline.geography.read_only import address

if TYPE_CHECKING:
    import numpy as np
    import shapely

    Outlines = Mapping[int, tuple[System, shapely.Geometry]]  # by the number of the area
    Points = np.ndarray[Any, Any]  # geometries, in the order of the rows
    Row = tuple[str, int, int, float, float]  # postcode, easting, northing, longitude, latitude

_BOX = {
    # Northern Irish postcodes have Irish grid references, which are other places of the British grid.
    System.GRID: "(easting BETWEEN ? AND ? AND northing BETWEEN ? AND ? AND easting + northing > 0"
    " AND substr(postcode, 1, 2) != 'BT')",
    System.DEGREES: "(longitude BETWEEN ? AND ? AND latitude BETWEEN ? AND ?)",
}
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
    listed = list(rows)
    for system in System:
        chosen = {number: outline for number, (own, outline) in areas.items() if own is system}
        if chosen:
            yield from _inside(chosen, listed, system)


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
        "SELECT postcode, easting, northing, longitude, latitude FROM postcode"  # noqa: S608
        f" WHERE terminated = '' AND ({' OR '.join(conditions)})"
    )
    with closing(sqlite3.connect(address(directory), uri=True)) as connection:
        rows: list[Row] = connection.execute(query, bounds).fetchall()
    near: list[set[str]] = [set() for _ in drawn]
    for system in System:
        numbers = [number for number, area in enumerate(drawn) if _shape(area).system is system]
        if numbers:
            shapes = [_shape(drawn[number]) for number in numbers]
            for place, postcode in _near(shapes, rows, system, metres):
                near[numbers[place]].add(postcode)
    return list(zip(drawn, near, strict=True))


def _near(
    shapes: Sequence[Shape], rows: Sequence[Row], system: System, metres: float
) -> Iterator[tuple[int, str]]:
    """The place of each shape in the sequence with each postcode near its border."""
    import numpy as np
    import shapely

    scale = np.array(_scale(shapes))
    usable = [row for row in rows if _has_position(row, system)]
    tree = shapely.STRtree(shapely.transform(_points(usable, system), lambda points: points * scale))
    borders = [outline_of(shape).boundary for shape in shapes]
    in_metres = shapely.transform(borders, lambda points: points * scale)
    found_borders, found_points = tree.query(in_metres, predicate="dwithin", distance=metres)
    for border, point in zip(found_borders.tolist(), found_points.tolist(), strict=True):
        yield border, usable[point][0]


def _scale(shapes: Sequence[Shape]) -> tuple[float, float]:
    """Metres to one unit of each axis, in the middle of the shapes, which are all of one system."""
    if shapes[0].system is System.GRID:
        return 1.0, 1.0
    _, souths, _, norths = zip(*(shape.bounds for shape in shapes), strict=True)
    south, north = min(souths), max(norths)
    return _METRES * math.cos(math.radians((south + north) / 2)), _METRES


def _inside(
    areas: Mapping[int, shapely.Geometry], rows: Sequence[Row], system: System
) -> Iterator[tuple[int, str]]:
    import shapely

    usable = [row for row in rows if _has_position(row, system)]
    tree = shapely.STRtree(_points(usable, system))
    numbers = list(areas)
    found_areas, found_points = tree.query(list(areas.values()), predicate="intersects")
    for area, point in zip(found_areas.tolist(), found_points.tolist(), strict=True):
        yield numbers[area], usable[point][0]


def _points(rows: Sequence[Row], system: System) -> Points:
    import shapely

    positions = [_position(row, system) for row in rows]
    points: Points = shapely.points([across for across, _ in positions], [up for _, up in positions])
    return points


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
