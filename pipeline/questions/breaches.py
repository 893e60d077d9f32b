"""A breach: which lists are concerned, whom they are about in numbers, and what was done when.

About one delivery, one recipient or one agreement, and the days on which lists arrived. Nobody is named: who
is meant is known to whoever has the list, and to the supplier.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline import agreed
from pipeline.afterwards import sent
from pipeline.agreements.model import ListField
from pipeline.agreements.words import FIELDS
from pipeline.asking import check_works_out
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.ledger import remembered
from pipeline.ledger.entries import (
    DeliveryFailed,
    ExtractReceived,
    Kind,
    OpeningsDestroyed,
    RecallRaised,
    Recorded,
    canonical,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written
from pipeline.questions.affected import people
from pipeline.questions.evidence import record_given
from pipeline.questions.transfers import KINDS, Transfer, transfers
from pipeline.reasons import Reason
from pipeline.reporting.breach_draft import draft

REPORT_WITHIN = timedelta(hours=72)  # UK GDPR, Article 33(1)

# Later words after which it can be dangerous for a family that its address is known.
SAFETY = frozenset({
    Reason.RESTRICTED_RECORD, Reason.SUPPRESSED, Reason.SAFEGUARDING, Reason.LOOKED_AFTER, Reason.ADOPTION,
})  # fmt: skip

# What a field is to the Information Commissioner's form, and why it is more than an ordinary one.
_CATEGORIES = {
    ListField.ADDRESS: "basic personal identifiers and location",
    ListField.NHS_NUMBER: "health (a number that opens health records)",
    ListField.EXPECTED_DATE_OF_DELIVERY: "health (a pregnancy)",
    ListField.LANGUAGE: "may reveal racial or ethnic origin",
    ListField.WARD: "location",
    ListField.LSOA: "location",
    ListField.DEPRIVATION_DECILE: "location",
    ListField.LOCALITY: "location",
    ListField.PSEUDONYM: "identification under a pseudonym",
}
_SPECIAL = frozenset({ListField.NHS_NUMBER, ListField.EXPECTED_DATE_OF_DELIVERY, ListField.LANGUAGE})

# Where an entry names the list or notice that it is about.
_NAMES = {
    Kind.PUBLISHING: "permit", Kind.PERMIT_ANNULLED: "permit", Kind.DELIVERED: "permit",
    Kind.DELIVERY_FAILED: "permit", Kind.RECALL_RAISED: "permit", Kind.COLLECTED: "of",
    Kind.ACKNOWLEDGED: "of", Kind.DESTRUCTION_ATTESTED: "of", Kind.FILE_REMOVED: "of", Kind.OVERDUE: "of",
}  # fmt: skip
_TYPED = 40  # numbers of entries that a person still copies into a command
_OF_LISTS = frozenset({*_NAMES, Kind.PERMIT, Kind.NOTICE, Kind.LIST_FORGONE})
_OF_MONTHS = frozenset({Kind.EXTRACT_RECEIVED, Kind.STAGING_DESTROYED, Kind.MONTH_CLOSED})
_OF_RELEASES = frozenset({Kind.RELEASE_REQUESTED, Kind.RELEASE_APPROVED, Kind.RELEASE_REFUSED})
_OF_AGREEMENTS = frozenset({Kind.AGREEMENT_SIGNED, Kind.AGREEMENT_SUSPENDED, Kind.DECIDED})
_READ = (
    KINDS | _OF_LISTS | _OF_MONTHS | _OF_RELEASES | _OF_AGREEMENTS
    | {Kind.REGISTER_AGREED, Kind.PASSWORD_MADE, Kind.OPENINGS_DESTROYED}
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What a breach is about: one delivery (a file's name or a permit's number), or a recipient or agreement.

    Of the latter two, the lists and notices of these days; "" and None for any.
    """

    delivery: str = ""
    recipient: str = ""
    agreement: str = ""
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        named = [self.delivery, self.recipient or self.agreement]
        if sum(map(bool, named)) != 1 or (self.delivery and (self.since or self.until)):
            raise SettingsError(
                "It is not clear which lists are meant",
                do="Give --delivery alone; or --recipient or --agreement, and days if you like.",
            )
        if self.since and self.until and self.until < self.since:
            raise SettingsError("The last day is before the first one", do="Exchange --since and --until.")

    def holds(self, row: Transfer) -> bool:
        """Whether a row of the register is meant."""
        if self.delivery:
            return self.delivery in (row.file, str(row.entry))
        mine = self.recipient in ("", row.recipient) and self.agreement in ("", row.agreement)
        return mine and row.within(self.since, self.until)

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {
            "delivery": self.delivery,
            "recipient": self.recipient,
            "agreement": self.agreement,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }


