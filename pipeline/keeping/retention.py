"""Everything is destroyed on time, and that is shown.

    what is over → its key, its files → the record → a look at every file → what waits for a person

What is kept for how long stands in `pipeline.keeping.limits`. What a clock alone may not destroy is said in
words: a file that nobody has read may hold a death, and the books of a month that is half sent could never
be balanced without its working files.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import facts
from pipeline import month as months
from pipeline.afterwards import sent
from pipeline.agreed import LONDON
from pipeline.asking import check_asks
from pipeline.errors import BirthshareError, SettingsError, WaitingForPerson
from pipeline.home import Home
from pipeline.intake.arrivals import signed_name
from pipeline.intake.profiles import files_of
from pipeline.keeping import kept, limits, references, under_way
from pipeline.keeping.limits import (
    CLASSES,
    ELSEWHERE,
    LEFTOVERS,
    SEALED_FILES,
    WORKING_FILES,
    DataClass,
    class_of,
)
from pipeline.ledger.entries import (
    AnswersReceived,
    Balanced,
    ChangesApplied,
    DataDestroyed,
    Entry,
    ExtractReceived,
    ExtractRefused,
    Kind,
    MonthClosed,
    RetentionChecked,
    StagingDestroyed,
    TotalsReceived,
)
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month
from pipeline.steps import closing, releasing
from pipeline.steps.desk import Desk, Watch, no_watch
from pipeline.steps.inputs import sha256
from pipeline.steps.pack import PACK


@dataclass(frozen=True)
class Held:
    """One thing that is held: a file, or the files of a month that share a key."""

    of: DataClass
    where: Path  # relative to the home, where it is inside
    last: date  # the last day on which it may be held
    destroy: Callable[[], object] = field(repr=False)
    waits: str = ""  # why a clock alone may not destroy it, and what a person must do


class _NotYet(SettingsError):
    """Something that is over cannot be destroyed before a person has done something."""


def run(home: Home, *, now: datetime, dry_run: bool = False, watch: Watch = no_watch) -> dict[str, Any]:
    """Destroy everything that is over, record it, and compare what is left with what may be kept.

    The answer has counts, paths and words: at, dry_run, destroyed and kept (by class of data), waiting
    (class, where, last_day, do), unknown (paths of files that no class knows), soon (in words),
    not_attested (lists that recipients should have destroyed and did not say so). With `dry_run`
    `destroyed` is what would be, and nothing is changed or recorded. Running it again destroys nothing
    that stays. Raises IntegrityError where the ledger was altered: then nothing is destroyed.
    """
    with _opened(home, now, watch) as desk:
        if not dry_run:
            desk.wrapping_key.finish()
            kept.settle(home, desk.ledger)
        asked = 0 if dry_run else references.forget(desk.ledger, at=desk.clock).rows
        over = [one for one in held(desk) if one.last < desk.now.date()]
        destroyed, waiting = _would(over) if dry_run else _destroyed(desk, over)
        if asked:
            destroyed[limits.REFERENCES.name] += asked
        found = _look(home)
        if not dry_run:
            _record(desk, destroyed, waiting, found)
            under_way.end(home)
            desk.ledger.database.clean()
        return {
            "at": desk.now.isoformat(timespec="seconds"),
            "dry_run": dry_run,
            "destroyed": dict(sorted(destroyed.items())),
            "kept": dict(sorted(found.kept.items())),
            "waiting": waiting,
            "unknown": found.unknown,
            "soon": limits.warnings(home, desk.ledger, desk.now.date()),
            "not_attested": _not_attested(desk),
        }


def run_day(home: Home, *, now: datetime) -> dict[str, int]:
    """The daily run; counts alone. Raises WaitingForPerson where there is something to see to.

    It names classes of data and no file: a scheduler keeps what an error says, and whoever put a file there
    chose its name.
    """
    found = run(home, now=now)
    check_nothing_waits(found, named=False)
    kept_files = sum(found["kept"].values())
    return {**found["destroyed"], "kept": kept_files, "not_attested": found["not_attested"]}


def check_nothing_waits(found: Mapping[str, Any], *, named: bool = True) -> None:
    """Raises WaitingForPerson, with each place, where the answer of `run` names something for a person.

    Not `named`, it has the classes of data in place of paths.
    """
    places = [one["where" if named else "class"] for one in found["waiting"]]
    places += [path if named else "unknown" for path in found["unknown"]]
    if places:
        raise WaitingForPerson(
            f"{len(places)} {'thing waits' if len(places) == 1 else 'things wait'} for a person",
            where=", ".join(dict.fromkeys(places)),
            do="What to do about each: birthshare retention",
        )


def limits_of(home: Home) -> list[dict[str, str]]:
    """Every class of data, and what lies outside: name, where, holds, limit, why."""
    inside = [
        {
            "class": one.name,
            "where": ", ".join(one.where),
            "holds": one.holds,
            "limit": one.in_words(home.settings.retention),
            "why": one.why,
        }
        for one in CLASSES
    ]
    outside = [
        {"class": name, "where": "not in this home", "holds": "", "limit": limit, "why": ""}
        for name, limit in ELSEWHERE
    ]
    return inside + outside


# --- what is held, and until when -----------------------------------------------------------------


def held(desk: Desk) -> Iterator[Held]:
    """Everything that has a limit; sealed files first, and of months that are over their files after."""
    yield from _sealed_files(desk)
    yield from _working_files(desk)
    yield from _kept_decisions(desk)
    yield from _references(desk)
    yield from _reviewed_places(desk)
    yield from _by_age(desk.home)
    yield from _left_outside(desk.now)


def _sealed_files(desk: Desk) -> Iterator[Held]:
    history = _History.read(desk.ledger)
    inbox = desk.home.path / "inbox"
    for file in sorted(inbox.glob("*/*")):
        if file.is_file() and not file.is_symlink() and not LEFTOVERS.fits(file.relative_to(inbox)):
            try:
                last, waits = history.limit(desk.home, file)
            except FileNotFoundError:
                continue  # somebody has just taken it away
            yield _file(desk.home, SEALED_FILES, file, last, waits)


@dataclass(frozen=True)
class _History:
    """What the ledger knows of sealed files, by their digest, and when months were closed."""

    received: dict[str, dict[str, date]]  # the months that a file was received for, and when
    applied: dict[str, date]
    refused: dict[str, tuple[str, date]]  # month, or "" for a feed
    closed: dict[str, date]

    @classmethod
    def read(cls, ledger: Ledger) -> _History:
        history = cls({}, {}, {}, {})
        kinds = {
            Kind.EXTRACT_RECEIVED, Kind.ANSWERS_RECEIVED, Kind.TOTALS_RECEIVED, Kind.CHANGES_APPLIED,
            Kind.EXTRACT_REFUSED, Kind.MONTH_CLOSED,
        }  # fmt: skip
        for entry in ledger.entries(kinds=kinds):
            body, day = entry.body, entry.at.astimezone(LONDON).date()
            if isinstance(body, ExtractReceived | AnswersReceived | TotalsReceived):
                history.received.setdefault(body.sealed_sha256, {})[entry.month] = day
            elif isinstance(body, ChangesApplied):
                history.applied[body.sha256] = day
            elif isinstance(body, ExtractRefused):
                history.refused[body.sealed_sha256] = entry.month, day
            elif isinstance(body, MonthClosed):
                history.closed[entry.month] = day
        return history

    def limit(self, home: Home, file: Path) -> tuple[date, str]:
        """The last day of a sealed file, and what a person must do first, if anything.

        A signature goes with the file that it lies beside.
        """
        settings = home.settings.retention
        days = timedelta(days=settings.sealed_files_days)
        signed = file.with_name(signed_name(file.name))
        file = signed if signed.is_file() else file
        digest = sha256(file)
        if digest in self.received:
            return max(self._end(home, month, day) for month, day in self.received[digest].items()), ""
        if digest in self.applied:
            return self.applied[digest] + days, ""
        if digest not in self.refused:
            unread = "" if _is_lone_signature(home, file) else _UNREAD
            return _day(file) + timedelta(days=settings.working_files_days), unread
        month, day = self.refused[digest]
        return day + days, "" if month else _REFUSED_FEED

    def _end(self, home: Home, month: str, received: date) -> date:
        settings = home.settings.retention
        if month in self.closed:
            return self.closed[month] + timedelta(days=settings.sealed_files_days)
        return limits.last_day(settings, Month.parse(month), received)


def _is_lone_signature(home: Home, file: Path) -> bool:
    """Whether it is the signature of a zip that is not there: nothing about anybody can be in it."""
    supplier = file.parent.name
    if supplier not in home.settings.suppliers or signed_name(file.name) == file.name:
        return False
    with suppress(SettingsError):
        return files_of(home, supplier).sealed == "zip"
    return False


_UNREAD = (
    "It came and was never read, and may hold a death. Run what it is for (birthshare run MONTH, or "
    "birthshare changes apply), or ask the supplier what it is and delete it."
)
_REFUSED_FEED = (
    "This feed of changes was refused, and may hold a death. Ask the supplier for a newer one that holds "
    "what it held, then delete it."
)


def _working_files(desk: Desk) -> Iterator[Held]:
    open_until = limits.unfinished(desk.home, desk.ledger)
    for month in limits.months_at_work(desk.home):
        last = open_until.get(month, date.min)  # of a closed month nothing may be there
        where = Path("state") / "working" / str(month)
        yield Held(WORKING_FILES, where, last, partial(_put_away, desk.home, month, desk.clock))


def _put_away(home: Home, month: Month, now: datetime) -> None:
    """Destroy the working files of a month that was not finished in time.

    Where every list is there or forgone the month is closed, as it should have been. Where only some are,
    nothing is destroyed: raises _NotYet. Raises SettingsError while a run is at work on it.
    """
    with months.working(home, month, now) as desk:
        only_the_end_is_left = bool(desk.recorded(Balanced)) or desk.closed or releasing.is_settled(desk)
    if only_the_end_is_left:
        months.close(home, month, now=now)
        return
    with months.alone(home, month, now) as desk:
        if desk.ledger.standing_permits(str(month)):
            raise _NotYet(
                f"Some lists of {month} went out and others did not",
                do=f"Send the others (birthshare run {month}), or end the month without them (birthshare "
                f"release forgo {month}, then birthshare run {month}).",
            )
        desk.staging.destroy(partial(desk.record, StagingDestroyed()))


def _kept_decisions(desk: Desk) -> Iterator[Held]:
    for part in kept.parts(desk.home, desk.ledger):
        destroy = partial(kept.destroy, desk.home, desk.ledger, part, at=desk.clock)
        lost = part.is_lost and part.until >= desk.now.date()
        last = date.min if lost else part.until
        yield Held(limits.KEPT_DECISIONS, part.where, last, destroy, _LOST if lost else "")


_LOST = (
    "It is not there, although its time is not over. Put state/kept back as it was; if it is lost for good, "
    "as after a restored backup: birthshare retention forget-lost"
)


def _references(desk: Desk) -> Iterator[Held]:
    """What is over of it alone: all the rest would be every list that was ever sent."""
    days = desk.home.settings.retention.references_days
    for one in references.over(desk.ledger, days, desk.now.date()):
        destroy = partial(desk.ledger.destroy_openings, one.entries, because="retention", at=desk.clock)
        where = Path("ledger") / (f"list-{one.permit}" if one.permit else one.of)
        waits = _STILL_HELD.format(file=one.of, why=one.why_held) if one.why_held else ""
        yield Held(limits.REFERENCES, where, one.last, destroy, waits)


def _reviewed_places(desk: Desk) -> Iterator[Held]:
    """What is over of it: which postcodes older decisions were about."""
    today, days = desk.now.date(), timedelta(days=desk.home.settings.retention.reviews_days)
    if over := desk.ledger.openings_of_reviews(before=today - days):
        destroy = partial(desk.ledger.destroy_openings, over, because="retention", at=desk.clock)
        where = Path("ledger") / "reviewed-places"
        yield Held(limits.REVIEWED_PLACES, where, today - timedelta(days=1), destroy)


_STILL_HELD = (
    "Who is on {file} is kept longer than it should be: {why}. Ask the recipient, and record what it says "
    "(birthshare receipts record), or end its month."
)


def _by_age(home: Home) -> Iterator[Held]:
    """Files that are destroyed so many days after they were written."""
    for path in _files(home):
        of = class_of(home, path)
        days = limits.LEFT_OVER_DAYS if of is LEFTOVERS else _days(home, of)
        if of is not None and of not in (SEALED_FILES, WORKING_FILES) and days:
            file = home.path / path
            try:
                last = _day(file) + timedelta(days=days)
            except FileNotFoundError:
                continue  # somebody at work has just removed it
            yield _file(home, of, file, last)


def _left_outside(now: datetime) -> Iterator[Held]:
    """GnuPG's homes of ours in memory and in the temporary folder, that nobody uses any more."""
    from pipeline.encryption import gnupg

    today = now.astimezone(LONDON).date()
    old = now - timedelta(days=limits.LEFT_OVER_DAYS)
    for folder in gnupg.left_over(gnupg.PLACES, old.timestamp()):
        destroy = partial(shutil.rmtree, folder, ignore_errors=True)
        yield Held(LEFTOVERS, folder, today - timedelta(days=1), destroy)


