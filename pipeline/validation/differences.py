"""How a supplier's file differs from its earlier ones, in words: what a person must look at.

Two kinds of difference. What never was before (a column, a code, a date in a column that was always
empty) counts from its first row: a feed that begins to include children who died may begin with one.
What is a matter of more or less counts only where it is beyond chance and large: small places have small
numbers, and those vary.

Beyond chance: two shares x/n and X/N are turned into angles, 2·asin √((x + ⅜)/(n + ¾)), whose difference
has a standard deviation of √(1/(n + ½) + 1/(N + ½)) whatever the shares are (Anscombe 1948); it must be
_CHANCE of these. For the number of rows the same is done with 2·√(x + ⅜), whose standard deviation is 1.
Rare counts fool neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import asin, sqrt
from statistics import median
from typing import TypeVar

from pipeline.contract import Contract
from pipeline.home import Drift
from pipeline.validation.fingerprint import Fingerprint, alike

Counted = TypeVar("Counted")

_CHANCE = 4.0  # standard deviations; about one in 16,000 by chance
# Children of its own month that a file shares with an earlier one, of all in either. None should be.
_REPEATED = 0.5
# A file that looks ahead names most again. Where fifty are, a month changes some.
_REPEATED_AHEAD, _ENOUGH_AHEAD = 0.97, 50


@dataclass(frozen=True)
class Difference:
    """One difference in words, and what it is about: once that is accepted, history begins there anew."""

    about: str
    words: str


@dataclass(frozen=True)
class Earlier:
    """An earlier month's file that was used, and what somebody accepted about it (Difference.about)."""

    month: str
    fingerprint: Fingerprint
    accepted: frozenset[str] = frozenset()


def differences(
    now: Fingerprint, history: Sequence[Earlier], contract: Contract, limits: Drift
) -> tuple[Difference, ...]:
    """How the file differs from the same supplier's earlier ones (`history`, oldest first).

    What never was before is asked of all of them, the rest of the last `limits.months`. Without history
    nothing differs.
    """
    if not history:
        return ()
    recent = history[-limits.months :]
    return (
        *_repeated(now, recent, contract),
        *_rows(now, recent, limits),
        *_timely(now, recent, contract, limits),
        *_columns(now, history),
        *_filled(now, history, recent, contract, limits),
        *_forms(now, recent, contract, limits),
        *_codes(now, history, recent, contract, limits),
        *_quarantined(now, recent, limits),
    )


def announced(
    now: Fingerprint, history: Sequence[Earlier], contract: Contract, limits: Drift
) -> Iterator[str]:
    """Codes that come for the first time, and pass because the settings said that they would."""
    for name, counts in _in_order(now.codes, contract):
        known = [one.fingerprint.codes[name] for one in history if name in one.fingerprint.codes]
        for code, rows in counts.items():
            expected = code in limits.known_codes.get(name, ())
            if known and expected and not any(one.get(code) for one in known):
                yield f"{name}: code {code} never came before; {_of_rows(rows)}"


# --- the file as a whole --------------------------------------------------------------------------


def _repeated(now: Fingerprint, recent: Sequence[Earlier], contract: Contract) -> Iterator[Difference]:
    """The same children again: most likely an earlier month's file under this month's name."""
    ahead = contract.months_ahead > 0
    if ahead and now.rows < _ENOUGH_AHEAD:
        return
    for one in reversed(recent):
        share = alike(now.sketch, one.fingerprint.sketch)
        if share >= (_REPEATED_AHEAD if ahead else _REPEATED):
            about = "the women in it" if ahead else "the children born in its month"
            yield Difference(
                "repeated",
                f"the file looks like that of {one.month}: about {share:.0%} of {about} were in that one too",
            )
            return


def _rows(now: Fingerprint, recent: Sequence[Earlier], limits: Drift) -> Iterator[Difference]:
    counts = [one.fingerprint.rows for one in _since("rows", recent)]
    usual = median(counts)
    chance = _wander(now.rows) - _wander(usual)
    if abs(chance) < _CHANCE * sqrt(1 + 1 / len(counts)):
        return
    if not limits.rows_lower * usual <= now.rows <= limits.rows_upper * usual:
        usually = f"{usual:,.0f} usually (the middle of {len(counts)} earlier files)"
        yield Difference("rows", f"the file has {now.rows:,} rows, {usually}")


def _timely(
    now: Fingerprint, recent: Sequence[Earlier], contract: Contract, limits: Drift
) -> Iterator[Difference]:
    about = f"own month {contract.month_of}"
    base = [
        (one.fingerprint.timely, one.fingerprint.rows)
        for one in _since(about, recent)
        if one.fingerprint.timely is not None
    ]
    before = sum(own for own, _ in base), sum(rows for _, rows in base)
    if now.timely is not None and _far(now.timely, now.rows, *before, limits):
        words = (
            f"{contract.month_of}: rows of the file's own month are {_beside(now.timely, now.rows, *before)}"
        )
        yield Difference(about, words)


# --- column by column -----------------------------------------------------------------------------


def _columns(now: Fingerprint, history: Sequence[Earlier]) -> Iterator[Difference]:
    known = frozenset().union(*(one.fingerprint.columns for one in history))
    for name in sorted(now.columns - known):
        yield Difference(f"column {name}", f"{name}: the column never came before")
    for name in sorted(history[-1].fingerprint.columns - now.columns):
        yield Difference(f"column {name}", f"{name}: the column is missing; it was in the last file")


