"""Drawn areas as GeoJSON says them: each feature a polygon, with its properties.

Positions are degrees (longitude before latitude, as RFC 7946 has it) or metres of the British National
Grid (easting before northing): the file's member "crs" says which, or else its numbers do. Whatever is
neither, or lies outside Great Britain, is refused: a drawn area in the wrong place sends families there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from pipeline.errors import SettingsError

Note = Callable[[int, str], None]  # the number of a feature and what is wrong with it; 0 for the file
Position = tuple[float, float]
Ring = list[Position]

_ADVICE = "Export it again as GeoJSON, in longitude and latitude (WGS 84) or in British National Grid."
_MOST_FEATURES = 20_000
_NO_PLACE = 1_000.0  # metres from 0,0 of the grid, where there is sea and nothing else


class System(StrEnum):
    """In what the positions of a file are given, with the bounds of Great Britain in it."""

    bounds: tuple[float, float, float, float]

    def __new__(cls, code: str, bounds: tuple[float, float, float, float]) -> System:
        member = str.__new__(cls, code)
        member._value_ = code
        member.bounds = bounds
        return member

    DEGREES = "degrees", (-8.75, 49.75, 2.0, 61.0)
    GRID = "grid", (0.0, 0.0, 700_000.0, 1_300_000.0)


_CRS_NAMES = {
    System.DEGREES: r"urn:ogc:def:crs:ogc:(1\.3)?:crs84|(urn:ogc:def:crs:)?epsg:([0-9.]*:)?4326",
    System.GRID: r"(urn:ogc:def:crs:)?epsg:([0-9.]*:)?27700",
}
_MEANT = {
    System.DEGREES: "degrees of longitude and latitude",
    System.GRID: "metres of the British National Grid",
}
_TURNED = {
    System.DEGREES: "gives latitude before longitude; the other way round is needed",
    System.GRID: "lies outside Great Britain, or gives northing before easting",
}


class Duplicate(ValueError):
    """A JSON object names something twice."""


@dataclass(frozen=True)
class Shape:
    """A drawn area: polygons, each an outer ring and the rings of its holes."""

    system: System
    polygons: list[list[Ring]]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The least and the most of both axes: west, south, east, north."""
        across, up = zip(*(position for rings in self.polygons for position in rings[0]), strict=True)
        return min(across), min(up), max(across), max(up)


def read_features(
    content: bytes, note: Note, *, where: str
) -> Iterator[tuple[int, dict[str, object], Shape]]:
    """Each feature that can be used: its number from 1, its properties by lower-case name, its shape.

    What is wrong with a feature is noted under its number. Raises SettingsError where the whole cannot
    be read as a collection of features.
    """
    collection = _parsed(content, where)
    features = collection.get("features")
    if collection.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise SettingsError("The file is no GeoJSON FeatureCollection", where=where, do=_ADVICE)
    if len(features) > _MOST_FEATURES:
        raise SettingsError(f"The file has more than {_MOST_FEATURES:,} features", where=where, do=_ADVICE)
    found = []
    for number, feature in enumerate(features, start=1):
        read = _feature(feature)
        if isinstance(read, str):
            note(number, read)
        else:
            found.append((number, *read))
    system = _system(collection, [polygons for _, _, polygons in found], where)
    for number, properties, polygons in found:
        problem = _misplaced(system, polygons)
        if problem:
            note(number, problem)
        else:
            yield number, properties, Shape(system, polygons)


def _parsed(content: bytes, where: str) -> dict[str, object]:
    problem = "The file cannot be read as GeoJSON"
    try:
        parsed = json.loads(
            content.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_no_name_twice
        )
    except Duplicate:
        parsed, problem = None, "The file names a property of a feature twice"
    except (ValueError, RecursionError):  # bad UTF-8, bad JSON, NaN, brackets without end
        parsed = None
    if not isinstance(parsed, dict):
        raise SettingsError(problem, where=where, do=_ADVICE)
    return parsed


