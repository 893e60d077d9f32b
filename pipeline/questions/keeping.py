"""Evidence that data went when it should: here, and at the recipients of lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.afterwards import sent
from pipeline.afterwards.sent import Sent, day_of
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.keeping import retention
from pipeline.keeping.limits import CLASSES
from pipeline.ledger.entries import (
    DataDestroyed,
    FamilyErased,
    KeptDestroyed,
    Kind,
    OpeningsDestroyed,
    Recorded,
    RetentionChecked,
    StagingDestroyed,
)
from pipeline.ledger.ledger import Ledger
from pipeline.looking_back.course import written

_KINDS = {
    Kind.DATA_DESTROYED,
    Kind.FAMILY_ERASED,
    Kind.KEPT_DESTROYED,
    Kind.OPENINGS_DESTROYED,
    Kind.RETENTION_CHECKED,
    Kind.STAGING_DESTROYED,
}
# Where a list stands that its recipient may not hold any more, or may hold still.
FATES = ("in_time", "after_its_day", "removed", "overdue", "not_due")


def report(
    home: Home, ledger: Ledger, *, since: date | None, until: date | None, now: datetime
) -> dict[str, Any]:
    """What is kept now, and what was destroyed from one day to another, here and at recipients.

    Keys: since, until, at; classes (as `retention.limits_of`, with kept and overdue now: files, None where
    nothing is counted); waiting and unknown (how many things wait for a person, and files that no class
    knows); checks (days, of_days, longest_gap in days, with_overdue, last); destroyed (day, class, number,
    limit_days); months whose working files went (day, month, ended_by, why); previews, which are kept
    decisions (day, month, agreement); openings (day, because, stretches); erasures (day, parts); lists (by
    recipient: how many, FATES, reminders); and late_lists.
    Raises what `retention.run` raises for a dry run.
    """
    entries = [one for one in ledger.entries(kinds=_KINDS) if _in(one.at, since, until)]
    now_kept = retention.run(home, now=now, dry_run=True)
    ending = {one.name for one in CLASSES if one.ends}
    waiting = Counter(one["class"] for one in now_kept["waiting"])
    lists = [one for one in sent.states(ledger) if one.is_list and one.delivered]
    due = [one for one in lists if one.due is None or _between(one.due, since, until)]
    return {
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "at": written(now),
        "classes": [
            {
                **one,
                "kept": now_kept["kept"].get(one["class"], 0) if one["class"] in ending else None,
                "overdue": waiting[one["class"]] + now_kept["destroyed"].get(one["class"], 0),
            }
            for one in retention.limits_of(home)
        ],
        "waiting": sum(waiting.values()),
        "unknown": len(now_kept["unknown"]),
        "checks": _checks(entries, since, until or day_of(now)),
        **_destroyed(entries),
        "lists": _by_recipient(due, _reminders(ledger), day_of(now)),
        "late_lists": [_late(one, day_of(now)) for one in due if _fate(one, day_of(now)) in _LATE],
    }


_LATE = ("after_its_day", "overdue")


def looked_through(home: Home, watch: Callable[[int, int], None]) -> dict[str, Any]:
    """`report` of everything up to now, for whoever has it looked through; how far it is cannot be said."""
    with opened_ledger(home) as ledger:
        return report(home, ledger, since=None, until=None, now=datetime.now(UTC))


def _destroyed(entries: Iterable[Recorded]) -> dict[str, list[dict[str, Any]]]:
    """What went here, each kind of thing oldest first."""
    found: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("destroyed", "months", "previews", "openings", "erasures")
    }
    for one in entries:
        body, day = one.body, day_of(one.at).isoformat()
        if isinstance(body, DataDestroyed):
            said = {"class": body.data_class, "number": body.destroyed, "limit_days": body.limit_days}
            found["destroyed"].append({"day": day, **said})
        elif isinstance(body, StagingDestroyed):
            found["months"].append(
                {"day": day, "month": one.month, "ended_by": body.principal, "why": body.note}
            )
        elif isinstance(body, KeptDestroyed):
            found["previews"].append({"day": day, "month": one.month, "agreement": body.agreement})
        elif isinstance(body, OpeningsDestroyed):
            found["openings"].append({"day": day, "because": body.because, "stretches": len(body.entries)})
        elif isinstance(body, FamilyErased):
            found["erasures"].append({"day": day, "parts": body.parts})
    return found


# --- the daily look -------------------------------------------------------------------------------


def _checks(entries: Sequence[Recorded], since: date | None, until: date) -> dict[str, Any]:
    """On how many days it was looked, how long nobody did, and on how many something was overdue."""
    looks = [(day_of(one.at), one.body) for one in entries if isinstance(one.body, RetentionChecked)]
    days = sorted({day for day, _ in looks})
    first = since or (days[0] if days else until)
    edges = [first - timedelta(days=1), *days, until + timedelta(days=1)]
    gaps = [(after - before).days - 1 for before, after in zip(edges, edges[1:], strict=False)]
    return {
        "days": len(days),
        "of_days": (until - first).days + 1 if days or since else 0,
        "longest_gap": max(gaps) if days or since else 0,
        "with_overdue": len({day for day, body in looks if body.overdue or body.unknown}),
        "last": days[-1].isoformat() if days else "",
    }


# --- lists at recipients --------------------------------------------------------------------------


def _fate(one: Sent, today: date) -> str:
    """Which of FATES."""
    if one.destroyed:
        return "in_time" if one.due is None or day_of(one.destroyed) <= one.due else "after_its_day"
    if one.removed and not one.taken:
        return "removed"
    return "overdue" if one.due and one.due < today else "not_due"


def _by_recipient(lists: Iterable[Sent], reminders: Mapping[int, int], today: date) -> list[dict[str, Any]]:
    """For each recipient how many lists there were, what became of them, and how often it was reminded."""
    groups: dict[str, list[Sent]] = {}
    for one in lists:
        groups.setdefault(one.recipient, []).append(one)
    return [
        {
            "recipient": code,
            "lists": len(mine),
            **{fate: sum(_fate(one, today) == fate for one in mine) for fate in FATES},
            "reminders": sum(reminders.get(one.entry, 0) for one in mine),
        }
        for code, mine in sorted(groups.items())
    ]


def _reminders(ledger: Ledger) -> dict[int, int]:
    """By list: in how many notices its recipient was reminded to destroy it."""
    notices = [one for one in sent.states(ledger, month="") if one.what == "destruction" and one.delivered]
    return Counter(entry for one in notices for entry in one.about)


def _late(one: Sent, today: date) -> dict[str, Any]:
    """A list that was not said to be destroyed by its day."""
    ended = day_of(one.destroyed) if one.destroyed else today
    return {
        "recipient": one.recipient,
        "agreement": one.agreement,
        "month": one.month,
        "file": one.file,
        "due": one.due.isoformat() if one.due else "",
        "destroyed_at": written(one.destroyed),
        "days_late": (ended - one.due).days if one.due else 0,
    }


def _in(moment: datetime, since: date | None, until: date | None) -> bool:
    return _between(day_of(moment), since, until)


def _between(day: date, since: date | None, until: date | None) -> bool:
    return (since is None or day >= since) and (until is None or day <= until)
