"""Examining reach areas: everything that can be found by looking, at once, and who serves how much.

The lines are compiled in memory as a month would compile them; what cannot be compiled is a finding, and
the others are examined all the same. Reads the directory twice, and takes seconds for an authority.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import SettingsError
from pipeline.geography.areas import Area, Problems, contents_of, digest_of, read_areas
from pipeline.geography.compiling import compiled_in_memory
from pipeline.geography.directory import Directory, DirectoryFacts
from pipeline.geography.findings import Fault, Finding, weightiest_first
from pipeline.geography.reach import VERSION, ReachFacts
from pipeline.geography.read_only import address, kept_facts
from pipeline.geography.statuses import PRECISE
from pipeline.geography.tiles import Tiles, points, tiled
from pipeline.networks import NOBODY, SEVERAL

SOON = 60  # days before the end of a line
BESIDE = 25  # metres from a border: homes of one postcode may lie on both sides
_NAMED = 6  # lines in one finding

_SETTLE = f"""
CREATE TEMP TABLE best (
    network TEXT NOT NULL, postcode TEXT NOT NULL, rank INTEGER NOT NULL, recipients INTEGER NOT NULL,
    PRIMARY KEY (network, postcode)
) WITHOUT ROWID;
INSERT INTO best SELECT network, postcode, min(rank), count(DISTINCT recipient) FROM hit GROUP BY 1, 2;
CREATE TEMP TABLE keeper (
    network TEXT NOT NULL, postcode TEXT NOT NULL, area INTEGER NOT NULL, PRIMARY KEY (network, postcode)
) WITHOUT ROWID;
-- the line of the largest place, and of equals the first: with it alone a recipient would have the postcode
INSERT INTO keeper SELECT network, postcode, area FROM (
    SELECT network, postcode, area, max(rank * 10000000 - area) FROM hit GROUP BY network, postcode
);
CREATE TEMP TABLE here (
    postcode TEXT PRIMARY KEY, authority TEXT NOT NULL, lsoa11 TEXT NOT NULL, lsoa21 TEXT NOT NULL,
    ward TEXT NOT NULL, precise INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO here SELECT postcode, authority, lsoa11, lsoa21, ward, gridind IN {PRECISE}
FROM directory.postcode WHERE terminated = ''
  AND (authority IN (SELECT authority FROM covered) OR postcode IN (SELECT postcode FROM hit WHERE live));
"""  # noqa: S608
# Postcodes of each line: live ones; those that it decides on; whether only it gives them to its recipient.
_LINES = """
SELECT h.area, total(h.live), total(h.live AND h.rank = b.rank), total(h.rank = b.rank),
       total(b.recipients > 1 OR k.area = h.area), min(k.area)
FROM hit AS h JOIN best AS b USING (network, postcode) JOIN keeper AS k USING (network, postcode)
GROUP BY h.area
"""
_OUTSIDE = """
SELECT h.area, h.authority, count(*) FROM hit AS h
LEFT JOIN covered AS c ON c.network = h.network AND c.authority = h.authority
WHERE h.live AND h.authority != '' AND c.authority IS NULL GROUP BY h.area, h.authority
"""
_OVERLAPS = """
SELECT s.network, s.claimants, count(DISTINCT h.postcode), group_concat(DISTINCT h.area)
FROM served AS s JOIN hit AS h USING (network, postcode) JOIN best AS b USING (network, postcode)
WHERE s.recipient = '' AND h.live AND h.rank = b.rank GROUP BY s.network, s.claimants
"""
_GAPS = """
SELECT c.network, p.{lsoa}, p.authority, total(s.postcode IS NULL), count(*)
FROM here AS p JOIN covered AS c USING (authority)
LEFT JOIN served AS s ON s.network = c.network AND s.postcode = p.postcode
WHERE p.precise GROUP BY c.network, p.{lsoa}, p.authority HAVING total(s.postcode IS NULL) > 0
"""
_RETIRED = """
SELECT s.network, p.authority, total(p.lsoa11 NOT IN (SELECT lsoa21 FROM here)), count(*)
FROM served AS s JOIN here AS p USING (postcode) WHERE s.matched = 'lsoa11' GROUP BY s.network, p.authority
"""
_COUNTS = """
SELECT s.network, s.recipient, count(*),
       count(DISTINCT nullif(p.{lsoa}, '')), count(DISTINCT nullif(p.ward, ''))
FROM served AS s JOIN here AS p USING (postcode) GROUP BY s.network, s.recipient
"""
_MOVES = f"""
SELECT network, was, now, count(*) FROM (
    SELECT network, CASE WHEN o.postcode IS NULL THEN '{NOBODY}' WHEN o.recipient = '' THEN '{SEVERAL}'
                         ELSE o.recipient END AS was,
           CASE WHEN s.postcode IS NULL THEN '{NOBODY}' WHEN s.recipient = '' THEN '{SEVERAL}'
                ELSE s.recipient END AS now
    FROM (SELECT network, postcode FROM main.served UNION SELECT network, postcode FROM older.served) AS k
    JOIN directory.postcode AS p ON p.postcode = k.postcode AND p.terminated = ''
    LEFT JOIN older.served AS o USING (network, postcode) LEFT JOIN main.served AS s USING (network, postcode)
) WHERE was != now GROUP BY network, was, now ORDER BY network, count(*) DESC, was, now
"""  # noqa: S608


class Share(NamedTuple):
    """What a recipient serves."""

    postcodes: int  # live ones
    lsoas: int  # in which at least one of them is
    wards: int


class Move(NamedTuple):
    """So many live postcodes that were one recipient's and are another's."""

    network: str
    was: str  # a recipient's code, NOBODY or SEVERAL
    now: str
    postcodes: int


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
        Finding(Fault.UNREADABLE, _at(file, _line(file, line)), f"{text[0].upper()}{text[1:]}.")
        for file, line, text in problems.found
    ]
    known = [one for one in map(_index, earlier) if one is not None]
    before = next(
        (one for one in known if (one[1].areas_sha256, one[1].directory_sha256) != (digest, facts.sha256)),
        None,
    )
    with compiled_in_memory(sound, directory, files) as (connection, lost):
        connection.executescript(_SETTLE)
        once = any(one.areas_sha256 == digest for _, one in known)
        found += [_unknown(area, why, once) for area, why in lost]
        found += _about_lines(connection, sound, lost)
        found += _overlaps(connection, sound)
        lsoa = "lsoa21" if "2021" in facts.vintages else "lsoa11"
        found += _gaps(connection, lsoa)
        found += _retired(connection, facts)
        found += _empty_recipients(connection, sound)
        networks = _networks(connection, lsoa, sound)
        moves = _moved(connection, before[0], network) if before else []
    found += _ending(of_network, on)
    found += _drawn(sound, directory)
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
                code: _places(of_it) for (of, code), of_it in _by_recipient(in_force).items() if of == name
            }
            for name in sorted({area.network for area in in_force})
        },
    )


def postcodes_in(directory: Path, kind: str, codes: Collection[str]) -> dict[str, str]:
    """The postcodes, live or not, of small areas of one vintage (lsoa11 or lsoa21): each with its area."""
    query = f"SELECT postcode, {kind} FROM postcode WHERE {kind} IN (SELECT value FROM json_each(?))"  # noqa: S608
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
        Finding(Fault.NOT_SIMPLE, _at(file, _line(file, line)), f"{text[0].upper()}{text[1:]}.")
        for file, line, text in problems.found
    ]
    return [area for number, area in enumerate(areas) if number not in drawn or number in good]


# --- one look at a time ---------------------------------------------------------------------------


def _unknown(area: Area, why: str, once: bool) -> Finding:
    """A line whose place is not known; `once` where the same files were compiled with another directory."""
    was = " The postcode directory before this one knew it." if once else ""
    return Finding(Fault.UNKNOWN_CODE, _place(area), f"{_thing(area)}: {why}.{was}", area.network)


def _about_lines(
    connection: sqlite3.Connection, areas: Sequence[Area], lost: Collection[tuple[Area, str]]
) -> Iterator[Finding]:
    for number, live, deciding, counting, needed, keeper in connection.execute(_LINES):
        area = areas[number]
        if not live:
            yield _of(Fault.EMPTY, area, f"{_thing(area)} has withdrawn postcodes alone.", 0)
        elif not counting:
            yield _of(Fault.NEVER_COUNTS, area, f"Others decide on all of {_thing(area, 'the')}.", live)
        elif not needed:
            other = _place(areas[keeper])
            yield _of(Fault.NOTHING_NEW, area, f"{area.recipient} has all of it by {other} too.", deciding)
    live_of = {number: live for number, live, *_ in connection.execute(_LINES)}
    for number, authority, outside in connection.execute(_OUTSIDE):
        area, whole = areas[number], int(live_of[number])
        part = "All" if outside == whole else f"{outside:,} of"
        says = f"{part} its {whole:,} live postcodes are in {authority}, which {area.network} hardly serves."
        yield _of(Fault.OUTSIDE, area, says, outside)


def _overlaps(connection: sqlite3.Connection, areas: Sequence[Area]) -> Iterator[Finding]:
    for network, claimants, postcodes, numbers in connection.execute(_OVERLAPS):
        lines = [areas[number] for number in sorted(map(int, numbers.split(",")))]
        who = " and ".join(sorted(claimants.split(",")))
        kinds = " and ".join(sorted({area.kind for area in lines}))
        says = f"{who} claim the same postcodes by places of the same size ({kinds})."
        yield Finding(Fault.OVERLAP, _places(lines), says, network, postcodes=postcodes)


def _gaps(connection: sqlite3.Connection, lsoa: str) -> Iterator[Finding]:
    for network, code, authority, gaps, whole in connection.execute(_GAPS.format(lsoa=lsoa)):
        part = f"all {whole:,}" if gaps == whole else f"{gaps:,.0f} of {whole:,}"
        says = f"{code or 'No small area'} in {authority}: {part} live postcodes are in nobody's area."
        yield Finding(Fault.GAP, f"network {network}", says, network, code, int(gaps))


def _retired(connection: sqlite3.Connection, facts: DirectoryFacts) -> Iterator[Finding]:
    if len(facts.vintages) < 2:
        return
    for network, authority, retired, whole in connection.execute(_RETIRED):
        if retired:
            says = (
                f"{retired / whole:.1%} of the {whole:,} live postcodes that {network} serves by LSOA 2011 in"
                f" {authority} are in a small area that is split, merged or redrawn."
            )
            yield Finding(Fault.RETIRED, f"network {network}", says, network, postcodes=int(retired))


def _empty_recipients(connection: sqlite3.Connection, areas: Sequence[Area]) -> Iterator[Finding]:
    query = "SELECT DISTINCT network, recipient FROM served JOIN here USING (postcode)"
    serving = set(connection.execute(query))
    for (network, recipient), of_it in _by_recipient(areas).items():
        if (network, recipient) not in serving:
            says = f"{recipient} serves no live postcode by itself in {network}."
            yield Finding(Fault.EMPTY, _places(of_it), says, network, postcodes=0)


def _by_recipient(areas: Sequence[Area]) -> dict[tuple[str, str], list[Area]]:
    lines: dict[tuple[str, str], list[Area]] = {}
    for area in areas:
        lines.setdefault((area.network, area.recipient), []).append(area)
    return lines


def _ending(areas: Sequence[Area], on: date) -> Iterator[Finding]:
    """Lines that end soon, with no line for the same place after them."""
    for area in areas:
        if area.ends is None or not (area.in_force(on) and area.ends < on + timedelta(days=SOON)):
            continue
        after = area.ends + timedelta(days=1)
        same = (area.network, area.kind, area.code)
        if not any((one.network, one.kind, one.code) == same and one.in_force(after) for one in areas):
            yield _of(
                Fault.NO_SUCCESSOR, area, f"{_thing(area)} ends on {area.ends}, and nothing follows.", None
            )


def _drawn(areas: Sequence[Area], directory: Path) -> Iterator[Finding]:
    drawn = [area for area in areas if area.shape is not None]
    if not drawn:
        return
    from pipeline.geography import polygons

    for area, near in polygons.near_borders(drawn, directory, BESIDE):
        if near:
            says = f"{len(near):,} live postcodes are within {BESIDE} m of the border of {area.code}."
            yield _of(Fault.BORDER, area, says, len(near))
    for area in drawn:
        if area.shape is not None and polygons.looks_generalised(area.shape):
            metres = polygons.spacing(area.shape)
            says = f"Half of the corners of {area.code} are more than {metres:,.0f} m apart."
            yield _of(Fault.GENERALISED, area, says, None)


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
    connection.execute("ATTACH ? AS older", (address(older),))
    return [move for row in connection.execute(_MOVES) if network in (None, (move := Move(*row)).network)]


# --- words ----------------------------------------------------------------------------------------


def _of(fault: Fault, area: Area, says: str, postcodes: float | None) -> Finding:
    return Finding(
        fault, _place(area), says, area.network, postcodes=None if postcodes is None else int(postcodes)
    )


def _thing(area: Area, article: str = "The") -> str:
    """What a line names; a postcode is not written out."""
    named = "" if area.kind == "postcode" else f" {area.code}"
    return f"{article} {area.kind}{named} of {area.recipient}"


def _place(area: Area) -> str:
    return _at(area.file, area.where)


def _places(areas: Sequence[Area]) -> str:
    more = f" and {len(areas) - _NAMED} more" if len(areas) > _NAMED else ""
    return ", ".join(map(_place, areas[:_NAMED])) + more


def _at(file: Path, where: str) -> str:
    return f"{file.name} {where}".strip()


def _line(file: Path, line: int) -> str:
    unit = "feature" if file.suffix.lower() in (".geojson", ".json") else "line"
    return f"{unit} {line}" if line else ""
