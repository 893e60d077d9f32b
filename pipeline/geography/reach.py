"""The reach index: for one day, which recipient serves each postcode of each network.

Compiled from the reach areas and the postcode directory, so that a run only looks up. The smallest
place wins: postcode, then LSOA of either vintage, then sector, then ward. Where two recipients
claim a postcode by places of the same size nobody guesses: the postcode is ambiguous.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from pipeline.errors import SettingsError
from pipeline.geography.areas import Area, Kind, Problems, content_of, read_areas
from pipeline.geography.directory import Directory, DirectoryFacts
from pipeline.geography.read_only import (
    REBUILD,
    address,
    found,
    keep_facts,
    kept_facts,
    open_read_only,
    written_whole,
)
from pipeline.geography.statuses import Claim

VERSION = 2
Watch = Callable[[str, int, int], None]  # stage, done, total (in kinds of place)

_SCHEMA = """
CREATE TABLE served (
    network TEXT NOT NULL, postcode TEXT NOT NULL, recipient TEXT NOT NULL, matched TEXT NOT NULL,
    claimants TEXT NOT NULL, PRIMARY KEY (network, postcode)
) WITHOUT ROWID;
CREATE TABLE covered (network TEXT NOT NULL, authority TEXT NOT NULL, PRIMARY KEY (network, authority));
CREATE TABLE facts (content TEXT NOT NULL);
CREATE TEMP TABLE area (
    line INTEGER NOT NULL, network TEXT NOT NULL, recipient TEXT NOT NULL,
    kind TEXT NOT NULL, precedence INTEGER NOT NULL, code TEXT NOT NULL
);
CREATE TEMP TABLE hit (
    network TEXT NOT NULL, postcode TEXT NOT NULL, authority TEXT NOT NULL, recipient TEXT NOT NULL,
    kind TEXT NOT NULL, precedence INTEGER NOT NULL, line INTEGER NOT NULL
);
"""
_PLACE_OF = {
    Kind.POSTCODE: "p.postcode",
    Kind.LSOA11: "p.lsoa11",
    Kind.LSOA21: "p.lsoa21",
    Kind.SECTOR: "substr(p.postcode, 1, length(p.postcode) - 2)",
    Kind.WARD: "p.ward",
}
_HIT = """
INSERT INTO hit SELECT a.network, p.postcode, p.authority, a.recipient, a.kind, a.precedence, a.line
FROM directory.postcode AS p CROSS JOIN area AS a ON a.kind = ?1 AND a.code = {place}
"""
# With a lone min() SQLite takes the other columns from the row that holds the minimum.
_SERVE = """
INSERT INTO served SELECT network, postcode, recipient, kind, claimants FROM (
    SELECT network, postcode, recipient, kind, claimants, min(precedence) FROM (
        SELECT network, postcode, precedence, min(kind) AS kind,
               group_concat(DISTINCT recipient) AS claimants,
               CASE WHEN min(recipient) = max(recipient) THEN min(recipient) ELSE '' END AS recipient
        FROM hit GROUP BY network, postcode, precedence
    ) GROUP BY network, postcode
)
"""
_COVER = "INSERT INTO covered SELECT DISTINCT network, authority FROM hit WHERE authority != ''"
_FIND = """
SELECT s.postcode, s.recipient, s.matched, s.claimants
FROM json_each(?1) AS asked CROSS JOIN served AS s ON s.network = ?2 AND s.postcode = asked.value
"""


class Served(NamedTuple):
    """What the reach areas of one network say of one postcode."""

    postcode: str
    recipient: str  # "" where several claim it
    matched: str  # the kind of place by which it is claimed
    claimants: str  # codes of all who claim it by places of that size, joined by ","

    @property
    def claim(self) -> Claim:
        """Whether one recipient serves it, or several claim it."""
        return Claim.ONE if self.recipient else Claim.SEVERAL


@dataclass(frozen=True)
class ReachFacts:
    """What a compiled reach index is made of."""

    on: str  # the day whose lines count, YYYY-MM-DD
    areas_sha256: str  # of the file of reach areas
    directory_sha256: str  # DirectoryFacts.sha256
    lines: int  # in force on the day
    recipients: dict[str, dict[str, int]]  # network: {recipient: postcodes that it serves}
    ambiguous: dict[str, int]  # network: postcodes that two recipients claim

    @classmethod
    def read(cls, stored: dict[str, Any]) -> ReachFacts:
        """The facts as they were stored."""
        return cls(**stored)


def build_reach(
    reach_areas_csv: Path,
    directory: Path,
    target: Path,
    *,
    on: date,
    areas_sha256: str = "",
    watch: Watch | None = None,
) -> ReachFacts:
    """Compile the reach index at `target` from the lines in force on the day `on`.

    Raises SettingsError that names each line whose place the directory does not know, and says so
    where an LSOA exists in the other vintage; and where the file is not, or not any more, the one with
    the digest `areas_sha256`, if that is given.
    """
    content = content_of(reach_areas_csv)
    digest = hashlib.sha256(content).hexdigest()
    if areas_sha256 not in ("", digest):
        raise SettingsError(
            "The reach areas changed while they were read", where=str(reach_areas_csv), do="Run it again."
        )
    areas = [area for area in read_areas(reach_areas_csv, content) if area.in_force(on)]
    if not areas:
        raise SettingsError("No reach area is in force", where=f"{reach_areas_csv} on {on.isoformat()}")
    with Directory(directory) as opened:
        facts = opened.facts
    with written_whole(target, _SCHEMA, VERSION) as connection:
        connection.execute("COMMIT")  # a file cannot be attached inside a transaction
        connection.execute("ATTACH ? AS directory", (address(directory),))
        connection.execute("BEGIN")
        _match(connection, areas, watch)
        _check_places(connection, areas, facts, reach_areas_csv)
        connection.execute(_SERVE)
        connection.execute(_COVER)
        result = _facts(connection, areas, facts, digest, on)
        keep_facts(connection, asdict(result))
    return result


def _match(connection: sqlite3.Connection, areas: Sequence[Area], watch: Watch | None) -> None:
    """Every postcode with every line that names its place."""
    connection.executemany(
        "INSERT INTO area VALUES (?, ?, ?, ?, ?, ?)",
        [
            (area.line, area.network, area.recipient, area.kind, area.kind.precedence, area.code)
            for area in areas
        ],
    )
    connection.execute("CREATE INDEX temp.area_by_code ON area (kind, code)")
    kinds = sorted({area.kind for area in areas})
    for done, kind in enumerate(kinds, start=1):
        connection.execute(_HIT.format(place=_PLACE_OF[kind]), (str(kind),))
        if watch is not None:
            watch("reach areas", done, len(kinds))


def _check_places(
    connection: sqlite3.Connection, areas: Sequence[Area], facts: DirectoryFacts, file: Path
) -> None:
    """Stop where a line names a place that the directory does not know: a typing error, or an old code."""
    matched = {line for (line,) in connection.execute("SELECT DISTINCT line FROM hit")}
    lost = [area for area in areas if area.line not in matched]
    problems = Problems(file)
    for area in lost:
        problems.add(area.line, _why_unknown(connection, area, facts))
    problems.stop_if_any()


def _why_unknown(connection: sqlite3.Connection, area: Area, facts: DirectoryFacts) -> str:
    other = {Kind.LSOA11: Kind.LSOA21, Kind.LSOA21: Kind.LSOA11}.get(area.kind)
    if other is None:
        return f"no such {area.kind} in {facts.release}"
    exists = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM directory.postcode AS p WHERE {_PLACE_OF[other]} = ?)",  # noqa: S608
        (area.code,),
    ).fetchone()[0]
    absent = "" if f"20{area.kind[-2:]}" in facts.vintages else f", which has no {area.kind} at all"
    elsewhere = f"; the code exists in the other vintage, {other}" if exists else ""
    return f"no such {area.kind} in {facts.release}{absent}{elsewhere}"


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


class Reach:
    """A compiled reach index, opened for reading only."""

    def __init__(self, path: Path, directory: DirectoryFacts) -> None:
        """Open it; raises SettingsError where it is missing or was made from another directory."""
        self._connection = open_read_only(path, version=VERSION, what="reach index")
        self.facts = ReachFacts.read(kept_facts(self._connection))
        if self.facts.directory_sha256 != directory.sha256:
            self._connection.close()
            raise SettingsError(
                "The reach index was made from another postcode directory", where=str(path), do=REBUILD
            )

    def __enter__(self) -> Reach:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def check_network(self, network: str) -> None:
        """Raise SettingsError where no line in force names the network."""
        if network not in self.facts.recipients:
            raise SettingsError(
                f"No reach area of the network {network} is in force",
                where=f"on {self.facts.on}",
                do="Check the agreement's network against the reach areas.",
            )

    def find(self, postcodes: Iterable[str], network: str) -> dict[str, Served]:
        """Who serves these compact postcodes in the network; one that nobody serves is not in it."""
        return {row[0]: Served(*row) for row in found(self._connection, _FIND, postcodes, network)}

    def authorities(self, network: str) -> set[str]:
        """GSS codes of the authorities in which the network serves at least one postcode."""
        rows = self._connection.execute("SELECT authority FROM covered WHERE network = ?", (network,))
        return {authority for (authority,) in rows}


def recipients_by_network(reach: Path, directory: Path) -> dict[str, frozenset[str]]:
    """The recipients that the reach areas in force name, by network; raises SettingsError as Reach does."""
    with Directory(directory) as opened, Reach(reach, opened.facts) as areas:
        return {network: frozenset(codes) for network, codes in areas.facts.recipients.items()}
