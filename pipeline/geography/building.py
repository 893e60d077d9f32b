"""Building the postcode directory from the file that the Office for National Statistics publishes.

Nothing is repaired in a postcode but case and spacing. The file is streamed; the old directory stands
until the new one is whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.geography.content import check_content
from pipeline.geography.directory import COLUMNS, VERSION, DirectoryFacts
from pipeline.geography.layout import find_columns
from pipeline.geography.postcodes import compact
from pipeline.geography.source import UNREADABLE, Source, find_source
from pipeline.geography.statuses import NO_GRID
from pipeline.geography.written import keep_facts, written_whole

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

_BLOCK = 1 << 19  # bytes of CSV in memory at a time; with 8 MiB a build held 500

_STORED = [name for name in COLUMNS if name not in ("known", "live")]
_NUMBERS = ("gridind", "easting", "northing")
_DEGREES = ("latitude", "longitude")
_PUBLISHED = ("authority", "ward", "lsoa11", "lsoa21")
_NO_LATITUDE = 99.0  # the directory writes 99.999999 where there is none

_SCHEMA = """
CREATE TABLE postcode (
    postcode TEXT PRIMARY KEY, terminated TEXT NOT NULL, authority TEXT NOT NULL, ward TEXT NOT NULL,
    lsoa11 TEXT NOT NULL, lsoa21 TEXT NOT NULL,
    gridind INTEGER NOT NULL, easting INTEGER NOT NULL, northing INTEGER NOT NULL,
    latitude REAL NOT NULL, longitude REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (content TEXT NOT NULL);
"""  # and the table of pipeline.geography.numbers
_INSERT = "INSERT INTO postcode VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
Watch = Callable[[str, int, int], None]  # stage, done, total (both in bytes of the CSV)


def build_directory(
    source: Path,
    target: Path,
    *,
    authorities: Collection[str] | None = None,
    part: bool = False,
    watch: Watch | None = None,
) -> DirectoryFacts:
    """Build the directory at `target` from a published ONSPD or NSPL (zip or CSV).

    `authorities` keeps only postcodes of these GSS codes; a postcode elsewhere is then unknown.
    `part` says that the file is meant to hold a part of the country. The file is streamed and the old
    directory stands until the new one is whole. Raises SettingsError for a file that is not a directory
    as published, or whose content is not that of one.
    """
    from pipeline.geography import numbers

    published = _find(source)
    columns, source_sha256 = _columns(published), published.sha256()
    with written_whole(target, _SCHEMA + numbers.SCHEMA, VERSION) as connection:
        _fill(connection, published, columns, authorities, watch)
        facts = _facts(connection, published, columns, authorities, part)
        if facts.source_sha256 != source_sha256:
            raise SettingsError(
                "The postcode directory's file changed while it was read",
                where=str(source),
                do="Run it again.",
            )
        check_content(connection, columns, release=facts.release, whole=authorities is None and not part)
        facts = facts._replace(digest=facts.sha256)
        keep_facts(connection, facts._asdict())
    return facts


def _find(source: Path) -> Source:
    try:
        return find_source(source)
    except UNREADABLE:
        raise _broken(source) from None


def _columns(published: Source) -> dict[str, str]:
    try:
        header = published.header()
    except UNREADABLE:
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
    from pyarrow import ArrowInvalid, default_memory_pool

    from pipeline.geography.numbers import Gathering

    problem, numbers = "", Gathering()
    try:
        for rows in _blocks(published, columns, watch):
            kept = rows if authorities is None else rows[rows["authority"].isin(list(authorities))]
            connection.executemany(_INSERT, zip(*(kept[name].tolist() for name in _STORED), strict=True))
            numbers.add(kept)
    except sqlite3.IntegrityError:
        problem = "holds a postcode twice"
    except ArrowInvalid:  # its text quotes the row
        problem = "has a row that does not fit its header"
    except UNREADABLE:
        problem = "cannot be read to its end"
    except ValueError:
        problem = "has a grid reference that is not a number"
    if problem:
        raise SettingsError(
            f"The postcode directory {problem}",
            where=published.release,
            do="Download it again; if that does not help, tell whoever publishes it.",
        )
    default_memory_pool().release_unused()
    numbers.keep(connection)


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
    nowhere = frame["gridind"].eq(NO_GRID) | degrees["latitude"].gt(_NO_LATITUDE)
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
    part: bool,
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
        part=part,
    )
