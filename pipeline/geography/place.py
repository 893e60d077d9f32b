"""Placing births: from reference and postcode to the recipient that serves the place, with the reason.

This room sees nothing else of a family, and refuses a frame that holds more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import IntegrityError, SettingsError
from pipeline.geography.directory import Directory, Known
from pipeline.geography.postcodes import compact, could_be
from pipeline.geography.reach import Reach, Served
from pipeline.geography.statuses import Claim, Status, of_place, of_text
from pipeline.networks import DIRECTORY_ALONE

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

ASKED = ["reference", "postcode"]
_HOSPITALS = "It needs the heading postcode, and in every row one postcode under it, such as AB1 2CD."
REVIEW = "review"  # in place of a kind of place: the placement rests on a person's word


def explain(status: str, matched: str, network: str) -> str:
    """A placement in words, without the place itself."""
    from pipeline.geography.areas import Kind

    found = Status[status.upper()]
    if network == DIRECTORY_ALONE and not found.reason:
        return "the directory knows the place precisely, and no reach area is asked"
    rests_on = f" (by {Kind[matched.upper()].wording})" if matched not in ("", REVIEW) else ""
    return found.wording + rests_on


def place(
    asked: pd.DataFrame, *, directory: Path, reach: Path, network: str, hospital_postcodes: frozenset[str]
) -> pd.DataFrame:
    """One placement (`records.PLACEMENTS`) for each row of `asked`, in the order asked.

    `asked` has the columns reference (unique) and postcode, and no other: IntegrityError if it has.
    `directory` and `reach` are the built files; SettingsError where they are missing or stale, or
    where the network has no reach area. Fails closed: a row without a recipient has a reason.

    The network DIRECTORY_ALONE asks no reach area: whoever lives at a precise place is placed, with no
    recipient.
    """
    from pipeline.geography.frames import placed

    check_asked(asked)
    with Directory(directory) as places, Reach(reach, places.facts) as areas:
        _check_networks(areas, [network])
        return placed(asked, places, areas, [network], hospital_postcodes, {})


def place_everywhere(
    asked: pd.DataFrame,
    *,
    directory: Path,
    reach: Path,
    needed: Collection[str],
    hospital_postcodes: frozenset[str],
    decided: Mapping[str, Mapping[str, Decided]] = MappingProxyType({}),
) -> pd.DataFrame:
    """Placements as `place` makes them, in every network in force and in the directory alone.

    Networks that no agreement names are placed too, so that a proposed agreement can be tried on the
    month later. `decided` has, by network, what people decided for postcodes, as `place_each` takes it.
    Raises what `place` raises; SettingsError where one of the `needed` has no reach area.
    """
    from pipeline.geography.frames import placed

    check_asked(asked)
    with Directory(directory) as places, Reach(reach, places.facts) as areas:
        _check_networks(areas, needed)
        networks = [*sorted(areas.facts.recipients), DIRECTORY_ALONE]
        return placed(asked, places, areas, networks, hospital_postcodes, decided)


def _check_networks(areas: Reach, networks: Collection[str]) -> None:
    for network in sorted(networks):
        if network != DIRECTORY_ALONE:
            areas.check_network(network)


class Decided(NamedTuple):
    """What a person decided for one postcode in one network. It never moves what geography itself places."""

    recipient: str
    authority: str  # GSS code; of an ambiguous postcode the directory's own counts
    claimants: tuple[str, ...] = ()  # who claimed it then, in order; (): the directory did not know it

    def holds(self, status: Status, served: Served | None) -> bool:
        """Whether the postcode is still as it was when the person decided."""
        if status is Status.UNKNOWN:
            return not self.claimants
        claimants = tuple(sorted(served.claimants.split(","))) if served else ()
        return status is Status.AMBIGUOUS and self.claimants == claimants and self.recipient in claimants


class Placement(NamedTuple):
    """Where one postcode belongs in one network."""

    status: Status
    recipient: str = ""  # "" where it was not placed
    matched: str = ""  # the kind of place that the placement rests on, see PLACEMENTS
    authority: str = ""
    meant: str = ""  # the compact postcode that was meant, where another was written; for this room alone


def place_each(
    given: Iterable[str],
    places: Directory,
    areas: Reach,
    network: str,
    decided: Mapping[str, Decided] = MappingProxyType({}),
) -> dict[str, Placement]:
    """Where each of these postcodes belongs, by the text as it was given.

    `decided`, by compact postcode, counts for what is unknown or ambiguous as it was then, and for no other.
    """
    read = {text: compact(text) for text in given}
    known = places.find(read.values())
    mended = _mended(read, known, places)
    read |= {text: one.postcode for text, one in mended.items()}
    known |= {one.postcode: one for one in mended.values()}
    alone = network == DIRECTORY_ALONE
    claims = {} if alone else areas.find(known, network)
    authorities = set() if alone else areas.authorities(network)
    found = {
        text: _placement(text, postcode, known.get(postcode), claims.get(postcode), alone, authorities)
        for text, postcode in read.items()
    }
    found |= {text: _as_meant(found[text], one.postcode) for text, one in mended.items()}
    if not decided:
        return found
    return {
        text: _reviewed(one, claims.get(read[text]), decided.get(read[text])) if read[text] else one
        for text, one in found.items()
    }


def _mended(read: Mapping[str, str], known: Mapping[str, Known], places: Directory) -> Mapping[str, Known]:
    """By text, the postcode that alone can be meant, of those that are not known as they are written."""
    strange = [text for text, code in read.items() if code not in known and of_text(text, code) is None]
    if not strange:
        return {}
    from pipeline.geography.repairing import repaired

    return repaired(strange, places)


def _as_meant(one: Placement, postcode: str) -> Placement:
    status = Status.PLACED_REPAIRED if one.status is Status.PLACED else one.status
    return one._replace(status=status, meant=postcode)


def _reviewed(one: Placement, served: Served | None, decided: Decided | None) -> Placement:
    """The placement by a person's word, where there is one that holds; else as geography found it."""
    if decided is None or not decided.holds(one.status, served):
        return one
    authority = one.authority or decided.authority
    return one._replace(
        status=Status.PLACED_REVIEWED, recipient=decided.recipient, matched=REVIEW, authority=authority
    )


