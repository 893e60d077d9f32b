"""The maps of a month's page, drawn from the reach areas that the month rested on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.ledger.entries import AreasCounted, Placed
from pipeline.ledger.ledger import Ledger
from pipeline.places.compiled import Places, compiled_places
from pipeline.records import Month
from pipeline.reporting.facts import MapFacts

if TYPE_CHECKING:
    from pipeline.geography.directory import Directory
    from pipeline.geography.tiles import Tiles

_REMEMBERED = 16  # networks' areas as of some month's last day


def maps_of(home: Home, ledger: Ledger, month: Month) -> dict[str, MapFacts | None]:
    """By agreement, the map of the areas whose births were counted in the month.

    None where the reach areas or the postcode directory are not any more what they were then.
    """
    entries = list(ledger.entries(month=str(month), kinds={AreasCounted.kind, Placed.kind}))
    counted = {one.body.agreement: one.body.network for one in entries if isinstance(one.body, AreasCounted)}
    placed = {one.body.network: one.body for one in entries if isinstance(one.body, Placed)}
    drawn = {network: _drawn(home, month, placed.get(network)) for network in set(counted.values())}
    return {agreement: drawn[network] for agreement, network in counted.items()}


def _drawn(home: Home, month: Month, placed: Placed | None) -> MapFacts | None:
    """None, too, where a file cannot be read any more: a page is not the place to find that out."""
    from pipeline.geography.areas import areas_sha256
    from pipeline.geography.directory import Directory

    try:
        with Directory(home.at(home.settings.geography.directory)) as directory:
            made_of = directory.facts.sha256, areas_sha256(home.reach_areas)
            if placed is None or made_of != (placed.directory_sha256, placed.reach_sha256):
                return None
            places = compiled_places(home, on=month.last_day)
            return _map(home, directory, places, placed.network)
    except SettingsError:
        return None


def _map(home: Home, directory: Directory, places: Places, network: str) -> MapFacts:
    from pipeline.geography.reach import Reach
    from pipeline.geography.releases import month_of

    released = month_of(directory.facts.release)
    with Reach(places.reach, directory.facts) as areas:
        year = released.year if released else int(areas.facts.on[:4])
    return _facts(places, network, year, tuple(_within(home, places, network).items()))


@lru_cache(maxsize=_REMEMBERED)
def _facts(places: Places, network: str, year: int, within: tuple[tuple[str, str], ...]) -> MapFacts:
    """The same for the same areas, as long as it is remembered."""
    found = _tiles(places, network)
    return MapFacts(found.serving, found.side, year, dict(within))


def _within(home: Home, places: Places, network: str) -> dict[str, str]:
    """The name of the locality that most postcodes of each recipient's area are in, where there are any."""
    from pipeline.geography.enrichment import read_locality_names

    settings = home.settings.geography
    if settings.localities is None or settings.localities == network:
        return {}
    names = read_locality_names(home.at(settings.locality_names)) if settings.locality_names else {}
    most = _localities(places, network, settings.localities)
    return {recipient: names.get(code, code) for recipient, code in most.items()}


@lru_cache(maxsize=_REMEMBERED)
def _tiles(places: Places, network: str) -> Tiles:
    """The network's tiles. `places` names what they are made of by digests, so they stay what they are."""
    from pipeline.geography.tiles import tiles

    return tiles(places.directory, places.reach, network)


@lru_cache(maxsize=_REMEMBERED)
def _localities(places: Places, network: str, localities: str) -> Mapping[str, str]:
    """By recipient, the code of the locality that most postcodes of its area are in."""
    from pipeline.geography.directory import Directory
    from pipeline.geography.reach import Reach

    with Directory(places.directory) as directory, Reach(places.reach, directory.facts) as areas:
        postcodes, recipients, _ = areas.everywhere(network)
        known = dict(zip(*areas.everywhere(localities)[:2], strict=True))
    counts: dict[str, Counter[str]] = {}
    for postcode, recipient in zip(postcodes, recipients, strict=True):
        counts.setdefault(recipient, Counter())[known.get(postcode, "")] += 1
    most = {recipient: of.most_common(1)[0][0] for recipient, of in counts.items()}
    return {recipient: code for recipient, code in most.items() if recipient and code}