def breach(
    home: Home,
    ledger: Ledger,
    question: Question,
    *,
    principal: str,
    purpose: str,
    known_since: datetime | None = None,
    now: datetime,
) -> dict[str, Any]:
    """What is known of a breach, and the draft of what must be told of it; the look is recorded.

    Keys: about, deadline, lists, notices, entries (about these, where they are few), states, people, fields,
    unknown_terms, called_back, agreements, recipients, suppliers, contacts, events, draft; and recorded (by,
    why, at, and the sha256 of the canonical JSON of all the others, as the ledger has it). Raises
    SettingsError where nothing is meant by the question, Refused for a person who may not ask.
    """
    check_works_out(home, principal, purpose)
    every = transfers(home, ledger)
    rows = [row for row in every if question.holds(row)]
    _check_known(home, question, rows, every)
    with remembered.heard(ledger, Heard) as heard:
        entries = _Concerns(rows).among(heard)
    lists = [row for row in rows if row.what == "list"]
    facts: dict[str, Any] = {
        "about": _about(home, ledger, question, now),
        "deadline": _deadline(known_since, now),
        "lists": [row.as_json() | {"reached": reached(row)} for row in lists],
        "notices": [row.as_json() for row in rows if row.what != "list"],
        "entries": _few_entries(entries),
        "states": dict(sorted(Counter(row.state for row in lists).items())),
        "people": people(ledger, filter(reached, lists)),
        **_fields(lists),
        "called_back": _called_back(entries, lists),
        "agreements": _agreements(ledger, lists),
        "recipients": _recipients(home, rows),
        "suppliers": _suppliers(home, entries, lists),
        "contacts": _contacts(home),
        "events": list(_events(entries)),
    }
    facts["draft"] = draft(facts)
    sha256 = record_given(
        ledger, canonical(facts).encode(), about="breach", principal=principal, purpose=purpose, at=now
    )
    return {**facts, "recorded": {"by": principal, "why": purpose, "at": written(now), "sha256": sha256}}


def reached(row: Transfer) -> bool:
    """Whether a list was, or may have been, where its recipient could take it."""
    return row.what == "list" and (row.counts or row.may_have_arrived)


# --- the parts ------------------------------------------------------------------------------------


def _check_known(home: Home, question: Question, rows: list[Transfer], every: list[Transfer]) -> None:
    """An answer about nothing is given only about somebody who is known."""
    if rows:
        return
    recipients = {*home.recipients(), *(row.recipient for row in every)}
    agreements = {row.agreement for row in every}
    unknown = question.recipient and question.recipient not in recipients
    if question.delivery or unknown or (question.agreement and question.agreement not in agreements):
        raise SettingsError(
            "The ledger knows no list or notice that this names",
            do="Name the sealed file, its permit's number, a recipient or an agreement as they stand in:"
            " birthshare report transfers",
        )


def _about(home: Home, ledger: Ledger, question: Question, now: datetime) -> dict[str, Any]:
    newest = ledger.latest_checkpoint()
    return {
        "authority": home.settings.authority.name,
        "demonstration": home.settings.authority.demonstration,
        **question.as_json(),
        "made_at": written(now),
        "entries": ledger.size,
        "checkpoint": newest.size if newest else 0,
    }


