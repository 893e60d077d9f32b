"""One family: all that was shared about it, for a parent to read; and apart from it, what is private.

Whoever looks is known, says why, and is recorded before anything is looked at. Everything is found by keyed
references, through indexes: no month of the ledger is read whole. What a later word said, and why a family
was called back, may be about another parent or a brother or sister: it is for the officer alone, in no file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from functools import partial
from typing import Any

import pandas as pd

from pipeline import agreed, facts
from pipeline import month as months
from pipeline.afterwards import sent
from pipeline.afterwards.sent import Sent, day_of
from pipeline.agreements.loading import Version
from pipeline.agreements.model import Agreement, ListField, Permission
from pipeline.asking import check_looks
from pipeline.home import Home, Recipient
from pipeline.keeping.references import taken_off, told_of
from pipeline.ledger.entries import (
    Disclosure,
    Entry,
    EvidenceGiven,
    FamilyLookedUp,
    PermitBody,
    Publishing,
    RecallRaised,
    Recorded,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.explain import Part, checked_number, erased_on, in_words, parts_of
from pipeline.questions import evidence
from pipeline.records import Month, keyed_references
from pipeline.steps.closing import sign
from pipeline.steps.companions import answers_about
from pipeline.steps.desk import Desk, Watch, no_watch

TITLE = "What was shared about one family"


def family(
    home: Home,
    nhs_number: str,
    *,
    principal: str,
    purpose: str,
    now: datetime,
    whole: bool = True,
    watch: Watch = no_watch,
) -> dict[str, Any]:
    """Everything that was shared about the child, or the children of the parent, with this NHS number.

    Keys: asked_on, authority, demonstration, asked_about ("child", "children" of a parent, or "nobody" where
    nothing was shared), shared (one for each child on each list, the oldest first: see `_shared`), erased
    (days), kept_days (for how long after a list's last day it is known who was on it), as_of (the entries and
    the signed note of the checkpoint that covers all of it), entries (their numbers), and private: said_later
    and called_back, which are on no statement.

    Days are ISO 8601, "" where there is none. Not `whole`: what the newest checkpoint covers is not read
    again first, and what it does not cover is not signed: enough for the screen, and not to hand over.

    Raises SettingsError for what is no NHS number or no purpose, Refused for a person who is not known,
    IntegrityError where the ledger, or the key to its references, is not what it was.
    """
    number = checked_number(nhs_number)
    check_looks(home, principal, purpose)
    with months.opened(home, Month(now.year, now.month), now, watch) as desk:
        _check_trusted(desk, partial(watch, facts.READING), whole=whole)
        key = home.secret("subject.key")
        child, parent = (keyed_references(key, kind, [number])[0] for kind in ("child", "parent"))
        looked_up = FamilyLookedUp(subject=child, principal=principal, purpose=purpose)
        desk.ledger.append(Entry(looked_up), at=desk.clock)
        disclosed = _disclosed(desk.ledger, child, parent)
        said = desk.ledger.followed({one.permit for one in disclosed.values()}, _children(disclosed))
        shared = _shared(desk, disclosed, said)
        numbers = _numbers(shared, said)
        return {
            "asked_on": desk.now.date().isoformat(),
            "authority": home.settings.authority.name,
            "demonstration": home.settings.authority.demonstration,
            "asked_about": _asked_about(shared, disclosed, child),
            "shared": shared,
            "erased": erased_on(desk.ledger, child, parent),
            "kept_days": home.settings.retention.references_days,
            "as_of": _as_of(desk, numbers if whole else ()),
            "entries": numbers,
            "private": {
                "said_later": _said_later(desk.ledger, disclosed, child, parent),
                "called_back": _why_called_back(said),
            },
        }


def statement(found: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the answer that a parent may have."""
    return {name: value for name, value in found.items() if name != "private"}


def evidence_pack(home: Home, found: Mapping[str, Any], *, now: datetime) -> bytes:
    """The entries of the answer with proofs and agreements, opened for this family alone: a zip."""
    with facts.opened_ledger(home) as ledger:
        pack = evidence.gather(
            home, ledger, found["entries"], about="family", title=TITLE, openings=True, now=now
        )
    return evidence.packed(pack)


def record_given(home: Home, content: bytes, *, principal: str, purpose: str, now: datetime) -> None:
    """Record that a person takes a file of the answer, by its digest."""
    digest = hashlib.sha256(content).hexdigest()
    given = EvidenceGiven(about="family", sha256=digest, principal=principal, purpose=purpose)
    with closing(Ledger.open(home.database_url)) as ledger:
        ledger.append(Entry(given), at=now)


