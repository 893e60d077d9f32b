"""The letter with a recipient's password: one printed page, handed over once, without any list's data."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from pipeline.agreements.words import on_day
from pipeline.lists import labels

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

_OPENING = {
    "workbook": "Save the file, which ends in .xlsx, and open it in Microsoft Excel or LibreOffice. "
    "It asks for the password.",
    "zip": "Save the file, which ends in .zip, and open it with 7-Zip or another program that knows AES. "
    "The one that is built into Windows may not. It asks for the password.",
}
_RED = "#8a1c1c"


@dataclass(frozen=True)
class Letter:
    """What a letter says."""

    authority: str
    recipient: str  # its name
    password: str = field(repr=False)  # groups of characters, with hyphens between
    format: str  # of its lists: workbook or zip
    ask: str  # at the authority, where anything is unclear
    made_on: date
    first: bool  # no password was there before


def render_letter(letter: Letter) -> bytes:
    """The letter as a PDF of one A4 page; the same letter gives the same bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    content = io.BytesIO()
    page = SimpleDocTemplate(
        content,
        pagesize=A4,
        leftMargin=25 * mm,
        rightMargin=25 * mm,
        topMargin=22 * mm,
        bottomMargin=18 * mm,
        title="Password for sealed lists",
        author=letter.authority,
        invariant=1,
    )
    page.build(_story(letter))
    return content.getvalue()


def _story(letter: Letter) -> list[Flowable]:
    from xml.sax.saxutils import escape

    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    face = labels.font().fontName
    plain = ParagraphStyle("plain", fontName=face, fontSize=11.5, leading=16, spaceAfter=9)
    head = ParagraphStyle("head", plain, fontSize=20, leading=25, spaceBefore=16, spaceAfter=12)
    small = ParagraphStyle("small", plain, fontSize=13, leading=17, spaceBefore=9, spaceAfter=4)
    return [
        Paragraph(escape(f"{letter.authority}, {on_day(letter.made_on)}"), plain),
        Paragraph(escape(f"For {letter.recipient}"), plain),
        Paragraph("The password for your lists", head),
        _boxed(letter.password),
        *(
            Paragraph(escape(text), style)
            for title, sentences in _sections(letter)
            for text, style in ((title, small), *((one, plain) for one in sentences))
        ),
    ]


def _boxed(password: str) -> Flowable:
    """The password's groups side by side, large enough to be typed from paper."""
    from reportlab.lib.units import mm
    from reportlab.platypus import Table, TableStyle

    groups = password.split("-")
    between = [cell for group in groups for cell in (group, "-")][:-1]
    table = Table([between], colWidths=[27 * mm if cell != "-" else 5 * mm for cell in between])
    look: list[Any] = [
        ("FONT", (0, 0), (-1, -1), "Courier-Bold", 24),
        ("ALIGN", (0, 0), (-1, -1), "CENTER"),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("BOX", (0, 0), (-1, -1), 1.5, _RED),
        ("TOPPADDING", (0, 0), (-1, -1), 14),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 20),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ]
    table.setStyle(TableStyle(look))
    return table


def _sections(letter: Letter) -> list[tuple[str, tuple[str, ...]]]:
    before = () if letter.first else (
        "Lists that you had before still open with the password before this one. Keep that letter until "
        "those lists are destroyed, then destroy it too.",
    )  # fmt: skip
    return [
        (
            "How to type it",
            (
                "Small letters and numbers, with the four hyphens and without spaces. There are no vowels in "
                "it, and none of the characters that are easily taken for one another (0, 1, 2, 5, 8).",
            ),
        ),
        ("How to open a list", (_OPENING[letter.format],)),
        (
            "From when it counts",
            (
                f"It opens lists that are made after two persons at {letter.authority} have confirmed it.",
                *before,
            ),
        ),
        (
            "Keep it safe",
            (
                "Lock this page away, apart from the lists. Whoever opens lists may know the password, and "
                "nobody else. Never write it into an e-mail or a message, and do not photograph it.",
                f"If somebody else may have seen it, or it is lost, tell us at once: {letter.ask}. You then "
                "get another. We never ask you for it.",
            ),
        ),
    ]
