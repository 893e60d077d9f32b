"""What recipients did with what they were sent: collected, acknowledged, destroyed; and what is overdue.

    look into each recipient's folder → record what is new → clocks → reminders → months' pages

A recipient is looked at once for all that it was sent; `pipeline.afterwards.visits` says what such a look
finds, and `pipeline.afterwards.sent` has the rules of where a list stands and when it is late.
"""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import facts
from pipeline.afterwards import notices, sent, visits
from pipeline.afterwards.notices import Brought
from pipeline.afterwards.sent import Sent
from pipeline.asking import check_known
from pipeline.errors import BirthshareError, Busy, NotAllDelivered, SettingsError, one_to_a_line
from pipeline.home import Home
from pipeline.ledger.entries import Entry, Overdue
from pipeline.records import Month
from pipeline.steps import closing
from pipeline.steps.desk import Desk, Watch, no_watch

if TYPE_CHECKING:
    from pipeline.delivery.receipt_files import Word
    from pipeline.lists.notice import About


@dataclass
class Looked:
    """What one look found: new entries by kind, remarks for a person, and who could not be looked at."""

    recorded: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    not_looked_at: dict[str, str] = field(default_factory=dict)  # recipient: why, in words
    seen: set[str] = field(default_factory=set)  # recipients
    reminders: Brought = Brought()

    def as_json(self) -> dict[str, Any]:
        """For programs: new (counts by kind of entry), reminded, remarks, not_looked_at."""
        return {
            "new": self.counts,
            "reminded": self.reminders.delivered,
            "remarks": self.remarks,
            "not_looked_at": self.not_looked_at,
        }

    @property
    def counts(self) -> dict[str, int]:
        """New entries by kind."""
        return {str(kind): number for kind, number in sorted(self.recorded.items())}

    def check(self) -> None:
        """Raises NotAllDelivered where a recipient could not be looked at, or reminded."""
        if self.not_looked_at:
            count, why = len(self.not_looked_at), [words for _, words in sorted(self.not_looked_at.items())]
            others = "The others were. " if self.seen else ""
            raise NotAllDelivered(
                one_to_a_line(f"{count} recipients could not be looked at", why),
                do=f"{others}Put this right and run it again.",
            )
        self.reminders.check()


def follow_up(home: Home, *, now: datetime, watch: Watch = no_watch) -> Looked:
    """Look, then remind whoever is late and was not reminded lately; as `look` and `remind`."""
    looked = look(home, now=now, watch=watch)
    looked.reminders = remind(home, now=now, watch=watch)
    return looked


def look(home: Home, *, now: datetime, watch: Watch = no_watch) -> Looked:
    """Look into every recipient's folder, and record what is new and what is overdue.

    Recorded once each, however often it is called. One recipient's trouble holds nobody else's up: it is
    in the answer. Raises Busy while another look goes on.
    """
    with _desk(home, now, watch) as desk:
        looked = Looked()
        _visit_all(desk, looked)
        _record_overdue(desk, looked)
    _renew_pages(home, now)
    return looked


def record(home: Home, file: str, word: Word, *, principal: str, note: str = "", now: datetime) -> bool:
    """Record what a person was told of a list (received, destroyed) or a notice (done).

    The answer is whether it is new. Raises Refused for a person whom the settings do not know,
    SettingsError where nothing of that name was delivered, or that word does not belong to it.
    """
    check_known(home, principal)
    with _desk(home, now) as desk:
        row = _delivered(sent.states(desk.ledger), file)
        if word not in visits.words(row):
            raise SettingsError(
                f"That cannot be said of this {'list' if row.is_list else 'notice'}",
                where=f"{file}, {word}",
                do=f"Say: {' or '.join(visits.words(row))}.",
            )
        new = visits.is_new(row, word)
        if new:
            visits.record(desk, row, visits.said(row, word, way="person", principal=principal, note=note))
    _renew_pages(home, now)
    return new


def take_back(home: Home, file: str, *, principal: str, now: datetime) -> list[str]:
    """Take a sealed list away from its recipient's folder at once, and record who had that done.

    The answer is what a person should know; nothing where all is well. Raises Refused for a person whom the
    settings do not know, SettingsError where no list of that name was delivered or where it lies there no
    more, NotAllDelivered where its folder cannot be looked into.
    """
    check_known(home, principal)
    with _desk(home, now) as desk:
        row = _delivered(sent.states(desk.ledger), file)
        if not row.is_list:
            raise SettingsError("A notice is not taken back", where=file, do="Name a list.")
        mine = [one for one in sent.states(desk.ledger) if one.recipient == row.recipient and one.delivered]
        _, remarks = visits.visit(desk, row.recipient, mine, take_back=row.entry, principal=principal)
        [after] = [one for one in sent.states(desk.ledger) if one.entry == row.entry]
    _renew_pages(home, now)
    if after.removed is None and not remarks:
        raise SettingsError(
            "The list lies there no more: its recipient has it",
            where=file,
            do="Call the recipient, and record what it says: birthshare receipts record",
        )
    return remarks


def shown(home: Home, *, now: datetime) -> dict[str, Any]:
    """Everything that was sent, as the ledger knows it; looks nowhere.

    Keys: sent (a row for each list and notice, by recipient), recalls (what nobody has answered), warnings.
    """
    with _at_desk(home, now) as desk:
        rows = sent.states(desk.ledger)
        limits, today = home.settings.receipts, desk.now.date()
        return {
            "sent": [
                row.as_json(limits, today)
                for row in sorted(rows, key=lambda row: (row.recipient, row.month or "9", row.entry))
            ],
            "recalls": [one.as_json(today) for one in sent.open_recalls(desk.ledger, rows)],
            "warnings": facts.overdue(desk, rows),
        }


