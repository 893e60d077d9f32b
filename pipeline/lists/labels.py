"""Address labels for a list: a PDF for A4 sheets of the common sizes.

Nothing is ever cut: a line that is too long is set smaller, then wrapped; a row that still does not fit,
or whose letters our font lacks, has no label, and the last page says so by its reference. The bytes
depend on nothing but the arguments.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

from pipeline.agreements.words import on_day
from pipeline.home import SheetOfLabels
from pipeline.lists.columns import REFERENCE
from pipeline.lists.compile import FamilyList
from pipeline.lists.conditions import destroy_by

if TYPE_CHECKING:
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas


@dataclass(frozen=True)
class Sheet:
    """An A4 sheet of labels, in millimetres. Rows of labels touch, and the whole stands in the middle."""

    columns: int
    rows: int
    width: float
    height: float
    pitch: float  # from the left edge of one column to that of the next

    @property
    def places(self) -> int:
        """How many labels a sheet has."""
        return self.columns * self.rows

    def corner(self, place: int) -> tuple[float, float]:
        """The left and the upper edge of a label, from the sheet's left and upper edge."""
        row, column = divmod(place, self.columns)
        left = (_A4_WIDTH - (self.columns - 1) * self.pitch - self.width) / 2 + column * self.pitch
        return left, (_A4_HEIGHT - self.rows * self.height) / 2 + row * self.height


_A4_WIDTH, _A4_HEIGHT = 210, 297

# By labels on a sheet. The sizes are those that makers print on their boxes; the pitch is that of their
# own templates: 2.6 and 2.6 inches, 4 and 4 inches.
SHEETS: dict[SheetOfLabels, Sheet] = {
    "a4-8": Sheet(2, 4, 99.1, 67.7, 101.6),  # Avery L7165 and the like
    "a4-14": Sheet(2, 7, 99.1, 38.1, 101.6),  # Avery L7163
    "a4-21": Sheet(3, 7, 63.5, 38.1, 66.04),  # Avery L7160
    "a4-24": Sheet(3, 8, 63.5, 33.9, 66.04),  # Avery L7159
}

_POINT = 25.4 / 72  # in millimetres
_CLEAR = 3.0  # millimetres of a label that stay white: printers draw a sheet in by a millimetre or two
_LEADING, _ASCENT = 1.2, 0.95  # of the letters' size
# Points, tried from the left: Royal Mail asks for 10 to 12, and for 2 mm of height at the least.
_ON_ONE_LINE, _WRAPPED = (12.0, 11.0, 10.0, 9.5, 9.0), (11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0)

_A_PAGE = 44  # lines on a page after the labels

_FONT = "Liberation Sans"
_FONT_FILE = Path(__file__).parent / "fonts" / "LiberationSans-Regular.ttf"
_registering = Lock()

_NAMELESS = "The family"  # where an agreement gives the address and no name
_ADDRESS = (*(f"address_line_{line}" for line in range(1, 6)), "postcode")


@dataclass(frozen=True)
class Labels:
    """The finished sheets, and what is not on them."""

    content: bytes = field(repr=False)
    printed: int
    left_out: tuple[str, ...]  # references of the rows that have no label


@dataclass(frozen=True)
class _Label:
    size: float  # points
    lines: tuple[str, ...]


def render_labels(
    family_list: FamilyList, sheet: Sheet, *, recipient_name: str, made_on: date
) -> Labels | None:
    """A label for each row, in the order of the list, then a page about them; None without addresses."""
    rows = family_list.rows
    if "postcode" not in rows or rows.empty:
        return None
    fitted = {row[REFERENCE]: _fitted(_lines(row), sheet) for row in rows.to_dict("records")}
    labels = [label for label in fitted.values() if label]
    left_out = tuple(reference for reference, label in fitted.items() if not label)
    about = _about(family_list, sheet, recipient_name, made_on, left_out)
    return Labels(_drawn(labels, sheet, about), len(labels), left_out)


