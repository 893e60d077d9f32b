"""One family: what was decided, every reason, where the agreement says so, and when it may change.

Whoever looks is known, says why, and is recorded before anything is looked at. The NHS number comes in,
and nothing that could be found by it goes out but what was decided.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pandas as pd

from pipeline import month as months
from pipeline.agreed import LONDON
from pipeline.agreements.clauses import clause
from pipeline.agreements.model import Agreement
from pipeline.asking import check_looks
from pipeline.errors import SettingsError
from pipeline.home import Home
from pipeline.keeping import kept
from pipeline.ledger.entries import (
    Decided,
    Delivered,
    Disclosure,
    Entry,
    FamilyErased,
    FamilyLookedUp,
    PermitBody,
    Publishing,
    Recorded,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.prospects import Days, may_change, next_look, stands_until, together
from pipeline.reasons import Reason
from pipeline.records import Month, keyed_references
from pipeline.staging import Staging, WrappingKey
from pipeline.steps.companions import answers_about
from pipeline.steps.desk import Desk
from pipeline.steps.dispatch import file_of
from pipeline.steps.inputs import ANSWERS, BIRTHS, decisions_of, terms_of
from pipeline.steps.pack import PACK

_DIGITS = 10

# What may not be said to a caller, who may not be the parent, or not the parent whom it is about.
PRIVATE = frozenset({
    Reason.CHILD_DIED, Reason.NOT_A_LIVE_BIRTH, Reason.SIBLING_DIED_OR_MISSING, Reason.RESTRICTED_RECORD,
    Reason.SUPPRESSED, Reason.IDENTITY_SUPERSEDED, Reason.LOOKED_AFTER, Reason.ADOPTION,
    Reason.SAFEGUARDING, Reason.PARENT_DIED, Reason.PARENT_UNDER_16, Reason.CONSENT_REFUSED,
    Reason.CONSENT_WITHDRAWN, Reason.CONSENT_CONFLICT, Reason.OBJECTED, Reason.NATIONAL_OPT_OUT,
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Part:
    """One agreement's decisions of one month, wherever they are."""

    month: Month
    agreement: Agreement
    decided: date
    still_open: bool
    births: pd.DataFrame = field(repr=False)
    answers: pd.DataFrame = field(repr=False)
    decisions: pd.DataFrame = field(repr=False)  # kept.KEPT_DECISIONS


def explain(
    home: Home, nhs_number: str, *, month: Month | None, principal: str, purpose: str, now: datetime
) -> dict[str, Any]:
    """What was decided about the child, or the children of the parent, with this NHS number.

    Of one month, or of every month that is open or kept. Keys: known, looked_up_by, decisions (month,
    agreement, outcome, recipient, reasons, may_change_from ...), shared, said_later, erased (the days on
    which what was kept about the family was destroyed because somebody asked for it).

    Raises SettingsError for what is no NHS number or no purpose, Refused for a person who is not known.
    The look-up is recorded first; where that cannot be done, nothing is looked up.
    """
    number = checked_number(nhs_number)
    check_looks(home, principal, purpose)
    with months.working(home, month or Month(now.year, now.month), now) as desk:
        key = home.secret("subject.key")
        child, parent = (keyed_references(key, kind, [number])[0] for kind in ("child", "parent"))
        desk.ledger.append(
            Entry(FamilyLookedUp(subject=child, principal=principal, purpose=purpose)), at=desk.clock
        )
        parts = list(parts_of(home, desk, month))
        found = [one for part in parts for one in _about(part, child, parent, desk)]
        children = {child} | {one for part in parts for one in _rows(part, child, parent)["child"]}
        shared, erased = _shared(desk, children), erased_on(desk.ledger, child, parent)
        return {
            "known": bool(found or shared or erased),
            "looked_up_by": principal,
            "month": str(month) if month else "",
            "decisions": found,
            "shared": shared,
            "said_later": _said_later(desk.ledger, parts, child, parent) if found or shared else [],
            "erased": erased,
        }


# --- who asks, and about whom ---------------------------------------------------------------------


