"""How recipients stand with their lists: what is not collected, acknowledged or destroyed, and what is late.

From the ledger alone; nobody is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from pipeline.afterwards import sent
from pipeline.afterwards.sent import Clock, Sent, day_of
from pipeline.home import Home, Receipts, Recipient
from pipeline.ledger.ledger import Ledger

CLOCKS: tuple[Clock, ...] = ("collection", "acknowledgement", "destruction")


def report(home: Home, ledger: Ledger, *, now: datetime) -> dict[str, Any]:
    """What is open at every recipient now.

    Keys: alarms (what is late, a sentence for each recipient), recalls (rows called back and not said to be
    off their list, late ones first: see `sent.Unanswered.as_json`), recipients (see `_standing`, late ones
    first), and late (how many recipients).
    """
    today, limits, register = day_of(now), home.settings.receipts, home.recipients()
    rows = sent.states(ledger)
    back = sent.open_recalls(ledger, rows)
    recalls = [one.as_json(today) for one in sorted(back, key=lambda one: one.due)]
    alarms = sent.alarms(rows, back, limits, today, register)
    return {
        "alarms": alarms,
        "recalls": recalls,
        "recipients": _standing(rows, limits, today, register),
        "late": len(alarms),
    }


def _standing(
    rows: Iterable[Sent], limits: Receipts, today: date, register: Mapping[str, Recipient]
) -> list[dict[str, Any]]:
    """For each recipient with an open list: code, name, contact, lists (open ones), and for each of CLOCKS
    how many wait for it (open), how many are late, and the day by which the first is due ("" for none).
    """
    groups: dict[str, list[Sent]] = {}
    for one in rows:
        if one.is_list and one.open and one.delivered:
            groups.setdefault(one.recipient, []).append(one)
    found = [
        {
            "code": code,
            "name": register[code].name if code in register else "",
            "contact": register[code].contact if code in register else "",
            "lists": len(mine),
            **{clock: _clock(mine, clock, limits, today) for clock in CLOCKS},
        }
        for code, mine in sorted(groups.items())
    ]
    return sorted(found, key=lambda one: not any(one[clock]["late"] for clock in CLOCKS))


def _clock(lists: Collection[Sent], clock: Clock, limits: Receipts, today: date) -> dict[str, Any]:
    due = sorted(one.clocks(limits)[clock] for one in lists if clock in one.clocks(limits))
    return {
        "open": len(due),
        "late": sum(day < today for day in due),
        "first": due[0].isoformat() if due else "",
    }
