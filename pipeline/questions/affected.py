"""How many people are on some lists: children, families and parents, each once, and nobody's name.

They are told apart by their keyed references, in memory: two hundred bytes for each child on a list. Where
references were destroyed it cannot be told who was on two lists, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.ledger.ledger import Ledger, Listed
from pipeline.questions.transfers import Transfer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def people(ledger: Ledger, lists: Iterable[Transfer]) -> dict[str, Any]:
    """How many children and families are on these lists.

    Keys: lists, households and children (as often as they stand on a list); distinct_children,
    distinct_families and named_parents (those whose references are still known); not_distinguished (rows of
    children whose references were destroyed: nobody can tell whether they are on another list too);
    at_most_children. A family is what shares a parent or a row of a list.
    """
    asked = list(lists)
    known = Told(ledger.on_permits([row.entry for row in asked]))
    times = sum(row.children for row in asked)
    unknown = times - known.rows
    return {
        "lists": len(asked),
        "households": sum(row.households for row in asked),
        "children": times,
        "distinct_children": known.children,
        "distinct_families": known.families,
        "named_parents": known.parents,
        "not_distinguished": unknown,
        "at_most_children": known.children + unknown,
    }


class Told:
    """Who is on lists, as far as their references say: rows, and children, parents and families once each."""

    def __init__(self, lists: Iterable[Sequence[Listed]]) -> None:
        import numpy as np

        children, parents, rows, before = [np.array([], "S1")], [np.array([], "S1")], [np.array([], int)], 0
        for on_list in filter(None, lists):
            child, parent, reference = zip(*on_list, strict=True)
            places = {one: before + place for place, one in enumerate(dict.fromkeys(reference))}
            before += len(places)
            children.append(np.array(child, "S"))
            parents.append(np.array(parent, "S"))
            rows.append(np.array([places[one] if one else -1 for one in reference]))
        child_of, parent_of, row_of = _numbered(children), _numbered(parents), np.concatenate(rows)
        known = child_of >= 0  # whoever has no reference is told from nobody
        self.rows = int(known.sum())
        self.children = int(child_of.max(initial=-1)) + 1
        self.parents = len(np.unique(parent_of[known & (parent_of >= 0)]))
        self.families = _families(child_of[known], [parent_of[known], row_of[known]])


def _numbered(references: list[NDArray[np.bytes_]]) -> NDArray[np.int64]:
    """A number for each reference, from 0 upward without gaps; -1 where there is none. Empties the list."""
    import numpy as np

    every = np.concatenate(references)
    references.clear()
    known, numbers = np.unique(every, return_inverse=True)
    return numbers - int(len(known) > 0 and known[0] == b"")


def _families(child: NDArray[np.int64], ties: Iterable[NDArray[np.int64]]) -> int:
    """How many groups of children hang together by what they share; below 0 they share nothing.

    Each child goes over to the lowest of those with whom it shares anything, until none does any more.
    """
    import numpy as np

    shared = [(child[tie >= 0], tie[tie >= 0]) for tie in ties]
    head = np.arange(child.max(initial=-1) + 1)
    while True:
        before = head.copy()
        for one, tie in shared:
            lowest = np.full(tie.max(initial=-1) + 1, len(head))
            np.minimum.at(lowest, tie, head[one])
            np.minimum.at(head, one, lowest[tie])
        head = head[head]
        if np.array_equal(head, before):
            return len(np.unique(head))
