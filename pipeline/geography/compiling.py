"""Compiling the reach index: for one day, which recipient serves each postcode of each network.

Compiled from the reach areas and the postcode directory, so that a run only looks up. The smallest
place wins: postcode, then drawn area, then LSOA of either vintage, then sector, then ward. Among places
of the same size the priority decides, 1 before 2 and any before none. Where two recipients are left
nobody guesses: the postcode is ambiguous.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.geography.areas import Area, Kind, Problems, contents_of, digest_of, named, read_areas
from pipeline.geography.directory import Directory, DirectoryFacts
from pipeline.geography.geojson import System
from pipeline.geography.reach import VERSION, ReachFacts
from pipeline.geography.read_only import address
from pipeline.geography.written import keep_facts, written_whole

Watch = Callable[[str, int, int], None]  # stage, done, total (in kinds of place)

_SCHEMA = """
CREATE TABLE served (
    network TEXT NOT NULL, postcode TEXT NOT NULL, recipient TEXT NOT NULL, matched TEXT NOT NULL,
    claimants TEXT NOT NULL, PRIMARY KEY (network, postcode)
) WITHOUT ROWID;
CREATE TABLE covered (network TEXT NOT NULL, authority TEXT NOT NULL, PRIMARY KEY (network, authority));
CREATE TABLE facts (content TEXT NOT NULL);
CREATE TEMP TABLE area (
    area INTEGER PRIMARY KEY, network TEXT NOT NULL, recipient TEXT NOT NULL,
    kind TEXT NOT NULL, rank INTEGER NOT NULL, code TEXT NOT NULL
);
CREATE TEMP TABLE near (
    postcode TEXT PRIMARY KEY, authority TEXT NOT NULL, live INTEGER NOT NULL,
    lsoa11 TEXT NOT NULL, lsoa21 TEXT NOT NULL, ward TEXT NOT NULL,
    easting INTEGER NOT NULL, northing INTEGER NOT NULL, longitude REAL NOT NULL, latitude REAL NOT NULL
) WITHOUT ROWID;
CREATE TEMP TABLE inside (area INTEGER NOT NULL, postcode TEXT NOT NULL);
CREATE TEMP TABLE hit (
    network TEXT NOT NULL, postcode TEXT NOT NULL, authority TEXT NOT NULL, live INTEGER NOT NULL,
    recipient TEXT NOT NULL, kind TEXT NOT NULL, rank INTEGER NOT NULL, area INTEGER NOT NULL
);
"""
# The whole directory is read once; what the primary key finds is not looked for there.
_NEAR = """
INSERT INTO near
SELECT postcode, authority, terminated = '', lsoa11, lsoa21, ward, easting, northing, longitude, latitude
FROM directory.postcode
WHERE lsoa11 IN (SELECT code FROM area WHERE kind = 'lsoa11')
   OR lsoa21 IN (SELECT code FROM area WHERE kind = 'lsoa21')
   OR ward IN (SELECT code FROM area WHERE kind = 'ward')
