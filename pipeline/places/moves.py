"""Proposed reach areas, tried on past months: how many families would have had another recipient, or none.

Kept months hold no postcode, only its keyed reference. So every postcode that the reach areas of now or
the proposed ones serve is keyed, and the families are counted whose place is among them. Only counts come
out, and small ones are hidden (`pipeline.places.moved`); whoever may try several proposals can compare
them, so each preview is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from pipeline.agreed import LONDON
from pipeline.errors import IntegrityError, SettingsError
from pipeline.facts import opened_ledger
from pipeline.geography.statuses import Status
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.keeping.kept import Kept
from pipeline.ledger.entries import Entry, Placed, ReachPreviewed
from pipeline.ledger.ledger import Ledger
from pipeline.networks import DIRECTORY_ALONE, NOBODY, SEVERAL
from pipeline.places import reviewed
from pipeline.places.compiled import Places, compiled_places
from pipeline.places.moved import networks
from pipeline.reasons import Reason
from pipeline.records import Month, among, keyed_references
from pipeline.steps import release

# Rows that stand for no family that anybody could serve.
_NO_FAMILY = frozenset({
    str(reason) for reason in (
        Reason.NOT_A_LIVE_BIRTH, Reason.CHILD_DIED, Reason.DUPLICATE_RECORD, Reason.TEST_RECORD,
        Reason.IDENTITY_SUPERSEDED,
    )
})  # fmt: skip

# What a person may have decided since, or does not any more.
_BY_A_PERSON = (*reviewed.ASKED, str(Status.PLACED_REVIEWED))

_OLDER = "it was kept before Birthshare kept keyed places"


@dataclass(frozen=True, eq=False)
class _Past:
    """One month's families, each child once, by whichever agreement's part has it."""

    month: Month
    families: pd.DataFrame = field(repr=False)  # reference, child, household, place
    shared: pd.DataFrame = field(repr=False)  # child, network: on a list in that network
    placements: pd.DataFrame = field(repr=False)  # records.PLACEMENTS, of these families


def preview(
    home: Home, files: Sequence[Path], *, on: date | None = None, months: int | None = None, now: datetime
) -> dict[str, Any]:
    """What the reach areas in `files`, as they would be in force `on` that day (or today), would change.

    Each of the newest `months` that are kept is placed by the reach areas of now, as in force on the
    month's last day, and by the proposed ones. The preview is recorded by its digest and the files'.

    Keys: files, areas_sha256, on, months, not_previewable (month and why), notes (month and what is to be
    known of it), networks (see `pipeline.places.moved.networks`), preview_sha256.

    Raises SettingsError where the files cannot be used or no month can be previewed, IntegrityError where
    placing a month again does not give what was recorded then.
    """
    with opened_ledger(home) as ledger:
        found = _pasts(home, ledger, months)
        pasts = [one for one in found.values() if isinstance(one, _Past)]
        refused = {month: why for month, why in found.items() if isinstance(why, str)}
        if not pasts:
            raise _nothing_to_try_on(refused)
        today = now.astimezone(LONDON).date()
        on, atlas = on or today, _Atlas(home, ledger, today)
        with _proposed(home, files, on) as (reach, areas_sha256):
            proposed = atlas.sides(reach)
        presents = {one.month: one for one in _presents(atlas, pasts)}
        notes = {one.month: _checked(ledger, one, presents[one.month]) for one in pasts}
        moves = [_moves(presents[one.month].sides, proposed) for one in pasts]
        counted = [_counted(one, those) for one, those in zip(_once(pasts), moves, strict=True)]
        answer = {
            "files": [file.name for file in files],
            "areas_sha256": areas_sha256,
            "on": on.isoformat(),
            "months": [str(one.month) for one in pasts],
            "not_previewable": [{"month": str(month), "why": why} for month, why in refused.items()],
            "notes": [{"month": str(month), "says": says} for month, says in notes.items() if says],
            "networks": networks(pd.concat(counted, ignore_index=True), pd.concat(moves, ignore_index=True)),
        }
        digest = release.digest(release.canonical(answer))
        _record(ledger, answer, on, digest, now)
    return {**answer, "preview_sha256": digest}


def places_of_families(home: Home, ledger: Ledger) -> tuple[list[Month], list[str]]:
    """The kept months whose places are known, and the keyed place of each family in them, once."""
    pasts = [one for one in _pasts(home, ledger, None).values() if isinstance(one, _Past)]
    families = [one.families.drop_duplicates("household") for one in _once(pasts)] if pasts else []
    return [one.month for one in pasts], [place for one in families for place in one["place"].tolist()]


# --- the past -------------------------------------------------------------------------------------


def _pasts(home: Home, ledger: Ledger, newest: int | None) -> dict[Month, _Past | str]:
    """The kept months, oldest first; or why one cannot be previewed."""
    recorded: dict[Month, list[Any]] = {}
    for (month, _), one in kept.standing(ledger).items():
        recorded.setdefault(month, []).append(one)
    chosen = list(recorded)[-newest:] if newest else list(recorded)
    return {month: _past(month, [kept.read(home, month, one) for one in recorded[month]]) for month in chosen}


def _past(month: Month, parts: Sequence[Kept]) -> _Past | str:
    if any(len(part.keyed_places) < len(part.births) for part in parts):
        return _OLDER
    families = pd.concat([_families(part) for part in parts]).drop_duplicates("reference")
    placements = pd.concat([part.placements for part in parts]).drop_duplicates(["reference", "network"])
    return _Past(
        month,
        families.reset_index(drop=True),
        pd.concat([_shared(part) for part in parts], ignore_index=True),
        placements[placements["reference"].isin(families["reference"])].reset_index(drop=True),
    )


def _families(part: Kept) -> pd.DataFrame:
    """reference, child, household (of this month and agreement alone), place."""
    rows = part.decisions[["reference", "child", "household", "reasons"]].merge(
        part.keyed_places, on="reference"
    )
    alive = [_NO_FAMILY.isdisjoint(codes.split(";")) for codes in rows["reasons"]]
    rows = rows[alive].drop(columns="reasons")
    return rows.assign(household=f"{part.month} {part.agreement.id} " + rows["household"].astype("str"))


def _shared(part: Kept) -> pd.DataFrame:
    """child and network of everybody on a list."""
    ended = part.decisions[part.decisions["final_outcome"] == "share"]
    return ended[["child"]].assign(network=part.agreement.recipients.placed_in)


def _once(pasts: Sequence[_Past]) -> list[_Past]:
    """The same months; a child that came in several counts in the newest, and as shared if it ever was."""
    shared = pd.concat([one.shared for one in pasts], ignore_index=True).drop_duplicates()
    found: list[_Past] = []
    later: set[str] = set()
    for one in reversed(pasts):
        families = one.families[~among(one.families["child"], later)]
        later |= set(one.families["child"])
        found.append(_Past(one.month, families, shared, one.placements))
    return found[::-1]


# --- places ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Present:
    """The reach areas of now, as they were in force on one month's last day."""

    month: Month
    places: Places
    sides: pd.DataFrame = field(repr=False)


