"""Balanced books as a picture: rows flow in from the left, divide, and end where they stay.

A number of the picture is made of its parts, so what is drawn always balances; books that do not are not
drawn. Like a chart it is inline SVG, dark on white, and its numbers stand in the table beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from pipeline.reporting.charts import SIZE, drawn, drawn_text, picture
from pipeline.reporting.facts import AgreementFacts, RecipientFacts

MOST_LISTS = 8  # drawn one by one; where there are more, the smaller ones together
_COLUMNS = (0.0, 68.0, 164.0, 232.0)  # where the bars of each step stand
_BAR = 8.0  # how wide they are
_TALL = 150.0  # of all rows together
_BESIDE = 5.0  # from a bar to its words
_LINE = SIZE + 2  # of words
_APART = 8.0
_LETTERS = 17  # of a list, with its number; the table has all of it
_INK, _PALE = "#0b0c0c", "#d8dde0"


@dataclass(frozen=True)
class Stream:
    """Rows that go the same way: as many as go on in its parts, or `own` where it ends."""

    name: str
    parts: tuple[Stream, ...] = ()
    own: int = 0

    @cached_property
    def rows(self) -> int:
        """How many."""
        return self.own + sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class Flow:
    """What became of the rows under one agreement."""

    received: Stream
    lists: tuple[Stream, ...]  # where the shared rows are

    def picture(self, name: str, of: str) -> Markup:
        """The drawing; `name` is its alone on the page, `of` says which month's and agreement's rows."""
        shown = _Drawing(self.received)
        says = f"{of}: {'; '.join(_sentences(self.received))}."
        return picture(name, "What became of the rows", says, shown.tall, shown.parts)


def flow_of(books: AgreementFacts, lists: Sequence[RecipientFacts]) -> Flow | None:
    """The flow of an agreement's rows; None where its books or its lists do not balance, or nothing came.

    A list counts from the moment that it may leave; shared rows that are on none stand by themselves.
    """
    mine = [one for one in lists if one.agreement == books.id and one.children is not None]
    listed = sum(one.children or 0 for one in mine)
    if not (books.balanced and books.received and listed <= books.shared):
        return None
    waiting = Stream("on no list" if listed else "on no list yet", own=books.shared - listed)
    ends = (*_lists(mine), *([waiting] if waiting.rows else []))
    shared = Stream("shared", ends)
    decided = Stream(
        "decided", (shared, Stream("held", own=books.held), Stream("withheld", own=books.withheld))
    )
    aside = (Stream("duplicates", own=books.duplicates), Stream("quarantined", own=books.quarantined))
    return Flow(Stream("received", (decided, *aside)), ends)


def _lists(lists: Sequence[RecipientFacts]) -> Iterator[Stream]:
    """The largest lists each, and the others together; in the order of the page where there are few."""
    alone = [one for one in lists if one.children]
    if len(alone) > MOST_LISTS:
        alone = sorted(alone, key=lambda one: -(one.children or 0))[: MOST_LISTS - 1]
    yield from (Stream(one.code, own=one.children or 0) for one in alone)
    others = [one for one in lists if one.children and one not in alone]
    if others:
        yield Stream(f"on {len(others)} others", own=sum(one.children or 0 for one in others))


def _sentences(stream: Stream) -> Iterator[str]:
    """Every division of the flow in words, from left to right."""
    going = [part for part in stream.parts if part.rows]
    if going:
        yield f"{stream.rows:,} {stream.name}: {', '.join(f'{one.rows:,} {one.name}' for one in going)}"
    for part in going:
        yield from _sentences(part)


class _Drawing:
    """Where bars, the bands between them and their words are."""

    def __init__(self, whole: Stream) -> None:
        self.scale = _TALL / whole.rows
        self.below = [0.0] * len(_COLUMNS)  # how far down each column is taken
        self.bands: list[Markup] = []
        self.bars: list[Markup] = []
        self.words: list[Markup] = []
        self._draw(whole, 0, 0.0)
        self.parts = [*self.bands, *self.bars, *self.words]
        self.tall = max(self.below)

    def _draw(self, stream: Stream, column: int, wanted: float) -> float:
        """A stream and all that it divides into, no higher than `wanted`; how high its bar stands."""
        left, tall = _COLUMNS[column], stream.rows * self.scale
        lines = self._lines(stream, column)
        above = len(lines) * _LINE if column == 0 else 0.0  # there is no room beside the first bar
        top = max(wanted, self.below[column]) + above
        self.below[column] = top + max(tall, 0.0 if above else len(lines) * _LINE) + _APART
        going = [part for part in stream.parts if part.rows]
        leaves = top
        for part in going:
            there = self._draw(part, column + 1, leaves)
            self._band(left + _BAR, leaves, _COLUMNS[column + 1], there, part)
            leaves += part.rows * self.scale
        self.bars.append(drawn("rect", x=left, y=top, width=_BAR, height=max(tall, 1.0), fill=_INK))
        first = top - above if above else top + max(0.0, (tall - len(lines) * _LINE) / 2)
        across = left if above else left + _BAR + _BESIDE
        self.words += [drawn_text(across, first + SIZE + at * _LINE, said) for at, said in enumerate(lines)]
        return top

    def _lines(self, stream: Stream, column: int) -> list[str]:
        """The first and the lists have one line; what stands between them has less room, and two."""
        if 0 < column < len(_COLUMNS) - 1:
            return [f"{stream.rows:,}", stream.name]
        said = f"{stream.rows:,} {stream.name}"
        return [said if len(said) <= _LETTERS else f"{said[: _LETTERS - 1]}…"]

    def _band(self, x1: float, y1: float, x2: float, y2: float, part: Stream) -> None:
        tall, middle = part.rows * self.scale, (x1 + x2) / 2
        path = (
            f"M{x1:.1f},{y1:.1f}C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
            f"V{y2 + tall:.1f}C{middle:.1f},{y2 + tall:.1f} {middle:.1f},{y1 + tall:.1f} "
            f"{x1:.1f},{y1 + tall:.1f}Z"
        )
        self.bands.append(drawn("path", d=path, fill=_PALE))
