"""How a postcode is written. Nothing is repaired here but case and spacing."""

from __future__ import annotations

import re

_SPACES = re.compile("[\\s\u00a0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+")
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z0-9]+")


def compact(given: str) -> str:
    """Upper case and without any kind of space; "" for what cannot be a postcode.

    Only letters and digits of ASCII pass, so that no other script is turned into a look-alike.
    """
    closed = _SPACES.sub("", given)
    return closed.upper() if _LETTERS_AND_DIGITS.fullmatch(closed) else ""


def spaced(postcode: str) -> str:
    """A compact postcode as the post office writes it, with one space before the last three."""
    return f"{postcode[:-3]} {postcode[-3:]}".strip()