def _file(home: Home, of: DataClass, file: Path, last: date, waits: str = "") -> Held:
    return Held(of, file.relative_to(home.path), last, partial(_remove, file), waits)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _day(file: Path) -> date:
    """The day on which a file, or a link itself, was written last."""
    return datetime.fromtimestamp(file.lstat().st_mtime, LONDON).date()


def _days(home: Home, of: DataClass | None) -> int:
    return int(getattr(home.settings.retention, of.days)) if of is not None and of.days else 0


# --- destroying -----------------------------------------------------------------------------------


def _would(over: Iterable[Held]) -> tuple[Counter[str], list[dict[str, str]]]:
    over = list(over)
    return Counter(one.of.name for one in over if not one.waits), [_told(one) for one in over if one.waits]


def _destroyed(desk: Desk, over: Collection[Held]) -> tuple[Counter[str], list[dict[str, str]]]:
    """How many things of each class are gone, and what waits for a person.

    What a run that was killed had destroyed before it could record it is counted now.
    """
    named = {(one.of.name, str(one.where)) for one in over if not one.waits}
    gone = under_way.cut_short(desk.home, desk.ledger, named)
    under_way.begin(desk.home, desk.ledger, named | gone)
    destroyed = Counter(of for of, _ in gone)
    waiting = []
    for one in over:
        stop = one.waits
        if not stop:
            try:
                one.destroy()
            except BirthshareError as error:
                stop = str(error)
            except OSError as error:
                stop = f"It cannot be removed: {error.strerror}. See who owns it, and remove it."
        if stop:
            waiting.append(_told(one, stop))
        else:
            destroyed[one.of.name] += 1
    return destroyed, waiting