def _no_number(_: str) -> NoReturn:
    raise ValueError("not a number")


def _no_name_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Duplicate
    return dict(pairs)


def _feature(feature: object) -> tuple[dict[str, object], list[list[Ring]]] | str:
    """Properties and polygons of one feature, or what is wrong with it."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return "is no GeoJSON Feature"
    given = feature.get("properties")
    if not isinstance(given, dict) or not given:
        return "has no properties: it needs network, recipient and from"
    properties = {name.lower(): value for name, value in given.items()}
    if len(properties) < len(given):
        return "has the same property twice, in capitals and in small letters"
    polygons = _polygons(feature.get("geometry"))
    return polygons if isinstance(polygons, str) else (properties, polygons)


def _polygons(geometry: object) -> list[list[Ring]] | str:
    """The polygons of a geometry, or what is wrong with it."""
    if not isinstance(geometry, dict):
        return "has no geometry"
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        return "its geometry must be a Polygon or a MultiPolygon"
    listed = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(listed, list) or not listed or not all(isinstance(one, list) and one for one in listed):
        return "its polygon is empty"
    polygons = [[_ring(ring) for ring in polygon] for polygon in listed]
    problems = [ring for rings in polygons for ring in rings if isinstance(ring, str)]
    if problems:
        return problems[0]
    return [[ring for ring in rings if not isinstance(ring, str)] for rings in polygons]


def _ring(positions: object) -> Ring | str:
    """A closed ring of positions, or what is wrong with it. A height, if there is one, does not count."""
    if not isinstance(positions, list) or len(positions) < 4:
        return "a ring of its polygon has fewer than four positions"
    if not all(map(_is_position, positions)):
        return "a position of its polygon is not two numbers"
    ring = [(float(position[0]), float(position[1])) for position in positions]
    return ring if ring[0] == ring[-1] else "a ring of its polygon does not end where it begins"


def _is_position(value: object) -> bool:
    """Whether it is two or three finite numbers: 1e999 is read as one that is not finite."""
    return (
        isinstance(value, list)
        and len(value) in (2, 3)
        and all(type(number) in (int, float) and abs(number) < 1e12 for number in value)
    )


def _system(collection: dict[str, object], areas: list[list[list[Ring]]], where: str) -> System:
    """In what the positions are given: as the file says, else as its largest numbers do."""
    crs = collection.get("crs")
    if crs is not None:
        properties = crs.get("properties") if isinstance(crs, dict) else None
        name = properties.get("name") if isinstance(properties, dict) else None
        for system, pattern in _CRS_NAMES.items():
            if isinstance(name, str) and re.fullmatch(pattern, name.lower()):
                return system
        raise SettingsError(
            'The file\'s member "crs" names another system of coordinates', where=where, do=_ADVICE
        )
    positions = (position for polygons in areas for rings in polygons for ring in rings for position in ring)
    largest = max((max(abs(across), abs(up)) for across, up in positions), default=0.0)
    return System.DEGREES if largest <= 180 else System.GRID


def _misplaced(system: System, polygons: list[list[Ring]]) -> str:
    """Why these polygons cannot be where they say; "" where they can."""
    positions = [position for rings in polygons for ring in rings for position in ring]
    if _around_nowhere(system, positions):
        return "lies around 0,0, where a map puts what has no place"
    if _inside(system, positions):
        return ""
    turned = [(up, across) for across, up in positions]
    if _inside(system, turned):
        return _TURNED[system]
    return f"is not wholly inside Great Britain, if its numbers are {_MEANT[system]}"


def _inside(system: System, positions: list[Position]) -> bool:
    west, south, east, north = system.bounds
    return all(west <= across <= east and south <= up <= north for across, up in positions)


def _around_nowhere(system: System, positions: list[Position]) -> bool:
    near = 1.0 if system is System.DEGREES else _NO_PLACE
    return any(math.hypot(*position) < near for position in positions)
