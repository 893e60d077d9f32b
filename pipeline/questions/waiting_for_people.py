"""What waits for a person now: one list, for the command line, the daily digest and whoever else asks.

What waits is asked of those who know; nothing is worked out anew here, and nothing is looked for at servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from pipeline import agreed, facts, key_ends
from pipeline import month as months
from pipeline.afterwards import sent
from pipeline.agreements.deadlines import endings, how_soon
from pipeline.agreements.loading import Loaded, standing
from pipeline.errors import BirthshareError
from pipeline.home import Home
from pipeline.keeping import limits
from pipeline.ledger.entries import (
    ChangesApplied,
    ExtractReceived,
    ExtractRefused,
    Fingerprinted,
    Kind,
    MonthClosed,
    Placed,
    Recorded,
    ReleaseApproved,
    ReleaseRequested,
    RetentionChecked,
)
from pipeline.ledger.ledger import Ledger
from pipeline.outside import countersigned, places
from pipeline.places import releases
from pipeline.places.reviewed import unplaced
from pipeline.questions.things import Thing, Urgency, Waits
from pipeline.recipients import register
from pipeline.records import Month
from pipeline.steps import inputs
from pipeline.steps.desk import Desk
from pipeline.suppliers import waiting

EXPECTED_BY = 7  # days after a month, where no day was agreed with a supplier
TOLD_FOR = timedelta(days=90)  # that an agreement has stopped; after that it was meant


def things_to_do(home: Home, now: datetime) -> list[Thing]:
    """Everything that waits for a person, the most urgent first; the same thing is named once.

    What cannot be looked at is a thing by itself, and hides nothing else. Nothing is changed, except that a
    suspension that is found is recorded, as it is whenever agreements are read.
    """
    today = sent.day_of(now)
    parts: dict[str, Callable[[Ledger], Iterable[Thing]]] = {
        "the ledger": lambda ledger: _ledger(home, ledger, now),
        "months": lambda ledger: _months(home, ledger, now),
        "feeds": lambda ledger: _feeds(home, ledger),
        "lists and recalls": lambda ledger: _sent(home, ledger, today),
        "agreements": lambda ledger: _agreements(home, ledger, now),
        "the register of recipients": lambda ledger: _register(home, ledger, now),
        "what is kept": lambda ledger: _kept(home, ledger, today),
        "the postcode directory": lambda ledger: _directory(home, today),
        "reports to suppliers": lambda ledger: _reports(home),
    }
    found: dict[str, Thing] = {}
    with facts.opened_ledger(home) as ledger:
        for part, look in parts.items():
            for thing in _tried(part, look, ledger):
                found.setdefault(thing.name, thing)
    return sorted(found.values(), key=lambda one: (one.urgency.rank, list(Waits).index(one.kind), one.name))


def _tried(part: str, look: Callable[[Ledger], Iterable[Thing]], ledger: Ledger) -> list[Thing]:
    try:
        return list(look(ledger))
    except BirthshareError:
        return [_thing(Waits.NOT_READABLE, of=part)]


def _thing(kind: Waits, *, due: date | None = None, today: date | None = None, **more: Any) -> Thing:
    """With `today`, the day by which it is due says how urgent it is."""
    soon = how_soon(due, today) if due and today else ""
    urgency = Urgency(soon) if soon else kind.urgency
    return Thing(kind, urgency, due=due, **more)


# --- months ---------------------------------------------------------------------------------------


def _months(home: Home, ledger: Ledger, now: datetime) -> Iterator[Thing]:
    """What each open month waits for, and the month before this one where it was not begun."""
    begun = [Month.parse(month) for month in ledger.months()]
    closed = {entry.month for entry in ledger.entries(kinds={MonthClosed.kind})}
    for month in begun:
        if str(month) not in closed:
            with months.opened(home, month, now) as desk:
                yield from _month(desk)
    today = sent.day_of(now)
    last = Month(today.year, today.month).plus(-1)
    if begun and last not in begun:
        with months.opened(home, last, now) as desk:
            yield from _late(desk)


def _month(desk: Desk) -> Iterator[Thing]:
    turn, month = facts.turn(desk), str(desk.month)
    since = _since(desk.entries(ReleaseApproved) or desk.entries(ReleaseRequested))
    yield from _refused(desk)
    for recipient in dict.fromkeys(turn.recipients):
        yield _thing(Waits.DELIVERY, month=month, recipient=recipient, since=since)
    for supplier in dict.fromkeys(turn.suppliers):
        looked = _since(desk.entries(Fingerprinted))
        yield _thing(Waits.DRIFT, month=month, supplier=supplier, since=looked)
    for one in turn.wanted:
        kind = Waits.RELEASE_SECOND if one.given else Waits.RELEASE_FIRST
        yield _thing(kind, month=month, agreement=one.agreement, count=one.approvals, since=since)
    if turn.step == "files":
        yield from _late(desk)
    whole = {"stopped": Waits.MONTH_STOPPED, "end": Waits.MONTH_TO_END, "close": Waits.MONTH_TO_CLOSE}
    if turn.step in whole:
        yield _thing(whole[turn.step], month=month)
    if unplaced(desk.entries(Placed)):
        yield _thing(Waits.POSTCODES, month=month, since=_since(desk.entries(Placed)))


def _late(desk: Desk) -> Iterator[Thing]:
    """Suppliers whose files of the month should be here by now: by the day agreed with them, else by ours."""
    with suppress(BirthshareError):  # no agreement stands, for one: that is a thing of its own
        for one in inputs.awaited(desk):
            usual = desk.month.last_day + timedelta(days=EXPECTED_BY)
            due = inputs.due_on(desk.home, one.supplier, desk.month) or usual
            if desk.now.date() > due:
                yield _thing(Waits.EXTRACT_LATE, month=str(desk.month), supplier=one.supplier, due=due)


def _refused(desk: Desk) -> Iterator[Thing]:
    """Suppliers whose newest file of the month was refused."""
    refused: dict[str, date] = {}
    files = [*desk.entries(ExtractReceived), *desk.entries(ExtractRefused)]
    for one in sorted(files, key=lambda entry: entry.seq):
        if isinstance(one.body, ExtractRefused):
            refused[one.body.supplier] = sent.day_of(one.at)
        elif isinstance(one.body, ExtractReceived):
            refused.pop(one.body.supplier, None)
    for supplier, since in refused.items():
        yield _thing(Waits.EXTRACT_REFUSED, month=str(desk.month), supplier=supplier, since=since)


def _feeds(home: Home, ledger: Ledger) -> Iterator[Thing]:
    """Suppliers whose newest feed was refused; another that was applied holds what it held."""
    suppliers = {one.signing_fingerprint: code for code, one in home.settings.suppliers.items()}
    refused: dict[str, date] = {}
    for one in ledger.entries(month="", kinds={Kind.CHANGES_APPLIED, Kind.EXTRACT_REFUSED}):
        if isinstance(one.body, ExtractRefused):
            refused[one.body.supplier] = sent.day_of(one.at)
        elif isinstance(one.body, ChangesApplied) and not one.body.principal:
            refused.pop(suppliers.get(one.body.signer, ""), None)
    for supplier, since in refused.items():
        yield _thing(Waits.FEED_REFUSED, supplier=supplier, since=since)


def _since(entries: list[Recorded]) -> date | None:
    return sent.day_of(entries[-1].at) if entries else None


# --- what was sent --------------------------------------------------------------------------------

_OF_CLOCK: dict[sent.Clock, Waits] = {
    "collection": Waits.UNCOLLECTED,
    "acknowledgement": Waits.UNACKNOWLEDGED,
    "destruction": Waits.NOT_DESTROYED,
    "recall": Waits.RECALL_LATE,
}


def _sent(home: Home, ledger: Ledger, today: date) -> Iterator[Thing]:
    sendings = sent.states(ledger)
    recalls = sent.open_recalls(ledger, sendings)
    for recipient, clocks in sent.late(sendings, recalls, home.settings.receipts, today).items():
        for clock, dues in clocks.items():
            count = 0 if clock == "recall" else len(dues)  # rows of a recall are families
            first = min(dues)
            yield _thing(_OF_CLOCK[clock], recipient=recipient, due=first, since=first, count=count)
    for one in sendings:
        if not one.is_list and one.state in ("failed", "waiting"):
            since = sent.day_of(one.permitted)
            yield _thing(Waits.NOTICE_UNDELIVERED, recipient=one.recipient, since=since)
    for called_back in recalls:
        if called_back.told.is_list:  # no notice could be made
            yield _thing(Waits.NOTICE_UNDELIVERED, recipient=called_back.told.recipient)


def _reports(home: Home) -> Iterator[Thing]:
    for one in waiting.found(home):
        yield _thing(Waits.REPORT_UNDELIVERED, supplier=one.supplier)


# --- agreements, keys, places ---------------------------------------------------------------------


def _agreements(home: Home, ledger: Ledger, now: datetime) -> Iterator[Thing]:
    today, versions = sent.day_of(now), agreed.loaded(home, ledger, now)
    stand, refusals = standing(versions)
    for one in stand:
        for end in endings(one.agreement, today):
            kind = Waits.AGREEMENT_REVIEW if end.what == "review" else Waits.AGREEMENT_EXPIRY
            yield _thing(kind, agreement=_called(one), due=end.day, today=today)
    for name in refusals:
        mine = [one for one in versions if one.agreement.id == name and one.replaces]
        yield from _stopped(max(mine, key=lambda one: one.name), today) if mine else ()
    used = agreed.relied_on(ledger)
    for one in versions:
        if one.awaits:
            found = _thing(Waits.AGREEMENT_UNSIGNED, agreement=_called(one), count=len(one.awaits))
            lost = one.agreement.version == used.get(one.agreement.id)  # its signatures were there once
            yield replace(found, urgency=Urgency.NOW) if lost else found


def _stopped(one: Loaded, today: date) -> Iterator[Thing]:
    if one.suspended:
        yield _thing(Waits.AGREEMENT_SUSPENDED, agreement=_called(one))
        return
    dates = one.agreement.dates
    since = min(dates.expires, dates.review_by + timedelta(days=dates.review_grace_days))
    if today <= since + TOLD_FOR:
        yield _thing(Waits.AGREEMENT_STOPPED, agreement=_called(one), since=since)


def _called(one: Loaded) -> str:
    return f"{one.agreement.id}.v{one.agreement.version}"


_KEYS = {
    "supplier": Waits.SUPPLIER_KEY_ENDS,
    "authority": Waits.OUR_KEY_ENDS,
    "approver": Waits.APPROVER_KEY_ENDS,
}


def _register(home: Home, ledger: Ledger, now: datetime) -> Iterator[Thing]:
    today = sent.day_of(now)
    for recipient, end in register.ending_keys(home, today).items():
        yield _thing(Waits.KEY_ENDS, recipient=recipient, due=end, today=today)
    for one in key_ends.endings(home, today):
        supplier = one.name if one.whose == "supplier" else ""
        yield _thing(_KEYS[one.whose], supplier=supplier, due=one.day, today=today)
    found = register.standing(home, ledger, at=now)
    if not found.is_agreed:
        missing = found.persons - len(found.signed_by)
        changed = {
            Waits.REGISTER_UNSIGNED: found.recipients_changed, Waits.AREAS_UNSIGNED: found.areas_changed
        }  # fmt: skip
        yield from (_thing(kind, count=missing) for kind, is_so in changed.items() if is_so)


def _directory(home: Home, today: date) -> Iterator[Thing]:
    if releases.warnings(home, today):
        yield _thing(Waits.DIRECTORY_OLD)


# --- the record, and what is kept -----------------------------------------------------------------


def _ledger(home: Home, ledger: Ledger, now: datetime) -> Iterator[Thing]:
    if facts.verified(home, ledger, whole=False).problem is not None:
        yield _thing(Waits.LEDGER_DAMAGED)
    for one in places.remembered(home):
        if one.problem:
            yield _thing(Waits.PLACE_NOT_REACHED, of=one.name)
    if countersigned.warnings(home, ledger, now):
        yield _thing(Waits.WITNESS_LATE)


def _kept(home: Home, ledger: Ledger, today: date) -> Iterator[Thing]:
    """What the last daily look at every file found, and open months whose working files come to their end."""
    for month, last in limits.ending(home, ledger, today).items():
        yield _thing(Waits.WORKING_FILES_END, month=str(month), due=last)
    look = ledger.newest(Kind.RETENTION_CHECKED)
    if look and isinstance(found := look.body, RetentionChecked):
        since = sent.day_of(look.at)
        waits = {**found.overdue, **({"unknown": found.unknown} if found.unknown else {})}
        for of, count in waits.items():
            yield _thing(Waits.RETENTION, of=of, count=count, since=since)
