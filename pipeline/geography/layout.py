"""Which column of a published postcode directory holds what.

The Office for National Statistics renames columns with the vintage of the areas: `oslaua` became
`lad25cd` in August 2025 and `lad26cd` in August 2026. So columns are found by pattern, on names
that are lower-cased and freed of a byte-order mark. A pattern that fits twice, or a required one
that fits nowhere, stops the build: guessing here would send families to the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.errors import SettingsError

# ONSPD and NSPL, releases of 2021 to 2026; the hub's own downloads, which are upper case and in another
# order; and those of 2025 and later, which spell the names out.
PATTERNS = {
    "postcode": r"pcds|postcode \(e-gif\)",
    "terminated": r"doterm|date of termination",
    "authority": r"(os)?laua|lad[0-9]{2}cd|local authority district code \([0-9]{4}\)",
    "ward": r"(os)?ward|wd[0-9]{2}cd|ward code \([0-9]{4}\)",
    "lsoa11": r"lsoa11(cd)?|lower layer super output area code \(2011\)",
    "lsoa21": r"lsoa21(cd)?|lower layer super output area code \(2021\)",
    "gridind": r"osgrdind|gridind|grid reference positional quality indicator",
    "easting": r"(os)?east1m|national grid reference \(easting\)",
    "northing": r"osnrth1m|north1m|national grid reference \(northing\)",
    "latitude": r"lat|latitude",
    "longitude": r"long|longitude",
}
_ADVICE = "Use the ONSPD or NSPL as the Office for National Statistics publishes it, zip or CSV."
OPTIONAL = {"lsoa11", "lsoa21"}  # an NSPL has one vintage; at least one must be there

# What else is published about postcodes, by a column that no directory has.
_OTHERS = {
    r"uprn": "lists addresses (UPRN) and not postcodes: it is an ONSUD or NSUL",
    r"(lsoa|msoa|oac|lad|ward)[0-9]{0,2}nmw?": "is a look-up of names, without the position of a postcode",
    r"wd[0-9]{2}nmw?": "is a list of names, without the position of a postcode",
}
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def find_columns(header: Sequence[str], *, where: str) -> dict[str, str]:
    """Our name of each column found, with the name that the file gives it.

    Raises SettingsError, with the header, where a column is found twice or is missing.
    """
    hits = _hits(header)
    if not any(hits.values()):  # not shown: the first line of another file may be a person's record
        raise SettingsError(
            "The file's first line is not the header of a postcode directory" + _delimited(header),
            where=where,
            do=_ADVICE,
        )
    twice = [key for key, found in hits.items() if len(found) > 1]
    if twice:
        raise _unusable(f"has more than one column for {', '.join(twice)}", header, where)
    missing = [key for key, found in hits.items() if not found and key not in OPTIONAL]
    if not (hits["lsoa11"] or hits["lsoa21"]):
        missing.append("lsoa11 or lsoa21")
    if missing:
        raise _unusable(_other(header) or f"has no column for {', '.join(missing)}", header, where)
    return {key: found[0] for key, found in hits.items() if found}


def _hits(header: Sequence[str]) -> dict[str, list[str]]:
    names = {name: name.removeprefix("\ufeff").strip().lower() for name in header}
    return {
        key: [name for name in header if re.fullmatch(pattern, names[name])]
        for key, pattern in PATTERNS.items()
    }


def _delimited(header: Sequence[str]) -> str:
    """That the columns are parted by something else than commas, where that is so."""
    for sign, name in _DELIMITERS.items():
        if len(header) == 1 and any(_hits([cell.strip('"') for cell in header[0].split(sign)]).values()):
            return f"; its columns are parted by {name} and not by commas"
    return ""


def _other(header: Sequence[str]) -> str:
    """What else the file is, where its columns tell."""
    names = [name.removeprefix("\ufeff").strip().lower() for name in header]
    told = (what for pattern, what in _OTHERS.items() if any(re.fullmatch(pattern, name) for name in names))
    return next(told, "")


def _unusable(problem: str, header: Sequence[str], where: str) -> SettingsError:
    return SettingsError(
        f"The postcode directory {problem}",
        where=f"{where}; its header is: {','.join(header)}",
        do=_ADVICE,
    )