@contextmanager
def _proposed(home: Home, files: Sequence[Path], on: date) -> Iterator[tuple[Path, str]]:
    """The proposal compiled, while the block lasts, and the digest of its files."""
    from pipeline.geography.compiling import build_reach

    with TemporaryDirectory(prefix="proposed-") as folder:
        target = Path(folder) / "reach.sqlite"
        facts = build_reach(list(files), home.at(home.settings.geography.directory), target, on=on)
        yield target, facts.areas_sha256


def _presents(atlas: _Atlas, pasts: Sequence[_Past]) -> Iterator[_Present]:
    """Compiled once for months on whose last days the same lines were in force."""
    from pipeline.geography.areas import read_areas

    areas = read_areas(atlas.home.reach_areas)
    known: dict[tuple[Any, ...], tuple[Places, pd.DataFrame]] = {}
    for one in pasts:
        in_force = tuple(area for area in areas if area.in_force(one.month.last_day))
        if in_force not in known:
            places = compiled_places(atlas.home, on=one.month.last_day)
            known[in_force] = places, atlas.sides(places.reach)
        yield _Present(one.month, *known[in_force])


@dataclass(frozen=True, eq=False)
class _Atlas:
    """Where postcodes belong by a reach index, the directory of now, and what people decided."""

    home: Home
    ledger: Ledger
    today: date

    def sides(self, reach: Path) -> pd.DataFrame:
        """Of every postcode that the index serves in a network: place, network, side, authority.

        The side is a recipient's code, NOBODY or SEVERAL. Every other postcode is nobody's.
        """
        from pipeline.geography.directory import Directory
        from pipeline.geography.place import place_everywhere
        from pipeline.geography.reach import Reach

        directory = self.home.at(self.home.settings.geography.directory)
        with Directory(directory) as places, Reach(reach, places.facts) as areas:
            postcodes, recipients = sorted(areas.postcodes()), areas.facts.recipients
        asked = pd.DataFrame(
            {"reference": range(len(postcodes)), "postcode": pd.Series(postcodes, dtype="str")}
        )
        reviews = reviewed.standing(self.home, self.ledger, recipients, self.today)
        placed = place_everywhere(
            asked,
            directory=directory,
            reach=reach,
            needed=(),
            hospital_postcodes=frozenset(),
            decided=reviewed.decided(self.home, reviews, postcodes),
        )
        placed = placed[placed["network"] != DIRECTORY_ALONE]
        keyed = pd.Series(keyed_references(self.home.secret("subject.key"), "place", postcodes), dtype="str")
        return pd.DataFrame(
            {
                "place": keyed.to_numpy()[placed["reference"]],
                "network": placed["network"].to_numpy(),
                "side": _side(placed).to_numpy(),
                "authority": placed["authority"].to_numpy(),
            }
        )


