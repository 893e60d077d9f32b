"""A town on squared paper: a postcode every hundred metres, so that borders can be drawn through them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from geography.town import NAMES, published
from pipeline.geography.building import build_directory
from pipeline.geography.compiling import build_reach
from pipeline.geography.directory import Directory
from pipeline.geography.reach import Reach, ReachFacts, Served

SIDE = 8
WEST, SOUTH = 400_000, 200_000
OURS, THEIRS = "E07000001", "E07000002"
LETTERS = "ABDEFGHJ"
ON = date(2026, 10, 31)
Line = tuple[str, ...]
Corner = tuple[float, float]


@dataclass(frozen=True)
class House:
    """One postcode, in column and row of the paper; the two easternmost columns are in another authority."""

    column: int
    row: int

    @property
    def sector(self) -> str:
        return f"QC1 {self.column // 2}"

    @property
    def postcode(self) -> str:
        return f"{self.sector}{LETTERS[self.column]}{LETTERS[self.row]}"

    @property
    def authority(self) -> str:
        return THEIRS if self.column >= SIDE - 2 else OURS

    @property
    def ward(self) -> str:
        return f"E0500000{self.column // 4 + 1}" if self.authority == OURS else "E05000009"

    @property
    def lsoa11(self) -> str:
        return f"E010000{self.column // 2}{self.row // 2}"

    @property
    def lsoa21(self) -> str:
        """Split in the lower half, merged in the upper one."""
        return f"E010001{self.column // 2}{self.row if self.row < SIDE // 2 else 8}"

    @property
    def grid(self) -> Corner:
        return corner(self.column, self.row)

    @property
    def degrees(self) -> Corner:
        return in_degrees(self.grid)

    @property
    def terminated(self) -> str:
        return "202103" if (self.column, self.row) == (0, 0) else ""


HOUSES = [House(column, row) for column in range(SIDE) for row in range(SIDE)]


def corner(column: float, row: float) -> Corner:
    """Metres of the national grid; halves lie between postcodes."""
    return WEST + 100 * column, SOUTH + 100 * row


def in_degrees(place: Corner) -> Corner:
    """Longitude and latitude of a place of this paper, to some metres."""
    return round(-2 + (place[0] - WEST) * 1.45e-5, 6), round(51.6988 + (place[1] - SOUTH) * 8.99e-6, 6)


def box(west: float, south: float, east: float, north: float) -> list[Corner]:
    """The ring around columns and rows."""
    return [corner(*at) for at in ((west, south), (east, south), (east, north), (west, north), (west, south))]


def feature(
    recipient: str, *rings: list[Corner], network: str = "centres", starts: str = "2020-04-01", **more: Any
) -> dict[str, Any]:
    """A drawn area: an outer ring and its holes."""
    properties = {"network": network, "recipient": recipient, "from": starts, **more}
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [[list(at) for at in ring] for ring in rings]},
    }


def collection(*features: object, **more: object) -> dict[str, object]:
    """Features as GeoJSON."""
    return {"type": "FeatureCollection", **more, "features": list(features)}


@dataclass
class Plan:
    """The built directory, and what the tests ask of it."""

    folder: Path

    @classmethod
    def build(cls, folder: Path) -> Plan:
        """Build the directory in this folder."""
        rows = [
            (
                house.postcode, house.terminated, house.authority, house.ward, house.lsoa11, house.lsoa21,
                "1", *map(str, house.grid), *map(str, reversed(house.degrees)),
            )
            for house in HOUSES
        ]  # fmt: skip
        source = folder / "ONSPD_NOV_2023_UK.csv"
        source.write_text(published(names=[*NAMES, "lat", "long"], rows=rows), newline="")
        build_directory(source, folder / "postcodes.sqlite", part=True)
        return cls(folder)

    @property
    def directory(self) -> Path:
        return self.folder / "postcodes.sqlite"

    @property
    def reach(self) -> Path:
        return self.folder / "reach.sqlite"

    def listed(self, *lines: Line, name: str = "reach_areas.csv") -> Path:
        """Write lines: network, recipient, kind, code, then priority and dates if there are any."""
        file = self.folder / name
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["network", "recipient", "kind", "code", "priority", "from", "to"])
            writer.writerows([*line, *("", "2020-04-01", "")[len(line) - 4 :]] for line in lines)
        return file

    def drawn(self, content: object, name: str = "drawn.geojson") -> Path:
        """Write GeoJSON: an object, a text or bytes as they are."""
        file = self.folder / name
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    def compile(self, *files: Path, on: date = ON) -> ReachFacts:
        """Compile a reach index from files of reach areas."""
        return build_reach(files, self.directory, self.reach, on=on)

    def served(self, network: str = "centres") -> dict[str, Served]:
        """Who serves each postcode in the compiled index."""
        with Directory(self.directory) as directory, Reach(self.reach, directory.facts) as reach:
            return reach.find([house.postcode.replace(" ", "") for house in HOUSES], network)

    def of(self, recipient: str, network: str = "centres") -> set[tuple[int, int]]:
        """Columns and rows that a recipient serves; those of nobody in particular for ""."""
        served = self.served(network)
        return {
            (house.column, house.row)
            for house in HOUSES
            if (found := served.get(house.postcode.replace(" ", ""))) and found.recipient == recipient
        }

    def authorities(self, network: str = "centres") -> set[str]:
        """The authorities that the network covers."""
        with Directory(self.directory) as directory, Reach(self.reach, directory.facts) as reach:
            return reach.authorities(network)


def cells(columns: Iterable[int], rows: Iterable[int]) -> set[tuple[int, int]]:
    """Every place of these columns and rows."""
    listed = list(rows)
    return {(column, row) for column in columns for row in listed}
