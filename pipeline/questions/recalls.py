"""How recalls went: how soon after a word about a family its rows were off the lists of every recipient.

    word recorded → recall raised → notice delivered → collected → done

One answer is about one row of one list. Nobody is named: neither the family nor its row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from statistics import median
from typing import Any

from pipeline.afterwards import sent
from pipeline.afterwards.sent import day_of
from pipeline.ledger import remembered
from pipeline.ledger.entries import Disclosure, Kind, PermitBody, RecallRaised, Recorded, SuppressionRecorded
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written
from pipeline.reasons import Reason

STEPS = ("raised", "told", "collected", "done")  # hours of each are counted from the word
_WORDS = {**{str(reason): reason.wording for reason in Reason}, "death_removed": "a death was taken back"}
_AT_ONCE = 400  # children in one question; databases limit them


@dataclass(frozen=True)
class Recall:
    """One row of one list that was called back, and when each thing was known of it."""

    entry: int  # in the ledger
    word: str
    agreement: str
    recipient: str
    month: str  # of the list
    file: str
    due: date
    said: datetime | None  # when the word was recorded; None where whom it was about was destroyed since
    raised: datetime
    told: datetime | None = None
    collected: datetime | None = None
    done: datetime | None = None
    given_up: bool = False  # the notice was taken away again, and nobody answered it

    @property
    def state(self) -> str:
        """Done, given up, or open."""
        return "done" if self.done else "given up" if self.given_up else "open"

    def is_late(self, today: date) -> bool:
        """Whether its row was, or is, not off the list by the day on which it was due."""
        return (day_of(self.done) if self.done else today) > self.due

    def hours(self, step: str) -> float | None:
        """How many hours after the word that step was, as far as it is known."""
        at: datetime | None = getattr(self, step)
        return round((at - self.said).total_seconds() / 3600, 1) if at and self.said else None

    def as_json(self, today: date) -> dict[str, Any]:
        """For programs and pages; moments are London's."""
        return {
            **{
                name: getattr(self, name)
                for name in ("entry", "word", "agreement", "recipient", "month", "file")
            },
            "words": _WORDS.get(self.word, self.word),
            "said_at": written(self.said),
            **{f"{step}_at": written(getattr(self, step)) for step in STEPS},
            "due": self.due.isoformat(),
            "state": self.state,
            "late": self.is_late(today),
            "hours": {step: self.hours(step) for step in STEPS},
        }


def report(ledger: Ledger, *, since: date | None, until: date | None, now: datetime) -> dict[str, Any]:
    """Recalls raised from one day to another, and those raised before that are not done.

    Keys: since, until, at, recalls (each as Recall has it, oldest first), steps (by step: known, median and
    worst, in hours after the word), done, late (done after their day, or open after it), open, given_up, and
    by_word, by_recipient and by_agreement (code, words, rows, open, late, median and worst hours until done).
    """
    today = day_of(now)
    found = [one for one in recalls(ledger) if _in(one, since, until)]
    return {
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "at": written(now),
        "recalls": [one.as_json(today) for one in found],
        "steps": {step: _hours(found, step) for step in STEPS},
        "done": sum(one.state == "done" for one in found),
        "open": sum(one.state == "open" for one in found),
        "given_up": sum(one.state == "given up" for one in found),
        "late": sum(one.is_late(today) for one in found),
        "by_word": _by(found, lambda one: one.word, today),
        "by_recipient": _by(found, lambda one: one.recipient, today),
        "by_agreement": _by(found, lambda one: one.agreement, today),
    }


def recalls(ledger: Ledger) -> list[Recall]:
    """Every row of a list that was ever called back, in the order of recording."""
    sendings = sent.states(ledger)
    with remembered.heard(ledger, _Raised) as known:
        raised, said = list(known.entries), known.up_to_date(ledger)
    found: dict[tuple[int, str], Recall] = {}
    for entry in raised:
        body = entry.body
        if isinstance(body, RecallRaised):
            # Twins are one row; where neither reference nor child is known any more, each stands for itself.
            row = body.permit, body.row[1] or str(entry.seq)
            found.setdefault(row, _recall(entry, body, said.get(entry.seq), sendings))
    return list(found.values())


def _recall(
    entry: Recorded,
    body: RecallRaised,
    said: datetime | None,
    sendings: sent.Rows,
) -> Recall:
    of, notice = sendings.by_entry[body.permit], sendings.by_recall.get(entry.seq)
    return Recall(
        entry=entry.seq,
        word=body.word,
        agreement=body.agreement,
        recipient=body.recipient,
        month=of.month,
        file=of.file,
        due=body.due,
        said=said,
        raised=entry.at,
        told=notice.delivered if notice else None,
        collected=(notice.collected or notice.acknowledged) if notice else None,
        done=notice.acknowledged if notice else None,
        given_up=notice is not None and notice.state == "removed",
    )