def _check_trusted(desk: Desk, watch: Callable[[int, int], None], *, whole: bool) -> None:
    found = facts.verified(desk.home, desk.ledger, whole=whole, watch=watch)
    if found.problem is not None:
        raise facts.damaged(desk.home, found)
    desk.check_subject_key()  # with another key nothing would be found


# --- what is on record ----------------------------------------------------------------------------


def _disclosed(ledger: Ledger, child: str, parent: str) -> dict[int, Disclosure]:
    """The family's rows on permitted lists, by the number of their entry."""
    found = ledger.disclosures_of({child, parent})
    return {entry.seq: entry.body for entry in found if isinstance(entry.body, Disclosure)}


def _children(disclosed: Mapping[int, Disclosure]) -> set[str]:
    return {one.child for one in disclosed.values()}


def _asked_about(
    shared: Collection[Mapping[str, Any]], disclosed: Mapping[int, Disclosure], child: str
) -> str:
    if not shared:
        return "nobody"
    return "child" if _children(disclosed) == {child} else "children"


def _numbers(shared: Iterable[Mapping[str, Any]], said: Iterable[Recorded]) -> list[int]:
    """The entries that show what was shared. A recall says why, which is not for everybody: none of it."""
    permits = {one["permit"] for one in shared}
    of_lists = [
        entry.seq
        for entry in said
        if entry.seq in permits or getattr(entry.body, "permit", getattr(entry.body, "of", 0)) in permits
        if not isinstance(entry.body, RecallRaised)
    ]
    return sorted({*of_lists, *(one["entry"] for one in shared)})


def _as_of(desk: Desk, numbers: Collection[int]) -> dict[str, Any]:
    """The newest checkpoint; a new one where it does not cover these, or there is none."""
    newest = desk.ledger.latest_checkpoint()
    if newest is None or newest.size < max(numbers, default=0):
        sign(desk)
        newest = desk.ledger.latest_checkpoint()
    assert newest is not None  # noqa: S101 - it was signed just now
    return {"entries": newest.size, "note": newest.note}


# --- what was shared ------------------------------------------------------------------------------


def _shared(
    desk: Desk, disclosed: Mapping[int, Disclosure], said: Collection[Recorded]
) -> list[dict[str, Any]]:
    """Each child's row on each list that arrived, or may have: not on those that still wait, or never went.

    Keys: entry, permit, child (1, 2, ... in the order in which they were shared), month, on, certain (False
    where nobody knows whether it arrived), recipient, recipient_name, recipient_kind, agreement, version,
    terms (see `_terms`), their_word (see `_their_word`), and since (see `_since`).
    """
    lists = {one.entry: one for one in sent.followed(said)}
    permits = {entry.seq: entry.body for entry in said if isinstance(entry.body, PermitBody)}
    published = {entry.body.permit: entry.at for entry in said if isinstance(entry.body, Publishing)}
    recalled = {
        "taken_back": {(body.permit, body.child): at for body, at in _recalls(said)},
        "told": told_of(said),
        "off": taken_off(said),
    }
    terms = agreed.as_signed(desk.home, desk.ledger)
    parts: dict[str, list[Part]] = {}
    numbers: dict[str, int] = {}
    rows = []
    for seq, one in disclosed.items():
        row, permit, who = lists[one.permit], permits[one.permit], (one.permit, one.child)
        at = row.delivered or published.get(one.permit)
        if at is None:
            continue
        if row.month not in parts:
            parts[row.month] = list(parts_of(desk.home, desk, Month.parse(row.month)))
        recipient = desk.recipients.get(one.recipient)
        agreement = terms.get((permit.agreement, permit.version))
        rows.append(
            {
                "entry": seq,
                "permit": one.permit,
                "child": numbers.setdefault(one.child, len(numbers) + 1),
                "month": row.month,
                "on": day_of(at).isoformat(),
                "certain": row.delivered is not None,
                **_recipient(one.recipient, recipient),
                "agreement": permit.agreement,
                "version": permit.version,
                "terms": _terms(agreement, recipient) if agreement else None,
                "their_word": _their_word(parts[row.month], (permit.agreement, permit.version), one.child),
                "since": _since(row, **{what: at.get(who) for what, at in recalled.items()}),
            }
        )
    return rows


