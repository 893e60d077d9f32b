"""Placing births: from reference and postcode to the recipient that serves the place, with the reason.

This room sees nothing else of a family, and refuses a frame that holds more.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.agreements.model import DIRECTORY_ALONE
from pipeline.errors import IntegrityError, SettingsError
from pipeline.geography.areas import Kind
from pipeline.geography.directory import Directory, Known
from pipeline.geography.postcodes import compact
from pipeline.geography.reach import Reach, Served
from pipeline.geography.statuses import Claim, Status, of_place, of_text
from pipeline.records import PLACEMENTS, declared

ASKED = ["reference", "postcode"]


def explain(status: str, matched: str, network: str) -> str:
    """A placement in words, without the place itself."""
    found = Status[status.upper()]
    if network == DIRECTORY_ALONE and not found.reason:
        return "the directory knows the place precisely, and no reach area is asked"
    rests_on = f" (by {Kind[matched.upper()].wording})" if matched else ""
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
    check_asked(asked)
    with Directory(directory) as places, Reach(reach, places.facts) as areas:
        _check_networks(areas, [network])
        return _placed(asked, places, areas, network, hospital_postcodes)


def place_everywhere(
    asked: pd.DataFrame,
    *,
    directory: Path,
    reach: Path,
    needed: Collection[str],
    hospital_postcodes: frozenset[str],
) -> pd.DataFrame:
    """Placements as `place` makes them, in every network in force and in the directory alone.

    Networks that no agreement names are placed too, so that a proposed agreement can be tried on the
    month later. Raises what `place` raises; SettingsError where one of the `needed` has no reach area.
    """
    check_asked(asked)
    with Directory(directory) as places, Reach(reach, places.facts) as areas:
        _check_networks(areas, needed)
        networks = [*sorted(areas.facts.recipients), DIRECTORY_ALONE]
        return pd.concat(
            [_placed(asked, places, areas, network, hospital_postcodes) for network in networks],
            ignore_index=True,
        )


def _check_networks(areas: Reach, networks: Collection[str]) -> None:
    for network in sorted(networks):
        if network != DIRECTORY_ALONE:
            areas.check_network(network)


class Placement(NamedTuple):
    """Where one postcode belongs in one network."""

    status: Status
    recipient: str = ""  # "" where it was not placed
    matched: str = ""  # the kind of place that the placement rests on, see PLACEMENTS
    authority: str = ""


def place_each(given: Iterable[str], places: Directory, areas: Reach, network: str) -> dict[str, Placement]:
    """Where each of these postcodes belongs, by the text as it was given."""
    read = {text: compact(text) for text in given}
    known = places.find(read.values())
    alone = network == DIRECTORY_ALONE
    claims = {} if alone else areas.find(known, network)
    authorities = set() if alone else areas.authorities(network)
    return {
        text: _placement(text, postcode, known.get(postcode), claims.get(postcode), alone, authorities)
        for text, postcode in read.items()
    }


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


def check_asked(asked: pd.DataFrame) -> None:
    """The wall of this room: a reference, a postcode, nothing more."""
    if sorted(asked.columns) != sorted(ASKED):
        raise IntegrityError("Geography was handed columns other than reference and postcode")
    if asked["reference"].duplicated().any():
        raise IntegrityError("Geography was handed the same reference twice")


def _placed(
    asked: pd.DataFrame, places: Directory, areas: Reach, network: str, hospital_postcodes: frozenset[str]
) -> pd.DataFrame:
    """One placement for each row of `asked`, in the order asked."""
    given = asked["postcode"].fillna("")
    found = place_each(given.unique().tolist(), places, areas, network)
    hospitals = {compact(postcode) for postcode in hospital_postcodes} - {""}
    rows = [found[text] for text in given.tolist()]
    frame = pd.DataFrame(
        {
            "reference": asked["reference"].to_numpy(),
            "network": network,
            "status": [str(row.status) for row in rows],
            "reason": [row.status.reason for row in rows],
            "recipient": [row.recipient for row in rows],
            "matched": [row.matched for row in rows],
            "authority": [row.authority for row in rows],
            "hospital": [compact(text) in hospitals for text in given.tolist()],
        }
    )
    return declared(frame, PLACEMENTS)


def read_hospital_postcodes(file: Path) -> frozenset[str]:
    """The postcodes of hospitals: a CSV whose column `postcode` counts and whose others are for people.

    Raises SettingsError where the file is missing, cannot be read or has no such column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if "postcode" not in (reader.fieldnames or []):
                raise SettingsError(
                    "The list of hospital postcodes has no column 'postcode'", where=str(file)
                )
            found = [row["postcode"] or "" for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingsError("The list of hospital postcodes cannot be read", where=str(file)) from None
    return frozenset(map(compact, found)) - {""}
