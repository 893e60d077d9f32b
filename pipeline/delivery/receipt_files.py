"""What recipients put beside a list or notice to say what they did: small text files with a code.

    <file>.received.txt   the list was opened        <file>.destroyed.txt   it was destroyed
    <file>.done.txt       what a notice asks was done

The first line that is not blank holds the code that stands inside the list or notice. People write
these files by hand: capitals, spaces and a second ".txt" do not matter.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Literal

Word = Literal["received", "destroyed", "done"]
WORDS: tuple[Word, ...] = ("received", "destroyed", "done")

MOST_BYTES = 4_096

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def receipts_beside(names: Iterable[str], file_name: str) -> dict[Word, list[str]]:
    """The names in a folder that are receipts for this file, by what they say; a word may have several."""
    said = "|".join(WORDS)
    form = re.compile(rf"{re.escape(file_name)}\.({said})\.txt(\.txt)?", re.IGNORECASE)
    found: dict[Word, list[str]] = {}
    for name in sorted(names):
        match = form.fullmatch(name)
        for word in WORDS:
            if match and match[1].lower() == word:
                found.setdefault(word, []).append(name)
    return found


def holds(content: bytes, code: str) -> bool:
    """Whether the file's first line that is not blank is this code."""
    return code_in(content) == _letters(code) != ""


def code_in(content: bytes) -> str:
    """What stands where the code should, in capitals and digits alone; "" where nothing does."""
    lines = (_letters(line) for line in _text(content).splitlines())
    return next(filter(None, lines), "")


def _text(content: bytes) -> str:
    """The content as text, "" where it is none."""
    marks = [name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)]
    try:
        return content.decode(marks[0] if marks else "utf-8")
    except UnicodeDecodeError:
        return ""


def _letters(line: str) -> str:
    return "".join(letter for letter in line.upper() if letter.isalnum())
