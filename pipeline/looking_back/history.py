"""A month beside the months before it: what its counts usually are, and which are out of the ordinary.

Of closed months everything comes from the ledger. A month that is open, or was ended without books, has no
counts to compare with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

from pipeline.agreed import LONDON
from pipeline.ledger import remembered
from pipeline.ledger.entries import (
    AreasCounted,
    Balanced,
    Books,
    Decided,
    ExtractReceived,
    Kind,
    MonthClosed,
    PermitAnnulled,
    PermitBody,
    Recorded,
)
from pipeline.ledger.ledger import Ledger
from pipeline.records import Month
from pipeline.steps.release import NOTABLE_CHANGE

MONTHS = 12  # how many are looked back at
FEWEST = 3  # earlier months, before anything is called usual
FEWEST_ROWS = 5  # a smaller difference is chance
FEWEST_ROUNDED = 10  # likewise of numbers that are rounded to fives, of which 5 may be a single birth

OUTCOMES = ("shared", "held", "withheld", "duplicates")
OF_AREAS = ("births", "consented", "shared")  # of the month's births, rounded
COUNTED = {
    Kind.DECIDED,
    Kind.PERMIT,
    Kind.PERMIT_ANNULLED,
    Kind.AREAS_COUNTED,
    Kind.BALANCED,
    Kind.MONTH_CLOSED,
    Kind.EXTRACT_RECEIVED,
}

Agreements = dict[str, dict[str, Any]]  # by id: version, received, quarantined, OUTCOMES, reasons
Households = dict[str, dict[str, int]]  # by agreement and recipient
Areas = dict[str, dict[str, dict[str, int]]]  # by agreement and recipient: OF_AREAS
Place = tuple[str, str, str]  # agreement or "", what is counted, code of a reason, recipient or supplier
WHOLE: Place = ("", "received", "")


@dataclass(frozen=True, eq=False)
class Past:
    """One earlier month; without counts where it has no books. Only itself is equal to it."""

    month: str
    state: str  # closed, open, or ended: without books
    received: int | None  # rows of all suppliers
    agreements: Agreements
    households: Households
    areas: Areas  # nothing before a month has books, or where an agreement places by no areas
    days_after: dict[str, int]  # by supplier: from the month's last day to when its file was signed


@dataclass(frozen=True)
class Compared:
    """One count, beside what it was in the month before and in all earlier months that have it."""

    agreement: str  # "": of the whole month
    what: str  # received, quarantined, one of OUTCOMES, reason, recipient, area_ and one of OF_AREAS, or
    # file: days until it was signed
    code: str  # of the reason, recipient or supplier
    now: int
    before: int | None
    median: float | None
    least: int | None
    most: int | None
    unusual: bool


def history(ledger: Ledger, state: Mapping[str, Any], *, months: int = MONTHS) -> dict[str, Any]:
    """The month whose state (`pipeline.facts`) is given, beside at most so many months before it.

    Keys: months (as Past has them, oldest first, this month last), compared_with (how many have books),
    fewest (how many it takes to call anything usual), compared (as Compared has them),
    unusual (how many of these are).
    """
    month = Month.parse(state["month"])
    earlier = [past for back in range(months, 0, -1) if (past := of_month(ledger, month.plus(-back)))]
    this = _this(ledger, state)
    compared = compare(this, earlier)
    return {
        "months": [dict(vars(past)) for past in (*earlier, this)],
        "compared_with": sum(bool(past.agreements) for past in earlier),
        "fewest": FEWEST,
        "compared": [dict(vars(one)) for one in compared],
        "unusual": sum(one.unusual for one in compared),
    }


def of_month(ledger: Ledger, month: Month) -> Past | None:
    """An earlier month as the ledger has it; None where nothing was decided or closed in it."""
    return remembered.of_month(ledger, str(month), COUNTED, _past)


def _past(month: str, entries: Collection[Recorded]) -> Past | None:
    balanced = any(isinstance(entry.body, Balanced) for entry in entries)
    closed = any(isinstance(entry.body, MonthClosed) for entry in entries)
    if not entries:
        return None
    return Past(
        month=month,
        state="closed" if balanced and closed else "ended" if closed else "open",
        received=_received(entries),
        agreements=agreements(entries),
        households=_households(entries) if balanced else {},
        areas=areas(entries) if balanced else {},
        days_after=_days_after(Month.parse(month), entries),
    )


def agreements(entries: Collection[Recorded]) -> Agreements:
    """The books of a month by agreement, all suppliers together, and its reasons; nothing without books.

    What the gate took off the lists is among the reasons.
    """
    books = _books(entries)
    decided = {one.body.agreement: one.body for one in entries if isinstance(one.body, Decided)}
    removed: dict[str, Counter[str]] = {}
    for permit in _standing(entries).values():
        removed.setdefault(permit.agreement, Counter()).update(permit.removed)
    return {
        name: {
            "version": decided[name].version,
            **_together(books[name].values()),
            "reasons": dict(sorted((Counter(decided[name].reasons) + removed.get(name, Counter())).items())),
        }
        for name in decided
        if name in books
    }


def areas(entries: Collection[Recorded]) -> Areas:
    """What was counted of each recipient's area when the books were made."""
    counted = {one.body.agreement: one.body for one in entries if isinstance(one.body, AreasCounted)}
    return {
        name: {code: {what: getattr(body, what)[code] for what in OF_AREAS} for code in body.births}
        for name, body in counted.items()
    }


