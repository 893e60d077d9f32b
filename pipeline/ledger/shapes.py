"""Telling quickly that a text is canonical JSON, where thousands of them are alike but for their values.

To parse a body and write it again takes three times as long as to compare it with the pattern of the last one
of its kind. A pattern says less than canonical JSON does, never more: what it does not fit is parsed.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pipeline.ledger.entries import canonical

# A text of characters that stand for themselves, a whole number, or a truth value.
_VALUE = r'(?:"[^"\\\x00-\x1f]*+"|0|-?[1-9][0-9]{0,17}|true|false|null)'
_unpacked = json.JSONDecoder().raw_decode


class Shapes:
    """The patterns of bodies that were seen, one for each kind."""

    def __init__(self) -> None:
        self._patterns: dict[str, re.Pattern[str]] = {}

    def fits(self, kind: str, text: str) -> bool:
        """Whether `text` is the canonical JSON of an object; raises ValueError, or others, for no JSON."""
        pattern = self._patterns.get(kind)
        if pattern is not None and pattern.fullmatch(text):
            return True
        body, _ = _unpacked(text)
        if not isinstance(body, dict) or canonical(body) != text:
            return False
        self._patterns[kind] = _pattern(body)
        return True


def _pattern(body: dict[str, Any]) -> re.Pattern[str]:
    """What bodies with the same names look like; one with parts of its own fits none, and is parsed again."""
    names = (re.escape(canonical(name)) for name in sorted(body))
    return re.compile(r"\{" + ",".join(f"{name}:{_VALUE}" for name in names) + r"\}")