def _recipient(code: str, known: Recipient | None) -> dict[str, str]:
    """Who got it, as the register calls it now; a recipient that is gone has its code alone."""
    name, kind = (known.name, known.kind) if known else ("", "")
    return {"recipient": code, "recipient_name": name, "recipient_kind": kind}


def _terms(agreement: Agreement, recipient: Recipient | None) -> dict[str, Any]:
    """What that version of the agreement says: fields, purpose, law, what may be done with it."""
    kinds = agreement.recipients.kinds
    kind = recipient.kind if recipient and recipient.kind in kinds else ""
    fields = agreement.fields_of(kind)
    law = agreement.lawful_basis
    return {
        "title": agreement.title,
        "purpose": agreement.purpose,
        "fields": [str(field) for field in ListField if field in fields],
        "permission": str(agreement.confidentiality.permission),
        "permitted": list(agreement.use.permitted),
        "forbidden": list(agreement.use.forbidden),
        "law": {
            "powers": [power.says for power in agreement.powers],
            "article_6": law.article_6.says,
            "article_9": law.article_9.says if law.article_9 else "",
            "confidentiality": agreement.confidentiality.basis.says,
        },
    }


def _their_word(parts: Iterable[Part], version: Version, child: str) -> dict[str, str]:
    """When a parent agreed and on which version of the form, or when the parents were told.

    From the decisions that are kept of the month: blank when their time is over. Who it was is not said.
    """
    for part in parts:
        agreement = part.agreement
        if (agreement.id, agreement.version) != version:
            continue
        rows = part.births[part.births["child"] == child]
        if agreement.confidentiality.permission is Permission.CONSENT:
            answers = answers_about(agreement, part.answers[part.answers["child"] == child])
            return _newest(_yes(rows, answers), part.decided)
        return _newest(((told, "") for told in rows["notice_date"]), part.decided)
    return {"on": "", "form": ""}


def _yes(rows: pd.DataFrame, answers: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, str]]:
    given = rows[rows["consent_status"] == "given"]
    yield from zip(given["consent_date"], given["consent_wording"], strict=True)
    given = answers[answers["answer"] == "given"]
    yield from zip(given["date"], given["wording"], strict=True)


def _newest(said: Iterable[tuple[pd.Timestamp, str]], decided: date) -> dict[str, str]:
    """The newest of these that counted when it was decided."""
    known = [(at.date(), form) for at, form in said if not pd.isna(at) and at.date() <= decided]
    on, form = max(known, default=(None, ""))
    return {"on": _written(on), "form": form}


# --- what became of it ----------------------------------------------------------------------------


def _since(row: Sent, **of_recall: datetime | None) -> dict[str, str]:
    """What became of it, by day: until, collected, acknowledged, destroyed, removed, taken_back, told, off.

    `until` is the last day on which the list may be held; `removed`, that we deleted it where it lay;
    `taken_back`, that the recipient was to take the family off it; `told`, that it was told so, and `off`,
    that it said it had.
    """
    return {
        "until": _written(row.due),
        **{what: _written_at(getattr(row, what)) for what in _HEARD},
        **{what: _written_at(at) for what, at in of_recall.items()},
    }


_HEARD = ("collected", "acknowledged", "destroyed", "removed")


def _written(day: date | None) -> str:
    return day.isoformat() if day else ""


def _written_at(moment: datetime | None) -> str:
    return _written(day_of(moment)) if moment else ""


# --- what is private ------------------------------------------------------------------------------


def _said_later(
    ledger: Ledger, disclosed: Mapping[int, Disclosure], child: str, parent: str
) -> list[dict[str, str]]:
    """Later words about the children, their parents and their homes, as far as they are on record."""
    subjects = {child: "the child", parent: "the parent"}
    for one in disclosed.values():
        subjects |= {one.dwelling: "the address", one.parent: "the parent", one.child: "the child"}
    return [
        {
            "about": subjects[one.subject],
            "code": one.word,
            "words": in_words(one.word),
            "since": one.since[:10],
        }
        for one in ledger.words_about(subjects)
    ]


def _why_called_back(said: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Why rows were called back: from which list (its permit), when, and by which word."""
    return [
        {"permit": body.permit, "on": _written_at(at), "code": body.word, "words": in_words(body.word)}
        for body, at in _recalls(said)
    ]


def _recalls(said: Iterable[Recorded]) -> list[tuple[RecallRaised, datetime]]:
    return [(entry.body, entry.at) for entry in said if isinstance(entry.body, RecallRaised)]
