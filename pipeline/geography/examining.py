"""Examining reach areas: everything that can be found by looking, at once, and who serves how much.

The lines are compiled in memory as a month would compile them; what cannot be compiled is a finding, and
the others are examined all the same. Reads the directory twice, and takes seconds for an authority.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import SettingsError
from pipeline.geography import looks
from pipeline.geography.areas import Area, Problems, contents_of, digest_of, read_areas, where_in
from pipeline.geography.comparing import Move, moves_between
from pipeline.geography.compiling import compiled_in_memory
from pipeline.geography.directory import Directory, DirectoryFacts
from pipeline.geography.findings import Fault, Finding, weightiest_first
from pipeline.geography.reach import VERSION, ReachFacts
from pipeline.geography.read_only import address, kept_facts
from pipeline.geography.tiles import Tiles, points, tiled
from pipeline.networks import SEVERAL

_COUNTS = """
SELECT s.network, s.recipient, count(*),
       count(DISTINCT nullif(p.{lsoa}, '')), count(DISTINCT nullif(p.ward, ''))
FROM served AS s JOIN here AS p USING (postcode) GROUP BY s.network, s.recipient
"""


class Share(NamedTuple):
    """What a recipient serves."""

    postcodes: int  # live ones
    lsoas: int  # in which at least one of them is
    wards: int


@dataclass(frozen=True)
class Network:
    """Who serves how much of a network."""

    shares: Mapping[str, Share]  # by recipient's code, and for SEVERAL
    gaps: int  # live postcodes in nobody's area
    authorities: frozenset[str]  # that it covers, see Reach.authorities
    tiles: Tiles


@dataclass(frozen=True)
class Examined:
    """Everything that was found."""

    on: date
    areas_sha256: str
    directory: DirectoryFacts
    lines: Mapping[str, int]  # in force, over, to come
    findings: Sequence[Finding]
    networks: Mapping[str, Network]
    moves: Sequence[Move]  # since the index `before`
    before: ReachFacts | None
    recipients: Mapping[str, Mapping[str, str]]  # by network and code: the lines in force that name it


def examine(
    files: Sequence[Path],
    directory: Path,
    *,
    on: date,
    network: str | None = None,
    earlier: Sequence[Path] = (),
) -> Examined:
    """Examine the lines of the files that are in force on the day `on`, of one network or of all.

    `earlier` are compiled indexes, the newest first: with the first that was made from other files what has
    moved is counted. Raises SettingsError where a file or the directory cannot be read at all.
    """
    with Directory(directory) as opened:
        facts = opened.facts
    digest = digest_of(contents_of(files))
    problems = Problems(files)
    readable, found = _read(files, problems)
    of_network = [area for area in readable if network in (None, area.network)]
    in_force = [area for area in of_network if area.in_force(on)]
    sound = _sound(in_force, files, found)
    found += [
        Finding(Fault.UNREADABLE, looks.at(file, where_in(file, line)), f"{text[0].upper()}{text[1:]}.")
        for file, line, text in problems.found
    ]
    known = [one for one in map(_index, earlier) if one is not None]
    before = next(
        (one for one in known if (one[1].areas_sha256, one[1].directory_sha256) != (digest, facts.sha256)),
        None,
    )
    with compiled_in_memory(sound, directory, files) as (connection, lost):
        connection.executescript(looks.SETTLE)
        once = any(one.areas_sha256 == digest for _, one in known)
        found += [looks.unknown(area, why, once) for area, why in lost]
        lsoa = "lsoa21" if "2021" in facts.vintages else "lsoa11"
        found += looks.compiled(connection, sound, facts, lsoa)
        networks = _networks(connection, lsoa, sound)
        moves = _moved(connection, before[0], network) if before else []
    found += looks.ending(of_network, on)
    found += looks.drawn_areas(sound, directory)
    return Examined(
        on=on,
        areas_sha256=digest,
        directory=facts,
        lines={
            "in_force": len(in_force),
            "over": sum(area.ends is not None and area.ends < on for area in of_network),
            "to_come": sum(area.starts > on for area in of_network),
        },
        findings=weightiest_first(found),
        networks=networks,
        moves=moves,
        before=before[1] if before else None,
        recipients={
            name: {
                code: looks.places(of_it)
                for (of, code), of_it in looks.by_recipient(in_force).items()
                if of == name
            }
            for name in sorted({area.network for area in in_force})
        },
    )


def postcodes_in(directory: Path, kind: str, codes: Collection[str]) -> dict[str, str]:
    """The postcodes, live or not, of small areas of one vintage (lsoa11 or lsoa21): each with its area."""
    query = f"SELECT postcode, {kind} FROM postcode WHERE {kind} IN (SELECT value FROM json_each(?))"  # noqa: S608 - of our own words alone
    with closing(sqlite3.connect(address(directory), uri=True)) as connection:
        return dict(connection.execute(query, (json.dumps(sorted(codes)),)))


def _read(files: Sequence[Path], problems: Problems) -> tuple[list[Area], list[Finding]]:
    """The lines that can be read, file by file: one that cannot be read at all is a finding."""
    readable: list[Area] = []
    found = []
    for file in files:
        try:
            readable += read_areas([file], problems=problems)
        except SettingsError as problem:
            found.append(Finding(Fault.UNREADABLE, file.name, f"{problem.what}. {problem.do}".strip()))
    return readable, found


def _sound(areas: Sequence[Area], files: Sequence[Path], found: list[Finding]) -> list[Area]:
    """The areas without those whose drawing is no simple one; these are noted."""
    drawn = {number: area for number, area in enumerate(areas) if area.shape is not None}
    if not drawn:
        return list(areas)
    from pipeline.geography import polygons

    problems = Problems(files)
    good = polygons.outlines(drawn, problems)
    found += [
        Finding(Fault.NOT_SIMPLE, looks.at(file, where_in(file, line)), f"{text[0].upper()}{text[1:]}.")
        for file, line, text in problems.found
    ]
    return [area for number, area in enumerate(areas) if number not in drawn or number in good]


# --- counts ---------------------------------------------------------------------------------------


def _networks(connection: sqlite3.Connection, lsoa: str, areas: Sequence[Area]) -> dict[str, Network]:
    shares: dict[str, dict[str, Share]] = {
        name: {one: Share(0, 0, 0) for one in sorted({a.recipient for a in areas if a.network == name})}
        for name in sorted({area.network for area in areas})
    }
    for network, recipient, *counts in connection.execute(_COUNTS.format(lsoa=lsoa)):
        shares[network][recipient or SEVERAL] = Share(*counts)
    query = """
    SELECT c.network, count(*) FROM here AS p JOIN covered AS c USING (authority)
    LEFT JOIN served AS s ON s.network = c.network AND s.postcode = p.postcode
    WHERE s.postcode IS NULL GROUP BY c.network
    """
    gaps = dict(connection.execute(query))
    covered: dict[str, set[str]] = {name: set() for name in shares}
    for network, authority in connection.execute("SELECT network, authority FROM covered"):
        covered[network].add(authority)
    return {
        name: Network(of_it, gaps.get(name, 0), frozenset(covered[name]), tiled(points(connection, name)))
        for name, of_it in shares.items()
    }


def _index(path: Path) -> tuple[Path, ReachFacts] | None:
    """A compiled index with its facts; None for one of another version."""
    with closing(sqlite3.connect(address(path), uri=True)) as connection:
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                return path, ReachFacts.read(kept_facts(connection))
        except sqlite3.DatabaseError:
            pass
    return None


def _moved(connection: sqlite3.Connection, older: Path, network: str | None) -> list[Move]:
    """What moved in one network or in all, in those too that have no line any more."""
    connection.execute("ATTACH ? AS was", (address(older),))
    found = moves_between(connection, older="directory", newer="directory", was="was", now="main")
    return [move for move in found if network in (None, move.network)]
