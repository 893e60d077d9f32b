"""How the number of births in an area is told, so that nobody can subtract a list from it.

Whoever has the lists of an area knows of so many babies there. The true number, less these, would be the
families that said no or are left out, and in a small place people would know who. So of the babies that
are on no list at least `ROOM` different numbers always stay possible, also for somebody who knows this
rule and every list of the month. Two things see to it. (The rest is in infra/decisions/0050.)

- A number is told rounded only where it is far enough above the babies who are on lists, or may come
  onto one. Closer numbers are all told alike, as between two others, which depend on the lists alone, never
  on the number that is hidden.
- Of numbers that count the same children in different areas, only one is told: two of them could be
  subtracted from one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.agreements.model import Agreement, Rounding, Shares
from pipeline.looking_back.small_numbers import FEWEST

ROOM = 5  # how many numbers of babies on no list stay possible, at least


@dataclass(frozen=True)
class Rule:
    """How the numbers of one set of areas are told, to everybody who is told them."""

    rounding: Rounding
    below: int  # smaller numbers are all told alike, as fewer than this; 0: none are
    listed: bool  # whether children of these areas may be on any list of the month


@dataclass(frozen=True)
class Told:
    """A number of births as a recipient is told it: rounded, as between two others, or not at all."""

    rounded: int | None = None
    least: int | None = None
    most: int | None = None
    rounding: Rounding = Rounding.NHS_ENGLAND_5

    def __str__(self) -> str:
        if self.most is None or self.least is None:
            return "not told this month" if self.rounded is None else f"{self.rounded:,}"
        return f"between {self.least:,} and {self.most:,}" if self.least else f"fewer than {self.most + 1:,}"


NOT_TOLD = Told()


def rules(agreements: Iterable[Agreement]) -> Mapping[str, Rule]:
    """By agreement of one month, how it tells its numbers; one that must not tell any is not in it.

    Agreements that count the same births in the same areas tell them in one way, the coarsest that any of
    them asks for. Of those that count the same births in different areas only one tells: areas before a
    recipient by name, then whichever started first.
    """
    month = list(agreements)
    told: list[list[Agreement]] = []
    for group in _alike(month):
        if not any(_overlap(group[0], other[0]) for other in told):
            told.append(group)
    return {one.id: _rule(group, month) for group in told for one in group}


def remarks(agreements: Iterable[Agreement]) -> list[str]:
    """In words, which agreements of a month do not tell the numbers that they promise, and why."""
    month = list(agreements)
    telling = rules(month)
    silent = [one for one in month if one.totals is not None and one.id not in telling]
    return [
        f"{one.id}: no recipient is told how many babies were born. Numbers of the same births in other areas"
        f" are told under {_names(other for other in month if other.id in telling and _overlap(one, other))}."
        for one in silent
    ]


def _names(agreements: Iterable[Agreement]) -> str:
    return " and ".join(sorted(one.id for one in agreements))


def _alike(month: Iterable[Agreement]) -> list[list[Agreement]]:
    """The agreements that tell numbers, together where they count the same; whoever may tell comes first."""
    groups: dict[tuple[str, frozenset[str], frozenset[str]], list[Agreement]] = {}
    for one in sorted((one for one in month if one.totals is not None), key=_first):
        counts = (one.recipients.placed_in, frozenset(one.cohort.residents_of), frozenset(one.suppliers))
        groups.setdefault(counts, []).append(one)
    return list(groups.values())


def _first(one: Agreement) -> tuple[bool, str, str]:
    return one.recipients.named is not None, one.dates.starts.isoformat(), one.id


def _overlap(one: Agreement, other: Agreement) -> bool:
    """Whether a birth can count under both."""
    return _same_families(one, other) and bool({*one.suppliers} & {*other.suppliers})


def _same_families(one: Agreement, other: Agreement) -> bool:
    return bool({*one.cohort.residents_of} & {*other.cohort.residents_of})


def _rule(group: Iterable[Agreement], month: Iterable[Agreement]) -> Rule:
    asked = [(one, one.totals) for one in group if one.totals is not None]
    listed = any(
        other.shares is not Shares.TOTALS and _same_families(one, other)
        for one, _ in asked
        for other in month
    )
    rounding = max((totals.rounding for _, totals in asked), key=list(Rounding).index)
    below = max(totals.suppress_below or 0 for _, totals in asked)
    if not listed:
        return Rule(rounding, below, listed=False)
    if rounding is Rounding.NONE:
        rounding = Rounding.NEAREST_5
    return Rule(rounding, max(below, FEWEST), listed=True)


def told(count: int, known: int, rule: Rule) -> Told:
    """How `count` births of an area are told, `known` of whom are on lists or may yet come onto one.

    `known` is at most `count`.
    """
    least, most = _near(known, rule) if rule.listed else (0, rule.below - 1)
    if count <= most:
        return Told(least=least, most=most, rounding=rule.rounding)
    return Told(rounded(count, rule.rounding), rounding=rule.rounding)


def _near(known: int, rule: Rule) -> tuple[int, int]:
    """The numbers that are told alike since they are small, or less than ROOM above those who are known.

    The most is one that rounding would end at, so that the next numbers keep their room too. The least is
    what anybody could work out from the most: no smaller number of known children leads to it.
    """
    smallest, most = (_most(one, rule.rounding) for one in (rule.below - 1, known + ROOM - 1))
    if most <= smallest:
        return 0, smallest
    return most - rule.rounding.step + 1 - (ROOM - 1), most


def rounded(count: int, rounding: Rounding) -> int:
    """A number as it is rounded; halves go up."""
    if rounding is Rounding.NHS_ENGLAND_5:
        return round_to_5(count)
    return (count + rounding.step // 2) // rounding.step * rounding.step


def _most(count: int, rounding: Rounding) -> int:
    """The largest number that is rounded as this one; numbers that `listed` areas may have."""
    return rounded(count, rounding) + (rounding.step - 1) // 2


def round_to_5(count: int) -> int:
    """0 stays 0, 1 to 7 become 5, others go to the nearest 5.

    Source: NHS England, maternity and neonatal equalities appendices (rounding of small numbers).
    """
    if count == 0:
        return 0
    return max(5, (count + 2) // 5 * 5)


_ROUNDED = {
    Rounding.NONE: "It is the exact number.",
    Rounding.NEAREST_5: "It is rounded to the nearest 5.",
    Rounding.NHS_ENGLAND_5: "It is rounded so that no single family can be worked out from it: 5 stands for"
    " any number from 1 to 7, and larger numbers go to the nearest 5.",
    Rounding.NEAREST_10: "It is rounded to the nearest 10.",
}


def in_words(number: Told) -> str:
    """What the number means, for whoever is told it: one place for all lists."""
    if number.most is not None:
        return (
            "It is told in this way since it is small, or not far above the number of babies who are on lists"
            " or may come onto one. So nobody can work out how many are on none."
        )
    if number.rounded is None:
        return (
            "It is not told, since the numbers of other areas with the same families are told under another"
            " agreement. Together they could point to single families."
        )
    return _ROUNDED[number.rounding]
