"""The register of transfers: every list and notice that went out, or might have, from the ledger.

A transfer is a list that is known to have arrived. Lists that were permitted and did not arrive, lists that
nobody could make, and lists that a person decided to do without are in the register too, so that nothing is
missing from it; they are marked, and do not count. Neither do notices, which share no family.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from operator import attrgetter
from typing import Any

from pipeline.afterwards import sent
from pipeline.agreements.loading import read_agreement
from pipeline.agreements.model import Agreement, Shares
from pipeline.agreements.words import FIELDS, listed
from pipeline.errors import SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger import remembered
from pipeline.ledger.entries import (
    Decided,
    Delivered,
    DeliveryFailed,
    Kind,
    ListForgone,
    PermitBody,
    Publishing,
    RecallRaised,
    Recorded,
    RegisterAgreed,
    ReleaseApproved,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written

# What says anything about any list or notice.
KINDS = frozenset({
    *sent.KINDS, Kind.PUBLISHING, Kind.LIST_FORGONE, Kind.DECIDED, Kind.RELEASE_APPROVED,
    Kind.REGISTER_AGREED,
})  # fmt: skip

# Where a list or notice can stand: see `sent.Sent.state`, and lists that a person decided to do without.
STATES = (
    "waiting", "delivered", "collected", "acknowledged", "destroyed", "done", "removed", "failed", "annulled",
    "forgone",
)  # fmt: skip

# How a sealed file's ending says that it is sealed.
_SEALED = {
    ".xlsx": "Excel workbook, encrypted with the recipient's password (AES)",
    ".gpg": "OpenPGP, for the recipient's key",
    ".zip": "zip, encrypted with the recipient's password (AES)",
}
_NUMBERS = "the number of babies born in the recipient's area"


@dataclass(frozen=True)
class Transfer:
    """One row of the register; `entry` is the permit, the notice, or where there is none what says so."""

    entry: int
    what: sent.What
    month: str  # "" for a notice
    agreement: str
    version: int  # 0 where no list was permitted
    agreement_sha256: str  # of the version's file; "" where it is not recorded
    terms: Agreement | None  # as in that file; None where it is not in the home any more
    recipient: str
    recipient_name: str  # "" where it is not in the register of recipients any more
    recipient_kind: str
    state: str
    since: datetime  # delivered; else permitted, failed or forgone
    households: int = 0
    children: int = 0
    file: str = ""
    sha256: str = ""
    size: int = 0  # bytes, as found at the recipient
    pack_sha256: str = ""  # of the release
    register: int = 0  # the entry of the signed register of recipients that stood then
    approved_by: tuple[str, ...] = ()
    permitted: datetime | None = None
    delivered: datetime | None = None
    found_there: bool = False  # an earlier try had brought it
    may_have_arrived: bool = False  # it was about to appear, and nobody knows whether it did
    tries_failed: int = 0
    problem: str = ""  # code of what went wrong at the last try
    collected: datetime | None = None
    acknowledged: datetime | None = None
    destroyed: datetime | None = None
    removed: datetime | None = None
    due: date | None = None  # the last day on which it may be held; of a notice: when it must be done
    called_back: int = 0  # rows
    called_back_open: int = 0  # of these, not said to be off the list
    checkpoint: int = 0  # size of the first checkpoint that covers it; 0: none does yet

    @cached_property
    def counts(self) -> bool:
        """Whether it is a transfer: a list that is known to have arrived."""
        return self.what == "list" and self.delivered is not None

    @cached_property
    def day(self) -> date:
        """The day it belongs to, in London's time."""
        return sent.day_of(self.since)

    def within(self, since: date | None, until: date | None) -> bool:
        """Whether it belongs to these days, both included."""
        return (since is None or self.day >= since) and (until is None or self.day <= until)

    @cached_property
    def sealed(self) -> str:
        """How it is sealed, as far as its name says."""
        return next((words for ending, words in _SEALED.items() if self.file.endswith(ending)), "")

    @cached_property
    def fields(self) -> tuple[str, ...] | None:
        """Codes of what its rows show of a family; None where the agreement's file is gone."""
        if self.what != "list":
            return ()
        return None if self.terms is None else tuple(map(str, self.terms.fields_of(self.recipient_kind)))

    @cached_property
    def learnt(self) -> str:
        """The same in words, with the number of births where the agreement gives it."""
        if self.what != "list":
            return "which rows of earlier lists are meant; nothing about any family"
        if self.terms is None:
            return "not known: the agreement's file is not in this home any more"
        numbers = [_NUMBERS] if self.terms.totals else []
        if self.terms.shares is Shares.TOTALS:
            return listed(numbers)
        return listed([*(FIELDS[one] for one in self.terms.fields_of(self.recipient_kind)), *numbers])

    def as_json(self) -> dict[str, Any]:
        """The row for programs; moments are London's, "" where there is none."""
        return {
            "entry": self.entry, "what": self.what, "transfer": self.counts, "state": self.state,
            "day": self.day.isoformat(), "month": self.month, "agreement": self.agreement,
            "version": self.version, "agreement_sha256": self.agreement_sha256,
            "recipient": self.recipient, "recipient_name": self.recipient_name,
            "recipient_kind": self.recipient_kind,
            "fields": None if self.fields is None else list(self.fields), "fields_in_words": self.learnt,
            "households": self.households, "children": self.children,
            "file": self.file, "sha256": self.sha256, "size": self.size, "sealed": self.sealed,
            "register_entry": self.register, "pack_sha256": self.pack_sha256,
            "approved_by": list(self.approved_by), "permitted_at": written(self.permitted),
            "delivered_at": written(self.delivered), "found_there": self.found_there,
            "may_have_arrived": self.may_have_arrived, "tries_failed": self.tries_failed,
            "problem": self.problem, "collected_at": written(self.collected),
            "acknowledged_at": written(self.acknowledged), "destroyed_at": written(self.destroyed),
            "removed_at": written(self.removed), "due": self.due.isoformat() if self.due else "",
            "called_back": self.called_back, "called_back_open": self.called_back_open,
            "checkpoint": self.checkpoint,
        }  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """Which rows of the register are meant: from one day to another, of one agreement, recipient or state.

    "" and None for any. Raises SettingsError where the days are in the wrong order.
    """

    since: date | None = None
    until: date | None = None
    agreement: str = ""
    recipient: str = ""
    state: str = ""  # as Transfer has it

    def __post_init__(self) -> None:
        if self.since and self.until and self.until < self.since:
            raise SettingsError("The last day is before the first one", do="Exchange --since and --until.")

    def holds(self, row: Transfer) -> bool:
        """Whether a row is meant."""
        return (
            self.agreement in ("", row.agreement)
            and self.recipient in ("", row.recipient)
            and self.state in ("", row.state)
            and row.within(self.since, self.until)
        )

    def among(self, rows: Iterable[Transfer]) -> list[Transfer]:
        """Those of the rows that are meant."""
        return list(rows) if self == _ANY else [row for row in rows if self.holds(row)]

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "agreement": self.agreement,
            "recipient": self.recipient,
            "state": self.state,
        }


