"""The demonstration's places: real postcodes, and invented centres that share them out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import SettingsError
from pipeline.geography.directory import Directory

SAMPLE = Path(__file__).parent / "data" / "onspd_sample.csv"  # see LICENCE.txt beside it
AUTHORITY = "E07000222"  # Warwick
LEAST_CENTRES, MOST_CENTRES = 2, 60
STARTS = "2020-04-01"

# The same for any number of centres, so that families can be drawn before centres are counted.
GAP = "E01031311"  # an LSOA that no centre serves
CONTESTED = "E01031321"  # an LSOA that two centres claim

Line = dict[str, str]

_NOBODY = -1  # in place of a centre, for the gap and the contested area


def centre_codes(centres: int) -> list[str]:
    """The centres' codes in order; raises SettingsError for a number that the sample cannot serve."""
    if not LEAST_CENTRES <= centres <= MOST_CENTRES:
        raise SettingsError(
            f"The demonstration can have {LEAST_CENTRES} to {MOST_CENTRES} centres", where="--centres"
        )
    return [f"centre-{number:02d}" for number in range(1, centres + 1)]


def sample_postcodes(directory: Path) -> pd.DataFrame:
    """Postcodes as people write them, each with its group: columns postcode, group.

    live: a centre serves it · terminated: the same, but Royal Mail withdrew it · imprecise: no precise
    position · neighbour: in another authority · gap: in no reach area · ambiguous: in two.
    """
    rows = _known(directory)
    rules = {
        "imprecise": ~rows["gridind"].between(1, 4),
        "neighbour": rows["authority"].ne(AUTHORITY),
        "gap": rows["lsoa11"].eq(GAP),
        "ambiguous": rows["lsoa11"].eq(CONTESTED),
        "terminated": ~rows["live"],
    }
    group = np.select([mask.to_numpy() for mask in rules.values()], list(rules), default="live")
    return pd.DataFrame(
        {
            "postcode": rows["postcode"].str[:-3] + " " + rows["postcode"].str[-3:],
            "group": pd.Series(group, dtype="str"),
        }
    )


def reach_areas(directory: Path, centres: int, network: str) -> list[Line]:
    """Lines of `reach_areas.csv` that share the authority among so many centres.

    The same for the same arguments. The centres' areas hang together on the map; they take turns at
    being described by LSOAs, by wards and by sectors, and some reach one postcode across a border.
    """
    codes = centre_codes(centres)
    rows = _known(directory)
    own = rows[rows["authority"].eq(AUTHORITY) & rows["gridind"].between(1, 4)].reset_index(drop=True)
    homes = own.groupby("lsoa11")[["easting", "northing"]].mean()
    owners = _deal(homes.drop([GAP, CONTESTED]), list(range(centres)))
    own["centre"] = own["lsoa11"].map(owners).fillna(_NOBODY).astype("int64")
    lines = [*_described(own, owners), *_contested(homes, owners), *_across_borders(own, centres)]
    return [
        {"network": network, "recipient": codes[centre], "kind": kind, "code": code, "from": STARTS, "to": ""}
        for centre, kind, code in sorted(lines)
    ]


def _known(directory: Path) -> pd.DataFrame:
    """What the directory knows of the sample's postcodes."""
    with SAMPLE.open(encoding="ascii", newline="") as stream:
        postcodes = [row["pcds"] for row in csv.DictReader(stream)]
    with Directory(directory) as opened:
        rows = opened.lookup(postcodes)
    return rows[rows["known"]].reset_index(drop=True)


def _deal(homes: pd.DataFrame, centres: list[int]) -> dict[str, int]:
    """Deal small areas out to centres: halve the map across its longer side until each has its own."""
    if len(centres) == 1:
        return dict.fromkeys(homes.index, centres[0])
    spread = homes.max() - homes.min()
    longer = "easting" if spread["easting"] > spread["northing"] else "northing"
    ordered = homes.sort_values(longer, kind="stable")
    half = len(centres) // 2
    cut = round(len(ordered) * half / len(centres))
    return _deal(ordered.iloc[:cut], centres[:half]) | _deal(ordered.iloc[cut:], centres[half:])


def _described(own: pd.DataFrame, owners: dict[str, int]) -> Iterator[tuple[int, str, str]]:
    """Centre, kind and code: sectors and wards where they say the same as the LSOAs they replace."""
    sector = own["postcode"].str[:-2]
    sectors, wards = _claims(own, sector, turn=2), _claims(own, own["ward"], turn=1)
    in_sector = sector.map(sectors).eq(own["centre"])
    in_ward = own["ward"].map(wards).eq(own["centre"]) & ~sector.isin(list(sectors))
    by_sector = in_sector.groupby(own["lsoa11"]).all()
    by_ward = in_ward.groupby(own["lsoa11"]).all()
    used = own["lsoa11"].map(by_sector), own["lsoa11"].map(by_ward)
    yield from ((sectors[code], "sector", code) for code in set(sector[used[0]]))
    yield from ((wards[code], "ward", code) for code in set(own["ward"][used[1]]))
    yield from ((owner, "lsoa11", code) for code, owner in owners.items() if not (by_sector | by_ward)[code])


def _claims(own: pd.DataFrame, place: pd.Series, *, turn: int) -> dict[str, int]:
    """Which places a centre whose turn it is may name: it has the most homes there, and no quarrel."""
    counts = pd.crosstab(place, own["centre"])
    quiet = counts[counts[_NOBODY] == 0].drop(columns=_NOBODY)
    most = dict(zip(quiet.index, quiet.columns[quiet.to_numpy().argmax(axis=1)], strict=True))
    return {str(code): int(centre) for code, centre in most.items() if centre % 3 == turn}


def _contested(homes: pd.DataFrame, owners: dict[str, int]) -> list[tuple[int, str, str]]:
    """The contested small area, claimed by the two centres that are nearest to it."""
    away = ((homes - homes.loc[CONTESTED]) ** 2).sum(axis="columns").sort_values(kind="stable")
    nearest = list(dict.fromkeys(owners[code] for code in away.index if code in owners))
    return [(centre, "lsoa11", CONTESTED) for centre in nearest[:2]]


def _across_borders(own: pd.DataFrame, centres: int) -> Iterator[tuple[int, str, str]]:
    """For every fourth centre, the nearest home of another centre."""
    for centre in range(3, centres, 4):
        middle = own.loc[own["centre"].eq(centre), ["easting", "northing"]].mean()
        others = own[own["centre"].ne(centre) & own["centre"].ne(_NOBODY) & own["live"]]
        away = ((others[["easting", "northing"]] - middle) ** 2).sum(axis="columns")
        yield centre, "postcode", str(others["postcode"].iloc[int(away.to_numpy().argmin())])
