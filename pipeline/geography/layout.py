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

# ONSPD and NSPL, releases of 2021 to 2026, and the hub's own upper-case downloads.
PATTERNS = {
    "postcode": r"pcds",
    "terminated": r"doterm",
    "authority": r"(os)?laua|lad[0-9]{2}cd",
    "ward": r"(os)?ward|wd[0-9]{2}cd",
    "lsoa11": r"lsoa11(cd)?",
    "lsoa21": r"lsoa21(cd)?",
    "gridind": r"osgrdind|gridind",
    "easting": r"oseast1m|east1m",
    "northing": r"osnrth1m|north1m",
    "latitude": r"lat",
    "longitude": r"long",
}
_ADVICE = "Use the ONSPD or NSPL as the Office for National Statistics publishes it, zip or CSV."
OPTIONAL = {"lsoa11", "lsoa21"}  # an NSPL has one vintage; at least one must be there


def find_columns(header: Sequence[str], *, where: str) -> dict[str, str]:
    """Our name of each column found, with the name that the file gives it.

    Raises SettingsError, with the header, where a column is found twice or is missing.
    """
    names = {name: name.removeprefix("\ufeff").strip().lower() for name in header}
    hits = {
        key: [name for name in header if re.fullmatch(pattern, names[name])]
        for key, pattern in PATTERNS.items()
    }
    if not any(hits.values()):  # not shown: the first line of another file may be a person's record
        raise SettingsError(
            "The file's first line is not the header of a postcode directory", where=where, do=_ADVICE
        )
    twice = [key for key, found in hits.items() if len(found) > 1]
    if twice:
        raise _unusable(f"has more than one column for {', '.join(twice)}", header, where)
    missing = [key for key, found in hits.items() if not found and key not in OPTIONAL]
    if not (hits["lsoa11"] or hits["lsoa21"]):
        missing.append("lsoa11 or lsoa21")
    if missing:
        raise _unusable(f"has no column for {', '.join(missing)}", header, where)
    return {key: found[0] for key, found in hits.items() if found}


def _unusable(problem: str, header: Sequence[str], where: str) -> SettingsError:
    return SettingsError(
        f"The postcode directory {problem}",
        where=f"{where}; its header is: {','.join(header)}",
        do=_ADVICE,
    )
