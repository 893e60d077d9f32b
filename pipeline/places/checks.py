"""`geography check`: an authority's reach areas looked at in its home, beside its register and agreements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement
from pipeline.errors import BirthshareError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.looking_back.small_numbers import FEWEST
from pipeline.networks import DIRECTORY_ALONE
from pipeline.places.moves import places_of_families
from pipeline.records import keyed_references

if TYPE_CHECKING:
    from pipeline.geography.examining import Examined
    from pipeline.geography.findings import Finding
    from pipeline.geography.tiles import Tiles

_COUNTY = "E10"  # counties are in no postcode directory, only their districts are


@dataclass(frozen=True)
class Checked:
    """What was found, for programs and for the page."""

    answer: Mapping[str, Any]  # see `check`
    maps: Mapping[str, Tiles]  # by network
    headings: Mapping[str, str]  # of findings, by fault
    year: int  # of the postcode directory, for its licence

    @property
    def well(self) -> bool:
        """Whether no error was found."""
        return all(one["level"] != "error" for one in self.answer["findings"])


def check(home: Home, *, on: date, network: str | None = None) -> Checked:
    """Look at the reach areas as they are in force on the day `on`, of one network or of all.

    Keys of the answer: well, on, files, areas_sha256, directory (release, sha256, live, vintages), lines
    (in_force, over, to_come), findings (level, fault, network, where, says, do, place, postcodes,
    families), networks (by name: gaps, and recipients: code, postcodes, lsoas, wards; "*" for what several
    claim), since (the compiled index that is compared with: on, areas_sha256, directory_sha256, moves; or
    None).

    Raises SettingsError where the files or the directory cannot be read at all, or say nothing of `network`.
    """
    from pipeline.geography.examining import examine
    from pipeline.geography.findings import Fault, weightiest_first

    examined = examine(
        home.reach_areas,
        home.at(home.settings.geography.directory),
        on=on,
        network=network,
        earlier=_earlier(home),
    )
    agreements = _agreements(home, on)
    if network is not None and not examined.findings:
        _check_network(home, examined, agreements, network)
    found = [*_with_families(home, examined), *_in_home(home, examined, agreements, network)]
    answer = {
        "well": all(one.level != "error" for one in found),
        "on": on.isoformat(),
        "files": [file.name for file in home.reach_areas],
        "areas_sha256": examined.areas_sha256,
        "directory": {
            "release": examined.directory.release,
            "sha256": examined.directory.sha256,
            "live": examined.directory.live,
            "vintages": list(examined.directory.vintages),
        },
        "lines": dict(examined.lines),
        "findings": [one.as_json() for one in weightiest_first(found)],
        "networks": _networks(examined),
        "since": _since(examined),
    }
    year = re.search("20[0-9]{2}", examined.directory.release)
    return Checked(
        answer,
        {name: one.tiles for name, one in examined.networks.items()},
        {str(fault): fault.heading for fault in Fault},
        int(year[0]) if year else on.year,
    )


def _check_network(home: Home, examined: Examined, agreements: list[Agreement], network: str) -> None:
    """Raise SettingsError for a network of which nothing speaks: nothing would be found wrong with it."""
    if not any(examined.lines.values()) and network not in {one.recipients.placed_in for one in agreements}:
        raise SettingsError(
            f"No line of the reach areas is of the network {network}",
            where=", ".join(file.name for file in home.reach_areas),
            do="Look for a typing error, or leave --network out to see every network.",
        )


def _networks(examined: Examined) -> dict[str, Any]:
    return {
        name: {
            "gaps": one.gaps,
            "recipients": [{"code": code, **share._asdict()} for code, share in one.shares.items()],
        }
        for name, one in examined.networks.items()
    }


def _since(examined: Examined) -> dict[str, Any] | None:
    if examined.before is None:
        return None
    return {
        "on": examined.before.on,
        "areas_sha256": examined.before.areas_sha256,
        "directory_sha256": examined.before.directory_sha256,
        "moves": [move._asdict() for move in examined.moves],
    }


def _earlier(home: Home) -> list[Path]:
    """The indexes that were compiled here, the newest first."""
    files = (home.state / "reach").glob("*.sqlite")
    return sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True)


def _agreements(home: Home, on: date) -> list[Agreement]:
    """The newest version of each agreement that can be read, unless it has ended; signed or not."""
    newest: dict[str, Agreement] = {}
    for file in sorted(home.agreements.glob("*.yaml")):
        try:
            agreement, _ = read_agreement(file)
        except BirthshareError:
            continue  # `birthshare agreement check` and the doctor say why
        if agreement.id not in newest or newest[agreement.id].version < agreement.version:
            newest[agreement.id] = agreement
    return [one for one in newest.values() if one.dates.expires >= on]


# --- families at stake ----------------------------------------------------------------------------


def _with_families(home: Home, examined: Examined) -> list[Finding]:
    """The findings; those of gaps with how many families of the kept months live in that small area.

    In the whole of it, whatever part is a gap: who changes the areas and checks again learns nothing of a
    single street. Small numbers are hidden and others rounded, since the next month adds to them.
    """
    from pipeline.geography.findings import Fault

    gaps = {one.place for one in examined.findings if one.fault is Fault.GAP and one.place}
    if not gaps:
        return list(examined.findings)
    families = _families(home, gaps, "lsoa21" if "2021" in examined.directory.vintages else "lsoa11")
    return [
        replace(one, families=families.get(one.place, "")) if one.fault is Fault.GAP else one
        for one in examined.findings
    ]


def _families(home: Home, codes: set[str], kind: str) -> dict[str, str]:
    """By small area how many families live there, in words; none where no month with places is kept."""
    try:
        with opened_ledger(home) as ledger:
            months, places = places_of_families(home, ledger)
    except BirthshareError:  # what keeps the past months from being read is said where they are needed
        return {}
    if not months:
        return {}
    from pipeline.geography.examining import postcodes_in
    from pipeline.lists.telling import round_to_5

    postcodes = postcodes_in(home.at(home.settings.geography.directory), kind, codes)
    keyed = keyed_references(home.secret("subject.key"), "place", list(postcodes))
    area_of = dict(zip(keyed, postcodes.values(), strict=True))
    counted = Counter(area_of[place] for place in places if place in area_of)
    return {
        code: f"about {round_to_5(counted[code])}" if counted[code] >= FEWEST else f"fewer than {FEWEST}"
        for code in codes
    }


# --- what the home says besides -------------------------------------------------------------------


def _in_home(
    home: Home, examined: Examined, agreements: list[Agreement], network: str | None
) -> Iterator[Finding]:
    from pipeline.geography.findings import Fault, Finding

    lacking = [
        one
        for one in agreements
        if one.recipients.placed_in not in (DIRECTORY_ALONE, *examined.recipients)
        and network in (None, one.recipients.placed_in)
    ]
    for agreement in lacking:
        wanted = agreement.recipients.placed_in
        says = f"No line of {wanted} is in force on {examined.on}, and agreement {agreement.id} needs it."
        yield Finding(Fault.NOTHING_IN_FORCE, f"network {wanted}", says, wanted)
    if not (lacking or examined.lines["in_force"] or examined.findings):
        says = f"No line{f' of {network}' if network else ''} is in force on {examined.on}."
        yield Finding(Fault.NOTHING_IN_FORCE, ", ".join(file.name for file in home.reach_areas), says)
    yield from _recipients(home, examined, agreements)
    yield from _elsewhere(home, examined)


def _recipients(home: Home, examined: Examined, agreements: list[Agreement]) -> Iterator[Finding]:
    from pipeline.geography.findings import Fault, Finding

    register = home.recipients()
    for network, codes in examined.recipients.items():
        kinds = {kind for one in agreements for kind in _kinds(one, network)}
        if network == home.settings.geography.localities and not kinds:
            continue  # districts and the like, which receive nothing
        for code, where in sorted(codes.items()):
            postcodes = _serves(examined, network, code)
            if code not in register:
                says = f"{code} has an area in {network}, and is not in the register of recipients."
                yield Finding(Fault.NOT_REGISTERED, where, says, network, postcodes=postcodes)
            elif kinds and register[code].kind not in kinds:
                named = ", ".join(sorted(kinds))
                says = f"{code} is a {register[code].kind}; agreements of {network} name {named}."
                yield Finding(Fault.KIND_NOT_NAMED, where, says, network, postcodes=postcodes)


def _kinds(agreement: Agreement, network: str) -> tuple[str, ...]:
    return agreement.recipients.kinds if agreement.recipients.network == network else ()


def _serves(examined: Examined, network: str, code: str) -> int | None:
    shares = examined.networks[network].shares if network in examined.networks else {}
    return shares[code].postcodes if code in shares else None


def _elsewhere(home: Home, examined: Examined) -> Iterator[Finding]:
    from pipeline.geography.findings import Fault, Finding

    own = home.settings.authority.code
    if own.startswith(_COUNTY):
        return
    for name, one in examined.networks.items():
        if one.authorities and own not in one.authorities:
            where = ", ".join(sorted(one.authorities))
            says = f"{name} covers {where}, and not {own}, the authority of this home."
            yield Finding(Fault.OTHER_AUTHORITY, f"network {name}", says, name)