def _filled(
    now: Fingerprint,
    history: Sequence[Earlier],
    recent: Sequence[Earlier],
    contract: Contract,
    limits: Drift,
) -> Iterator[Difference]:
    dates = contract.of_type("date", "timestamp")
    for name, rows in _in_order(now.filled, contract):
        about = f"filled {name}"
        ever = [one.fingerprint.filled[name] for one in history if name in one.fingerprint.filled]
        base = [one for one in _since(about, recent) if name in one.fingerprint.filled]
        before = (
            sum(one.fingerprint.filled[name] for one in base),
            sum(one.fingerprint.rows for one in base),
        )
        if name in dates and ever and not any(ever) and rows:
            yield Difference(about, f"{name}: was always empty, and is filled now; {_of_rows(rows)}")
        elif _far(rows, now.rows, *before, limits):
            what = "is empty now; filled rows are" if not rows else "filled rows are"
            yield Difference(about, f"{name}: {what} {_beside(rows, now.rows, *before)}")


def _forms(
    now: Fingerprint, recent: Sequence[Earlier], contract: Contract, limits: Drift
) -> Iterator[Difference]:
    dates = contract.of_type("date", "timestamp")
    for name, rows in _in_order(now.forms, contract):
        about = f"form {name}"
        base = [one.fingerprint for one in _since(about, recent) if name in one.fingerprint.forms]
        before = sum(one.forms[name] for one in base), sum(one.filled[name] for one in base)
        if _far(rows, now.filled[name], *before, limits):
            form = "written as a date" if name in dates else "of digits alone"
            words = f"{name}: values {form} are {_beside(rows, now.filled[name], *before, of_what='values')}"
            yield Difference(about, words)


def _codes(
    now: Fingerprint,
    history: Sequence[Earlier],
    recent: Sequence[Earlier],
    contract: Contract,
    limits: Drift,
) -> Iterator[Difference]:
    for name, counts in _in_order(now.codes, contract):
        about = f"shares {name}"
        known = [one.fingerprint.codes[name] for one in history if name in one.fingerprint.codes]
        if not known:
            continue  # the column itself is new
        base = [one.fingerprint for one in _since(about, recent) if name in one.fingerprint.codes]
        total = sum(one.filled[name] for one in base)
        foretold = limits.known_codes.get(name, ())
        for code, meaning in contract.column(name).codes.items():
            rows, called = counts.get(code, 0), f"{name}: code {code} ({meaning})"
            before = sum(one.codes[name].get(code, 0) for one in base), total
            if rows and code not in foretold and not any(one.get(code) for one in known):
                yield Difference(f"code {name} {code}", f"{called} never came before; {_of_rows(rows)}")
            elif _far(rows, now.filled[name], *before, limits):
                what = "is" if rows else "comes no more:"
                beside = _beside(rows, now.filled[name], *before, of_what="values")
                yield Difference(about, f"{called} {what} {beside}")


def _quarantined(now: Fingerprint, recent: Sequence[Earlier], limits: Drift) -> Iterator[Difference]:
    for rule, rows in sorted(now.quarantined.items()):
        about = f"rule {rule}"
        base = [one.fingerprint for one in _since(about, recent) if rule in one.fingerprint.quarantined]
        before = sum(one.quarantined[rule] for one in base), sum(one.rows for one in base)
        if _far(rows, now.rows, *before, limits):
            words = f"rows that break the rule {rule} are {_beside(rows, now.rows, *before)}"
            yield Difference(about, words)


def _in_order(counted: Mapping[str, Counted], contract: Contract) -> Iterator[tuple[str, Counted]]:
    """The contract's columns in its order: the same differences are always signed in the same words."""
    return ((name, counted[name]) for name in contract.names if name in counted)


# --- more or less ---------------------------------------------------------------------------------


def _since(about: str, recent: Sequence[Earlier]) -> Sequence[Earlier]:
    """The history of one thing: from the file on in which somebody accepted that it had changed."""
    changed = [at for at, one in enumerate(recent) if about in one.accepted]
    return recent[changed[-1] :] if changed else recent


def _far(rows: int, of: int, earlier: int, of_earlier: int, limits: Drift) -> bool:
    """Whether a share is beyond chance, and so many points or so many times, away from what it was."""
    if not of or not of_earlier:
        return False
    chance = abs(_angle(rows, of) - _angle(earlier, of_earlier)) / sqrt(
        1 / (of + 0.5) + 1 / (of_earlier + 0.5)
    )
    low, high = sorted((rows / of, earlier / of_earlier))
    large = high - low > limits.share_points or high > limits.share_times * low
    return chance >= _CHANCE and large


def _angle(rows: int, of: int) -> float:
    return 2 * asin(sqrt((rows + 0.375) / (of + 0.75)))


def _wander(count: float) -> float:
    return 2 * sqrt(count + 0.375)


def _of_rows(rows: int) -> str:
    return f"{rows:,} row{'s' if rows > 1 else ''}"


def _beside(rows: int, of: int, earlier: int, of_earlier: int, *, of_what: str = "rows") -> str:
    return f"{rows:,} of {of:,} {of_what}, before {earlier:,} of {of_earlier:,}"