def checked_number(text: str) -> str:
    """The NHS number as ten digits; raises SettingsError, which does not repeat it."""
    number = "".join(character for character in text if not character.isspace() and character != "-")
    digits = [int(one) for one in number if one in "0123456789"]
    weights = range(_DIGITS, 0, -1)  # modulus 11, NHS Data Dictionary; the check digit itself counts once
    fits = len(digits) == len(number) == _DIGITS
    if not fits or sum(one * weight for one, weight in zip(digits, weights, strict=True)) % 11:
        raise SettingsError(
            "That is not an NHS number",
            do="It has ten digits, and the last is a check on the others. Nothing was looked up.",
        )
    return number


# --- where decisions are --------------------------------------------------------------------------


def parts_of(home: Home, desk: Desk, month: Month | None) -> Iterator[Part]:
    """Every decision that is still there, the newest month first."""
    recorded = kept.standing(desk.ledger)
    decided = {Month.parse(entry.month) for entry in desk.ledger.entries(kinds={Decided.kind})}
    for one in sorted(decided if month is None else decided & {month}, reverse=True):
        staging = Staging(home.state / "working", str(one), WrappingKey(home))
        yield from _open_parts(desk, staging, one)
        if not staging.has(BIRTHS):
            yield from (_closed(kept.read(home, at, what)) for (at, _), what in recorded.items() if at == one)


def _open_parts(desk: Desk, staging: Staging, month: Month) -> Iterator[Part]:
    """What the working files of an open month say, after the gate where a list was made."""
    for entry in desk.ledger.entries(month=str(month), kinds={Decided.kind}):
        name = entry.body.agreement if isinstance(entry.body, Decided) else ""
        if not staging.has(decisions_of(name)):
            continue
        then = staging.frame(decisions_of(name))
        permits = [one for one in desk.ledger.standing_permits(str(month)) if one.agreement == name]
        files = [file_of("gated", permit) for permit in permits]
        gated = [staging.frame(file) for file in files if staging.has(file)]
        yield Part(
            month,
            Agreement.model_validate_json(staging.get(terms_of(name))),
            _decided_on(staging, entry.at),
            still_open=True,
            births=staging.frame(BIRTHS),
            answers=staging.frame(ANSWERS),
            decisions=kept.in_codes(then, pd.concat([*gated, then]).drop_duplicates("reference")),
        )


def _decided_on(staging: Staging, recorded: datetime) -> date:
    """The day that the decisions are of: the release says it; before one is asked for, the ledger."""
    if not staging.has(PACK):
        return recorded.astimezone(LONDON).date()
    return datetime.fromisoformat(json.loads(staging.get(PACK))["decided_at"]).date()


def _closed(past: kept.Kept) -> Part:
    return Part(
        past.month,
        past.agreement,
        past.moment.date(),
        still_open=False,
        births=past.births,
        answers=past.answers,
        decisions=past.decisions,
    )


# --- what was decided -----------------------------------------------------------------------------


def _rows(part: Part, child: str, parent: str) -> pd.DataFrame:
    """The family's births, each child once: the row that speaks for it, with its decision."""
    births = part.births[(part.births["child"] == child) | (part.births["parent"] == parent)]
    decided = part.decisions.drop(columns=["supplier", "child"])
    rows = births.merge(decided, on="reference")
    older = rows["reasons"].str.contains(str(Reason.DUPLICATE_RECORD), regex=False)
    return rows[~older].sort_values("reference")


def _records(rows: pd.DataFrame) -> Iterator[Any]:
    """The rows one by one, each column by its name."""
    return iter(rows.itertuples(index=False))


def _about(part: Part, child: str, parent: str, desk: Desk) -> list[dict[str, Any]]:
    """What was decided about each child of the family under one agreement in one month."""
    rows = _rows(part, child, parent)
    return [
        {
            "month": str(part.month),
            "month_is": "open" if part.still_open else "closed",
            "agreement": part.agreement.id,
            "version": part.agreement.version,
            "title": part.agreement.title,
            "child": f"{place} of {len(rows)}",
            "recipient": row.recipient,
            "recipient_name": _name(desk, row.recipient),
            **_outcome(part, row, desk.now.date()),
        }
        for place, row in enumerate(_records(rows), start=1)
    ]


def _name(desk: Desk, code: str) -> str:
    known = desk.recipients.get(code)
    return known.name if known else ""


