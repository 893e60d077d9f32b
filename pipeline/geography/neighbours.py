"""Who serves the postcodes around one that the directory does not know: hints for a person, never an answer.

A new postcode often lies where others of its sector do, and sometimes in another ward, so nothing is
placed by this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from pipeline.geography.directory import Directory
from pipeline.geography.place import place_each
from pipeline.geography.postcodes import INWARD, UNIT
from pipeline.geography.reach import Reach


class Neighbours(NamedTuple):
    """How many live postcodes around one are whose, the most first."""

    around: Literal["sector", "district", ""]  # "": there is no other postcode in its district either
    recipients: Mapping[str, int]  # "": nobody serves them in this network
    authorities: Mapping[str, int]  # GSS codes; "": the directory does not say


def neighbours(postcode: str, places: Directory, areas: Reach, network: str) -> Neighbours:
    """Of a compact postcode: the live ones of its sector, or else those of its district."""
    ends: tuple[tuple[Literal["sector", "district"], int], ...] = (("sector", UNIT), ("district", INWARD))
    for around, end in ends:
        if near := places.beginning(postcode[:-end], len(postcode)):
            placed = place_each(near, places, areas, network).values()
            recipients = _most_first(one.recipient for one in placed)
            return Neighbours(around, recipients, _most_first(one.authority for one in placed))
    return Neighbours("", {}, {})


def _most_first(codes: Iterable[str]) -> dict[str, int]:
    counted = Counter(codes)
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))
