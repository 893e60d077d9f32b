"""What can be found wrong with reach areas, in words: each fault with its level and what to do about it.

An error stops a month, or the agreements that need it. A warning is what a person should have meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Level = Literal["error", "warning"]


class Fault(StrEnum):
    """A kind of finding. Those that weigh most come first."""

    level: Level
    heading: str
    do: str

    def __new__(cls, code: str, level: Level, heading: str, do: str) -> Fault:
        member = str.__new__(cls, code)
        member._value_ = code
        member.level, member.heading, member.do = level, heading, do
        return member

    UNREADABLE = "unreadable", "error", "Lines that cannot be used", "Correct the line."
    NOT_SIMPLE = (
        "not_simple",
        "error",
        "Drawn areas that are no simple areas",
        "Draw it again, so that its border neither crosses nor touches itself.",
    )
    UNKNOWN_CODE = (
        "unknown_code",
        "error",
        "Places that the directory does not know",
        "Look for a typing error. Wards get new codes when their borders change, often in May; small areas of"
        " 2011 are brought up to date by `birthshare geography upgrade`.",
    )
    NOTHING_IN_FORCE = (
        "nothing_in_force",
        "error",
        "Networks without a line in force",
        "Look for a typing error in the name of the network, and for a first day that has not come or a last"
        " day that has passed.",
    )
    NOT_REGISTERED = (
        "not_registered",
        "error",
        "Recipients that are not in the register",
        "Add the recipient to the register, or correct its code here.",
    )
    OVERLAP = (
        "overlap",
        "warning",
        "Places that several recipients claim",
        "Say by a priority who comes first, or take the place from one of them. Until then these families"
        " wait for a person.",
    )
    GAP = (
        "gap",
        "warning",
        "Places in nobody's area",
        "Give the place to a recipient, or leave it out on purpose: families there get nothing.",
    )
    EMPTY = (
        "empty",
        "warning",
        "Recipients and lines that serve no live postcode",
        "Take it out, or correct it.",
    )
    NEVER_COUNTS = (
        "never_counts",
        "warning",
        "Lines that never count",
        "Smaller places or higher priorities decide on all of it: take the line out, or correct them.",
    )
    NOTHING_NEW = (
        "nothing_new",
        "warning",
        "Lines that say nothing new",
        "Take it out: without it the same postcodes have the same recipient.",
    )
    OUTSIDE = (
        "outside",
        "warning",
        "Places outside the authority",
        "Look for a typing error. If the recipient is to serve families across the border, leave it.",
    )
    NO_SUCCESSOR = (
        "no_successor",
        "warning",
        "Lines that end soon",
        "Add a line for the same place that begins the day after.",
    )
    RETIRED = (
        "retired",
        "warning",
        "Small areas that the census of 2021 has changed",
        "Bring them up to date by `birthshare geography upgrade`; newer directories may not know them.",
    )
    BORDER = (
        "border",
        "warning",
        "Postcodes beside a drawn border",
        "A postcode is about 15 homes, and may lie on both sides. Name it by a line of its own, or leave it.",
    )
    GENERALISED = (
        "generalised",
        "warning",
        "Borders that are drawn too coarsely",
        "Use the full-resolution border, or the list of small areas that the area was made from.",
    )
    KIND_NOT_NAMED = (
        "kind_not_named",
        "warning",
        "Recipients of a kind that no agreement names",
        "No agreement shares with it: see the kinds of recipients in the agreements of this network.",
    )
    OTHER_AUTHORITY = (
        "other_authority",
        "warning",
        "Networks that are elsewhere",
        "Check the authority's code in the settings, and the codes of the places.",
    )


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    fault: Fault
    where: str  # file and line, or the network
    says: str  # names no postcode
    network: str = ""  # "" where it is of no network, or of all
    place: str = ""  # the code of a small area, where the finding is about one
    postcodes: int | None = None  # live ones at stake; None where that cannot be said
    families: str = ""  # of past months in the whole of `place`, roughly; "" where nobody knows

    @property
    def level(self) -> Level:
        """An error or a warning."""
        return self.fault.level

    def as_json(self) -> dict[str, Any]:
        """The same facts for programs."""
        return {
            "level": self.level,
            "fault": str(self.fault),
            "network": self.network,
            "where": self.where,
            "says": self.says,
            "do": self.fault.do,
            "place": self.place,
            "postcodes": self.postcodes,
            "families": self.families,
        }


def weightiest_first(found: list[Finding]) -> list[Finding]:
    """Errors first, by fault, and within a fault what touches most postcodes."""
    order = list(Fault)
    return sorted(found, key=lambda one: (order.index(one.fault), -(one.postcodes or 0)))