def _outcome(part: Part, row: Any, today: date) -> dict[str, Any]:
    """Outcome and reasons, as decided and after the last look, and when they may change."""
    family = _days(part, row)
    codes = row.final_reasons.split(";")
    found = [reason for reason in Reason if reason in codes]
    look = today if part.still_open else next_look(family, part.agreement, part.month)
    prospects = [
        may_change(reason, family, part.agreement, month=part.month, decided=part.decided, look=look)
        for reason in found
    ]
    day = together(prospects) if found else None
    stands = part.still_open and row.final_outcome == "share"
    until = stands_until(family, part.agreement) if stands else None
    return {
        "outcome": row.final_outcome,
        "decided": row.outcome,
        "without_its_list": row.outcome == "share" and row.final_outcome != "share" and not found,
        "reasons": [
            {
                "code": str(reason),
                "words": reason.wording,
                "clause": clause(reason, part.agreement),
                "private": reason in PRIVATE,
                "may_change": prospect.words,
                "may_change_from": _written(prospect.day),
            }
            for reason, prospect in zip(found, prospects, strict=True)
        ],
        "may_change_from": _written(day),
        "stands_until": _written(until),
    }


def _days(part: Part, row: Any) -> Days:
    """The family's days that the agreement counts from."""
    answers = answers_about(part.agreement, part.answers[part.answers["child"] == row.child])
    agreed = [row.consent_date] if row.consent_status == "given" else []
    agreed += list(answers.loc[answers["answer"] == "given", "date"])
    return Days(
        born=row.date_of_birth.date(),
        told=_day(row.notice_date),
        moved=_day(row.address_since),
        agreed=tuple(day.date() for day in agreed if not pd.isna(day)),
    )


def _day(moment: pd.Timestamp) -> date | None:
    return None if pd.isna(moment) else moment.date()


def _written(day: date | None) -> str:
    return day.isoformat() if day else ""


# --- what was shared, and what was said since -----------------------------------------------------


def _shared(desk: Desk, children: Collection[str]) -> list[dict[str, Any]]:
    """Every list that one of the children is on, and what became of it; not those that were never sent."""
    found = [entry.body for entry in desk.ledger.disclosures_of(children)]
    permits = {one.permit for one in found if isinstance(one, Disclosure) and one.child in children}
    became = _became(desk.ledger.followed(permits, ()))
    rows = [{**one, "recipient_name": _name(desk, one["recipient"])} for one in became.values()]
    return sorted(rows, key=lambda row: str(row["month"]))


def _became(entries: Iterable[Recorded]) -> dict[int, dict[str, Any]]:
    """What became of each permitted list, by its permit."""
    lists: dict[int, dict[str, Any]] = {}
    for entry in entries:
        at, body = entry.at.isoformat(timespec="seconds"), entry.body
        if isinstance(body, PermitBody):
            lists[entry.seq] = {
                "month": entry.month,
                "agreement": body.agreement,
                "version": body.version,
                "recipient": body.recipient,
                "state": "not delivered yet",
                "at": at,
            }
        elif isinstance(body, Publishing):
            lists[body.permit] |= {"state": "may have arrived", "at": at}
        elif isinstance(body, Delivered):
            lists[body.permit] |= {"state": "delivered", "at": at}
    return lists


def erased_on(ledger: Ledger, child: str, parent: str) -> list[str]:
    """The days on which something that was kept about the family was erased."""
    said = ledger.entries(kinds={FamilyErased.kind})
    days = {
        _written(entry.at.astimezone(LONDON).date())
        for entry in said
        if isinstance(entry.body, FamilyErased)
        and entry.body.subject in (child, parent)
        and _is_known(entry.body)
    }
    return sorted(days)


def _is_known(erased: FamilyErased) -> bool:
    """Whether there was anything to erase."""
    return bool(erased.parts or erased.lists)


def _said_later(ledger: Ledger, parts: Iterable[Part], child: str, parent: str) -> list[dict[str, Any]]:
    """Later words about the children, their parents and their homes, as far as they are on record."""
    subjects = {child: "the child", parent: "the parent"}
    for part in parts:
        for row in _records(_rows(part, child, parent)):
            subjects |= {row.child: "the child", row.parent: "the parent", row.dwelling: "the address"}
    subjects.pop("", None)
    return [
        {
            "about": subjects[said.subject],
            "code": said.word,
            "words": in_words(said.word),
            "since": said.since[:10],
        }
        for said in ledger.words_about(subjects)
    ]


def in_words(word: str) -> str:
    """A later word, as people read it."""
    wordings = {str(reason): reason.wording for reason in Reason}
    return wordings.get(word, "the record of the death was taken back")
