"""What was sent, and what has become of it since: one row for each list and notice, from the ledger alone.

A list is delivered, then collected, acknowledged and destroyed by its recipient; a notice is delivered,
collected and done. Each later word holds the earlier ones: who acknowledges a list has collected it.
Four clocks run, in whole days; what was not done by the end of the last one is overdue.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from pipeline.agreed import LONDON
from pipeline.agreements.words import on_day
from pipeline.home import Receipts, Recipient
from pipeline.ledger import remembered
from pipeline.ledger.entries import (
    Acknowledged,
    Collected,
    Delivered,
    DeliveryFailed,
    DestructionAttested,
    FileRemoved,
    Kind,
    NoticeBody,
    Overdue,
    PermitAnnulled,
    PermitBody,
    RecallRaised,
    Recorded,
)
from pipeline.ledger.ledger import Ledger

What = Literal["list", "recall", "receipt", "destruction"]
Clock = Literal["collection", "acknowledgement", "destruction", "recall"]

# What says what was sent, and what became of it.
KINDS = frozenset({
    Kind.PERMIT,
    Kind.PERMIT_ANNULLED,
    Kind.NOTICE,
    Kind.DELIVERED,
    Kind.DELIVERY_FAILED,
    Kind.COLLECTED,
    Kind.ACKNOWLEDGED,
    Kind.DESTRUCTION_ATTESTED,
    Kind.FILE_REMOVED,
    Kind.OVERDUE,
})  # fmt: skip

_WHEN = {
    Delivered: "delivered",
    Collected: "collected",
    Acknowledged: "acknowledged",
    DestructionAttested: "destroyed",
    FileRemoved: "removed",
}


@dataclass(frozen=True)
class Sent:
    """One list or notice that a recipient was sent, or is to be sent, and when each thing was known of it."""

    entry: int  # its permit's or notice's number in the ledger
    what: What  # a notice: what it is about
    agreement: str
    recipient: str
    month: str  # "" for a notice
    file: str
    sha256: str
    permitted: datetime
    about: tuple[int, ...] = ()  # a notice: the entries of recalls, or the permits of lists
    due: date | None = None  # a list: the last day on which it may be held; a notice: when it must be done
    receipt_check: str = field(default="", repr=False)  # a list: see entries.PermitBody
    annulled: bool = False  # leave was taken back before it was known to be delivered
    problem: str = ""  # why it is not delivered
    delivered: datetime | None = None
    collected: datetime | None = None
    acknowledged: datetime | None = None  # of a notice: it was done
    destroyed: datetime | None = None
    removed: datetime | None = None  # by us, from the recipient's folder
    newest: int = 0  # the newest entry about what became of it since it was delivered; 0: none
    said: frozenset[Clock] = field(default_factory=frozenset)  # what was recorded as overdue

    @property
    def is_list(self) -> bool:
        """Whether it is a list, and not a notice."""
        return self.what == "list"

    @property
    def taken(self) -> bool:
        """Whether its recipient has shown in any way that it has it."""
        return any((self.collected, self.acknowledged, self.destroyed))

    @cached_property
    def state(self) -> str:
        """Where it stands, in one word."""
        if self.annulled:
            return "annulled"
        if self.delivered is None:
            return "failed" if self.problem else "waiting"
        if self.destroyed:
            return "destroyed"
        if self.acknowledged:
            return "acknowledged" if self.is_list else "done"
        if self.removed and not self.taken:
            return "removed"
        return "collected" if self.taken else "delivered"

    @cached_property
    def open(self) -> bool:
        """Whether anything is still to be heard of it; to a reminder nobody answers."""
        if self.state in ("annulled", "destroyed", "done", "removed"):
            return False
        return self.what in ("list", "recall") or self.delivered is None

    def clocks(self, limits: Receipts) -> dict[Clock, date]:
        """The last day for each thing that its recipient still has to do."""
        if not self.open:
            return {}
        if not self.is_list:
            return {"recall": self.due} if self.what == "recall" and self.due else {}
        if self.delivered is None:
            return {}
        last: dict[Clock, date] = {}
        there = day_of(self.delivered)
        if not self.taken:
            last["collection"] = there + timedelta(days=limits.collected_days)
        if not self.acknowledged:
            last["acknowledgement"] = there + timedelta(days=limits.acknowledged_days)
        if self.due:
            last["destruction"] = self.due
        return last

    def overdue(self, limits: Receipts, today: date) -> dict[Clock, date]:
        """What was not done in time, and by when it should have been."""
        return {what: due for what, due in self.clocks(limits).items() if due < today}

    def receipt(self, limits: Receipts, today: date) -> dict[str, Any]:
        """What has become of it, for programs: London moments or "", and the days by which things are due."""
        return {
            "state": self.state,
            "open": self.open,
            **{f"{what}_at": _written(getattr(self, what)) for what in _WHEN.values()},
            "due": {what: day.isoformat() for what, day in self.clocks(limits).items()},
            "overdue": sorted(self.overdue(limits, today)),
        }

    def as_json(self, limits: Receipts, today: date) -> dict[str, Any]:
        """The whole row for programs; no personal value."""
        names = ("what", "agreement", "recipient", "month", "file", "sha256")
        return {**{name: getattr(self, name) for name in names}, **self.receipt(limits, today)}


class Rows(tuple[Sent, ...]):
    """Lists and notices at one moment; what pages ask of all of them is found once."""

    @cached_property
    def by_entry(self) -> dict[int, Sent]:
        """By the number of their permit or notice."""
        return {one.entry: one for one in self}

    @cached_property
    def by_recall(self) -> dict[int, Sent]:
        """The notice that tells of a recall, by the recall's entry."""
        recalls = [one for one in self if one.what == "recall" and not one.annulled]
        return {entry: one for one in recalls for entry in one.about}

    @cached_property
    def open(self) -> tuple[Sent, ...]:
        """Those of which anything is still to be heard."""
        return tuple(one for one in self if one.open)


