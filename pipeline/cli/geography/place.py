"""`birthshare geography place`: where one postcode belongs, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_premises, moment
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from pipeline.geography.directory import Known
    from pipeline.geography.place import Decided, Placement
    from pipeline.geography.why import Claim, InNetwork, Why
    from pipeline.home import Home
    from pipeline.places.compiled import Places
    from pipeline.premises import Premises

_LONGEST = 200  # characters that are read of what should be one postcode


@click.command(short_help="Where one postcode belongs, and why.")
@click.option(
    "--network",
    metavar="NAME",
    help="Only this network of reach areas, as in the agreement, such as childrens_centres. Default: all.",
)
@for_premises
def place(network: str | None, home: Home | Premises, voice: Voice) -> None:
    """Where one postcode belongs, with each step of why: how it was read, what the directory knows of it,
    every line of the reach areas that names its place, and which of them counts.

    It asks for the postcode; what is typed is not shown, and is nowhere kept. (Programs give it on
    standard input. It is never an argument: those can be seen by others, and stay in the shell's history.)
    """
    text = _asked()
    found = _found(text, home, network, moment().date())
    called = {home.settings.authority.code: home.settings.authority.name}
    voice.answer(_facts(found, called, alone=network is not None))
    for line in _sentences(found, called):
        voice.say(line)


def _asked() -> str:
    """One postcode, typed unseen, or from a program; raises SettingsError for none, and for several."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Postcode (not shown)", hide_input=True, err=True)
        return typed
    given = _given()
    lines = [line for line in given.lstrip("\ufeff").splitlines() if line.strip()]
    if len(lines) == 1 and len(given) <= _LONGEST:
        return lines[0]
    problem = "One postcode is needed, on one line" if lines else "No postcode was given"
    raise SettingsError(problem, where="standard input", do="Give one postcode.")


def _given() -> str:
    """What a program gave; what is no text is too much."""
    try:
        return sys.stdin.read(_LONGEST + 1)
    except UnicodeDecodeError:
        return "." * (_LONGEST + 1)


def _found(text: str, home: Home | Premises, network: str | None, today: date) -> Why:
    from pipeline.geography.areas import read_areas
    from pipeline.geography.directory import Directory
    from pipeline.geography.place import place_each
    from pipeline.geography.reach import Reach
    from pipeline.geography.why import why
    from pipeline.networks import DIRECTORY_ALONE
    from pipeline.places.compiled import compiled_places, hospitals

    compiled = compiled_places(home, on=today)
    with Directory(compiled.directory) as places, Reach(compiled.reach, places.facts) as areas:
        networks = sorted(areas.facts.recipients) if network is None else [network]
        if network not in (None, DIRECTORY_ALONE):
            areas.check_network(network or "")
        first = [place_each([text], places, areas, name)[text] for name in networks]
        return why(
            text,
            places,
            areas,
            read_areas(home.reach_areas),
            networks,
            on=today,
            hospital_postcodes=hospitals(home),
            decided=_decided(text, first, home, compiled, today),
        )


def _decided(
    text: str, first: Iterable[Placement], premises: Home | Premises, compiled: Places, today: date
) -> Mapping[str, Mapping[str, Decided]]:
    """What people decided for this postcode, where geography alone cannot say."""
    from pipeline.geography.statuses import DECIDABLE

    unsettled = [one for one in first if one.status in DECIDABLE]
    if not unsettled:
        return {}
    from pipeline.facts import opened_ledger
    from pipeline.home import Home
    from pipeline.places import reviewed
    from pipeline.places.compiled import recipients_by_network

    home = Home.open(premises.path)
    with opened_ledger(home) as ledger:
        standing = reviewed.standing(home, ledger, recipients_by_network(compiled), today)
        return reviewed.decided(home, standing, {one.meant or text for one in unsettled})


# --- for programs ---------------------------------------------------------------------------------


def _facts(found: Why, called: Mapping[str, str], *, alone: bool) -> dict[str, Any]:
    networks = [_of_network(one) for one in found.networks]
    return {
        **(networks[0] if alone else {}),
        "hospital": found.hospital,
        "read": found.read,
        "directory": _of_directory(found.known, called) | {"release": found.release},
        "networks": networks,
    }


def _of_directory(known: Known | None, called: Mapping[str, str]) -> dict[str, Any]:
    from pipeline.geography.why import QUALITIES

    if known is None:
        return {"known": False}
    return {
        "known": True,
        "live": known.live,
        "terminated": _month(known.terminated),
        "quality": known.gridind,
        "quality_in_words": QUALITIES.get(known.gridind, ""),
        "authority": known.authority,
        "authority_name": called.get(known.authority, ""),
        "ward": known.ward,
        "lsoa11": known.lsoa11,
        "lsoa21": known.lsoa21,
    }


def _of_network(one: InNetwork) -> dict[str, Any]:
    placed = one.placement
    return {
        "network": one.network,
        "status": str(placed.status),
        "reason": placed.status.reason,
        "recipient": placed.recipient,
        "matched": placed.matched,
        "authority": placed.authority,
        "in_words": one.words,
        "decision": one.consequence,
        "lines": [_of_claim(claim) for claim in one.claims],
    }


def _of_claim(claim: Claim) -> dict[str, Any]:
    area = claim.area
    return {
        "file": area.file.name,
        "line": area.line,
        "recipient": area.recipient,
        "kind": str(area.kind),
        "priority": area.priority,
        "from": area.starts.isoformat(),
        "to": area.ends.isoformat() if area.ends else None,
        "outcome": claim.outcome,
    }


# --- for people -----------------------------------------------------------------------------------


def _sentences(found: Why, called: Mapping[str, str]) -> Iterator[str]:
    yield f"As read: {found.read}."
    yield f"Directory {found.release}: {'; '.join(_known(found.known, called))}."
    yield f"Hospital postcodes: {'it is on the list' if found.hospital else 'it is not on the list'}."
    for one in found.networks:
        yield ""
        yield f"{one.network}: {one.placement.recipient or 'No recipient'}: {one.words}."
        yield f"  So {one.consequence}."
        for claim in one.claims:
            yield f"  {_line(claim)}."


def _known(known: Known | None, called: Mapping[str, str]) -> Iterator[str]:
    from pipeline.geography.why import QUALITIES

    if known is None:
        yield "it is not known"
        return
    withdrawn = f"withdrawn by Royal Mail in {_month(known.terminated)}"
    yield "in use" if known.live else withdrawn
    yield f"position: {QUALITIES.get(known.gridind, 'not known')} (quality {known.gridind})"
    name = called.get(known.authority, "")
    yield f"local authority {known.authority or 'not known'}{f' ({name})' if name else ''}"
    yield f"ward {known.ward or 'not known'}"
    yield f"small area {known.lsoa11 or 'not known'} (2011), {known.lsoa21 or 'not known'} (2021)"


def _line(claim: Claim) -> str:
    area = claim.area
    priority = f", priority {area.priority}" if area.priority is not None else ""
    until = f" to {area.ends}" if area.ends else ""
    named = f"{area.file.name} {area.where}: {area.recipient}, by {area.kind.wording}"
    return f"{named}{priority}, from {area.starts}{until}: {claim.words}"


def _month(terminated: str) -> str:
    """YYYYMM as YYYY-MM; "" while the postcode is in use."""
    return f"{terminated[:4]}-{terminated[4:]}" if terminated else ""


COMMANDS: tuple[click.Command, ...] = (place,)