_ANY = Chosen()


def register(
    home: Home,
    ledger: Ledger,
    *,
    since: date | None,
    until: date | None,
    agreement: str,
    recipient: str,
    state: str = "",
    now: datetime,
) -> dict[str, Any]:
    """The register for programs and files; raises as `transfers` does, and for who is not known at all.

    Keys: about (authority, since, until, agreement, recipient, state, made_at, entries, checkpoint), totals
    (see `totals`), rows (see `Transfer.as_json`).
    """
    chosen = Chosen(since=since, until=until, agreement=agreement, recipient=recipient, state=state)
    rows = chosen_rows(home, ledger, chosen)
    newest = ledger.latest_checkpoint()
    about = {
        "authority": home.settings.authority.name,
        **chosen.as_json(),
        "made_at": written(now),
        "entries": ledger.size,
        "checkpoint": newest.size if newest else 0,
    }
    return {"about": about, "totals": totals(rows), "rows": [row.as_json() for row in rows]}


def chosen_rows(home: Home, ledger: Ledger, chosen: Chosen) -> list[Transfer]:
    """The rows that are meant; raises as `register` does."""
    every = transfers(home, ledger)
    rows = chosen.among(every)
    if not rows:
        _check_known(home, every, chosen)
    return rows


def transfers(
    home: Home,
    ledger: Ledger,
    *,
    since: date | None = None,
    until: date | None = None,
    agreement: str = "",
    recipient: str = "",
) -> list[Transfer]:
    """The register from one day to another (London's, both included), in the order of the ledger.

    A row belongs to the day of its delivery; without one, to the day of its permit, or of the decision or
    failure. "" for every agreement or recipient. Raises SettingsError where the register of recipients
    cannot be read, or the days are in the wrong order.
    """
    chosen = Chosen(since=since, until=until, agreement=agreement, recipient=recipient)
    of_home = _OfHome.now(home, ledger)
    with remembered.heard(ledger, _Heard) as everything:
        every = everything.register(of_home)
    return chosen.among(every)


