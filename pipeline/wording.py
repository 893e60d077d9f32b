"""Codes that people also read in words: the code is for programs, the wording sits beside it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

SHOWN = 12  # characters of a digest that people read
LIKE_AN_IDENTIFIER = 9  # digits that could be an NHS number (ten digits) with a slip in it


class Worded(StrEnum):
    """A code with its wording and, where something can be done about it, an advice."""

    wording: str
    advice: str

    def __new__(cls, code: str, wording: str, advice: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.wording, member.advice = wording, advice
        return member


def stranger(principal: str) -> str:
    """Somebody whom the settings do not know, as a message may name them.

    Blank for what could be a family's number that was typed in the wrong place.
    """
    digits = sum(character.isnumeric() for character in principal)
    return principal if principal.isprintable() and digits < LIKE_AN_IDENTIFIER else ""