"""
_PLACES_OF = {
    Kind.POSTCODE: "area AS a CROSS JOIN {keyed} AS p ON p.postcode = a.code",
    Kind.POLYGON: "area AS a CROSS JOIN inside AS i USING (area) CROSS JOIN near AS p USING (postcode)",
    Kind.LSOA11: "near AS p CROSS JOIN area AS a ON a.code = p.lsoa11",
    Kind.LSOA21: "near AS p CROSS JOIN area AS a ON a.code = p.lsoa21",
    Kind.SECTOR: "area AS a CROSS JOIN {keyed} AS p"
    " ON p.postcode BETWEEN a.code || 'AA' AND a.code || 'ZZ' AND length(p.postcode) = length(a.code) + 2",
    Kind.WARD: "near AS p CROSS JOIN area AS a ON a.code = p.ward",
}
_PLACELESS = "; it gives no longitudes and latitudes, so draw areas in British National Grid"
_KEYED = "(SELECT postcode, authority, terminated = '' AS live FROM directory.postcode)"
_HIT = """
INSERT INTO hit SELECT a.network, p.postcode, p.authority, p.live, a.recipient, a.kind, a.rank, a.area
FROM {places} WHERE a.kind = ?1
"""
# With a lone min() SQLite takes the other columns from the row that holds the minimum.
_SERVE = """
INSERT INTO served SELECT network, postcode, recipient, kind, claimants FROM (
    SELECT network, postcode, recipient, kind, claimants, min(rank) FROM (
        SELECT network, postcode, rank, min(kind) AS kind,
               group_concat(DISTINCT recipient) AS claimants,
               CASE WHEN min(recipient) = max(recipient) THEN min(recipient) ELSE '' END AS recipient
        FROM (SELECT * FROM hit ORDER BY recipient) GROUP BY network, postcode, rank
    ) GROUP BY network, postcode
)
"""
# A network covers the authority where most of its postcodes are, and each of whose live postcodes it
# serves at least a tenth: a street or a sector across the border does not make the rest there a gap.
_COVER = """
WITH served_in AS (
    SELECT network, authority, count(DISTINCT postcode) AS served FROM hit
    WHERE live AND authority != '' GROUP BY network, authority
), whole AS (
    SELECT authority, count(*) AS live FROM directory.postcode
    WHERE terminated = '' AND authority IN (SELECT authority FROM served_in) GROUP BY authority
)
INSERT INTO covered SELECT network, authority FROM (
    SELECT network, authority, served, live, max(served) OVER (PARTITION BY network) AS most
    FROM served_in JOIN whole USING (authority)
) WHERE served = most OR served * 10 >= live
"""


def build_reach(
    files: Sequence[Path],
    directory: Path,
    target: Path,
    *,
    on: date,
    areas_sha256: str = "",
    lost: list[tuple[Area, str]] | None = None,
    watch: Watch | None = None,
) -> ReachFacts:
    """Compile the reach index at `target` from the lines of the files that are in force on the day `on`.

    Raises SettingsError that names each line whose place the directory does not know, and says so
    where an LSOA exists in the other vintage; that names each drawn area that is not a simple one; and
    where the files are not, or not any more, those with the digest `areas_sha256`, if that is given.
    Who only wants to compare gives a list for what is `lost`: lines whose place is not known are then put
    into it, with the reason, and the others compiled.
    """
    contents = contents_of(files)
    digest = digest_of(contents)
    if areas_sha256 not in ("", digest):
        raise SettingsError(
            "The reach areas changed while they were read", where=named(files), do="Run it again."
        )
    areas = [area for area in read_areas(files, contents) if area.in_force(on)]
    if not areas:
        raise SettingsError("No reach area is in force", where=f"{named(files)} on {on.isoformat()}")
    with Directory(directory) as opened:
        facts = opened.facts
    with written_whole(target, _SCHEMA, VERSION) as connection:
        connection.execute("COMMIT")  # a file cannot be attached inside a transaction
        connection.execute("ATTACH ? AS directory", (address(directory),))
        connection.execute("BEGIN")
        _match(connection, areas, files, watch)
        _check_places(connection, areas, facts, files, lost)
        connection.execute(_SERVE)
        connection.execute(_COVER)
        result = _facts(connection, areas, facts, digest, on)
        keep_facts(connection, result._asdict())
    return result


@contextmanager
def compiled_in_memory(
    areas: Sequence[Area], directory: Path, files: Sequence[Path]
) -> Iterator[tuple[sqlite3.Connection, list[tuple[Area, str]]]]:
    """The same of these lines for who checks them, and the lines whose place is not known, with the reason.

    Beside `served` and `covered` there is `hit`, each postcode with each line that names its place: `area`
    is the line's position in `areas`, and the least `rank` counts. The directory is attached. Raises
    SettingsError for a drawn area that is not a simple one, and where the directory cannot be used.
    """
    with Directory(directory) as opened:
        facts = opened.facts
    lost: list[tuple[Area, str]] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None, uri=True)) as connection:
        connection.execute("ATTACH ? AS directory", (address(directory),))
        connection.executescript(_SCHEMA)
        _match(connection, areas, files, None)
        _check_places(connection, areas, facts, files, lost)
        connection.execute(_SERVE)
        connection.execute(_COVER)
        yield connection, lost


def _match(
    connection: sqlite3.Connection, areas: Sequence[Area], files: Sequence[Path], watch: Watch | None
) -> None:
    """Every postcode with every line that names its place."""
    connection.executemany(
        "INSERT INTO area VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, area.network, area.recipient, area.kind, area.rank, area.code)
            for number, area in enumerate(areas)
        ],
    )
    connection.execute("CREATE INDEX temp.area_by_code ON area (kind, code)")
    kinds = sorted({area.kind for area in areas})
    _find_near(connection, areas, files)
    for done, kind in enumerate(kinds, start=1):
        places = _PLACES_OF[kind].format(keyed=_KEYED)
        connection.execute(_HIT.format(places=places), (str(kind),))
        if watch is not None:
            watch("reach areas", done, len(kinds))


def _find_near(connection: sqlite3.Connection, areas: Sequence[Area], files: Sequence[Path]) -> None:
    """The postcodes that lines may name by what the directory says of them, and those in drawn areas."""
    drawn = {number: area for number, area in enumerate(areas) if area.shape is not None}
    if not drawn:
        if any(area.kind not in (Kind.POSTCODE, Kind.SECTOR) for area in areas):
            connection.execute(_NEAR)
        return
    from pipeline.geography import polygons

    problems = Problems(files)
    outlines = polygons.outlines(drawn, problems)
    problems.stop_if_any()
    boxes, bounds = polygons.boxes(drawn.values())
    connection.execute(f"{_NEAR} {''.join(f'OR {box}' for box in boxes)}", bounds)
    rows = connection.execute("SELECT postcode, easting, northing, longitude, latitude FROM near")
    connection.executemany("INSERT INTO inside VALUES (?, ?)", polygons.inside(outlines, rows))


def _check_places(
    connection: sqlite3.Connection,
    areas: Sequence[Area],
    facts: DirectoryFacts,
    files: Sequence[Path],
    lost: list[tuple[Area, str]] | None,
) -> None:
    """Stop where a line names a place that the directory does not know: a typing error, or an old code."""
    matched = {number for (number,) in connection.execute("SELECT DISTINCT area FROM hit")}
    unknown = [area for number, area in enumerate(areas) if number not in matched]
    found = [(area, _why_unknown(connection, area, facts)) for area in unknown]
    if lost is not None:
        lost.extend(found)
        return
    problems = Problems(files)
    for area, why in found:
        problems.add(area.file, area.line, why)
    problems.stop_if_any()


def _why_unknown(connection: sqlite3.Connection, area: Area, facts: DirectoryFacts) -> str:
    if area.shape is not None:
        absent = _PLACELESS if area.shape.system is System.DEGREES and _no_degrees(connection) else ""
        return f"no postcode of {facts.release} lies in it{absent}"
    other = {Kind.LSOA11: Kind.LSOA21, Kind.LSOA21: Kind.LSOA11}.get(area.kind)
    if other is None:
        return f"no such {area.kind} in {facts.release}"
    exists = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM directory.postcode WHERE {other} = ?)",  # noqa: S608 - of our own words alone
        (area.code,),
    ).fetchone()[0]
    absent = "" if f"20{area.kind[-2:]}" in facts.vintages else f", which has no {area.kind} at all"
    elsewhere = f"; the code exists in the other vintage, {other}" if exists else ""
    return f"no such {area.kind} in {facts.release}{absent}{elsewhere}"


def _no_degrees(connection: sqlite3.Connection) -> bool:
    exists = connection.execute("SELECT EXISTS (SELECT 1 FROM directory.postcode WHERE latitude != 0)")
    return not exists.fetchone()[0]


def _facts(
    connection: sqlite3.Connection, areas: Sequence[Area], directory: DirectoryFacts, digest: str, on: date
) -> ReachFacts:
    recipients: dict[str, dict[str, int]] = {area.network: {} for area in areas}
    for area in areas:
        recipients[area.network][area.recipient] = 0
    ambiguous = dict.fromkeys(recipients, 0)
    counts = "SELECT network, recipient, count(*) FROM served GROUP BY network, recipient"
    for network, recipient, postcodes in connection.execute(counts):
        if recipient:
            recipients[network][recipient] = postcodes
        else:
            ambiguous[network] = postcodes
    return ReachFacts(on.isoformat(), digest, directory.sha256, len(areas), recipients, ambiguous)
