"""The few settings of a home that looking one postcode up needs, read without checking all the others.

Checking them all takes several times as long as the look-up. So what is read here is only taken where it
is plainly as it must be; else the whole settings are read, which say what is wrong with them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple

SETTINGS_FILE = "birthshare.toml"
DIRECTORY = "reference/postcodes.sqlite"
REACH_AREAS = ("reference/reach_areas.csv",)
HOSPITAL_POSTCODES = "reference/hospital_postcodes.csv"
# What may stand in the settings, and beside our three under [geography]; `home.Settings` says what it is.
SECTIONS = frozenset({
    "authority", "database", "suppliers", "approvers", "geography", "delivery", "receipts", "retention",
    "recipients", "ledger", "notices", "console",
})  # fmt: skip
OTHERS = frozenset({"ward_names", "deprivation", "localities", "locality_names", "refresh_moves"})


class Named(NamedTuple):
    """The local authority whose home this is."""

    code: str
    name: str


class Geography(NamedTuple):
    """The files that places are worked out from, relative to the home."""

    directory: str
    reach_areas: tuple[str, ...]
    hospital_postcodes: str


class Chosen(NamedTuple):
    """These settings, by the names that `home.Settings` has for them."""

    authority: Named
    geography: Geography


class Premises(NamedTuple):
    """As much of a home as a look-up needs; every part is called as in `home.Home`."""

    path: Path
    settings: Chosen

    def at(self, relative: str) -> Path:
        """A path named in the settings."""
        return self.path / relative

    @property
    def reach_areas(self) -> list[Path]:
        """The files of reach areas."""
        return [self.at(file) for file in self.settings.geography.reach_areas]

    @property
    def state(self) -> Path:
        """Where the compiled reach areas are."""
        return self.path / "state"


def premises(path: Path) -> Premises | None:
    """The home at `path`; None where one of these settings is not plainly what it must be."""
    try:
        read = tomllib.loads((path / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    authority, files = read.get("authority"), read.get("geography", {})
    if not (isinstance(authority, dict) and isinstance(files, dict)):
        return None
    if not (read.keys() <= SECTIONS and files.keys() <= {*Geography._fields, *OTHERS}):
        return None  # a name that is written wrongly may be one of ours
    areas = files.get("reach_areas", REACH_AREAS)
    areas = (areas,) if isinstance(areas, str) else tuple(areas) if isinstance(areas, list | tuple) else ()
    one_by_one = (
        authority.get("code"),
        authority.get("name"),
        files.get("directory", DIRECTORY),
        files.get("hospital_postcodes", HOSPITAL_POSTCODES),
    )
    if not areas or len(set(map(str, areas))) < len(areas) or not all(map(_is_line, (*areas, *one_by_one))):
        return None
    code, name, directory, hospitals = map(str, one_by_one)
    return Premises(path.resolve(), Chosen(Named(code, name), Geography(directory, areas, hospitals)))


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable() and value == value.strip()
