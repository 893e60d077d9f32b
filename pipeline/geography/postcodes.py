"""How a postcode is written. Nothing is repaired here but case and spacing."""

from __future__ import annotations

import re

INWARD = 3  # characters of the second half
UNIT = 2  # of these the last, by which the postcodes of one sector differ
SHORTEST, LONGEST = 5, 7  # characters of a compact postcode

_SPACES = re.compile("[\\s\u00a0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]+")
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z0-9]+")
# The forms A9, A99, AA9 and AA99 9AA everywhere, A9A and AA9A 9AA in London's centre alone; no district
# of two digits begins with 0, no second letter is I, J or Z, and C, I, K, M, O, V are in no second half.
_CENTRE = r"W1[A-HJKMNPR-Y]|E1W|N1[CP]|EC[1-4][ABEHMNPRVWXY]|WC[12][ABEHMNPRVWXY]|SW1[AEHPVWXY]|SE1P|NW1W"
_FORM = re.compile(rf"(?:[A-Z][A-HK-Y]?(?:[0-9]|[1-9][0-9])|{_CENTRE}|NPT|GIR)[0-9][ABD-HJLNP-UW-Z]{{2}}")
# Signs that people put around a postcode or between its halves. A question mark, a star or a line to be
# filled in (_) may stand for a character that somebody could not read, and is none of them.
_SIGNS = ".,;:'\"`´‘’“”()[]{}<>/\\|‐‑‒–—-"  # noqa: RUF001 - signs that look alike are meant
_APART = re.compile(rf"[{re.escape(_SIGNS)}]+")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_MOST = 60  # characters of a text that is looked at


def compact(given: str) -> str:
    """Upper case and without any kind of space; "" for what cannot be a postcode.

    Only letters and digits of ASCII pass, so that no other script is turned into a look-alike.
    """
    closed = given.replace(" ", "")
    if not closed.isalnum():
        closed = _SPACES.sub("", closed)
    return closed.upper() if closed.isascii() and closed.isalnum() else ""


def spaced(postcode: str) -> str:
    """A compact postcode as the post office writes it, with one space before the last three."""
    return f"{postcode[:-INWARD]} {postcode[-INWARD:]}".strip()


def plainly(given: str) -> str:
    """The text with an ordinary space wherever it has any kind of space."""
    return _SPACES.sub(" ", given).strip()


def could_be(postcode: str) -> bool:
    """Whether a compact text has the form of a postcode; not whether there is such a postcode."""
    return _FORM.fullmatch(postcode) is not None


def pieces(given: str) -> list[str]:
    """The runs of letters and digits, upper case; [] where anything but spaces and signs is between them.

    Letters and digits of full width are the same ones; other scripts are not.
    """
    text = _APART.sub(" ", _SPACES.sub(" ", given[:_MOST].translate(_FULL_WIDTH)))
    found = text.split()
    whole = len(given) <= _MOST and all(_LETTERS_AND_DIGITS.fullmatch(piece) for piece in found)
    return [piece.upper() for piece in found] if whole else []


def has_sign(given: str) -> bool:
    """Whether one of the signs that people put around a postcode, or in it, is in the text."""
    return _APART.search(given.translate(_FULL_WIDTH)) is not None