class Sendings:
    """Lists and notices as far as entries were heard, by the number of their permit or notice."""

    kinds = KINDS

    def __init__(self) -> None:
        self.rows: dict[int, Sent] = {}
        self._now: Rows | None = None

    def now(self) -> Rows:
        """They as they stand now; the same until more is heard."""
        if self._now is None:
            self._now = Rows(self.rows.values())
        return self._now

    def hear(self, entry: Recorded) -> None:
        """The next entry; kinds not in KINDS say nothing."""
        self._now = None
        row = _begun(entry)
        if row is not None:
            self.rows[entry.seq] = row
        elif isinstance(entry.body, PermitAnnulled):
            self.rows[entry.body.permit] = replace(self.rows[entry.body.permit], annulled=True)
        else:
            _hear(self.rows, entry)


def states(ledger: Ledger, *, month: str | None = None) -> Rows:
    """Every list that was permitted and every notice, or those of one month (`""`: the notices)."""
    if month is not None:
        return followed(ledger.entries(month=month, kinds=KINDS))
    with remembered.heard(ledger, Sendings) as sendings:
        return sendings.now()


def followed(entries: Iterable[Recorded]) -> Rows:
    """The same from entries that were read already, in their order; kinds not in KINDS say nothing."""
    sendings = Sendings()
    for entry in entries:
        sendings.hear(entry)
    return sendings.now()


def _raised(ledger: Ledger) -> list[tuple[int, RecallRaised]]:
    """Every recall, oldest first, with its number."""
    with remembered.heard(ledger, _Recalls) as recalls:
        return list(recalls.rows)


class _Recalls:
    """Recalls with their numbers."""

    kinds = frozenset({Kind.RECALL_RAISED})

    def __init__(self) -> None:
        self.rows: list[tuple[int, RecallRaised]] = []

    def hear(self, entry: Recorded) -> None:
        """The next one."""
        if isinstance(entry.body, RecallRaised):
            self.rows.append((entry.seq, entry.body))


