"""Each recipient in the register: whether lists go there, how long its key is good, what it has not done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pipeline.afterwards import sent
from pipeline.afterwards.sent import Clock, Sent, Unanswered
from pipeline.agreements.deadlines import how_soon
from pipeline.errors import SettingsError
from pipeline.home import Home, Recipient
from pipeline.ledger.ledger import Ledger
from pipeline.recipients import register
from pipeline.recipients.statement import part


@dataclass(frozen=True)
class Count:
    """How many of something there are, and how many of these are late."""

    open: int = 0
    late: int = 0


@dataclass(frozen=True)
class Standing:
    """One recipient, as it stands now."""

    entry: Recipient
    why_not: str  # why nothing goes there; "" where lists do
    key_until: date | None  # its last day, where it has one
    key_ends: str  # how urgently that is told of; "" where it is far away
    uncollected: Count  # lists
    unacknowledged: Count
    recalled: Count  # rows that are not said to be off a list

    @property
    def receives(self) -> bool:
        """Whether a list could go there, as far as the register says."""
        return not self.why_not


@dataclass(frozen=True)
class About:
    """All that is known of one recipient."""

    standing: Standing
    lists: tuple[Sent, ...]  # that were permitted, the newest first
    recalls: tuple[Unanswered, ...]
    signed: str  # what people sign of it: its entry, and a check of its key


def standings(home: Home, ledger: Ledger, *, now: datetime) -> list[Standing]:
    """Every recipient, as the register has them. Raises SettingsError where that cannot be read.

    As whenever the register is used, a change that enough people have signed is recorded as agreed.
    """
    known = home.recipients()
    return _standings(home, ledger, list(known.values()), _Sendings(ledger), now)


def about(home: Home, ledger: Ledger, code: str, *, now: datetime) -> About:
    """One recipient; raises SettingsError where the register has none of that code, or cannot be read."""
    known = home.recipients().get(code)
    if known is None:
        raise SettingsError(
            "There is no such recipient in the register",
            where="reference/recipients.yaml",
            do="Choose one of the list. Somebody who was taken out is in the register of transfers.",
        )
    sendings = _Sendings(ledger)
    [standing] = _standings(home, ledger, [known], sendings, now)
    return About(
        standing,
        tuple(reversed(sendings.lists.get(code, []))),
        tuple(sendings.recalls.get(code, [])),
        part(home, known),
    )


def way(one: Recipient) -> str:
    """Where its lists go, in a line."""
    if one.via == "folder":
        return f"the folder {one.folder}"
    folder = "where its account begins" if one.folder == "." else f"folder {one.folder}"
    through = f", through {one.jump.host}" if one.jump else ", through a program" if one.proxy_command else ""
    return f"{one.user}@{one.host}:{one.port}, {folder}{through}"


class _Sendings:
    """What was sent to each recipient, and what was called back from it."""

    def __init__(self, ledger: Ledger) -> None:
        rows = sent.states(ledger)
        self.lists: dict[str, list[Sent]] = {}
        self.recalls: dict[str, list[Unanswered]] = {}
        for one in rows:
            if one.is_list:
                self.lists.setdefault(one.recipient, []).append(one)
        for recall in sent.open_recalls(ledger, rows):
            self.recalls.setdefault(recall.told.recipient, []).append(recall)


def _standings(
    home: Home, ledger: Ledger, recipients: Sequence[Recipient], sendings: _Sendings, now: datetime
) -> list[Standing]:
    today = sent.day_of(now)
    why = register.stopped(home, ledger, recipients, at=now)
    found = []
    for one in recipients:
        until = register.key_ends(home, one)
        mine, recalls = sendings.lists.get(one.code, []), sendings.recalls.get(one.code, [])
        clocks = [row.clocks(home.settings.receipts) for row in mine if row.open]
        found.append(
            Standing(
                one,
                why.get(one.code, ""),
                until,
                how_soon(until, today) if until else "",
                _count(clocks, "collection", today),
                _count(clocks, "acknowledgement", today),
                Count(sum(row.rows for row in recalls), sum(row.rows for row in recalls if row.due < today)),
            )
        )
    return found


def _count(clocks: Collection[Mapping[Clock, date]], clock: Clock, today: date) -> Count:
    """Of how many lists a clock still runs, and for how many it has run out."""
    dues = [due for one in clocks if (due := one.get(clock))]
    return Count(len(dues), sum(due < today for due in dues))