def _deadline(known_since: datetime | None, now: datetime) -> dict[str, Any] | None:
    """By when it must be reported, and how many whole hours are left (below zero: too late)."""
    if known_since is None:
        return None
    if known_since > now:
        raise SettingsError("That moment has not come yet", where="--known-since")
    last = known_since + REPORT_WITHIN
    return {
        "known_since": written(known_since),
        "report_by": written(last),
        "hours_left": int((last - now) // timedelta(hours=1)),
    }


def _fields(lists: Iterable[Transfer]) -> dict[str, Any]:
    """What the lists show, field by field, and the versions whose file is gone so that nobody can say."""
    shown: Counter[str] = Counter()
    numbers, unknown = 0, set()
    for row in lists:
        if not reached(row):
            continue
        if row.fields is None:
            unknown.add((row.agreement, row.version, row.agreement_sha256))
            continue
        shown.update(row.fields)
        numbers += row.terms is not None and row.terms.totals is not None
    return {
        "fields": [
            {
                "code": str(one),
                "words": FIELDS[one],
                "category": _CATEGORIES.get(one, "basic personal identifiers"),
                "special": one in _SPECIAL,
                "lists": shown[one],
            }
            for one in ListField
            if shown[one]
        ],
        "lists_with_numbers": numbers,
        "unknown_terms": [
            {"agreement": agreement, "version": version, "sha256": sha256}
            for agreement, version, sha256 in sorted(unknown)
        ],
    }


def _called_back(entries: Iterable[Recorded], lists: Collection[Transfer]) -> dict[str, int]:
    """Rows called back from the lists: all, not said to be off, and for a family's safety."""
    permits = {row.entry for row in lists if reached(row)}
    recalls = [
        one.body for one in entries if isinstance(one.body, RecallRaised) and one.body.permit in permits
    ]
    return {
        "rows": sum(row.called_back for row in lists if reached(row)),
        "open": sum(row.called_back_open for row in lists if reached(row)),
        "for_safety": len({one.row for one in recalls if one.word in SAFETY}),
    }


def _agreements(ledger: Ledger, lists: Iterable[Transfer]) -> list[dict[str, Any]]:
    """The agreements concerned, whether more can still leave under them, and who may stop that."""
    newest, suspended = agreed.relied_on(ledger), agreed.suspended(ledger)
    terms = {(row.agreement, row.version): row.terms for row in lists if row.terms}
    return [
        {
            "agreement": name,
            "newest_version": newest.get(name, 0),
            "suspended": (name, newest.get(name, 0)) in suspended,
            "titles": sorted({one.title for (id_, _), one in terms.items() if id_ == name}),
            "article_9": sorted(
                {
                    one.lawful_basis.article_9.says
                    for (id_, _), one in terms.items()
                    if id_ == name and one.lawful_basis.article_9
                }
            ),
            "suspenders": list(
                dict.fromkeys(
                    role for (id_, _), one in terms.items() if id_ == name for role in one.suspenders
                )
            ),
        }
        for name in sorted({row.agreement for row in lists})
    ]


def _recipients(home: Home, rows: Iterable[Transfer]) -> list[dict[str, Any]]:
    """Who has, or may have, the lists, whom to call, and how each one's lists stand."""
    register = home.recipients()
    states: dict[str, Counter[str]] = {}
    for row in rows:
        states.setdefault(row.recipient, Counter())[row.state] += row.what == "list"
    return [
        {
            "code": code,
            "name": register[code].name if code in register else "",
            "kind": register[code].kind if code in register else "",
            "contact": register[code].contact if code in register else "",
            "via": register[code].via if code in register else "",
            "format": register[code].format if code in register else "",
            "lists": {state: many for state, many in sorted(counted.items()) if many},
        }
        for code, counted in sorted(states.items())
    ]


def _suppliers(home: Home, entries: Iterable[Recorded], lists: Iterable[Transfer]) -> list[dict[str, Any]]:
    """Whose births they are, and from which extracts: they can tell which family is meant."""
    months = {row.month for row in lists if reached(row)}
    names = {code: one.name for code, one in home.settings.suppliers.items()}
    return [
        {
            "supplier": one.body.supplier,
            "name": names.get(one.body.supplier, ""),
            "month": one.month,
            "extract_sha256": one.body.sealed_sha256,
            "signed_at": written(one.body.signed_at),
        }
        for one in entries
        if isinstance(one.body, ExtractReceived) and one.month in months
    ]


def _contacts(home: Home) -> list[dict[str, str]]:
    """Who has to know of it here, by role."""
    return [
        {"role": role, "principal": person.principal}
        for person in home.settings.approvers
        for role in person.roles
    ]


def _few_entries(entries: Iterable[Recorded]) -> list[int]:
    """The numbers of all entries about these lists and notices; none where they are too many to type."""
    found = [one.seq for one in entries if one.kind in _OF_LISTS]
    return found if len(found) <= _TYPED else []


# --- the time line --------------------------------------------------------------------------------


def _events(entries: Iterable[Recorded]) -> Iterator[dict[str, Any]]:
    """What was recorded about the lists and notices, what they rest on and what stood around them.

    Of one day, kind, month and agreement there is one line, with the first and last entry and how many.
    """
    together: dict[tuple[date, Kind, str, str], list[Recorded]] = {}
    for entry in entries:
        key = sent.day_of(entry.at), entry.kind, entry.month, getattr(entry.body, "agreement", "")
        together.setdefault(key, []).append(entry)
    for (_, kind, month, agreement), some in sorted(together.items(), key=lambda one: one[1][0].seq):
        principals = sorted({who for one in some if (who := getattr(one.body, "principal", ""))})
        yield {
            "at": written(some[0].at),
            "kind": str(kind),
            "words": kind.wording,
            "month": month,
            "agreement": agreement,
            "principals": principals,
            "times": len(some),
            "first_entry": some[0].seq,
            "last_entry": some[-1].seq,
        }


class Heard:
    """What time lines are made of: by the row of the register that it is about, and the rest."""

    kinds = _READ

    def __init__(self) -> None:
        self.of_rows: dict[int, list[Recorded]] = {}
        self.others: list[Recorded] = []

    def hear(self, entry: Recorded) -> None:
        """The next entry. Of a failure before there was a permit, no row says it."""
        if entry.kind not in _OF_LISTS:
            self.others.append(entry)
            return
        name = _NAMES.get(entry.kind)
        about = getattr(entry.body, name) if name else entry.seq
        if about == 0:
            self.others.append(entry)
        else:
            self.of_rows.setdefault(about, []).append(entry)


def read(ledger: Ledger) -> None:
    """Read what time lines are made of, so that who asks need not wait for it."""
    with remembered.heard(ledger, Heard):
        pass


class _Concerns:
    """Which entries belong to the time line of some rows of the register."""

    def __init__(self, rows: Collection[Transfer]) -> None:
        lists = [row for row in rows if row.what == "list"]
        self._rows = {row.entry for row in rows}
        self._pairs = {(row.month, row.agreement, row.recipient) for row in lists}
        self._recipients = {row.recipient for row in rows}
        self._months = {row.month for row in lists}
        self._packs = {row.pack_sha256 for row in lists}
        self._versions = {(row.agreement, row.version) for row in lists}
        self._agreed_in = {(row.month, row.agreement) for row in lists}
        self._registers = {row.register for row in lists}
        self._first = min(self._rows, default=0)
        self._disclosed = sorted((row.entry, row.entry + row.children) for row in lists if row.children)

    def among(self, heard: Heard) -> list[Recorded]:
        """They, in order."""
        mine = [entry for row in self._rows for entry in heard.of_rows.get(row, ())]
        return sorted([*mine, *filter(self._is_one, heard.others)], key=lambda entry: entry.seq)

    def _is_one(self, entry: Recorded) -> bool:
        kind, body = entry.kind, entry.body
        if isinstance(body, DeliveryFailed):
            return (entry.month, body.agreement, body.recipient) in self._pairs
        if kind in _OF_MONTHS:
            return entry.month in self._months
        if kind in _OF_RELEASES:
            return getattr(body, "pack_sha256", "") in self._packs
        if kind is Kind.DECIDED:
            return (entry.month, getattr(body, "agreement", "")) in self._agreed_in
        if kind in _OF_AGREEMENTS:
            return (getattr(body, "agreement", ""), getattr(body, "version", 0)) in self._versions
        if isinstance(body, OpeningsDestroyed):
            return any(self._touches(first, last) for first, last in body.entries)
        if kind is Kind.REGISTER_AGREED:
            return entry.seq in self._registers or entry.seq > self._first > 0
        return getattr(body, "recipient", None) in self._recipients  # a password was made

    def _touches(self, first: int, last: int) -> bool:
        """Whether these entries have a disclosure of one of the lists among them."""
        place = bisect_right(self._disclosed, (last, last))
        return place > 0 and self._disclosed[place - 1][1] >= first
