"""A small country for the geography tests: published files, reach areas, and the places built from them."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from pipeline.geography.compiling import build_reach
from pipeline.geography.place import place
from pipeline.geography.reach import ReachFacts

ONSPD_2023 = (
    "pcd,pcd2,pcds,dointr,doterm,oscty,ced,oslaua,osward,parish,usertype,oseast1m,osnrth1m,osgrdind,"
    "oshlthau,nhser,ctry,rgn,streg,pcon,eer,teclec,ttwa,pct,itl,statsward,oa01,casward,npark,lsoa01,"
    "msoa01,ur01ind,oac01,oa11,lsoa11,msoa11,wz11,sicbl,bua11,buasd11,ru11ind,oac11,lat,long,lep1,"
    "lep2,pfa,imd,calncv,icb,oa21,lsoa21,msoa21"
)
NAMES = ["pcds", "doterm", "oslaua", "osward", "lsoa11", "lsoa21", "osgrdind", "oseast1m", "osnrth1m"]
# Headers of other releases as far as they are documented; some are shorter than the published ones.
ONSPD_2021 = (
    "pcd,pcd2,pcds,dointr,doterm,oscty,ced,oslaua,osward,parish,usertype,oseast1m,osnrth1m,osgrdind,"
    "oshlthau,nhser,ctry,rgn,streg,pcon,eer,teclec,ttwa,pct,nuts,statsward,oa01,casward,park,lsoa01,"
    "msoa01,ur01ind,oac01,oa11,lsoa11,msoa11,wz11,ccg,bua11,buasd11,ru11ind,oac11,lat,long,lep1,lep2,"
    "pfa,imd,calncv,stp"
)
NSPL_2021 = (
    "pcd,pcd2,pcds,dointr,doterm,usertype,oseast1m,osnrth1m,osgrdind,oa11,cty,ced,laua,ward,hlthau,"
    "nhser,ctry,rgn,pcon,eer,teclec,ttwa,pct,nuts,park,lsoa11,msoa11,wz11,ccg,bua11,buasd11,ru11ind,"
    "oac11,lat,long,lep1,lep2,pfa,imd,calncv,stp"
)
NSPL_2023 = (
    "pcd,pcd2,pcds,dointr,doterm,usertype,oseast1m,osnrth1m,osgrdind,oa21,cty,ced,laua,ward,nhser,ctry,"
    "rgn,pcon,ttwa,itl,park,lsoa21,msoa21,wz11,sicbl,bua22,ru11ind,oac11,lat,long,lep1,lep2,pfa,imd,icb"
)
ONSPD_AUG_2025 = (
    "pcd7,pcd8,pcds,dointr,doterm,cty25cd,ced25cd,lad25cd,wd25cd,parncp25cd,usrtypind,east1m,north1m,"
    "gridind,ctry25cd,rgn25cd,oa11cd,lsoa11cd,msoa11cd,lat,long,imd20ind,oa21cd,lsoa21cd,msoa21cd"
)
ONSPD_AUG_2026 = (
    "pcd7,pcd8,pcds,dointr,doterm,cty26cd,ced25cd,lad26cd,wd26cd,parncp26cd,usrtypind,east1m,north1m,"
    "gridind,hlth19cd,nhser24cd,ctry26cd,rgn26cd,oa11cd,lsoa11cd,msoa11cd,lat,long,imd20ind,cal26cd,"
    "icb26cd,oa21cd,lsoa21cd,msoa21cd,ruc21ind,oac21ind,imd25ind"
)
NSPL_AUG_2026 = (
    "pcd7,pcd8,pcds,dointr,doterm,usrtypind,east1m,north1m,gridind,oa21cd,cty26cd,ced25cd,lad26cd,wd26cd,"
    "nhser24cd,ctry26cd,rgn26cd,pcon24cd,ttwa15cd,itl25cd,npark16cd,lsoa21cd,msoa21cd,wz11cd,sicbl26cd,"
    "bua24cd,ruc21ind,oac21ind,lat,long,lep21cd1,lep21cd2,pfa23cd,imd25ind,icb26cd"
)
OLD_NSPL = ["pcds", "doterm", "laua", "ward", "lsoa11", "", "osgrdind", "oseast1m", "osnrth1m"]
NEW_NSPL = ["pcds", "doterm", "laua", "ward", "", "lsoa21", "osgrdind", "oseast1m", "osnrth1m"]
Y2025 = ["pcds", "doterm", "lad25cd", "wd25cd", "lsoa11cd", "lsoa21cd", "gridind", "east1m", "north1m"]
Y2026 = ["pcds", "doterm", "lad26cd", "wd26cd", "lsoa11cd", "lsoa21cd", "gridind", "east1m", "north1m"]
NSPL26 = ["pcds", "doterm", "lad26cd", "wd26cd", "", "lsoa21cd", "gridind", "east1m", "north1m"]
HUB = "X,Y,OBJECTID," + ONSPD_2023.upper()

LAYOUTS = {
    "ONSPD 2021": (ONSPD_2021, [name if name != "lsoa21" else "" for name in NAMES]),
    "ONSPD 2023": (ONSPD_2023, NAMES),
    "ONSPD August 2025": (ONSPD_AUG_2025, Y2025),
    "ONSPD August 2026": (ONSPD_AUG_2026, Y2026),
    "NSPL 2021": (NSPL_2021, OLD_NSPL),
    "NSPL 2023": (NSPL_2023, NEW_NSPL),
    "NSPL August 2026": (NSPL_AUG_2026, NSPL26),
    "download from the hub": (HUB, [name.upper() for name in NAMES]),
}

OURS, THEIRS = "E07000001", "E07000002"
WARD, OTHER_WARD = "E05000001", "E05000002"
OLD, NEW = "E01000011", "E01000021"  # the LSOA of 2011 and that of 2021 around the same postcode

# An invented town: postcode, doterm, authority, ward, lsoa11, lsoa21, quality, easting, northing.
TOWN = [
    ("QA1 1AA", "", OURS, WARD, OLD, NEW, "1", "400000", "200000"),
    ("QA1 1AB", "", OURS, WARD, OLD, NEW, "1", "400010", "200010"),
    ("QA1 1AD", "", OURS, OTHER_WARD, "E01000012", "E01000022", "1", "400020", "200020"),
    ("QA1 2AA", "", OURS, OTHER_WARD, "E01000013", "E01000023", "3", "400030", "200030"),
    ("QA1 1ZZ", "202103", OURS, WARD, OLD, NEW, "1", "400040", "200040"),
    ("QA2 5AA", "", OURS, WARD, OLD, NEW, "5", "400050", "200050"),
    ("QA2 6AA", "", OURS, WARD, OLD, NEW, "6", "400060", "200060"),
    ("QA2 8AA", "199001", OURS, WARD, OLD, NEW, "8", "400070", "200070"),
    ("QA2 9AA", "", OURS, WARD, OLD, NEW, "9", "", ""),
    ("QA2 0AA", "", OURS, WARD, OLD, NEW, "", "", ""),
    ("QB1 1AA", "", THEIRS, "E05000009", "E01000091", "E01000092", "1", "500000", "300000"),
    ("GY1 1AA", "", "L99999999", "L99999999", "L99999999", "L99999999", "9", "", ""),
]
Line = tuple[str, ...]


def published(header: str = ONSPD_2023, names: Iterable[str] = NAMES, rows: Iterable[Line] = TOWN) -> str:
    """The text of a published CSV: the header in full, and the named columns filled."""
    columns = header.split(",")
    wanted = list(names)
    lines = [header]
    for row in rows:
        cells = dict(zip(wanted, row, strict=True))
        lines.append(",".join(f'"{cells.get(name, "")}"' for name in columns))
    return "\r\n".join(lines) + "\r\n"


def as_whole_country(directory: Path) -> None:
    """Say of a built directory that there is no other postcode: only then is any repaired."""
    with closing(sqlite3.connect(directory)) as connection, connection:
        facts = json.loads(connection.execute("SELECT content FROM facts").fetchone()[0])
        connection.execute("UPDATE facts SET content = ?", (json.dumps(facts | {"part": False}),))


@dataclass
class Town:
    """The built directory, and what the tests ask of it."""

    folder: Path

    @property
    def directory(self) -> Path:
        return self.folder / "postcodes.sqlite"

    @property
    def reach(self) -> Path:
        return self.folder / "reach.sqlite"

    def areas(self, *lines: Line, header: str = "network,recipient,kind,code,from,to") -> Path:
        """Write a file of reach areas. Lines may leave out the dates."""
        file = self.folder / "reach_areas.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(header.split(","))
            writer.writerows((*line, "2020-04-01", "") if len(line) == 4 else line for line in lines)
        return file

    def compile(self, *lines: Line, on: date = date(2026, 10, 31)) -> ReachFacts:
        """Compile a reach index from lines of reach areas."""
        return build_reach([self.areas(*lines)], self.directory, self.reach, on=on)

    def compile_with_priorities(self, *lines: Line) -> ReachFacts:
        """Compile a reach index from lines that end with their priority."""
        header = "network,recipient,kind,code,priority,from,to"
        file = self.areas(*((*line, "2020-04-01", "") for line in lines), header=header)
        return build_reach([file], self.directory, self.reach, on=date(2026, 10, 31))

    def place(
        self, postcodes: Iterable[str], network: str = "centres", hospitals: frozenset[str] = frozenset()
    ) -> pd.DataFrame:
        """Place postcodes, referenced 0, 1, 2, ..."""
        listed = pd.Series(list(postcodes), dtype="str")
        asked = pd.DataFrame({"reference": range(len(listed)), "postcode": listed})
        return place(
            asked,
            directory=self.directory,
            reach=self.reach,
            network=network,
            hospital_postcodes=hospitals,
        )

    def one(self, postcode: str) -> Mapping[str, object]:
        """The placement of one postcode."""
        return self.place([postcode]).iloc[0].to_dict()
