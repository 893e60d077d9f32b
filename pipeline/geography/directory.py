"""The postcode directory: a published ONSPD or NSPL as one small read-only SQLite file.

Built once a quarter (`pipeline.geography.building`); read by every run. Whoever only looks up needs
nothing but the standard library, so that one postcode is answered at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.geography.postcodes import compact
from pipeline.geography.read_only import found, kept_facts, open_read_only

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType

    import pandas as pd

    from pipeline.geography.numbers import Numbers

VERSION = 103  # the hundreds tell a directory from compiled reach areas, so that neither passes for the other

COLUMNS = {
    "postcode": "str",  # upper case, no space
    "known": "bool",
    "live": "bool",
    "terminated": "str",  # YYYYMM, "" while live
    "authority": "str",  # GSS codes; "" where the directory gives a pseudo code
    "ward": "str",
    "lsoa11": "str",
    "lsoa21": "str",
    "gridind": "int16",  # positional quality, 1 to 9; 0 where not stated
    "easting": "int64",  # metres; 0 where there is none
    "northing": "int64",
    "latitude": "float64",  # degrees north, ETRS89; 0 where there is none
    "longitude": "float64",  # degrees east
}
_FIND = """
SELECT p.postcode, p.terminated, p.authority, p.ward, p.lsoa11, p.lsoa21, p.gridind, p.easting, p.northing,
       p.latitude, p.longitude
FROM json_each(?1) AS asked CROSS JOIN postcode AS p ON p.postcode = asked.value
"""
_BEGINNING = """
SELECT postcode FROM postcode
WHERE postcode >= ?1 AND postcode < ?2 AND length(postcode) = ?3 AND terminated = ''
"""

_NOT_KNOWN = ("", "", "", "", "", 0, 0, 0, 0.0, 0.0)


class DirectoryFacts(NamedTuple):
    """What a built directory is made of."""

    release: str  # file name of the published CSV
    source_sha256: str  # of the published file, zip or CSV
    rows: int
    live: int
    columns: dict[str, str]  # our name of each column, and the name in the published header
    vintages: tuple[str, ...]  # "2011", "2021": the vintages of LSOA that it knows
    authorities: tuple[str, ...]  # kept authorities; empty where all are kept
    part: bool = False  # it was built from a part of the country on purpose
    digest: str = ""  # as `sha256` worked it out when the directory was built

    @property
    def sha256(self) -> str:
        """One digest for the whole directory: the published file and what was kept of it."""
        if self.digest:
            return self.digest
        import hashlib

        facts = {name: value for name, value in self._asdict().items() if name != "digest"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, stored: dict[str, Any]) -> DirectoryFacts:
        """The facts as they were stored."""
        return cls(
            **{**stored, "vintages": tuple(stored["vintages"]), "authorities": tuple(stored["authorities"])}
        )


class Known(NamedTuple):
    """What the directory knows of one postcode; the columns are those of COLUMNS."""

    postcode: str
    terminated: str
    authority: str
    ward: str
    lsoa11: str
    lsoa21: str
    gridind: int
    easting: int
    northing: int
    latitude: float
    longitude: float

    @property
    def live(self) -> bool:
        """Whether Royal Mail still uses it."""
        return not self.terminated


class Directory:
    """A built postcode directory, opened for reading only."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Open it; raises SettingsError where it is missing or was built by another version."""
        self._connection = open_read_only(path, version=VERSION, what="postcode directory")
        self.facts = DirectoryFacts.read(kept_facts(self._connection))

    def __enter__(self) -> Directory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def find(self, postcodes: Iterable[str]) -> dict[str, Known]:
        """What the directory knows of these compact postcodes; one that it does not know is not in it."""
        return {row[0]: Known(*row) for row in found(self._connection, _FIND, postcodes)}

    def beginning(self, start: str, length: int) -> list[str]:
        """The live compact postcodes of so many characters that begin with `start`, in order."""
        rows = self._connection.execute(_BEGINNING, (start, f"{start}~", length))
        return [postcode for (postcode,) in rows]

    def numbers(self) -> Numbers:
        """The whole directory as sorted numbers, for whoever places very many postcodes."""
        from pipeline.geography.numbers import kept

        return kept(self._connection)

    def lookup(self, postcodes: Sequence[str] | pd.Series) -> pd.DataFrame:
        """What the directory knows of each postcode, in the order asked (`COLUMNS`).

        Case and spacing do not matter. A postcode that it does not know has `known` False and blanks.
        """
        import pandas as pd

        asked = [compact(text) for text in pd.Series(postcodes, dtype="str").fillna("")]
        known = self.find(asked)
        rows = [known.get(postcode) or Known(postcode, *_NOT_KNOWN) for postcode in asked]
        frame = pd.DataFrame(rows, columns=list(Known._fields))
        frame["known"] = [postcode in known for postcode in asked]
        frame["live"] = frame["known"] & frame["terminated"].eq("")
        return frame[list(COLUMNS)].astype(COLUMNS)
