"""Every month: is there a newer postcode directory, and may it be used without anybody looking at it?

    reference/incoming/ → the newest release → held against the one in use → used, or left to a person

A person lays releases there as they were published. By itself only such a one is used under which no live
postcode goes from one recipient to another, to none, or to one from none, beyond what the settings allow:
then new homes are found, and nobody's list changes hands. Everything else a person looks at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote

from pipeline.agreed import LONDON
from pipeline.errors import SettingsError, WaitingForPerson
from pipeline.geography.comparing import NEW
from pipeline.geography.directory import Directory
from pipeline.geography.releases import month_of
from pipeline.home import Home
from pipeline.places import checks, releases
from pipeline.places.directories import Release, bring_in

INCOMING = "reference/incoming"
_ENDINGS = (".zip", ".csv")


@dataclass(frozen=True)
class Refreshed:
    """What a look came to."""

    used: Release | None  # the newer directory that is in use since
    errors: int  # that were found in the reach areas
    warnings: tuple[str, ...]  # in a sentence each, about the directory and the reach areas

    @property
    def counts(self) -> dict[str, int]:
        """What may be shown anywhere."""
        return {
            "directories": int(self.used is not None),
            "errors": self.errors,
            "warnings": len(self.warnings),
        }


def refresh(home: Home, *, now: datetime) -> Refreshed:
    """Bring in a newer directory where nobody has to look at it, then look at the reach areas and its age.

    May be done again at any time: what is in use already is passed over. Raises WaitingForPerson where a
    newer one lies there that a person has to look at; the one in use then stays. Raises SettingsError for a
    file that is no directory.
    """
    newest = _newest(home)
    used = _brought_in(home, newest, now) if newest else None
    today = now.astimezone(LONDON).date()
    findings = checks.check(home, on=today).answer["findings"]
    levels = [one["level"] for one in findings]
    found = [f"The reach areas: {number} of level {level}. See birthshare geography check."
             for level in dict.fromkeys(levels) if (number := levels.count(level))]  # fmt: skip
    return Refreshed(used, levels.count("error"), (*releases.warnings(home, today), *found))


def needs_a_look(release: Release, allowed: int) -> str:
    """Why a person has to look at a release before it is used, in words; "" where nobody has to.

    `allowed` is how many live postcodes may change hands.
    """
    if release.warnings:
        return " ".join(release.warnings)
    if release.difference is None:
        return "" if release.same else "There is no directory in use that it could be held against."
    if release.difference.not_compared:
        return f"Who would serve whom could not be compared: {release.difference.not_compared}"
    moving = sum(one.postcodes for one in release.difference.moves if one.before != NEW)
    if moving > allowed:
        postcodes = "1 live postcode goes" if moving == 1 else f"{moving} live postcodes go"
        return f"{postcodes} to another recipient, to none, or to one from none."
    return ""


def _newest(home: Home) -> Path | None:
    """The newest release that lies there and is newer than the one in use; None where none is.

    Raises WaitingForPerson for a file that does not say its month, or says the same as another.
    """
    folder = home.at(INCOMING)
    files = sorted(one for one in folder.glob("*") if one.suffix.lower() in _ENDINGS and one.is_file())
    months = {file: month_of(file.name) for file in files}
    nameless = [file for file, month in months.items() if month is None]
    if nameless:
        raise _left_to_a_person(home, nameless[0], "Its name does not say of which month it is.")
    in_use = releases.released(home)
    newer = {file: month for file, month in months.items() if month and (not in_use or in_use < month)}
    if not newer:
        return None
    newest = max(newer.values())
    of_it = [file for file, month in newer.items() if month == newest]
    if len(of_it) > 1:
        raise _left_to_a_person(home, of_it[0], f"{len(of_it)} files are of {newest.in_full}.")
    return of_it[0]


def _brought_in(home: Home, file: Path, now: datetime) -> Release:
    why = ""

    def allowed(release: Release) -> bool:
        nonlocal why
        why = needs_a_look(release, home.settings.geography.refresh_moves)
        return not why

    release = bring_in(home, file, now=now, part=_is_part(home), only_if=allowed)
    if why:
        raise _left_to_a_person(home, file, why)
    return release


def _is_part(home: Home) -> bool:
    """Whether the directory in use holds a part of the country on purpose: then a newer one may, too."""
    try:
        with Directory(home.at(home.settings.geography.directory)) as directory:
            return directory.facts.part
    except SettingsError:
        return False


def _left_to_a_person(home: Home, file: Path, why: str) -> WaitingForPerson:
    build = f"birthshare geography build {quote(str(file))} --home {quote(str(home.path))}"
    return WaitingForPerson(
        f"A newer postcode directory waits for somebody to look at it. {why}",
        where=file.name,
        do=f"The one in use stays. See what would change:\n  {build} --preview\nand use it, without "
        "--preview, or take the file away.",
    )