def _side(placed: pd.DataFrame) -> pd.Series[str]:
    """Who serves each row of PLACEMENTS: a recipient's code, NOBODY or SEVERAL."""
    several = placed["status"].eq(str(Status.AMBIGUOUS))
    return placed["recipient"].mask(placed["reason"].ne(""), NOBODY).mask(several, SEVERAL)


def _moves(present: pd.DataFrame, proposed: pd.DataFrame) -> pd.DataFrame:
    """Of every place that either serves: place, network, authority, then, and now by the proposal."""
    both = present.merge(proposed, on=["place", "network"], how="outer", suffixes=("", "_proposed"))
    return pd.DataFrame(
        {
            "place": both["place"],
            "network": both["network"],
            "authority": both["authority"].fillna(both["authority_proposed"]),
            "then": both["side"].fillna(NOBODY),
            "now": both["side_proposed"].fillna(NOBODY),
        }
    )


# --- the comparison -------------------------------------------------------------------------------


def _checked(ledger: Ledger, past: _Past, present: _Present) -> str:
    """What is to be known of a month, in words.

    Raises IntegrityError where it rests on the same directory and reach areas as then, and they do not
    give the same places.
    """
    said = [entry.body for entry in ledger.entries(month=str(past.month), kinds={Placed.kind})]
    recorded = {(one.directory_sha256, one.reach_sha256) for one in said if isinstance(one, Placed)}
    then = past.placements.merge(past.families, on="reference")
    then = then[then["network"].isin(present.sides["network"]) & ~then["status"].isin(_BY_A_PERSON)]
    again = then.merge(present.sides, on=["place", "network"], how="left", suffixes=("", "_again"))
    differ = again[_side(again) != again["side"].fillna(NOBODY)]
    if differ.empty:
        return ""
    if recorded == {(present.places.directory_sha256, present.places.reach_sha256)}:
        raise IntegrityError(
            "Placing a past month again does not give what was recorded then",
            where=str(past.month),
            do="Previews cannot be relied on. Keep the home as it is and report this.",
        )
    changed = {directory for directory, _ in recorded} != {present.places.directory_sha256}
    what = "the postcode directory is another one" if changed else "the reach areas were changed"
    return f"since then {what}, which places some families otherwise than they were placed then"


def _counted(past: _Past, moves: pd.DataFrame) -> pd.DataFrame:
    """The month's families, one row for each in each network: network, authority, then, now, shared."""
    rows = past.families[["child", "household", "place"]].merge(moves, on="place")
    rows = rows.merge(past.shared.drop_duplicates().assign(shared=True), on=["child", "network"], how="left")
    rows["shared"] = rows["shared"].eq(True)
    family = ["household", "network", "authority", "then", "now"]
    return rows.groupby(family)["shared"].any().reset_index().drop(columns="household")


# --- what is left of it ---------------------------------------------------------------------------


def _nothing_to_try_on(refused: Mapping[Month, str]) -> SettingsError:
    if not refused:
        return SettingsError(
            "No past month is kept, so there is nothing to try the proposal on",
            do="Months are kept when they are closed, for as long as an agreement's kept_months says.",
        )
    return SettingsError(
        "The proposal cannot be tried on any past month",
        where="; ".join(f"{month}: {why}" for month, why in refused.items()),
    )


def _record(ledger: Ledger, answer: Mapping[str, Any], on: date, digest: str, now: datetime) -> None:
    """Record the preview, unless the newest is the same."""
    body = ReachPreviewed(
        areas_sha256=answer["areas_sha256"], on=on, months=tuple(answer["months"]), preview_sha256=digest
    )
    known: Collection[Any] = [entry.body for entry in ledger.entries(kinds={body.kind})]
    if not known or list(known)[-1] != body:
        ledger.append(Entry(body), at=now)