def _told(one: Held, stop: str = "") -> dict[str, str]:
    last = one.last.isoformat() if one.last > date.min else ""
    return {"class": one.of.name, "where": str(one.where), "last_day": last, "do": stop or one.waits}


def forget_lost(home: Home, *, now: datetime) -> int:
    """Record that kept decisions which are not there any more are gone; how many.

    After that `explain` and previews go on without them. Turning up again, they are destroyed.
    """
    with _opened(home, now, no_watch) as desk:
        lost = [part for part in kept.parts(home, desk.ledger) if part.is_lost]
        for part in lost:
            kept.destroy(home, desk.ledger, part, at=desk.clock)
        closing.sign(desk)
        return len(lost)


def end(home: Home, month: Month, *, principal: str, why: str, now: datetime) -> None:
    """End a month whose working files are lost, without books: it never runs again, and sends nothing more.

    After a restored backup this is how a month that was sent already is kept from being sent twice. Lists
    that were permitted stay so. Raises SettingsError where there are working files to finish the month
    with, or it is closed or still to come; Refused for a person who is not known.
    """
    check_asks(home, principal, why)
    if month.first_day > now.astimezone(LONDON).date():
        raise SettingsError(
            f"{month} is still to come", do="Name the month whose working files are lost. Nothing was ended."
        )
    with months.alone(home, month, now) as desk:
        if desk.closed:
            raise SettingsError(f"{month} is closed already")
        if desk.staging.has(PACK):
            raise SettingsError(
                f"{month} has working files, so it can be finished with its books",
                do=f"Run it (birthshare run {month}); a list that cannot be brought is left out by "
                "birthshare release forgo.",
            )
        ended = StagingDestroyed(principal=principal, note=why), MonthClosed()
        desk.staging.destroy(partial(desk.record, *ended))
        closing.finish(desk)


