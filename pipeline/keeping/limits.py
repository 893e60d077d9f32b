"""What is kept in a home, where, for how long and why: the one list of it.

Every file under a home belongs to one class of data here, or nobody knows what it is. What has no limit
stands here too, with the reason. `pipeline.keeping.retention` destroys by this list and shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.agreed import LONDON
from pipeline.errors import SettingsError
from pipeline.home import Home, Retention
from pipeline.ledger.entries import Kind
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month

WARNED = timedelta(
    days=14
)  # how long before the working files of an open month are destroyed `status` says so
LEFT_OVER_DAYS = 1  # nothing that is at work takes as long


@dataclass(frozen=True)
class DataClass:
    """One kind of file that a home holds."""

    name: str  # as the ledger calls it
    where: tuple[str, ...]  # patterns of paths under the home; ** at an end is any number of parts
    holds: str
    limit: str  # in words; {days} is how many the settings say
    why: str
    days: str = ""  # the setting under [retention] that says how many, if one does
    ends: bool = True

    def in_words(self, settings: Retention) -> str:
        """The limit, with the days of this home."""
        days = getattr(settings, self.days) if self.days else 0
        return self.limit.format(days=f"{days} day{'' if days == 1 else 's'}")

    def fits(self, path: Path) -> bool:
        """Whether a path under the home is of this class."""
        return any(_fits(path.parts, tuple(pattern.split("/"))) for pattern in self.where)


LEFTOVERS = DataClass(
    "leftovers",
    ("**/*.part", "state/anew/**"),
    "what a run that was killed had not finished writing, in any folder; GnuPG's homes outside of this one",
    f"{LEFT_OVER_DAYS} day",
    "nobody uses it, and it may hold what it was to become",
)
SEALED_FILES = DataClass(
    "sealed_files",
    ("inbox/*/*",),
    "extracts, answers and feeds of changes as suppliers sealed them; our key opens them",
    "{days} after the month is closed or the feed applied; an open month's as long as its working files",
    "until then a month can be run again from them; the supplier has the original",
    "sealed_files_days",
)
WORKING_FILES = DataClass(
    "working_files",
    ("state/working/*/*",),
    "births, decisions and sealed lists of an open month, encrypted under a key of its own",
    "the close of the month, or {days} after its last day (or after its extract came, if that is later)",
    "what lets a month be taken up again after a failure",
    "working_files_days",
)
KEPT_DECISIONS = DataClass(
    "kept_decisions",
    ("state/kept/*/*/*",),
    "coded decisions of closed months, without names or addresses, encrypted under keys of their own",
    "the agreement's kept_months",
    "for previews of a changed agreement, and to explain a decision",
)
NOTICES = DataClass(
    "notices",
    ("state/notices/**",),
    "notices that are sealed for a recipient and not delivered yet; we cannot open them",
    "their delivery",
    "so that the same bytes can be tried again",
)
LETTERS = DataClass(
    "letters",
    ("outbox/letters/*",),
    "printable letters with a recipient's password",
    "{days} after they were made",
    "they are handed over once",
    "letters_days",
)
REPORTS = DataClass(
    "reports",
    (
        *(f"outbox/{name}" for name in ("months/*", "checks/*", "*/quarantine_*", "*/validation_*")),
        "state/reports/**",
    ),
    "pages of months and suppliers' reports: counts, rows, fields and rules, never a value",
    "{days} after they were written",
    "to answer for a month, and to have errors put right",
    "reports_days",
)
LEDGER = DataClass(
    "ledger",
    ("state/*.db", "state/*.db-wal", "state/*.db-shm", "state/*.db-journal", "outbox/checkpoint*.txt"),
    "what was decided, sent, received and destroyed: codes, counts, digests and keyed references",
    "none",
    "the proof of it all; it protects families from being shared again, and names nobody without the key",
    ends=False,
)
REFERENCES = DataClass(
    "references",
    ("state/*.db",),  # beside the ledger, in its database
    "whom the ledger's entries of lists, recalls and look-ups are about: keyed references and salts",
    "{days} after a list's last day, once nobody can hold the list any more; of a list that was never sent, "
    "the close of its month; of a look-up, {days}; of a later word or a wish to be forgotten, none",
    "to answer a family, a complaint or a claim; later words must protect a child for good",
    "references_days",
)
REVIEWED_PLACES = DataClass(
    "reviewed_places",
    ("state/*.db",),  # beside the ledger, in its database
    "which postcodes people decided about, each as a keyed reference",
    "{days} after the decision",
    "by then the directory and the reach areas should know them; until then nobody is asked twice",
    "reviews_days",
)
KEYS = DataClass(
    "keys",
    ("keys/**",),
    "private keys of this authority, passwords of recipients, public keys of all",
    "none; staging.key is replaced whenever something is destroyed",
    "they stand for persons in office and for machines, not for families",
    ends=False,
)
AGREEMENTS = DataClass(
    "agreements",
    (
        "birthshare.toml",
        "profiles/*.yaml",
        *(f"agreements/*.{ending}" for ending in ("yaml", "sig", "json")),
        *(
            f"reference/{name}"
            for name in ("incoming/*", "*.yaml", "register.*", "reach_areas.*", "hospital_postcodes.csv")
        ),
    ),
    "settings, suppliers' profiles, agreements with their signatures and previews, places and recipients",
    "none",
    "no personal value is in them, and they say why anything was shared",
    ends=False,
)
MADE_AGAIN = DataClass(
    "made_again",
    (
        "state/locks/*",
        "state/reach/*",
        "state/destroying.json",
        "state/places.json",
        "state/told.json",
        "state/looked/*",
        "state/console/*",
    ),
    "empty locks, the index of postcodes to recipients, paths of what is being destroyed, which place "
    "outside has which checkpoint, of what that waits for people these were told on which day, when "
    "somebody looked at suppliers' servers last, and what came of checks that were asked for in the console",
    "none",
    "no personal value is in them",
    ends=False,
)

# A file belongs to the first class that its path fits.
CLASSES = (
    LEFTOVERS, SEALED_FILES, WORKING_FILES, KEPT_DECISIONS, NOTICES, LETTERS, REPORTS,
    LEDGER, REFERENCES, REVIEWED_PLACES, KEYS, AGREEMENTS, MADE_AGAIN,
)  # fmt: skip

# What may lie outside of a home, for whoever reads the list; nothing here can look for it.
ELSEWHERE = (
    ("lists at recipients", "the agreement's retention_days, then they say that they destroyed them"),
    ("checkpoints at places outside", "as long as whoever keeps them wants; nobody is in them"),
    ("exported releases and decisions", "whoever exports them destroys them"),
    ("backups", "as infra/runbooks/backups.md says; nothing that must be destroyed is in them"),
)


def class_of(home: Home, path: Path) -> DataClass | None:
    """To which class a file belongs (its path is relative to the home); None where nobody knows it."""
    if path in _database(home):
        return LEDGER
    if str(path) in _places(home):
        return AGREEMENTS
    return next((one for one in CLASSES if one.fits(path)), None)


# --- open months ----------------------------------------------------------------------------------


def unfinished(home: Home, ledger: Ledger) -> dict[Month, date]:
    """Open months that have working files, and the last day of these, oldest month first."""
    ends = {month: _ends_on(home, ledger, month) for month in months_at_work(home)}
    return {month: last for month, last in ends.items() if last}


def _ends_on(home: Home, ledger: Ledger, month: Month) -> date | None:
    """The last day of an open month's working files; None for a closed one."""
    begun: date | None = None
    kinds = {Kind.EXTRACT_RECEIVED, Kind.STAGING_DESTROYED, Kind.MONTH_CLOSED}
    for entry in ledger.entries(month=str(month), kinds=kinds):
        if entry.kind == Kind.MONTH_CLOSED:
            return None
        destroyed = entry.kind == Kind.STAGING_DESTROYED
        begun = None if destroyed else begun or entry.at.astimezone(LONDON).date()
    return last_day(home.settings.retention, month, begun)