def compare(this: Past, earlier: Collection[Past]) -> list[Compared]:
    """Every count that this month or an earlier one has, in the order of the month's page.

    A count that an earlier month lacks although its agreement ran then was 0 in it.
    """
    before, now = _before(this.month, tuple(earlier)), _counts(this)
    found = []
    for place in dict.fromkeys([*now, *before.usual]):
        if place[0] and place[0] not in this.agreements:
            continue  # an agreement that is over
        if place == WHOLE and len(this.agreements) == 1:
            continue  # its agreement says the same
        found.append(_compared(place, now.get(place), before.of(place)))
    return [one for one in found if one is not None]


@dataclass(frozen=True, slots=True)
class _Usual:
    """One count in the earlier months that can say anything of it."""

    numbers: tuple[int, ...]
    before: int | None  # in the month right before
    median: float | None
    least: int | None
    most: int | None


class _Earlier:
    """Every count of the months before `month`. Several threads ask it at once, so it stays as it is made."""

    def __init__(self, month: str, earlier: tuple[Past, ...]) -> None:
        self._newest, self._months = str(Month.parse(month).plus(-1)), earlier
        counted = [(past, _counts(past)) for past in earlier]
        places = dict.fromkeys(place for _, counts in counted for place in counts)
        self.usual = {place: self._of(place, counted) for place in places}

    def of(self, place: Place) -> _Usual:
        """One of them, or one that none of these months has."""
        return self.usual.get(place) or self._of(place, [(past, {}) for past in self._months])

    def _of(self, place: Place, counted: Iterable[tuple[Past, Mapping[Place, int]]]) -> _Usual:
        known = {past.month: counts.get(place, 0) for past, counts in counted if _had(past, place, counts)}
        numbers = tuple(known.values())
        return _Usual(
            numbers=numbers,
            before=known.get(self._newest),
            median=median(numbers) if numbers else None,
            least=min(numbers, default=None),
            most=max(numbers, default=None),
        )


# Of the same months, which `remembered` gives, the same: pages ask for them again and again.
_before = lru_cache(maxsize=64)(_Earlier)


def is_unusual(now: int, before: Collection[int], *, fewest: int = FEWEST_ROWS) -> bool:
    """Whether a count lies outside all earlier ones, and far enough from their middle not to be chance."""
    if len(before) < FEWEST or min(before) <= now <= max(before):
        return False
    middle = median(before)
    away = abs(now - middle)
    return away >= fewest and away > NOTABLE_CHANGE * max(middle, 1)


