"""How a postcode is placed, or why it is not: the words, and the rules as pure functions.

`of_text` is asked first, then `of_place`; whoever places many postcodes at once asks for each
combination once and looks the others up.
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum

from pipeline.reasons import Reason

PRECISE = (1, 2, 3, 4)  # positional quality: building, by map, within 50 m, mean of the unit
NO_GRID = 9  # the positional quality of a postcode that has no position
_FORCES = re.compile(r"BF[0-9].*|BFPO[0-9]{1,4}")
_CROWN_DEPENDENCY = re.compile(r"(GY|JE|IM)[0-9].*")


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
    PLACED_REPAIRED = (
        "placed_repaired",
        "",
        "in the area of a recipient; the postcode was written wrongly, and only one can be meant",
    )
    PLACED_REVIEWED = (
        "placed_reviewed",
        "",
        "in the area of a recipient, as a person decided for this postcode",
    )
    BLANK = "blank", Reason.POSTCODE_UNKNOWN, "no postcode was given"
    UNKNOWN = "unknown", Reason.POSTCODE_UNKNOWN, "the postcode is not in the directory"
    NO_FIXED_ABODE = "no_fixed_abode", Reason.POSTCODE_PSEUDO, "the postcode stands for no fixed abode"
    ADDRESS_NOT_KNOWN = (
        "address_not_known",
        Reason.POSTCODE_PSEUDO,
        "the postcode says that the address is not known",
    )
    COUNTRY_ALONE = (
        "country_alone",
        Reason.POSTCODE_PSEUDO,
        "the postcode stands for a country of the United Kingdom, and says no more",
    )
    ABROAD = "abroad", Reason.POSTCODE_PSEUDO, "the postcode stands for a usual residence abroad"
    PSEUDO = "pseudo", Reason.POSTCODE_PSEUDO, "the postcode begins with ZZ and stands for no place"
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


DECIDABLE = (Status.UNKNOWN, Status.AMBIGUOUS)  # by a person, for one postcode

_PSEUDO = {
    "ZZ993VZ": (Status.NO_FIXED_ABODE, ""),
    "ZZ993WZ": (Status.ADDRESS_NOT_KNOWN, ""),
    "ZZ993CZ": (Status.COUNTRY_ALONE, "England"),
    "ZZ993GZ": (Status.COUNTRY_ALONE, "Wales"),
    "ZZ991WZ": (Status.COUNTRY_ALONE, "Scotland"),
    "ZZ992WZ": (Status.COUNTRY_ALONE, "Northern Ireland"),
}
_COUNTRY = re.compile(r"ZZ99[0-9][A-Z]Z")  # the other pseudo postcodes, each of a country abroad


class Claim(IntEnum):
    """Who serves a postcode, by the reach areas of one network."""

    NOBODY = 0
    ONE = 1
    SEVERAL = 2  # by places of the same size, and no priority says who


def of_text(given: str, postcode: str) -> Status | None:
    """What the writing alone tells; None where the directory must be asked.

    `given` is the text as it came, `postcode` the same as `postcodes.compact` has it.
    """
    if not given.strip():
        return Status.BLANK
    if postcode.startswith("ZZ"):
        return _pseudo(postcode)
    if _FORCES.fullmatch(postcode):
        return Status.FORCES
    if _CROWN_DEPENDENCY.fullmatch(postcode):
        return Status.CROWN_DEPENDENCY
    return None


def _pseudo(postcode: str) -> Status:
    """What a pseudo postcode stands for, by the lists of the NHS (ODS) and of hospital statistics (HES)."""
    if postcode in _PSEUDO:
        return _PSEUDO[postcode][0]
    return Status.ABROAD if _COUNTRY.fullmatch(postcode) else Status.PSEUDO


def of_country(postcode: str) -> str:
    """The country of the United Kingdom that a pseudo postcode stands for, or ""."""
    return _PSEUDO[postcode][1] if postcode in _PSEUDO else ""


def of_place(*, quality: int, live: bool, claim: Claim, covered: bool) -> Status:
    """What the directory and the reach areas tell of a postcode that the directory knows.

    `quality` is the directory's positional quality (0: not stated); `covered` says whether the network
    serves anybody in the postcode's authority.
    """
    if quality == NO_GRID:
        return Status.NO_GRID
    if quality not in PRECISE:
        return Status.IMPRECISE
    if claim is Claim.SEVERAL:
        return Status.AMBIGUOUS
    if claim is Claim.ONE:
        return Status.PLACED if live else Status.PLACED_TERMINATED
    return Status.GAP if covered else Status.OUT_OF_AREA
