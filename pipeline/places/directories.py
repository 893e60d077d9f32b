"""Bringing in a release of the postcode directory: built, held against the one in use, recorded, then used.

Nobody should find out from a month that stops, or from a family that moved, what a new release changed.
So it is built beside the directory in use and compared with it first: postcodes that came and went, and who
serves how many others under the present reach areas. `preview` ends there.

What the ledger needs is loaded when the directory is built: building takes the most memory of all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.geography.areas import Area
    from pipeline.geography.comparing import Changes, Move
    from pipeline.geography.directory import DirectoryFacts
    from pipeline.geography.releases import Product
    from pipeline.home import Home
    from pipeline.ledger.ledger import Ledger
    from pipeline.records import Month
    from pipeline.steps.desk import Watch

_NO_BRACKETS = str.maketrans("", "", "()")  # the ledger takes none, and some published names have them
_ASIDE = ".newer"  # the folder, beside the directory in use, in which the newer one is built


@dataclass(frozen=True)
class Difference:
    """What the newer directory changes."""

    before: DirectoryFacts
    changes: Changes
    moves: tuple[Move, ...]
    lost: tuple[str, ...]  # lines of the reach areas in force whose place it does not know, with the reason
    not_compared: str = ""  # why who serves whom could not be compared


@dataclass(frozen=True)
class Release:
    """A directory that was built, and what it changes; None where none was in use, or the very same."""

    facts: DirectoryFacts
    product: Product
    released: Month | None
    difference: Difference | None
    same: bool  # as the one in use

    @property
    def warnings(self) -> list[str]:
        """What a person should know before it is used, in a sentence each."""
        return [*self._unlike(), *self._unserved()]

    def _unlike(self) -> Iterator[str]:
        from pipeline.geography.releases import month_of, product_of

        if self.released is None:
            yield (
                f"{self.facts.release} does not name its month, so nobody will be told when it is old. Keep "
                "the name as published, such as ONSPD_AUG_2026_UK.csv."
            )
        if self.difference is None:
            return
        before = self.difference.before
        earlier, product = month_of(before.release), product_of(before.release)
        if earlier and self.released and self.released.first_day < earlier.first_day:
            yield f"It is older than the directory in use, which is of {earlier.in_full}."
        if product and self.product and product != self.product:
            yield (
                f"The directory in use is an {product} and this is an {self.product}. An ONSPD takes a "
                "postcode's areas from where it lies, an NSPL from its output area: many wards differ."
            )

    def _unserved(self) -> Iterator[str]:
        if self.difference is not None and self.difference.lost:
            many = len(self.difference.lost)
            yield (
                f"{'1 line names a place' if many == 1 else f'{many} lines name places'} in the reach areas "
                "that it does not know. No month runs with it until the reach areas are corrected and signed."
            )


def bring_in(
    home: Home,
    source: Path,
    *,
    now: datetime,
    part: bool = False,
    preview: bool = False,
    only_if: Callable[[Release], bool] | None = None,
    watch: Watch | None = None,
) -> Release:
    """Build the directory from a published file, compare it, and unless it is a `preview` put it into use.

    With `only_if` that is asked first whether this release may be used. `part` says that the file holds a
    part of the country on purpose. Raises SettingsError for a file that is no directory; the one in use then
    stands.
    """
    from pipeline.geography.building import build_directory
    from pipeline.geography.releases import month_of, product_of

    target = home.at(home.settings.geography.directory)
    with _aside(target) as folder:
        newer = folder / target.name
        facts = build_directory(source, newer, part=part, watch=watch)
        before = _in_use(target)
        same = before is not None and before.sha256 == facts.sha256
        release = Release(
            facts,
            product_of(facts.release),
            month_of(facts.release),
            None if before is None or same else _difference(home, target, newer, before, now),
            same,
        )
        if not preview and (only_if is None or only_if(release)):
            from pipeline.facts import opened_ledger

            with opened_ledger(home) as ledger:
                _record(ledger, release, before, at=now)
            newer.replace(target)
    return release


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A folder beside the directory, for one builder at a time; what an earlier one left behind goes."""
    from pipeline.geography.written import alone

    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.parent):
        folder = target.parent / _ASIDE
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(directory: Path) -> DirectoryFacts | None:
    """The facts of the directory in use; None where there is none that this version can read."""
    from pipeline.geography.directory import Directory

    try:
        with Directory(directory) as opened:
            return opened.facts
    except SettingsError:
        return None


def _difference(home: Home, older: Path, newer: Path, before: DirectoryFacts, now: datetime) -> Difference:
    """What the newer directory changes, also for each network of the reach areas in force today."""
    from pipeline.agreed import LONDON
    from pipeline.geography.comparing import compare, moves
    from pipeline.geography.compiling import build_reach

    changes, today = compare(older, newer), now.astimezone(LONDON).date()
    one, two = (newer.parent / f"{name}.sqlite" for name in ("was", "now"))
    lost: list[tuple[Area, str]] = []
    try:
        build_reach(home.reach_areas, older, one, on=today, lost=[])
        build_reach(home.reach_areas, newer, two, on=today, lost=lost)
    except SettingsError as error:
        return Difference(before, changes, (), (), str(error))
    moved = tuple(moves(older, newer, one, two))
    return Difference(
        before, changes, moved, tuple(f"{area.file.name} {area.where}: {why}" for area, why in lost)
    )


def _record(ledger: Ledger, release: Release, before: DirectoryFacts | None, *, at: datetime) -> None:
    """Say in the ledger what was built; the same again is not said again."""
    from pipeline.ledger.entries import DirectoryBuilt, Entry

    facts = release.facts
    body = DirectoryBuilt(
        product=release.product,
        released=str(release.released or ""),
        source_sha256=facts.source_sha256,
        directory_sha256=facts.sha256,
        before_sha256=before.sha256 if before is not None and not release.same else "",
        rows=facts.rows,
        live=facts.live,
        vintages=facts.vintages,
        columns={ours: theirs.translate(_NO_BRACKETS) for ours, theirs in facts.columns.items()},
    )
    said = ""
    for entry in ledger.entries(kinds={DirectoryBuilt.kind}):
        said = entry.body.directory_sha256 if isinstance(entry.body, DirectoryBuilt) else said
    if not (release.same and said == facts.sha256):
        ledger.append(Entry(body), at=at)