# --- looking --------------------------------------------------------------------------------------


def _visit_all(desk: Desk, looked: Looked) -> None:
    """Every recipient of whose lists or notices something is still to be heard, side by side."""
    rows: dict[str, list[Sent]] = {}
    for row in sent.states(desk.ledger):
        if row.delivered is not None and not row.annulled:
            rows.setdefault(row.recipient, []).append(row)
    with desk.stage("looking"), ThreadPoolExecutor(desk.home.settings.delivery.at_once) as pool:
        looks = {
            code: pool.submit(partial(visits.visit, desk, code, mine))
            for code, mine in rows.items()
            if any(_worth_a_look(row) for row in mine)
        }
        for done, (code, look) in enumerate(looks.items(), start=1):
            try:
                recorded, remarks = look.result()
            except BirthshareError as error:
                looked.not_looked_at[code] = str(error)
            else:
                looked.seen.add(code)
                looked.recorded.update(recorded)
                looked.remarks += remarks
            desk.watch("looking", done, len(looks))


def _worth_a_look(row: Sent) -> bool:
    """Whether anything can still be found of it in its recipient's folder."""
    may_lie_there = row.is_list and not row.collected and not row.removed
    return row.open or may_lie_there


# --- recording ------------------------------------------------------------------------------------


def _delivered(rows: Collection[Sent], file: str) -> Sent:
    found = [row for row in rows if row.file == file and row.delivered]
    if not found:
        raise SettingsError(
            "No list or notice of this name was delivered",
            where=file,
            do="See the names: birthshare receipts",
        )
    return found[-1]


def _record_overdue(desk: Desk, looked: Looked) -> None:
    """Record each thing that is late, once; what was to be found in a folder only where we could look."""
    rows = sent.states(desk.ledger)
    recalls = sent.open_recalls(desk.ledger, rows)
    late = sent.newly_overdue(rows, recalls, desk.home.settings.receipts, desk.now.date())
    entries = [
        Entry(
            Overdue(of=one.entry, what=what, agreement=one.agreement, recipient=one.recipient, due=due),
            one.month,
        )
        for one, what, due in late
        if what == "recall" or one.recipient in looked.seen
    ]
    desk.ledger.append(*entries, at=desk.clock)
    looked.recorded.update(entry.kind for entry in entries)


def _renew_pages(home: Home, now: datetime) -> None:
    """Write the pages of closed months again whose lists more was heard of."""
    with facts.opened_ledger(home) as ledger:
        rows = sent.states(ledger)
        back = sent.called_back(ledger, rows)
    for month in sorted({row.month for row in rows if row.month}):
        newest = sent.newest([row for row in rows if row.month == month], back)
        if newest:
            with _at_desk(home, now, Month.parse(month)) as desk:
                closing.renew_page(desk, newest)


# --- reminding ------------------------------------------------------------------------------------


def remind(home: Home, *, now: datetime, watch: Watch = no_watch) -> Brought:
    """Remind recipients of lists that are overdue, each at most once in the settings' `remind_days`.

    The answer is how many notices are there that were not, and why others are not.
    """
    with _desk(home, now, watch) as desk:
        return notices.bring(desk, _reminders(desk))


def _reminders(desk: Desk) -> list[notices.Draft]:
    """One for each agreement and recipient that is late, about all lists that are."""
    limits, today = desk.home.settings.receipts, desk.now.date()
    rows = sent.states(desk.ledger)
    lately = {
        (row.what, row.agreement, row.recipient)
        for row in rows
        if sent.day_of(row.permitted) + timedelta(days=limits.remind_days) > today
    }
    late: dict[tuple[About, str, str], list[int]] = {}
    for row in rows:
        about = _about(row.overdue(limits, today))
        if about and (about, row.agreement, row.recipient) not in lately:
            late.setdefault((about, row.agreement, row.recipient), []).append(row.entry)
    due = today + timedelta(days=limits.remind_days)
    return [
        notices.Draft(about, agreement, recipient, tuple(entries), due)
        for (about, agreement, recipient), entries in sorted(late.items())
    ]


def _about(late: Collection[str]) -> About | None:
    """What to remind of; whoever is to destroy a list need not say first that it came."""
    if "destruction" in late:
        return "destruction"
    return "receipt" if {"collection", "acknowledgement"} & set(late) else None


# --- desks ----------------------------------------------------------------------------------------


@contextmanager
def _desk(home: Home, now: datetime, watch: Watch = no_watch) -> Iterator[Desk]:
    """A desk between months, that nobody else sits at; what was recorded is signed when the work is done."""
    with _alone(home), _at_desk(home, now, watch=watch) as desk:
        facts.check_trusted(desk)
        before = desk.ledger.size
        yield desk
        if desk.ledger.size > before:
            closing.sign(desk)


@contextmanager
def _at_desk(
    home: Home, now: datetime, month: Month | None = None, watch: Watch = no_watch
) -> Iterator[Desk]:
    desk = Desk(home, month or Month(now.year, now.month), now, watch)
    try:
        yield desk
    finally:
        desk.close()


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Nobody else records receipts meanwhile; the lock goes with the process, however that ends."""
    folder = home.state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "receipts.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy("Somebody else is looking for receipts", do="Wait until that has finished.") from None
        yield
