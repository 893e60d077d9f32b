"""The postcode directory: a published ONSPD or NSPL as one small read-only SQLite file.

Built once a quarter from the file that the Office for National Statistics publishes; read by
every run. Nothing is repaired in a postcode but case and spacing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from pipeline.errors import SettingsError
from pipeline.geography.layout import find_columns
from pipeline.geography.postcodes import compact
from pipeline.geography.read_only import found, keep_facts, kept_facts, open_read_only, written_whole
from pipeline.geography.source import Source, find_source

if TYPE_CHECKING:
    import pyarrow

VERSION = 2
_BLOCK = 8 << 20  # bytes of CSV in memory at a time

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
_STORED = [name for name in COLUMNS if name not in ("known", "live")]
_NUMBERS = ("gridind", "easting", "northing")
_DEGREES = ("latitude", "longitude")
_PUBLISHED = ("authority", "ward", "lsoa11", "lsoa21")
_NO_GRID = 9
_NO_LATITUDE = 99.0  # the directory writes 99.999999 where there is none

_SCHEMA = """
CREATE TABLE postcode (
    postcode TEXT PRIMARY KEY, terminated TEXT NOT NULL, authority TEXT NOT NULL, ward TEXT NOT NULL,
    lsoa11 TEXT NOT NULL, lsoa21 TEXT NOT NULL,
    gridind INTEGER NOT NULL, easting INTEGER NOT NULL, northing INTEGER NOT NULL,
    latitude REAL NOT NULL, longitude REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (content TEXT NOT NULL);
"""
_INSERT = "INSERT INTO postcode VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FIND = """
SELECT p.postcode, p.terminated, p.authority, p.ward, p.lsoa11, p.lsoa21, p.gridind, p.easting, p.northing,
       p.latitude, p.longitude
FROM json_each(?1) AS asked CROSS JOIN postcode AS p ON p.postcode = asked.value
"""

_NOT_KNOWN = ("", "", "", "", "", 0, 0, 0, 0.0, 0.0)

Watch = Callable[[str, int, int], None]  # stage, done, total (both in bytes of the CSV)


@dataclass(frozen=True)
class DirectoryFacts:
    """What a built directory is made of."""

    release: str  # file name of the published CSV
    source_sha256: str  # of the published file, zip or CSV
    rows: int
    live: int
    columns: dict[str, str]  # our name of each column, and the name in the published header
    vintages: tuple[str, ...]  # "2011", "2021": the vintages of LSOA that it knows
    authorities: tuple[str, ...]  # kept authorities; empty where all are kept

    @property
    def sha256(self) -> str:
        """One digest for the whole directory: the published file and what was kept of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

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


def build_directory(
    source: Path, target: Path, *, authorities: Collection[str] | None = None, watch: Watch | None = None
) -> DirectoryFacts:
    """Build the directory at `target` from a published ONSPD or NSPL (zip or CSV).

    `authorities` keeps only postcodes of these GSS codes; a postcode elsewhere is then unknown.
    The file is streamed and the old directory stands until the new one is whole. Raises
    SettingsError for a file that is not a directory as published.
    """
    published = _find(source)
    columns = _columns(published)
    with written_whole(target, _SCHEMA, VERSION) as connection:
        _fill(connection, published, columns, authorities, watch)
        facts = _facts(connection, published, columns, authorities)
        keep_facts(connection, asdict(facts))
    return facts


def _find(source: Path) -> Source:
    try:
        return find_source(source)
    except (OSError, zipfile.BadZipFile):
        raise _broken(source) from None


def _columns(published: Source) -> dict[str, str]:
    try:
        header = published.header()
    except (OSError, zipfile.BadZipFile, zlib.error):
        raise _broken(published.path) from None
    return find_columns(header, where=published.release)


def _broken(path: Path) -> SettingsError:
    return SettingsError(
        "The postcode directory's file cannot be read",
        where=str(path),
        do="Download it again; it may be cut short.",
    )


def _fill(
    connection: sqlite3.Connection,
    published: Source,
    columns: dict[str, str],
    authorities: Collection[str] | None,
    watch: Watch | None,
) -> None:
    from pyarrow import ArrowInvalid

    problem = ""
    try:
        for rows in _blocks(published, columns, watch):
            kept = rows if authorities is None else rows[rows["authority"].isin(list(authorities))]
            connection.executemany(_INSERT, zip(*(kept[name].tolist() for name in _STORED), strict=True))
    except sqlite3.IntegrityError:
        problem = "holds a postcode twice"
    except ArrowInvalid:  # its text quotes the row
        problem = "has a row that does not fit its header"
    except (OSError, zipfile.BadZipFile, zlib.error):
        problem = "cannot be read to its end"
    except ValueError:
        problem = "has a grid reference that is not a number"
    if problem:
        raise SettingsError(
            f"The postcode directory {problem}",
            where=published.release,
            do="Download it again; if that does not help, tell whoever publishes it.",
        )


def _blocks(published: Source, columns: dict[str, str], watch: Watch | None) -> Iterator[pd.DataFrame]:
    """The directory's rows in our own columns, block by block."""
    import pyarrow
    from pyarrow import csv

    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(columns.values(), pyarrow.string()),
        include_columns=list(columns.values()),
        strings_can_be_null=False,
    )
    with published.open() as stream:
        counted = _Counted(stream, published.size, watch)
        reader = csv.open_csv(counted, csv.ReadOptions(block_size=_BLOCK), convert_options=convert)
        for batch in reader:
            yield _own_columns(batch.rename_columns(list(columns)))