# --- the proof ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """What a look at every file under the home found."""

    kept: Counter[str]  # files of what has an end, by class
    unknown: list[str]  # paths


def _look(home: Home) -> _Look:
    found = _Look(Counter(), [])
    for path in _files(home):
        of = class_of(home, path)
        if of is None:
            found.unknown.append(str(path))
        elif of.ends:
            found.kept[of.name] += 1
    return found


def _files(home: Home) -> Iterator[Path]:
    """Every file and link under the home, relative to it; a link is not followed."""
    for folder, folders, names in sorted(os.walk(home.path)):
        for name in sorted(names + [one for one in folders if (Path(folder) / one).is_symlink()]):
            yield (Path(folder) / name).relative_to(home.path)


def _record(
    desk: Desk, destroyed: Mapping[str, int], waiting: Iterable[Mapping[str, str]], found: _Look
) -> None:
    """What was destroyed; and once a day, and whenever it differs, what is kept."""
    by_name = {one.name: one for one in CLASSES}
    bodies: list[Any] = [
        DataDestroyed(data_class=name, destroyed=number, limit_days=_days(desk.home, by_name[name]))
        for name, number in sorted(destroyed.items())
    ]
    overdue = Counter(one["class"] for one in waiting)
    checked = RetentionChecked(kept=dict(found.kept), overdue=dict(overdue), unknown=len(found.unknown))
    before = list(desk.ledger.entries(kinds={checked.kind}))[-1:]
    said_today = [one.body for one in before if one.at.astimezone(LONDON).date() == desk.now.date()]
    if bodies or said_today != [checked]:
        desk.ledger.append(*(Entry(body) for body in [*bodies, checked]), at=desk.clock)
        closing.sign(desk)


def _not_attested(desk: Desk) -> int:
    """Lists that recipients should have destroyed by now, without having said so."""
    limits_of_receipts, today = desk.home.settings.receipts, desk.now.date()
    return sum("destruction" in one.overdue(limits_of_receipts, today) for one in sent.states(desk.ledger))


@contextmanager
def _opened(home: Home, now: datetime, watch: Watch) -> Iterator[Desk]:
    """A desk between months, for one run after the other: what two destroyed would be counted twice.

    Raises IntegrityError where the ledger was altered.
    """
    desk = Desk(home, Month(now.year, now.month), now, watch)
    try:
        with kept.alone(home, "retention"):
            facts.check_trusted(desk)
            yield desk
    finally:
        desk.close()
