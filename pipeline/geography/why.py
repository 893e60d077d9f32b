"""Where one postcode belongs, and why: each step in words, with what it rests on.

Worked out anew from the lines of the reach areas, so that a person can follow it and see who else named
the place; the compiled index says the same in a month. No sentence and no value here is the postcode.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pipeline.geography.areas import Area, Kind, Problems
from pipeline.geography.directory import Directory, Known
from pipeline.geography.geojson import Shape, System
from pipeline.geography.place import Decided, Placement, explain, place_each
from pipeline.geography.postcodes import UNIT, compact, could_be
from pipeline.geography.reach import Reach
from pipeline.geography.statuses import Status, of_country, of_text
from pipeline.reasons import Reason

# The directory's own words for how well it knows a position (ONSPD user guide).
QUALITIES = {
    0: "not stated",
    1: "within the building of the address closest to the middle of the postcode",
    2: "within the building, as seen on a map",
    3: "right to about 50 metres",
    4: "the middle of the postcode's addresses, not moved to a building",
    5: "estimated from the postcodes around it",
    6: "the middle of the postcode's sector, as for most PO boxes",
    8: "the last known before the postcode was withdrawn",
    9: "none",
}


@dataclass(frozen=True)
class Claim:
    """A line that names the place of the postcode, and what becomes of it."""

    area: Area = field(repr=False)  # a line may name the postcode itself
    outcome: str  # "wins", "tied", "comes later", "larger place" or "not in force"
    words: str


@dataclass(frozen=True)
class InNetwork:
    """The answer in one network."""

    network: str
    placement: Placement = field(repr=False)
    claims: tuple[Claim, ...]  # in the order in which they count

    @property
    def words(self) -> str:
        """The status in words."""
        return explain(self.placement.status, self.placement.matched, self.network)

    @property
    def consequence(self) -> str:
        """What the decision rules make of it."""
        return _consequence(self.placement)


@dataclass(frozen=True)
class Why:
    """What is said of one postcode; it does not hold the postcode."""

    read: str  # how the text was read, in words
    known: Known | None = field(repr=False)
    release: str
    hospital: bool
    networks: tuple[InNetwork, ...]


def why(
    text: str,
    places: Directory,
    areas: Reach,
    lines: Sequence[Area],
    networks: Iterable[str],
    *,
    on: date,
    hospital_postcodes: Collection[str],
    decided: Mapping[str, Mapping[str, Decided]],
) -> Why:
    """Each step of the way from the text to the answers in these networks.

    `lines` are all lines of the reach areas, in force or not. `decided` has, by network, what people
    decided, as `place_each` takes it.
    """
    placed = {name: place_each([text], places, areas, name, decided.get(name, {}))[text] for name in networks}
    meant = next((one.meant for one in placed.values()), "") or compact(text)
    known = places.find([meant]).get(meant)
    return Why(
        read=_as_read(text, meant, known, places),
        known=known,
        release=places.facts.release,
        hospital=meant != "" and meant in {compact(one) for one in hospital_postcodes},
        networks=tuple(
            InNetwork(name, one, claims(known, [line for line in lines if line.network == name], on))
            for name, one in placed.items()
        ),
    )


def _as_read(text: str, meant: str, known: Known | None, places: Directory) -> str:
    status = of_text(text, meant)
    if status is not None:
        country = of_country(meant)
        return f"{status.wording}{f' ({country})' if country else ''}"
    if known is None:
        form = "has the form of a postcode" if could_be(meant) else "has not the form of a whole postcode"
        part = (
            "; nothing is repaired, since the directory holds only a part of the country"
            if places.facts.part or places.facts.authorities
            else ", and no other can be told for certain from it"
        )
        return f"what was given {form}, and the directory does not know it{part}"
    if meant == compact(text):
        return "known as it was written; case and spaces do not matter"
    if meant in compact("".join(letter for letter in text if letter.isalnum())):
        return "repaired: without the signs or words around it, it is one that the directory knows"
    return "repaired: with letters and digits that look alike exchanged, only one can be meant"


def claims(known: Known | None, lines: Iterable[Area], on: date) -> tuple[Claim, ...]:
    """Every line that names the place, in the order in which they count; those not in force come last."""
    if known is None:
        return ()
    naming = sorted((line for line in lines if names(line, known)), key=lambda line: _order(line, on))
    in_force = [line for line in naming if line.in_force(on)]
    first = [line for line in in_force if line.rank == in_force[0].rank]
    tied = len({line.recipient for line in first}) > 1
    return tuple(Claim(line, *_outcome(line, first, tied=tied, on=on)) for line in naming)


def names(line: Area, known: Known) -> bool:
    """Whether a line names the place of this postcode."""
    if line.shape is not None:
        return _within(line, line.shape, known)
    of_place = {
        Kind.POSTCODE: known.postcode,
        Kind.LSOA11: known.lsoa11,
        Kind.LSOA21: known.lsoa21,
        Kind.SECTOR: known.postcode[:-UNIT],
        Kind.WARD: known.ward,
    }
    return line.code == of_place[line.kind]


def _within(line: Area, shape: Shape, known: Known) -> bool:
    west, south, east, north = shape.bounds
    grid = shape.system is System.GRID
    across, up = (known.easting, known.northing) if grid else (known.longitude, known.latitude)
    if not (west <= across <= east and south <= up <= north):
        return False
    from pipeline.geography import polygons  # late: loads shapely

    problems = Problems([line.file])
    outlines = polygons.outlines({0: line}, problems)
    problems.stop_if_any()
    row = known.postcode, known.easting, known.northing, known.longitude, known.latitude
    return any(polygons.inside(outlines, [row]))


def _order(line: Area, on: date) -> tuple[bool, int, str, int]:
    return not line.in_force(on), line.rank, line.file.name, line.line


def _outcome(line: Area, first: Sequence[Area], *, tied: bool, on: date) -> tuple[str, str]:
    if not line.in_force(on):
        when = f"from {line.starts}" if on < line.starts else f"until {line.ends}"
        return "not in force", f"does not count on {on}: it is in force {when}"
    if line in first and tied:
        return "tied", "claims it as strongly as another recipient does, so nobody is chosen"
    if line in first:
        return "wins", "wins"
    if line.kind.precedence > first[0].kind.precedence:
        return "larger place", "loses: a line that names a smaller place comes first"
    return (
        "comes later",
        "loses: a line for a place of the same size has a priority that comes before its own",
    )


def _consequence(placement: Placement) -> str:
    status, authority = placement.status, placement.authority
    if not status.reason:
        return "a birth here goes on to the other decision rules, and if none is against it, is shared"
    reason = Reason[status.reason.upper()]
    held = f"a birth here is held ({reason}: {reason.wording})"
    if status is Status.OUT_OF_AREA:
        residents = authority or "its authority"
        return f"{held}; an agreement that is not about residents of {residents} withholds it (not_resident)"
    return held
