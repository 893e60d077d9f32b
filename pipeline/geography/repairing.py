"""Repairing a postcode that was written wrongly, where only one can be meant.

Only what the directory does not know as written comes here. One kind of damage is undone: letters and
digits that look alike (O and 0, I and 1, small l and 1, S and 5, B and 8, Z and 2), or the text around
and between the two halves. Exactly one postcode of the whole directory must come of that, and Royal
Mail must still use it. Nothing is guessed by nearness; a letter that is missing, doubled or has changed
places is never repaired, and where such a slip would explain the text too, nothing is. Nor where some
pieces of the text make a live postcode without the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pipeline.geography.postcodes import INWARD, LONGEST, SHORTEST, could_be, has_sign, pieces

if TYPE_CHECKING:
    from pipeline.geography.directory import DirectoryFacts, Known

_ALIKE = ("O0", "I1", "L1", "S5", "B8", "Z2")
_EVERY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# What people write beside a postcode that says nothing against it; "old" or "moved" would.
_BESIDE = frozenset({
    "POSTCODE", "POST", "CODE", "PCODE", "PC", "HOME", "CURRENT", "TEMP", "TEMPORARY", "UK", "GB", "ENGLAND",
})  # fmt: skip


class Places(Protocol):
    """What is asked of a `directory.Directory`."""

    @property
    def facts(self) -> DirectoryFacts: ...

    def find(self, postcodes: Iterable[str]) -> Mapping[str, Known]: ...

    def beginning(self, start: str, length: int) -> Collection[str]: ...


class Reading(NamedTuple):
    """A text read as one postcode, the signs and words around it left out."""

    postcode: str  # compact; whether there is such a postcode is another question
    halved: bool  # it is written in two pieces, the second of three characters: neither half lacks one
    broken: bool  # a sign stands inside a half, where a character may be missing
    within: frozenset[str] = frozenset()  # what some of its pieces make: the others may be a house's number


def repaired(given: Iterable[str], places: Places) -> dict[str, Known]:
    """By text as it was given, the one live postcode that can be meant; other texts are not in it.

    `given` are texts that the directory does not know as written. A directory that holds only
    a part of the country cannot say that a postcode is the only one, and repairs nothing.
    """
    if places.facts.authorities or places.facts.part:
        return {}
    readings = {text: reading for text in given if (reading := read(text)) is not None}
    written = places.find(reading.postcode for reading in readings.values())
    meant = {text: _meant(reading, written) for text, reading in readings.items()}
    known = places.find({postcode for each in meant.values() for postcode in each})
    only = {text: found for text, each in meant.items() if (found := _one(known, each)) is not None}
    slips = {text: _slips(readings[text], written) | readings[text].within for text in only}
    others = places.find({postcode for each in slips.values() for postcode in each})
    return {
        text: found
        for text, found in only.items()
        if not any(others[one].live for one in slips[text] & others.keys() if one != found.postcode)
        and not _stands(readings[text], written, places)
    }


def read(given: str) -> Reading | None:
    """The text without signs and words around it; None for what holds anything else."""
    parts = [piece for piece in pieces(given) if piece not in _BESIDE]
    postcode, halved = "".join(parts), len(parts) == 2 and len(parts[1]) == INWARD
    half = postcode[: len(postcode) // 2]
    if len(half) >= SHORTEST and postcode == half * 2:  # written twice
        return Reading(half, False, False)
    if not SHORTEST <= len(postcode) <= LONGEST or _is_sector(postcode):
        return None
    return Reading(postcode, halved, len(parts) > 1 and not halved and has_sign(given), _within(parts))


def _is_sector(text: str) -> bool:
    """Whether the last two letters were left out, and not mistyped."""
    return could_be(f"{text}AA")


def _within(parts: Sequence[str]) -> frozenset[str]:
    """What has a postcode's form where some of the pieces are left out."""
    fewer = (some for count in range(1, len(parts)) for some in combinations(parts, count))
    return frozenset(text for some in fewer if could_be(text := "".join(some)))


def _meant(reading: Reading, written: Mapping[str, Known]) -> set[str]:
    """What may be meant: the postcode as it is read; or, if there is none such, those that look like it."""
    return {reading.postcode} if reading.postcode in written else look_alikes(reading.postcode)


def look_alikes(postcode: str) -> set[str]:
    """Every text of a postcode's form in which one pair of characters that look alike is exchanged."""
    changed = {
        "".join(letters)
        for pair in _ALIKE
        for letters in product(*(pair if letter in pair else letter for letter in postcode))
    }
    return {text for text in changed if could_be(text)} - {postcode}


def _one(known: Mapping[str, Known], meant: set[str]) -> Known | None:
    found = [known[postcode] for postcode in meant if postcode in known]
    return found[0] if len(found) == 1 and found[0].live else None


def _slips(reading: Reading, written: Mapping[str, Known]) -> set[str]:
    """What else would have become this text: by a missing, doubled or exchanged character.

    Where the two halves stand apart a character can be missing or doubled in the first alone.
    """
    if reading.postcode in written:
        return _one_more(reading.postcode) if reading.broken else set()
    if not reading.halved:
        text = reading.postcode
        return _one_more(text) | _not_doubled(text) | _exchanged(text)
    first, second = reading.postcode[:-INWARD], reading.postcode[-INWARD:]
    of_first = _one_more(first, second) | {one + second for one in _not_doubled(first) | _exchanged(first)}
    return of_first | {first + one for one in _exchanged(second)}


def _one_more(text: str, rest: str = "") -> set[str]:
    if len(text) + len(rest) >= LONGEST:
        return set()
    longer = {text[:at] + letter + text[at:] + rest for at in range(len(text) + 1) for letter in _EVERY}
    return {one for one in longer if could_be(one)}


def _not_doubled(text: str) -> set[str]:
    return {text[:at] + text[at + 1 :] for at in range(len(text) - 1) if text[at] == text[at + 1]}


def _exchanged(text: str) -> set[str]:
    return {text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1)}


def _stands(reading: Reading, written: Mapping[str, Known], places: Places) -> bool:
    """Whether the text could be a postcode as it stands, new perhaps: its form and its district exist."""
    text = reading.postcode
    return text not in written and could_be(text) and bool(places.beginning(text[:-INWARD], len(text)))
