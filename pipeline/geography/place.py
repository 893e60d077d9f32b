"""Placing births: from reference and postcode to the recipient that serves the place, with the reason.

This room sees nothing else of a family, and refuses a frame that holds more.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.agreements.model import DIRECTORY_ALONE
from pipeline.errors import IntegrityError, SettingsError
from pipeline.geography.areas import Kind
from pipeline.geography.directory import Directory, compact
from pipeline.geography.reach import Reach
from pipeline.reasons import Reason
from pipeline.records import PLACEMENTS, declared

ASKED = ["reference", "postcode"]
_PRECISE = (1, 2, 3, 4)  # positional quality: building, by map, within 50 m, mean of the unit
_NO_GRID = 9


class Status(StrEnum):
    """How a postcode was placed, or why it was not."""

    reason: str  # a pipeline.reasons.Reason, or "" where the birth was placed
    wording: str

    def __new__(cls, code: str, reason: str, wording: str) -> Status:
        member = str.__new__(cls, code)
        member._value_ = code
        member.reason, member.wording = str(reason), wording
        return member

    PLACED = "placed", "", "in the area of a recipient"
    PLACED_TERMINATED = (
        "placed_terminated",
        "",
        "in the area of a recipient; Royal Mail has withdrawn this postcode",
    )
    BLANK = "blank", Reason.POSTCODE_UNKNOWN, "no postcode was given"
    UNKNOWN = "unknown", Reason.POSTCODE_UNKNOWN, "the postcode is not in the directory"
    PSEUDO = "pseudo", Reason.POSTCODE_PSEUDO, "the postcode stands for no fixed abode, abroad or not known"
    FORCES = "forces", Reason.POSTCODE_PSEUDO, "a British forces postcode, which stands for no place here"
    CROWN_DEPENDENCY = (
        "crown_dependency",
        Reason.POSTCODE_IMPRECISE,
        "in Jersey, Guernsey or the Isle of Man, which have no grid",
    )
    IMPRECISE = (
        "imprecise",
        Reason.POSTCODE_IMPRECISE,
        "the directory places this postcode only roughly, or does not say",
    )
    NO_GRID = "no_grid", Reason.POSTCODE_IMPRECISE, "the directory has no position for this postcode"
    GAP = "gap", Reason.NO_REACH_AREA, "in an authority of this network, but in no recipient's area"
    OUT_OF_AREA = "out_of_area", Reason.NO_REACH_AREA, "in an authority where this network serves nobody"
    AMBIGUOUS = "ambiguous", Reason.REACH_AREA_AMBIGUOUS, "two recipients claim it by places of the same size"


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
        known = places.lookup(asked["postcode"])
        return _placed(asked, known, areas, network, hospital_postcodes)


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
        known = places.lookup(asked["postcode"])
        networks = [*sorted(areas.facts.recipients), DIRECTORY_ALONE]
        return pd.concat(
            [_placed(asked, known, areas, network, hospital_postcodes) for network in networks],
            ignore_index=True,
        )


def _check_networks(areas: Reach, networks: Collection[str]) -> None:
    for network in sorted(networks):
        if network != DIRECTORY_ALONE:
            areas.check_network(network)


def _placed(
    asked: pd.DataFrame, known: pd.DataFrame, areas: Reach, network: str, hospital_postcodes: frozenset[str]
) -> pd.DataFrame:
    seen = pd.concat([known, _claims(areas, known["postcode"], network)], axis="columns")
    authorities = set() if network == DIRECTORY_ALONE else areas.authorities(network)
    seen["status"] = _status(asked["postcode"], seen, authorities)
    return _placements(asked, seen, network, hospital_postcodes)


def _claims(areas: Reach, postcodes: pd.Series, network: str) -> pd.DataFrame:
    """Who claims each postcode: claimed, ambiguous, recipient, matched."""
    if network == DIRECTORY_ALONE:
        nobody = pd.DataFrame({"claimed": True, "ambiguous": False}, index=postcodes.index)
        return nobody.assign(recipient="", matched="").astype({"recipient": "str", "matched": "str"})
    claims = areas.serving(postcodes, network)
    return claims.assign(ambiguous=claims["claimed"] & claims["recipient"].eq(""))


def check_asked(asked: pd.DataFrame) -> None:
    """The wall of this room: a reference, a postcode, nothing more."""
    if sorted(asked.columns) != sorted(ASKED):
        raise IntegrityError("Geography was handed columns other than reference and postcode")
    if asked["reference"].duplicated().any():
        raise IntegrityError("Geography was handed the same reference twice")


def _status(given: pd.Series, seen: pd.DataFrame, authorities: set[str]) -> pd.Series:
    """The first status that applies, in the order below."""
    postcode, claimed = seen["postcode"], seen["claimed"]
    rules = [
        (Status.BLANK, given.fillna("").str.strip().eq("").to_numpy()),
        (Status.PSEUDO, postcode.str.startswith("ZZ")),
        (Status.FORCES, postcode.str.fullmatch(r"BF[0-9].*")),
        (Status.CROWN_DEPENDENCY, postcode.str.fullmatch(r"(GY|JE|IM)[0-9].*")),
        (Status.UNKNOWN, ~seen["known"]),
        (Status.NO_GRID, seen["gridind"].eq(_NO_GRID)),
        (Status.IMPRECISE, ~seen["gridind"].isin(_PRECISE)),
        (Status.AMBIGUOUS, seen["ambiguous"]),
        (Status.PLACED, claimed & seen["live"]),
        (Status.PLACED_TERMINATED, claimed),
        (Status.GAP, seen["authority"].isin(authorities)),
    ]
    masks = [np.asarray(mask, dtype=bool) for _, mask in rules]
    names = [str(status) for status, _ in rules]
    return pd.Series(np.select(masks, names, default=str(Status.OUT_OF_AREA)), dtype="str")


def _placements(
    asked: pd.DataFrame, seen: pd.DataFrame, network: str, hospital_postcodes: frozenset[str]
) -> pd.DataFrame:
    reason = seen["status"].map({str(status): status.reason for status in Status})
    placed, ambiguous = reason.eq(""), seen["status"].eq(str(Status.AMBIGUOUS))
    hospitals = set(compact(pd.Series(sorted(hospital_postcodes), dtype="str"))) - {""}
    frame = pd.DataFrame(
        {
            "reference": asked["reference"].to_numpy(),
            "network": network,
            "status": seen["status"],
            "reason": reason,
            "recipient": seen["recipient"].where(placed, ""),
            "matched": seen["matched"].where(placed | ambiguous, ""),
            "authority": seen["authority"],
            "hospital": seen["postcode"].isin(hospitals),
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
            found = pd.Series([row["postcode"] for row in reader], dtype="str")
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingsError("The list of hospital postcodes cannot be read", where=str(file)) from None
    return frozenset(compact(found)) - {""}
