"""Somebody who has every list and every number of a month, knows the rules, and works out what is hidden."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from pipeline.lists.telling import Rule, Told, told

MOST = 60  # more births than any area of a tried month has
Tell = Callable[[int, int, Rule], Told]  # births, those who may be listed, rule


@dataclass
class Attacker:
    """For each area the numbers of births that are possible, after all that was seen of it."""

    listed: Mapping[str, int]  # by area, the babies on all lists together
    tell: Tell = told
    births: dict[str, set[int]] = field(init=False)
    _sums: list[tuple[tuple[str, ...], set[int]]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.births = {area: set(range(count, MOST)) for area, count in self.listed.items()}

    def sees(self, areas: Collection[str], number: Told, rule: Rule, *, held: int | None = None) -> None:
        """A number that was told of these areas together.

        `held` is how many held babies came onto a later list, where the attacker waited for it; else any
        number of them is tried.
        """
        listed = sum(self.listed[area] for area in areas)
        fits = {
            births
            for births, known in _told_alike(self.tell, rule, MOST * len(areas))[number]
            if (known >= listed if held is None else known == listed + held)
        }
        self._sums.append((tuple(areas), fits))

    def unlisted(self) -> dict[str, set[int]]:
        """By area, the numbers of babies on no list that fit everything, sums of areas too."""
        before = -1
        while before != (now := sum(map(len, self.births.values()))):
            before = now
            for areas, fits in self._sums:
                for area in areas:
                    others = _sums_of(self.births[other] for other in areas if other != area)
                    self.births[area] = {
                        one for one in self.births[area] if any(one + rest in fits for rest in others)
                    }
        return {area: {one - self.listed[area] for one in births} for area, births in self.births.items()}


@cache
def _told_alike(tell: Tell, rule: Rule, most: int) -> Mapping[Told, list[tuple[int, int]]]:
    """By what is told, all the births, and how many of them may be listed, of which it is told."""
    alike: defaultdict[Told, list[tuple[int, int]]] = defaultdict(list)
    for births in range(most):
        for known in range(births + 1):
            alike[tell(births, known, rule)].append((births, known))
    return alike


def _sums_of(several: Iterable[set[int]]) -> set[int]:
    sums = {0}
    for values in several:
        sums = {one + value for one in sums for value in values}
    return sums
