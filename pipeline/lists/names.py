"""Names as a card shows them: sensibly written, and never a ward's stand-in for a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.temporary_names import is_temporary

_WORD_START = re.compile(r"(?:^|(?<=[\s.\-]))\w|(?<=['’])\w(?=\w)")


def as_written(name: str) -> str:
    """A name in upper case as people write it (O'NEILL: O'Neill); any other name as received.

    Simple capitalisation only: MCDONALD becomes Mcdonald, for a guess could be wrong either way.
    """
    tidy = " ".join(name.split())
    if not tidy.isupper():
        return tidy
    return _WORD_START.sub(lambda letter: letter[0].upper(), tidy.lower())


def in_words(parts: Sequence[str]) -> str:
    """One phrase: "A", "A and B", "A, B and C"."""
    *first, last = parts or [""]
    return f"{', '.join(first)} and {last}" if first else last


def distinct(parts: Sequence[str]) -> list[str]:
    """The parts that are not blank, each once, in order."""
    return [part for part in dict.fromkeys(parts) if part]


def children(given: Sequence[str], family: Sequence[str]) -> str:
    """What a letter calls the children of one household: "Ava and Noah", or "your new baby".

    Where one child has no name yet, none is named: to name one twin alone would hurt.
    """
    if _any_temporary(given, family):
        return "your new baby" if len(given) == 1 else "your new babies"
    return in_words([as_written(name) for name in given])


def addressed_to(given: Sequence[str], family: Sequence[str]) -> str:
    """How an envelope addresses one household: "The parents or carers of Ava and Noah Smith".

    Without a name yet it is "The parents or carers", which is enough above the address.
    """
    if _any_temporary(given, family):
        return "The parents or carers"
    return f"The parents or carers of {_full_names([*map(as_written, given)], [*map(as_written, family)])}"


def _full_names(given: Sequence[str], family: Sequence[str]) -> str:
    if len(set(family)) == 1:
        return f"{in_words(given)} {family[0]}".strip()
    return in_words([f"{first} {last}".strip() for first, last in zip(given, family, strict=True)])


def _any_temporary(given: Sequence[str], family: Sequence[str]) -> bool:
    return any(is_temporary(first, last) for first, last in zip(given, family, strict=True))