def known(home: Home, every: Iterable[Transfer]) -> tuple[set[str], set[str]]:
    """The agreements and the recipients of which the home or the whole register knows."""
    sent_to = list(every)
    agreements = {one.id for one in versions(home).values()} | {row.agreement for row in sent_to}
    return agreements, {*home.recipients(), *(row.recipient for row in sent_to)}


def _check_known(home: Home, every: Iterable[Transfer], chosen: Chosen) -> None:
    """That nothing was sent is said only of an agreement and a recipient that are known."""
    agreements, recipients = known(home, every)
    for option, named, known_ones in (
        ("agreement", chosen.agreement, agreements),
        ("recipient", chosen.recipient, recipients),
        ("state", chosen.state, set(STATES)),
    ):
        if named and named not in known_ones:
            raise SettingsError(
                f"Nobody here knows this {option}",
                where=f"--{option} {named}",
                do="Write it as it stands in: birthshare report transfers",
            )


def totals(rows: Iterable[Transfer]) -> dict[str, Any]:
    """What the rows come to.

    Keys: transfers, households, children (as often as they were sent), agreements (the same by agreement),
    notices (known to have arrived), not_transfers (lists by state).
    """
    every, agreements = _no_sums(), defaultdict[str, dict[str, int]](_no_sums)
    not_transfers: Counter[str] = Counter()
    notices = 0
    for row in rows:
        if row.counts:
            for sums in (every, agreements[row.agreement]):
                sums["transfers"] += 1
                sums["households"] += row.households
                sums["children"] += row.children
        elif row.what == "list":
            not_transfers[row.state] += 1
        else:
            notices += row.delivered is not None
    return {
        **every,
        "agreements": dict(sorted(agreements.items())),
        "notices": notices,
        "not_transfers": dict(sorted(not_transfers.items())),
    }


def _no_sums() -> dict[str, int]:
    return dict.fromkeys(("transfers", "households", "children"), 0)


def versions(home: Home) -> dict[str, Agreement]:
    """The agreement versions whose files are in the home, by the SHA-256 of the file."""
    found = {}
    for file in sorted(home.agreements.glob("*.yaml")):
        with suppress(SettingsError):
            agreement, digest = read_agreement(file)
            found[digest] = agreement
    return found


