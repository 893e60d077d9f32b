"""What is known of the area that a family lives in: ward, small area (LSOA 2021), deprivation, locality.

Ward and small area come from the postcode directory. Names of wards come from the file of names and
codes that the directory is published with, deciles from the English indices of deprivation 2025,
File 7. What these do not say stays blank. The indices of 2019 are for the small areas of 2011, which
have codes in common with those of 2021 and other boundaries: such a file is refused by its heading.

A locality is a part of an authority that it makes reports for: the reach area in a network of its own, so
that it is placed as carefully as any other, and is dated like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.errors import SettingsError
from pipeline.geography.directory import Directory
from pipeline.geography.place import check_asked
from pipeline.geography.tables import column, read_table
from pipeline.records import AREAS, declared

DECILES = range(1, 11)
_WARD_CODE, _WARD_NAME = r"wd[0-9]{2}cd", r"wd[0-9]{2}nm"  # the year is in the heading: WD25CD, WD25NM
_LSOA_2021, _LSOA_2011 = r"lsoa code \(2021\)", r"lsoa code \(2011\)"
_DECILE = r"index of multiple deprivation \(imd\) decile( \(.*\))?"
_INDICES = "Use File 7 of the English indices of deprivation 2025 as published on gov.uk, as CSV."
_LOCALITIES = "It needs the headings code,name, and each code once: the recipient in the reach areas."
_WARDS = "Use the CSV of ward names and codes in the folder Documents of the postcode directory's zip."


def areas_of(
    asked: pd.DataFrame,
    *,
    directory: Path,
    ward_names: Path | None = None,
    deprivation: Path | None = None,
    localities: pd.DataFrame | None = None,
    locality_names: Path | None = None,
) -> pd.DataFrame:
    """What is known of the area of each row of `asked` (`records.AREAS`), in the order asked.

    `asked` has the columns reference and postcode, and no other: IntegrityError if it has. Without a
    file its column is blank. `localities` are the placements (records.PLACEMENTS) of the same births in
    the network of localities. Raises SettingsError as the functions that read the files do.
    """
    check_asked(asked)
    names = read_ward_names(ward_names) if ward_names else {}
    deciles = read_deciles(deprivation) if deprivation else {}
    locality = _localities(asked, localities)
    called = read_locality_names(locality_names) if locality_names else {}
    with Directory(directory) as places:
        known = places.lookup(asked["postcode"])
    found = known[["ward", "lsoa21"]].assign(
        reference=asked["reference"].to_numpy(),
        ward_name=[names.get(code, "") for code in known["ward"]],
        deprivation_decile=[deciles.get(code, 0) for code in known["lsoa21"]],
        locality=locality,
        locality_name=[called.get(code, code) for code in locality],
    )
    return declared(found, AREAS)


def _localities(asked: pd.DataFrame, placements: pd.DataFrame | None) -> list[str]:
    """The code of each row's locality, or "" where it was not placed in one."""
    if placements is None:
        return [""] * len(asked)
    placed = placements[placements["reason"] == ""]
    codes = dict(zip(placed["reference"], placed["recipient"], strict=True))
    return [codes.get(reference, "") for reference in asked["reference"]]


def read_locality_names(file: Path) -> dict[str, str]:
    """Names of localities by code, from a CSV with the headings code and name.

    Raises SettingsError where the file cannot be read or does not have them, or names a code twice.
    """
    header, rows = read_table(file, "names of localities", _LOCALITIES)
    code, name = column(header, "code"), column(header, "name")
    if code is None or name is None:
        raise SettingsError(
            "The names of localities need one column code and one name", where=str(file), do=_LOCALITIES
        )
    names: dict[str, str] = {}
    for line, row in rows:
        if not row[code].strip() or not row[name].strip() or row[code].strip() in names:
            raise SettingsError(
                "A row of the names of localities is not one code, named once",
                where=f"{file}, line {line}",
                do=_LOCALITIES,
            )
        names[row[code].strip()] = row[name].strip()
    return names


def read_ward_names(file: Path) -> dict[str, str]:
    """Names of wards by code, from a CSV with the headings WDyyCD and WDyyNM.

    Raises SettingsError where the file cannot be read or does not have them.
    """
    header, rows = read_table(file, "names of wards", _WARDS)
    code, name = (column(header, pattern) for pattern in (_WARD_CODE, _WARD_NAME))
    if code is None or name is None:
        raise SettingsError(
            "The names of wards need one column WDyyCD and one WDyyNM", where=str(file), do=_WARDS
        )
    return {row[code].strip(): row[name].strip() for _, row in rows if row[code].strip()}


def read_deciles(file: Path) -> dict[str, int]:
    """Deciles of the Index of Multiple Deprivation 2025 by LSOA of 2021; 1 is the most deprived tenth.

    Raises SettingsError where the file cannot be read, is for the LSOAs of 2011, or has a row that is
    no LSOA with its decile once.
    """
    header, rows = read_table(file, "indices of deprivation", _INDICES)
    code, decile = (column(header, pattern) for pattern in (_LSOA_2021, _DECILE))
    if column(header, _LSOA_2011) is not None:
        raise SettingsError(
            "These indices of deprivation are for the LSOAs of 2011 and cannot be used with those of 2021",
            where=str(file),
            do=_INDICES,
        )
    if code is None or decile is None:
        raise SettingsError(
            "The indices of deprivation need one column 'LSOA code (2021)' and one "
            "'Index of Multiple Deprivation (IMD) Decile'",
            where=str(file),
            do=_INDICES,
        )
    return _deciles([(line, row[code].strip(), row[decile].strip()) for line, row in rows], file)


def _deciles(rows: Sequence[tuple[int, str, str]], file: Path) -> dict[str, int]:
    allowed = {str(decile): decile for decile in DECILES}
    deciles: dict[str, int] = {}
    for line, code, decile in rows:
        if not re.fullmatch(r"E01[0-9]{6}", code) or decile not in allowed or code in deciles:
            raise SettingsError(
                "A row of the indices of deprivation is not one LSOA, named once, with a decile from 1 to 10",
                where=f"{file}, line {line}",
                do=_INDICES,
            )
        deciles[code] = allowed[decile]
    return deciles