def _own_columns(batch: pyarrow.RecordBatch) -> pd.DataFrame:
    """Published text as the stored columns: blanks for pseudo codes, numbers for numbers."""
    frame: pd.DataFrame = batch.to_pandas().astype("str").reindex(columns=_STORED, fill_value="")
    frame["postcode"] = frame["postcode"].map(compact).astype("str")
    frame["terminated"] = frame["terminated"].str.strip()
    for name in _PUBLISHED:
        code = frame[name].str.strip()
        frame[name] = code.where(~code.str.endswith("999999"), "")  # pseudo codes stand for no area
    for name in _NUMBERS:
        number = frame[name].str.strip()
        frame[name] = number.where(number != "", "0").astype("int64")
    degrees = frame[list(_DEGREES)].apply(
        lambda column: column.str.strip().replace("", "0").astype("float64")
    )
    nowhere = frame["gridind"].eq(_NO_GRID) | degrees["latitude"].gt(_NO_LATITUDE)
    frame[list(_DEGREES)] = degrees.mask(nowhere, 0.0)
    return frame


class _Counted:
    """A stream of bytes that tells how far it has been read."""

    def __init__(self, stream: IO[bytes], total: int, watch: Watch | None) -> None:
        self._stream, self._total, self._watch, self._done = stream, total, watch, 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = self._stream.read(size)
        self._done += len(content)
        if self._watch is not None:
            self._watch("postcodes", self._done, self._total)
        return content


def _facts(
    connection: sqlite3.Connection,
    published: Source,
    columns: dict[str, str],
    authorities: Collection[str] | None,
) -> DirectoryFacts:
    counts = "SELECT count(*), total(terminated = ''), total(lsoa11 != ''), total(lsoa21 != '') FROM postcode"
    rows, live, with_2011, with_2021 = connection.execute(counts).fetchone()
    if not rows:
        raise SettingsError(
            "The postcode directory would be empty",
            where=published.release,
            do="Check the codes of the authorities to keep." if authorities else "Download it again.",
        )
    return DirectoryFacts(
        release=published.release,
        source_sha256=published.sha256(),
        rows=rows,
        live=int(live),
        columns=columns,
        vintages=tuple(year for year, known in (("2011", with_2011), ("2021", with_2021)) if known),
        authorities=tuple(sorted(authorities or ())),
    )


class Directory:
    """A built postcode directory, opened for reading only."""

    def __init__(self, path: Path) -> None:
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

    def lookup(self, postcodes: Sequence[str] | pd.Series) -> pd.DataFrame:
        """What the directory knows of each postcode, in the order asked (`COLUMNS`).

        Case and spacing do not matter. A postcode that it does not know has `known` False and blanks.
        """
        asked = [compact(text) for text in pd.Series(postcodes, dtype="str").fillna("")]
        known = self.find(asked)
        rows = [known.get(postcode) or Known(postcode, *_NOT_KNOWN) for postcode in asked]
        frame = pd.DataFrame(rows, columns=list(Known._fields))
        frame["known"] = [postcode in known for postcode in asked]
        frame["live"] = frame["known"] & frame["terminated"].eq("")
        return frame[list(COLUMNS)].astype(COLUMNS)