def _placement(
    text: str, postcode: str, known: Known | None, served: Served | None, alone: bool, authorities: set[str]
) -> Placement:
    by_text = of_text(text, postcode)
    authority = known.authority if known else ""
    if by_text is not None:
        return Placement(by_text, authority=authority)
    if known is None:
        return Placement(Status.UNKNOWN)
    claim = Claim.ONE if alone else served.claim if served else Claim.NOBODY
    status = of_place(
        quality=known.gridind, live=known.live, claim=claim, covered=known.authority in authorities
    )
    if served is None or (status.reason and status is not Status.AMBIGUOUS):
        return Placement(status, authority=authority)
    return Placement(status, served.recipient, served.matched, authority)


def meant_postcodes(asked: pd.DataFrame, directory: Path) -> pd.DataFrame:
    """Of the rows of `asked` (reference, postcode) those whose postcode is repaired, as it is meant.

    What a card is addressed to, and by what siblings are told to share a home. A birth's own postcode
    stands for itself wherever the directory knows it. Raises what `place` raises.
    """
    from pipeline.geography.frames import meant

    check_asked(asked)
    with Directory(directory) as places:
        return meant(asked, places)


def repairs(given: Iterable[str], places: Directory) -> dict[str, str]:
    """By text, the compact postcode that alone can be meant, of texts that are not known as written."""
    read = {text: compact(text) for text in given}
    return {text: one.postcode for text, one in _mended(read, places.find(read.values()), places).items()}


def check_asked(asked: pd.DataFrame) -> None:
    """The wall of this room: a reference, a postcode, nothing more."""
    if sorted(asked.columns) != sorted(ASKED):
        raise IntegrityError("Geography was handed columns other than reference and postcode")
    if asked["reference"].duplicated().any():
        raise IntegrityError("Geography was handed the same reference twice")


def read_hospital_postcodes(file: Path) -> frozenset[str]:
    """The postcodes of hospitals: a CSV whose column `postcode` counts and whose others are for people.

    Raises SettingsError where the file is missing, cannot be read or has no such column, or has a row that
    does not name one postcode there: a card is not held for a hospital that is not on the list.
    """
    from pipeline.geography.tables import column, read_table

    header, rows = read_table(file, "hospital postcodes", _HOSPITALS)
    at = column(header, "postcode")
    if at is None:
        raise SettingsError(
            "The list of hospital postcodes has no column 'postcode'", where=str(file), do=_HOSPITALS
        )
    found = {line: compact(cells[at]) for line, cells in rows}
    for line, postcode in found.items():
        if not could_be(postcode):
            raise SettingsError(
                "A row of the list of hospital postcodes does not name a postcode",
                where=f"{file}, line {line}",
                do=_HOSPITALS,
            )
    return frozenset(found.values())
