"""Counts of families that may be shown: what is small is hidden, and cannot be worked out from the rest.

A count of 1 to 7 is never shown. A total is shown only where it leaves several possibilities for every
hidden count beside it; otherwise what is shown for it is worked out from what is shown anyway. (The
limit is that of NHS England's rule for small numbers: 1 to 7 are suppressed.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FEWEST = 8  # the smallest count that is shown


@dataclass(frozen=True)
class Shown:
    """A count as it may be shown: exactly, or between two others."""

    least: int
    most: int

    @property
    def exact(self) -> bool:
        """Whether the very count is shown."""
        return self.least == self.most

    def __str__(self) -> str:
        if self.exact:
            return f"{self.least:,}"
        if self.least <= 1 and self.most == FEWEST - 1:
            return f"fewer than {FEWEST}"
        return f"between {self.least:,} and {self.most:,}"


@dataclass(frozen=True)
class Table:
    """Counts that add up to a total, as they may be shown."""

    cells: Mapping[str, Shown]
    total: Shown


def shown(count: int) -> Shown:
    """One count by itself."""
    return Shown(count, count) if count == 0 or count >= FEWEST else Shown(1, FEWEST - 1)


def table(counts: Mapping[str, int]) -> Table:
    """Counts of parts that do not overlap, and their total.

    Where the total would give a hidden count away, it is as wide as the sum of what is shown: then it
    says nothing that the cells do not say.
    """
    cells = {name: shown(count) for name, count in counts.items()}
    total = shown(sum(counts.values()))
    if not (total.exact and _keeps_its_secrets(counts.values())):
        total = Shown(sum(one.least for one in cells.values()), sum(one.most for one in cells.values()))
    return Table(cells, total)


def other_view(of: Table, counts: Mapping[str, int]) -> dict[str, Shown] | None:
    """The same total, parted in another way; None where that would give a hidden count away."""
    if not (of.total.exact and _keeps_its_secrets(counts.values())):
        return None
    return {name: shown(count) for name, count in counts.items()}


def _keeps_its_secrets(counts: Iterable[int]) -> bool:
    """Whether somebody who knows the exact total still cannot tell any hidden count.

    The total and the counts that are shown give the sum of the hidden ones. It must leave room: at least
    two of them, and not nearly the least or the most that so many hidden counts can come to.
    """
    hidden = [count for count in counts if not shown(count).exact]
    most = (FEWEST - 1) * len(hidden)
    return not hidden or (len(hidden) > 1 and len(hidden) + 2 <= sum(hidden) <= most - 2)