def _lines(row: dict[Hashable, str]) -> list[str]:
    """Whom, then where; no lines at all where nobody could bring a card."""
    address = [row[line] for line in _ADDRESS if row[line].strip()]
    whom = row.get("addressed_to") or row.get("parent") or _NAMELESS
    return [_tidy(line) for line in (whom, *address)] if address else []


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _fitted(lines: list[str], sheet: Sheet) -> _Label | None:
    """The largest letters with which all lines fit, on one line each where that is readable."""
    if not lines or not _letters().issuperset("".join(lines)):
        return None
    room = (sheet.width - 2 * _CLEAR) / _POINT
    height = (sheet.height - 2 * _CLEAR) / _POINT
    for size in _ON_ONE_LINE:
        if _fits(lines, size, room, height):
            return _Label(size, tuple(lines))
    for size in _WRAPPED:
        wrapped = [part for line in lines for part in _wrapped(line, size, room)]
        if _fits(wrapped, size, room, height):
            return _Label(size, tuple(wrapped))
    return None


def _fits(lines: list[str], size: float, room: float, height: float) -> bool:
    widest = max(font().stringWidth(line, size) for line in lines)
    return widest <= room and len(lines) * size * _LEADING <= height


def _wrapped(line: str, size: float, room: float) -> list[str]:
    from reportlab.lib.utils import simpleSplit

    return list(simpleSplit(line, _FONT, size, room))


@cache
def _letters() -> frozenset[str]:
    """The letters of our font that stand by themselves, from left to right.

    reportlab neither joins letters (as Arabic needs) nor places accents that are characters of their own.
    """
    return frozenset(
        letter
        for letter in map(chr, font().face.charToGlyph)
        if unicodedata.category(letter)[0] in "LNPSZ" and unicodedata.bidirectional(letter) not in ("R", "AL")
    )


def font() -> TTFont:
    """The typeface of everything that is printed for recipients."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    with _registering:  # lists are made on several threads
        if _FONT not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(_FONT, str(_FONT_FILE)))
        return cast(TTFont, pdfmetrics.getFont(_FONT))


def _about(
    family_list: FamilyList, sheet: Sheet, recipient_name: str, made_on: date, left_out: Sequence[str]
) -> list[str]:
    """The lines of the last page."""
    last_day = on_day(destroy_by(family_list.agreement, made_on))
    said = "Every row of the list has a label."
    if left_out:
        said = (
            "These rows of the list have no label, because it would not hold all of their text, or our font"
            " lacks a letter of it. Write them by hand: the list tells them by these references."
        )
    return [
        f"For {recipient_name}, {family_list.month.in_full}.",
        f"Print on A4 sheets of {sheet.places} labels, {sheet.width} x {sheet.height} mm, at actual size"
        " (100 %). Try plain paper first, and leave this page out.",
        f"Confidential. Destroy these labels with the list, by {last_day}.",
        "If you are told to remove a family, remove its label too.",
        said,
        " ".join(left_out),
    ]


def _drawn(labels: list[_Label], sheet: Sheet, about: list[str]) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    content = io.BytesIO()
    canvas = Canvas(content, pagesize=A4, invariant=1)
    canvas.setTitle("Address labels")
    canvas.setAuthor("Birthshare")
    canvas.setViewerPreference("PrintScaling", "None")
    for start in range(0, len(labels), sheet.places):
        for place, label in enumerate(labels[start : start + sheet.places]):
            _draw(canvas, label, sheet, place)
        canvas.showPage()
    _draw_about(canvas, about)
    canvas.save()
    return content.getvalue()


def _draw(canvas: Canvas, label: _Label, sheet: Sheet, place: int) -> None:
    """One label: its lines stand in the middle of its height, at its left."""
    left, top = sheet.corner(place)
    block = len(label.lines) * label.size * _LEADING
    above = (sheet.height / _POINT - block) / 2
    text = canvas.beginText(
        (left + _CLEAR) / _POINT, (_A4_HEIGHT - top) / _POINT - above - label.size * _ASCENT
    )
    text.setFont(_FONT, label.size, label.size * _LEADING)
    text.textLines(list(label.lines), trim=0)
    canvas.drawText(text)


def _draw_about(canvas: Canvas, about: list[str]) -> None:
    """The last page, or as many as it takes."""
    size, margin = 11.0, 20 / _POINT
    lines = [part for line in about for part in [*_wrapped(line, size, _A4_WIDTH / _POINT - 2 * margin), ""]]
    for start in range(0, len(lines), _A_PAGE):
        text = canvas.beginText(margin, _A4_HEIGHT / _POINT - margin)
        if not start:
            text.setFont(_FONT, 16, 32)
            text.textLine("About these labels")
        text.setFont(_FONT, size, size * 1.3)
        text.textLines(lines[start : start + _A_PAGE], trim=0)
        canvas.drawText(text)
        canvas.showPage()
