"""The compiled places of a home: what a month and `birthshare geography place` look postcodes up in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.premises import Premises


@dataclass(frozen=True)
class Places:
    """The files that places are worked out from, and what they are made of."""

    directory: Path
    reach: Path
    directory_sha256: str
    reach_sha256: str


def compiled_places(home: Home | Premises, *, on: date) -> Places:
    """The reach index of one day, compiled when its sources have changed."""
    from pipeline.geography.areas import areas_sha256 as digest_of
    from pipeline.geography.directory import Directory
    from pipeline.geography.reach import VERSION

    directory, areas = home.at(home.settings.geography.directory), home.reach_areas
    with Directory(directory) as opened:
        directory_sha256 = opened.facts.sha256
    areas_sha256 = digest_of(areas)
    key = hashlib.sha256(f"{VERSION} {directory_sha256} {areas_sha256} {on}".encode()).hexdigest()
    reach = home.state / "reach" / f"{key[:16]}.sqlite"
    if not reach.exists():
        from pipeline.geography.compiling import build_reach

        reach.parent.mkdir(parents=True, exist_ok=True)
        build_reach(areas, directory, reach, on=on, areas_sha256=areas_sha256)
    return Places(directory, reach, directory_sha256, areas_sha256)


def recipients_by_network(places: Places) -> dict[str, frozenset[str]]:
    """The recipients that the reach areas name, by network."""
    from pipeline.geography.reach import recipients_by_network as named

    return named(places.reach, places.directory)


def hospitals(home: Home | Premises) -> frozenset[str]:
    """The authority's list of hospital postcodes."""
    from pipeline.geography.place import read_hospital_postcodes

    return read_hospital_postcodes(home.at(home.settings.geography.hospital_postcodes))