def _compared(place: Place, now: int | None, usual: _Usual) -> Compared | None:
    if now is None and place[1] == "file":
        return None  # it has not come, which other words say
    return Compared(
        *place,
        now=now or 0,
        before=usual.before,
        median=usual.median,
        least=usual.least,
        most=usual.most,
        unusual=_is_unusual(place[1], now or 0, usual.numbers),
    )


def _is_unusual(what: str, now: int, before: Collection[int]) -> bool:
    if what == "area_shared":
        return False  # the households of the list say so
    rounded = what.startswith("area_")
    return is_unusual(now, before, fewest=FEWEST_ROUNDED if rounded else FEWEST_ROWS)


def _had(past: Past, place: Place, counts: Mapping[Place, int]) -> bool:
    """Whether an earlier month can say anything of this count."""
    agreement, what, _ = place
    if what.startswith("area_"):
        return agreement in past.areas  # they are not counted in every month
    return agreement in past.agreements if agreement else place in counts


def _counts(past: Past) -> dict[Place, int]:
    found: dict[Place, int] = {("", "file", supplier): days for supplier, days in past.days_after.items()}
    if past.received is not None:
        found[WHOLE] = past.received
    for name, one in past.agreements.items():
        for what in ("received", "quarantined", *OUTCOMES):
            found[name, what, ""] = one[what]
        for code, rows in one["reasons"].items():
            found[name, "reason", code] = rows
        for code, households in past.households.get(name, {}).items():
            found[name, "recipient", code] = households
        for code, counts in past.areas.get(name, {}).items():
            for what in OF_AREAS:
                found[name, f"area_{what}", code] = counts[what]
    return found


def _this(ledger: Ledger, state: Mapping[str, Any]) -> Past:
    """The month itself, by its state; of an open one as it is decided so far."""
    households: Households = {}
    for row in state["recipients"]:
        households.setdefault(row["agreement"], {})[row["code"]] = row["households"]
    month = Month.parse(state["month"])
    entries = list(ledger.entries(month=str(month), kinds={Kind.AREAS_COUNTED, Kind.EXTRACT_RECEIVED}))
    over = "closed" if state["balanced"] else "ended"
    return Past(
        month=str(month),
        state=over if state["state"] == "closed" else "open",
        received=state["received"],
        agreements=dict(state["agreements"]),
        households=households,
        areas=areas(entries),
        days_after=_days_after(month, entries),
    )


def _books(entries: Collection[Recorded]) -> Books:
    return next((one.body.books for one in reversed(list(entries)) if isinstance(one.body, Balanced)), {})


def _received(entries: Collection[Recorded]) -> int | None:
    """Rows of all suppliers, each once however many agreements look at them; None without books."""
    rows = {
        supplier: columns["received"]
        for suppliers in _books(entries).values()
        for supplier, columns in suppliers.items()
    }
    return sum(rows.values()) if rows else None


def _together(suppliers: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter(dict.fromkeys(("received", "quarantined", *OUTCOMES), 0))
    for columns in suppliers:
        total.update(columns)
    return dict(total)


def _standing(entries: Iterable[Recorded]) -> dict[int, PermitBody]:
    """The permits that were not annulled, by their entry."""
    permits: dict[int, PermitBody] = {}
    for entry in entries:
        if isinstance(entry.body, PermitBody):
            permits[entry.seq] = entry.body
        elif isinstance(entry.body, PermitAnnulled):
            permits.pop(entry.body.permit, None)
    return permits


def _households(entries: Iterable[Recorded]) -> Households:
    found: Households = {}
    for permit in _standing(entries).values():
        found.setdefault(permit.agreement, {})[permit.recipient] = permit.households
    return found


def _days_after(month: Month, entries: Iterable[Recorded]) -> dict[str, int]:
    """By supplier: how many days after the month's last one its newest file was signed."""
    return {
        entry.body.supplier: (entry.body.signed_at.astimezone(LONDON).date() - month.last_day).days
        for entry in entries
        if isinstance(entry.body, ExtractReceived)
    }