@dataclass(frozen=True)
class Unanswered:
    """Rows that were called back and are not known to be taken off their list."""

    told: Sent  # the notice that says so, or the list where there is none yet
    due: date
    rows: int

    def as_json(self, today: date) -> dict[str, Any]:
        """For programs; nobody is named."""
        return {
            "recipient": self.told.recipient,
            "agreement": self.told.agreement,
            "file": self.told.file,
            "told": not self.told.is_list and self.told.delivered is not None,
            "rows": self.rows,
            "due": self.due.isoformat(),
            "overdue": self.due < today,
        }


def open_recalls(ledger: Ledger, sent: Rows) -> list[Unanswered]:
    """Recalls that nobody has answered, together for each notice, and for each list without a notice."""
    rows, notices = sent.by_entry, sent.by_recall
    found: dict[int, list[RecallRaised]] = {}
    for number, recall in _raised(ledger):
        told = notices.get(number) or rows.get(recall.permit)
        if told and (told.is_list or told.open):  # what was permitted since `sent` was asked is not in it
            found.setdefault(told.entry, []).append(recall)
    return [
        Unanswered(
            rows[told],
            due=min(recall.due for recall in recalls),
            rows=len({recall.row for recall in recalls}),
        )
        for told, recalls in sorted(found.items())
    ]


@dataclass(frozen=True)
class CalledBack:
    """Rows of one list that were called back, and how many are not known to be off it."""

    rows: int
    open: int
    due: date | None  # the first day by which an open one must be off; None where all are
    newest: int  # the newest entry about it

    def as_json(self, today: date) -> dict[str, Any]:
        """For programs; nobody is named."""
        return {
            "rows": self.rows,
            "open": self.open,
            "due": self.due.isoformat() if self.due else "",
            "overdue": self.due is not None and self.due < today,
        }


def called_back(
    ledger: Ledger, sent: Rows, *, permits: Container[int] | None = None
) -> dict[int, CalledBack]:
    """By the permit of each list that rows were called back from, where that stands; only of `permits`."""
    raised = _raised(ledger)
    if permits is not None:
        raised = [one for one in raised if one[1].permit in permits]
    return rows_called_back(raised, sent)


def rows_called_back(raised: Iterable[tuple[int, RecallRaised]], sent: Rows) -> dict[int, CalledBack]:
    """The same for these recalls, which come with their numbers."""
    notices = sent.by_recall
    found: dict[int, list[tuple[int, RecallRaised, Sent | None]]] = {}
    for number, recall in raised:
        found.setdefault(recall.permit, []).append((number, recall, notices.get(number)))
    return {permit: _called_back(recalls) for permit, recalls in found.items()}


def _called_back(recalls: Collection[tuple[int, RecallRaised, Sent | None]]) -> CalledBack:
    undone = [recall for _, recall, notice in recalls if notice is None or notice.open]
    return CalledBack(
        rows=len({recall.row for _, recall, _ in recalls}),
        open=len({recall.row for recall in undone}),
        due=min((recall.due for recall in undone), default=None),
        newest=max(max(seq, notice.entry, notice.newest) if notice else seq for seq, _, notice in recalls),
    )


def newest(lists: Collection[Sent], back: Mapping[int, CalledBack]) -> int:
    """The newest entry about what became of these lists since they were sent; 0 for none."""
    recalled = [back[one.entry].newest for one in lists if one.entry in back]
    return max([*(one.newest for one in lists), *recalled], default=0)


def newly_overdue(
    sent: Collection[Sent], recalls: Collection[Unanswered], limits: Receipts, today: date
) -> list[tuple[Sent, Clock, date]]:
    """What is late and was not recorded as late before: of which row, what, and since when."""
    late = [(one, what, due) for one in sent for what, due in one.overdue(limits, today).items()]
    late += [(one.told, "recall", one.due) for one in recalls if one.told.is_list and one.due < today]
    return [(one, what, due) for one, what, due in late if what not in one.said]


