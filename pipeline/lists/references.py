"""What a row of one list is called, and the code by which a recipient shows that it opened the list.

Both are made from keyed references under a key that is destroyed with the month's working files: a list that
is made again says the same, and when the month is closed nobody can try out whom a row was about. Which row
is whose is known from what opens the ledger's entries, for as long as that is there. A recall names a row by
its reference and nothing else. (Programs before this took the authority's own key.)
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

# No vowels, so no words; nothing that looks like another character.
_ALPHABET = "34679CDFGHJKMNPQRTWXY"
_GROUP = 5
CODE_FORM = f"[{_ALPHABET}]{{{_GROUP}}}-[{_ALPHABET}]{{{_GROUP}}}"


def row_reference(key: bytes, of_list: str, children: Sequence[str]) -> str:
    """The row about these children (keyed references) on the list `of_list`: "K7Q3M-9XTCD", 43 bits."""
    return _code(key, "row", of_list, *sorted(children))


def receipt_code(key: bytes, of_list: str, children: Sequence[str]) -> str:
    """What stands inside the list of these children, and on every receipt for it."""
    return _code(key, "receipt", of_list, *sorted(children))


def code_check(key: bytes, code: str) -> str:
    """By which a receipt's code is known again when nobody can tell any more who was on the list.

    The code may be written as people write it: only its letters and digits count.
    """
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hmac.digest(key, f"list\x1fcheck\x1f{letters}".encode(), "sha256").hex()


def list_name(agreement: str, month: str, recipient: str) -> str:
    """What one list is called, without the ending of its file."""
    return f"{agreement}_{month}_{recipient}"


def _code(key: bytes, *parts: str) -> str:
    said = "\x1f".join(("list", *parts)).encode()
    number = int.from_bytes(hmac.digest(key, said, "sha256"), "big")
    letters = []
    for _ in range(2 * _GROUP):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters[:_GROUP]) + "-" + "".join(letters[_GROUP:])
