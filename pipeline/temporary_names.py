"""Names that stand in for a name: the one list, for the rules on rows and for what a card calls a child.

Patterns are plain enough for RE2 and for Python's own expressions alike.
"""

from __future__ import annotations

import re

# Words that a maternity ward writes where a child has no name yet. A real name that is caught here
# costs a card its name; a stand-in that is missed greets a child as "Male Infant".
GIVEN = (
    r"BAB(?:Y|IES)(?:BOY|GIRL)?|BOY|GIRL|CHILD|INFANT|MALE|FEMALE|NEONATE|NEWBORN|TWINS?|TRIP(?:LETS?)?"
    r"|QUAD(?:RUPLET)?S?|QUIN(?:TUPLET)?S?|UN(?:KNOWN|NAMED)|NAMED?|NO|NONE|NOT|NK|TB[ACN]|TEMP(?:ORARY)?"
)
# Family names are real words more often (Child, Boy, Twin), so fewer of them are taken for stand-ins.
FAMILY = "BABY|INFANT|NK|TB[ACN]|UNKNOWN|UNNAMED"
IN_NO_NAME = r"/\\?*_#<>"  # beside digits

_WORD = re.compile(r"[^\W_]+")
_IN_NO_NAME = re.compile(rf"[\d{IN_NO_NAME}]")
_GIVEN, _FAMILY = (re.compile(rf"(?:{words})\Z") for words in (GIVEN, FAMILY))


def is_temporary(given: str, family: str) -> bool:
    """Whether a child's name is a stand-in ("BABY SMITH", "Infant", "Twin 1", "Male infant", blank).

    Source: the decision rules, "Households". PDS calls them temporary names assigned at birth.
    """
    if _stands_in(given, _GIVEN) or _is_initial(given):
        return True
    return family != "" and _stands_in(family, _FAMILY)


def _stands_in(name: str, stand_ins: re.Pattern[str]) -> bool:
    words = _WORD.findall(name.upper())
    return not words or bool(_IN_NO_NAME.search(name)) or any(stand_ins.match(word) for word in words)


def _is_initial(given: str) -> bool:
    # One plain letter marks a twin ("A", "B"); one character can be a whole name in other scripts.
    return len(given) == 1 and given.isascii()