def _in(one: Recall, since: date | None, until: date | None) -> bool:
    day = day_of(one.raised)
    return (until is None or day <= until) and (since is None or day >= since or one.state == "open")


# --- when the word was recorded -------------------------------------------------------------------


class _Raised:
    """Every recall, and when the word was recorded that it answers, which is asked once."""

    kinds = frozenset({Kind.RECALL_RAISED})

    def __init__(self) -> None:
        self.entries: list[Recorded] = []
        self._said: dict[int, datetime] = {}
        self._new: set[int] = set()  # lists with recalls of which that was not asked yet

    def hear(self, entry: Recorded) -> None:
        """The next one."""
        if isinstance(entry.body, RecallRaised):
            self.entries.append(entry)
            self._new.add(entry.body.permit)

    def up_to_date(self, ledger: Ledger) -> dict[int, datetime]:
        """By recall; of a list with a new one all are asked about again, as twins answer for each other."""
        mine = [(entry.seq, entry.body) for entry in self.entries if isinstance(entry.body, RecallRaised)]
        self._said |= _said(ledger, {seq: body for seq, body in mine if body.permit in self._new})
        self._new = set()
        return dict(self._said)


def _said(ledger: Ledger, bodies: Mapping[int, RecallRaised]) -> dict[int, datetime]:
    """By recall: when the first word was recorded that called its row back, where it can still be told."""
    families = _families(ledger, bodies.values())
    words = _words(ledger, {one for family in families.values() for one in family})
    heard = _heard(ledger, {body.permit for body in bodies.values()})
    found = {}
    for seq, body in bodies.items():
        wanted = {
            body.word,
            *([str(Reason.CHILD_DIED)] if body.word == Reason.SIBLING_DIED_OR_MISSING else []),
        }
        said = [
            (number, at)
            for subject in families.get((body.permit, body.child), ())
            for number, word, at in words.get(subject, ())
            if word in wanted and heard[body.permit] < number < seq
        ]
        if said:
            found[seq] = min(said)[1]
    return found


def _families(ledger: Ledger, bodies: Iterable[RecallRaised]) -> dict[tuple[int, str], set[str]]:
    """By list and child: of whom a word may have been said: those of its row, and its parent's others."""
    groups: dict[tuple[int, str, str], set[str]] = {}
    mine: dict[tuple[int, str], list[tuple[int, str, str]]] = {}
    called_back = {(body.permit, body.child) for body in bodies}
    for entry in _disclosures(ledger, sorted({child for _, child in called_back if child})):
        body = entry.body
        if isinstance(body, Disclosure) and (body.permit, body.child) in called_back:
            about = {one for one in (body.child, body.parent, body.dwelling) if one}
            keys = [(body.permit, "row", body.reference or body.child)]
            keys += [(body.permit, "parent", body.parent)] if body.parent else []
            mine[body.permit, body.child] = keys
            for key in keys:
                groups.setdefault(key, set()).update(about)
    return {child: set().union(*(groups[key] for key in keys)) for child, keys in mine.items()}


def _disclosures(ledger: Ledger, children: Iterable[str]) -> Iterator[Recorded]:
    left = iter(children)
    while some := list(islice(left, _AT_ONCE)):
        yield from ledger.disclosures_of(some)


def _words(ledger: Ledger, subjects: Collection[str]) -> dict[str, list[tuple[int, str, datetime]]]:
    """Later words by whom they are about: number, word and moment."""
    found: dict[str, list[tuple[int, str, datetime]]] = {}
    for entry in ledger.said_of(subjects):
        if isinstance(entry.body, SuppressionRecorded) and entry.body.subject:
            found.setdefault(entry.body.subject, []).append((entry.seq, entry.body.word, entry.at))
    return found


def _heard(ledger: Ledger, permits: Collection[int]) -> dict[int, int]:
    """Up to which entry the gate of each list had listened."""
    return {
        entry.seq: entry.body.heard or entry.seq
        for entry in ledger.numbered(permits)
        if isinstance(entry.body, PermitBody)
    }


# --- sums -----------------------------------------------------------------------------------------


def _hours(found: Iterable[Recall], step: str) -> dict[str, Any]:
    hours = [number for one in found if (number := one.hours(step)) is not None]
    return {
        "known": len(hours),
        "median": round(median(hours), 1) if hours else None,
        "worst": max(hours, default=None),
    }


def _by(found: Collection[Recall], key: Callable[[Recall], str], today: date) -> list[dict[str, Any]]:
    """Sums for each value of the key, most rows first."""
    groups: dict[str, list[Recall]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return [
        {
            "code": code,
            "words": _WORDS.get(code, code),
            "rows": len(mine),
            "open": sum(one.state == "open" for one in mine),
            "late": sum(one.is_late(today) for one in mine),
            **{name: number for name, number in _hours(mine, "done").items() if name != "known"},
        }
        for code, mine in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    ]