_LATE: dict[Clock, str] = {
    "collection": "not known to have been collected",
    "acknowledgement": "not acknowledged",
    "destruction": "not said to be destroyed",
    "recall": "not said to be off its list",
}


def alarms(
    sent: Rows,
    recalls: Collection[Unanswered],
    limits: Receipts,
    today: date,
    register: Mapping[str, Recipient],
) -> list[str]:
    """What is overdue, in a sentence for each recipient, with its name and whom to call."""
    found = late(sent, recalls, limits, today)
    return [_alarm(code, found[code], register.get(code)) for code in sorted(found)]


def late(
    sent: Rows, recalls: Collection[Unanswered], limits: Receipts, today: date
) -> dict[str, dict[Clock, list[date]]]:
    """By recipient and clock, by when each list, or each row that was called back, was due."""
    late: dict[str, dict[Clock, list[date]]] = {}
    for one in sent.open:
        for what, due in one.overdue(limits, today).items():
            if what != "recall":
                late.setdefault(one.recipient, {}).setdefault(what, []).append(due)
    for called_back in recalls:
        if called_back.due < today:
            of_recipient = late.setdefault(called_back.told.recipient, {})
            of_recipient.setdefault("recall", []).extend([called_back.due] * called_back.rows)
    return late


def _alarm(code: str, late: Mapping[Clock, list[date]], known: Recipient | None) -> str:
    said = [
        f"{len(dues)} {_thing(what, len(dues))} {words}, due {on_day(min(dues))}"
        for what, words in _LATE.items()
        if (dues := late.get(what))
    ]
    name, contact = (f"{known.name} ({code})", known.contact) if known else (code, "")
    return f"{name}: {'; '.join(said)}. Call {contact or 'them'}."


def _thing(what: str, count: int) -> str:
    singular, plural = ("family", "families") if what == "recall" else ("list", "lists")
    return singular if count == 1 else plural


def day_of(moment: datetime) -> date:
    """The day of a moment, where the families live."""
    return moment.astimezone(LONDON).date()


def _begun(entry: Recorded) -> Sent | None:
    """The row that begins with this entry, if one does."""
    body = entry.body
    if isinstance(body, PermitBody):
        of_kind: dict[str, Any] = {"what": "list", "due": body.destroy_by}
        of_kind["receipt_check"] = body.receipt_check
    elif isinstance(body, NoticeBody):
        of_kind = {"what": body.about, "due": body.due, "about": body.entries}
        of_kind["delivered"] = entry.at if body.told_by else None
    else:
        return None
    return Sent(
        entry=entry.seq,
        agreement=body.agreement,
        recipient=body.recipient,
        month=entry.month,
        file=body.file_name,
        sha256=body.sealed_sha256,
        permitted=entry.at,
        **of_kind,
    )


def _hear(rows: dict[int, Sent], entry: Recorded) -> None:
    """What this entry says of an earlier row; the first word of each kind counts."""
    body = entry.body
    if isinstance(body, DeliveryFailed):
        if body.permit in rows:
            rows[body.permit] = replace(rows[body.permit], problem=body.problem)
        return
    number = body.permit if isinstance(body, Delivered) else getattr(body, "of", 0)
    row = rows.get(number)
    if row is None:
        return
    if isinstance(body, Overdue):
        rows[number] = replace(row, newest=entry.seq, said=row.said | {body.what})
    elif getattr(row, _WHEN[type(body)]) is None:
        newest = row.newest if isinstance(body, Delivered) else entry.seq
        heard: dict[str, Any] = {_WHEN[type(body)]: entry.at, "newest": newest}
        rows[number] = replace(row, **heard)


def _written(moment: datetime | None) -> str:
    return moment.astimezone(LONDON).isoformat(timespec="seconds") if moment else ""