def last_day(settings: Retention, month: Month, begun: date | None) -> date:
    """The last day of what is held of an open month: `begun` is when its extract came."""
    return max(month.last_day, begun or month.last_day) + timedelta(days=settings.working_files_days)


def months_at_work(home: Home) -> list[Month]:
    """The months that have a folder of working files, oldest first."""
    folder = home.state / "working"
    names = [one.name for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []
    return sorted(_months(names))


def warnings(home: Home, ledger: Ledger, today: date) -> list[str]:
    """Which open months' working files are destroyed soon, in words."""
    return [
        f"{month} is not finished. Its working files are destroyed after {last}: finish it before, with "
        f"birthshare run {month}."
        for month, last in ending(home, ledger, today).items()
    ]


def ending(home: Home, ledger: Ledger, today: date) -> dict[Month, date]:
    """The open months whose working files are destroyed soon, and the last day of these."""
    return {month: last for month, last in unfinished(home, ledger).items() if today > last - WARNED}


def _months(names: list[str]) -> Iterator[Month]:
    for name in names:
        try:
            yield Month.parse(name)
        except SettingsError:
            continue  # not a month's; the scan of the home names it


# --- paths ----------------------------------------------------------------------------------------


def _fits(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if pattern[0] == "**":
        return fnmatchcase(path[-1], pattern[-1])
    if pattern[-1] == "**":
        return len(path) >= len(pattern) and _fits(path[: len(pattern) - 1], pattern[:-1])
    return len(path) == len(pattern) and all(map(fnmatchcase, path, pattern))


def _places(home: Home) -> set[str]:
    """The files about places that the settings name."""
    geography = home.settings.geography
    named = geography.model_dump(exclude={"localities", "refresh_moves"}).values()  # a network is no file
    single = {name for name in named if isinstance(name, str) and name}
    return {*single, *geography.reach_areas}


def _database(home: Home) -> set[Path]:
    """The files of an embedded database inside the home, however it is named."""
    place = home.database_url.removeprefix("sqlite:///")
    if not Path(place).is_relative_to(home.path):
        return set()
    file = Path(place).relative_to(home.path)
    return {file.with_name(file.name + ending) for ending in ("", "-wal", "-shm", "-journal")}
