"""Names as a card shows them: sensibly written, and never a ward's stand-in for a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words that a maternity ward writes where a child has no name yet. A real name that is caught here
# costs a card its name; a stand-in that is missed greets a child as "Male Infant".
_STAND_INS = re.compile(
    r"(?:BAB(?:Y|IES)(?:BOY|GIRL)?|BOY|GIRL|CHILD|INFANT|MALE|FEMALE|NEONATE|NEWBORN|TWINS?|TRIP(?:LETS?)?"
    r"|QUAD(?:RUPLET)?S?|QUIN(?:TUPLET)?S?|UN(?:KNOWN|NAMED)|NAMED?|NO|NONE|NOT|NK|TB[ACN]|TEMP(?:ORARY)?)\Z"
)
# Family names are real words more often (Child, Boy, Twin), so fewer of them are taken for stand-ins.
_FAMILY_STAND_INS = re.compile(r"(?:BABY|INFANT|NK|TB[ACN]|UNKNOWN|UNNAMED)\Z")

_WORD = re.compile(r"[^\W_]+")
_NO_NAME_HAS = re.compile(r"[\d/\\?*_#<>]")
_WORD_START = re.compile(r"(?:^|(?<=[\s.\-]))\w|(?<=['’])\w(?=\w)")


def is_temporary(given: str, family: str) -> bool:
    """Whether a child's name is a stand-in ("BABY SMITH", "Infant", "Twin 1", "Male infant", blank).

    Source: the decision rules, "Households". PDS calls them temporary names assigned at birth.
    """
    if _stands_in(given, _STAND_INS) or _is_initial(given):
        return True
    return family != "" and _stands_in(family, _FAMILY_STAND_INS)


def _stands_in(name: str, stand_ins: re.Pattern[str]) -> bool:
    words = _WORD.findall(name.upper())
    return not words or bool(_NO_NAME_HAS.search(name)) or any(stand_ins.match(word) for word in words)


def _is_initial(given: str) -> bool:
    # One plain letter marks a twin ("A", "B"); one character can be a whole name in other scripts.
    return len(given) == 1 and given.isascii()


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
