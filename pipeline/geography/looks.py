"""Looking at reach areas for faults, one kind at a time: each look finds what a person should have meant.

What is looked at are the lines, and what came of them when they were compiled in memory: the tables of
`compiling.compiled_in_memory`, and those that SETTLE makes of them.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from pipeline.geography.areas import Area
from pipeline.geography.directory import DirectoryFacts
from pipeline.geography.findings import Fault, Finding
from pipeline.geography.statuses import PRECISE

SOON = 60  # days before the end of a line
BESIDE = 25  # metres from a border: homes of one postcode may lie on both sides
_NAMED = 6  # lines in one finding

SETTLE = f"""
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
"""  # noqa: S608 - of our own words alone
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


def compiled(
    connection: sqlite3.Connection, areas: Sequence[Area], facts: DirectoryFacts, lsoa: str
) -> Iterator[Finding]:
    """What there is to find in lines that were compiled, after SETTLE; `lsoa` is the vintage to count by."""
    yield from _about_lines(connection, areas)
    yield from _overlaps(connection, areas)
    yield from _gaps(connection, lsoa)
    yield from _retired(connection, facts)
    yield from _empty_recipients(connection, areas)


def unknown(area: Area, why: str, once: bool) -> Finding:
    """A line whose place is not known; `once` where the same files were compiled with another directory."""
    was = " The postcode directory before this one knew it." if once else ""
    return Finding(Fault.UNKNOWN_CODE, _place(area), f"{_thing(area)}: {why}.{was}", area.network)


def _about_lines(connection: sqlite3.Connection, areas: Sequence[Area]) -> Iterator[Finding]:
    counts = connection.execute(_LINES).fetchall()
    for number, live, deciding, counting, needed, keeper in counts:
        area = areas[number]
        if not live:
            yield _of(Fault.EMPTY, area, f"{_thing(area)} has withdrawn postcodes alone.", 0)
        elif not counting:
            yield _of(Fault.NEVER_COUNTS, area, f"Others decide on all of {_thing(area, 'the')}.", live)
        elif not needed:
            other = _place(areas[keeper])
            yield _of(Fault.NOTHING_NEW, area, f"{area.recipient} has all of it by {other} too.", deciding)
    live_of = {number: live for number, live, *_ in counts}
    for number, authority, outside in connection.execute(_OUTSIDE):
        area, whole = areas[number], int(live_of[number])
        part = "All" if outside == whole else f"{outside:,} of"
        these = f"{part} its {whole:,} live postcodes are" if whole > 1 else "Its only live postcode is"
        says = f"{these} in {authority}, which {area.network} hardly serves."
        yield _of(Fault.OUTSIDE, area, says, outside)


def _overlaps(connection: sqlite3.Connection, areas: Sequence[Area]) -> Iterator[Finding]:
    for network, claimants, postcodes, numbers in connection.execute(_OVERLAPS):
        lines = [areas[number] for number in sorted(map(int, numbers.split(",")))]
        who = " and ".join(sorted(claimants.split(",")))
        kinds = " and ".join(sorted({area.kind for area in lines}))
        says = f"{who} claim the same postcodes by places of the same size ({kinds})."
        yield Finding(Fault.OVERLAP, places(lines), says, network, postcodes=postcodes)


def _gaps(connection: sqlite3.Connection, lsoa: str) -> Iterator[Finding]:
    for network, code, authority, gaps, whole in connection.execute(_GAPS.format(lsoa=lsoa)):
        part = f"all {whole:,}" if gaps == whole else f"{gaps:,.0f} of {whole:,}"
        these = f"{part} live postcodes are" if whole > 1 else "its only live postcode is"
        says = f"{code or 'No small area'} in {authority}: {these} in nobody's area."
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
    for (network, recipient), of_it in by_recipient(areas).items():
        if (network, recipient) not in serving:
            says = f"{recipient} serves no live postcode by itself in {network}."
            yield Finding(Fault.EMPTY, places(of_it), says, network, postcodes=0)


def by_recipient(areas: Sequence[Area]) -> dict[tuple[str, str], list[Area]]:
    """The lines of each network and recipient."""
    lines: dict[tuple[str, str], list[Area]] = {}
    for area in areas:
        lines.setdefault((area.network, area.recipient), []).append(area)
    return lines


def ending(areas: Sequence[Area], on: date) -> Iterator[Finding]:
    """Lines that end soon, with no line for the same place after them."""
    same_place: dict[tuple[str, str, str], list[Area]] = defaultdict(list)
    for area in areas:
        same_place[area.network, area.kind, area.code].append(area)
    for area in areas:
        if area.ends is None or not (area.in_force(on) and area.ends < on + timedelta(days=SOON)):
            continue
        after = area.ends + timedelta(days=1)
        if not any(one.in_force(after) for one in same_place[area.network, area.kind, area.code]):
            yield _of(
                Fault.NO_SUCCESSOR, area, f"{_thing(area)} ends on {area.ends}, and nothing follows.", None
            )


def drawn_areas(areas: Sequence[Area], directory: Path) -> Iterator[Finding]:
    """Postcodes beside drawn borders, and borders that are too coarse to tell on which side a home is."""
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
    return at(area.file, area.where)


def places(areas: Sequence[Area]) -> str:
    """Where lines stand, the first few of them."""
    more = f" and {len(areas) - _NAMED} more" if len(areas) > _NAMED else ""
    return ", ".join(map(_place, areas[:_NAMED])) + more


def at(file: Path, where: str) -> str:
    """Where in a file, without its folder."""
    return f"{file.name} {where}".strip()