@dataclass(frozen=True)
class _OfHome:
    """What the register needs to know besides what became of lists and notices."""

    recipients: Mapping[str, Recipient]
    versions: Mapping[str, Agreement]
    checkpoints: Sequence[int]  # their sizes, in order

    @classmethod
    def now(cls, home: Home, ledger: Ledger) -> _OfHome:
        return cls(home.recipients(), versions(home), ledger.checkpoint_sizes())

    def covered(self, entry: int) -> int:
        """The size of the first checkpoint that covers an entry; 0 where none does yet."""
        place = bisect_left(self.checkpoints, entry)
        return self.checkpoints[place] if place < len(self.checkpoints) else 0


_NOTHING = _OfHome({}, {}, ())


class _Heard:
    """What entries say about lists and notices, and the rows that were made of it."""

    kinds = KINDS | {Kind.RECALL_RAISED}

    def __init__(self) -> None:
        self._sendings = sent.Sendings()
        self._recalls: list[tuple[int, RecallRaised]] = []
        self._of_home = _NOTHING
        self._made: dict[int, tuple[sent.Sent, sent.CalledBack | None, Transfer]] = {}
        self._rows: list[Transfer] | None = None  # of what was heard, beside what is known of the home
        self._permits: dict[int, PermitBody] = {}
        self._delivered: dict[int, tuple[int, Delivered]] = {}
        self._publishing: set[int] = set()
        self._tries: Counter[int] = Counter()
        self._approved: dict[str, dict[str, int]] = {}  # by pack: who, and the entry
        self._digests: dict[tuple[str, str, int], str] = {}  # by month, agreement and version
        self._registers: list[int] = []
        self._of_permit: dict[int, tuple[str, int]] = {}  # the digest and the register as they stood then
        self._failures: dict[tuple[str, str, str], Recorded] = {}  # by month, agreement and recipient
        self._forgone: list[Recorded] = []

    def register(self, of_home: _OfHome) -> list[Transfer]:
        """Every row, in the order of the ledger; one of which nothing more is known is not made again."""
        before, self._of_home = self._of_home, of_home
        if before != of_home:
            self._rows = None
        if (before.recipients, before.versions) != (of_home.recipients, of_home.versions):
            self._made.clear()
        if self._rows is None:
            self._rows = self._all_rows()
        return self._rows

    def _all_rows(self) -> list[Transfer]:
        sendings = self._sendings.now()
        back = sent.rows_called_back(self._recalls, sendings)
        rows = [self._row(one, back.get(one.entry)) for one in sendings]
        return sorted([*rows, *self._never_permitted(sendings)], key=attrgetter("entry"))

    def hear(self, entry: Recorded) -> None:
        """The next entry of these kinds."""
        self._rows = None
        if entry.kind in sent.KINDS:
            self._sendings.hear(entry)
        self._hear_of_leave(entry)
        self._hear_of_way(entry)

    def _hear_of_leave(self, entry: Recorded) -> None:
        """What was decided, agreed and permitted."""
        match entry.body:
            case PermitBody() as body:
                self._permits[entry.seq] = body
                self._of_permit[entry.seq] = self._digest(entry.month, body), (self._registers or [0])[-1]
            case ReleaseApproved() as body:
                self._approved.setdefault(body.pack_sha256, {}).setdefault(body.principal, entry.seq)
            case RegisterAgreed():
                self._registers.append(entry.seq)
            case Decided() as body:
                self._digests[entry.month, body.agreement, body.version] = body.digest

    def _hear_of_way(self, entry: Recorded) -> None:
        """What became of it."""
        match entry.body:
            case Delivered() as body:
                self._delivered[body.permit] = entry.seq, body
            case Publishing() as body:
                self._publishing.add(body.permit)
                self._made.pop(body.permit, None)
            case DeliveryFailed() as body:
                self._tries[body.permit] += 1
                self._made.pop(body.permit, None)
                if body.permit == 0:
                    self._failures[entry.month, body.agreement, body.recipient] = entry
            case ListForgone():
                self._forgone.append(entry)
            case RecallRaised() as body:
                self._recalls.append((entry.seq, body))

    def _digest(self, month: str, body: PermitBody) -> str:
        """Of the version's file, as the month was last decided under it before the permit."""
        return self._digests.get((month, body.agreement, body.version), "")

    def _row(self, one: sent.Sent, back: sent.CalledBack | None) -> Transfer:
        """The row of a list or notice that was permitted; made anew as long as no checkpoint covers it."""
        made = self._made.get(one.entry)
        if made is None or made[0] is not one or made[1] != back or not made[2].checkpoint:
            made = self._made[one.entry] = one, back, self._new_row(one, back)
        return made[2]

    def _new_row(self, one: sent.Sent, back: sent.CalledBack | None) -> Transfer:
        newest, arrived = self._delivered.get(one.entry, (one.entry, None))
        of_permit = self._of_list(one.entry) if one.is_list else {}
        return Transfer(
            entry=one.entry,
            what=one.what,
            month=one.month,
            agreement=one.agreement,
            **self._recipient(one.recipient),
            **of_permit or self._of_no_list(),
            state=one.state,
            since=one.delivered or one.permitted,
            file=one.file,
            sha256=one.sha256,
            size=arrived.size if arrived else 0,
            permitted=one.permitted,
            delivered=one.delivered,
            found_there=arrived is not None and arrived.found_there,
            may_have_arrived=one.entry in self._publishing and one.delivered is None,
            tries_failed=self._tries[one.entry],
            problem=one.problem,
            collected=one.collected,
            acknowledged=one.acknowledged,
            destroyed=one.destroyed,
            removed=one.removed,
            due=one.due,
            called_back=back.rows if back else 0,
            called_back_open=back.open if back else 0,
            checkpoint=self._of_home.covered(newest),
        )

    def _of_list(self, permit: int) -> dict[str, Any]:
        body, (digest, register) = self._permits[permit], self._of_permit[permit]
        approved = self._approved.get(body.pack_sha256, {})
        return {
            "version": body.version,
            "agreement_sha256": digest,
            "terms": self._of_home.versions.get(digest),
            "households": body.households,
            "children": body.children,
            "pack_sha256": body.pack_sha256,
            "register": register,
            "approved_by": tuple(who for who, entry in approved.items() if entry < permit),
        }

    def _of_no_list(self) -> dict[str, Any]:
        return {"version": 0, "agreement_sha256": "", "terms": None}

    def _never_permitted(self, sendings: Iterable[sent.Sent]) -> list[Transfer]:
        """Lists that were forgone, and lists that could not be made and were not forgone."""
        permitted = {(one.month, one.agreement, one.recipient) for one in sendings if not one.annulled}
        forgone = {(one.month, *_pair(one)) for one in self._forgone}
        known = permitted | forgone
        failed = [one for key, one in self._failures.items() if key not in known]
        return [self._without_permit(entry) for entry in (*self._forgone, *failed)]

    def _without_permit(self, entry: Recorded) -> Transfer:
        agreement, recipient = _pair(entry)
        return Transfer(
            entry=entry.seq,
            what="list",
            month=entry.month,
            agreement=agreement,
            **self._recipient(recipient),
            **self._of_no_list(),
            state="forgone" if entry.kind is Kind.LIST_FORGONE else "failed",
            since=entry.at,
            problem=getattr(entry.body, "problem", ""),
            tries_failed=int(entry.kind is Kind.DELIVERY_FAILED),
            checkpoint=self._of_home.covered(entry.seq),
        )

    def _recipient(self, code: str) -> dict[str, Any]:
        known = self._of_home.recipients.get(code)
        return {
            "recipient": code,
            "recipient_name": known.name if known else "",
            "recipient_kind": known.kind if known else "",
        }


def _pair(entry: Recorded) -> tuple[str, str]:
    """The agreement and the recipient of a list that was never permitted."""
    if isinstance(entry.body, (ListForgone, DeliveryFailed)):
        return entry.body.agreement, entry.body.recipient
    raise TypeError(entry.kind)
