"""Excel workbooks written by hand, part by part, so that each part can be anything."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from pipeline.intake.sheets import letters

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

SHEET, BOOK, STYLES, TEXTS = (
    "xl/worksheets/sheet1.xml",
    "xl/workbook.xml",
    "xl/styles.xml",
    "xl/sharedStrings.xml",
)
TYPES, ROOT_RELATED, RELATED = "[Content_Types].xml", "_rels/.rels", "xl/_rels/workbook.xml.rels"

# The styles of cells, by number: none, a date, a date with a time, a time, ten digits, hours counted up.
GENERAL, DATE, MOMENT, TIME, TEN_DIGITS, DURATION = range(6)
_FORMATS = ("0", "14", "22", "20", "164", "165")


def workbook(
    parts: Mapping[str, str | bytes | None] | None = None, *, packed: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A workbook of the usual parts; `parts` replaces some, adds some, or leaves some out (None)."""
    all_parts = {**usual(), **(parts or {})}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", packed) as archive:
        for name, content in all_parts.items():
            if content is not None:
                archive.writestr(name, content)
    return written.getvalue()


def table(rows: Sequence[Sequence[str]], **more: str) -> bytes:
    """A workbook of one sheet with rows of cells: text as such, or a cell's XML where it begins with <c."""
    return workbook({SHEET: sheet(lines(rows), **more)})


def lines(rows: Sequence[Sequence[str]], first: int = 1) -> str:
    """Rows of cells as XML."""
    return "".join(
        f'<row r="{number}">' + "".join(_cell(cell, at, number) for at, cell in enumerate(row, 1)) + "</row>"
        for number, row in enumerate(rows, first)
    )


def _cell(cell: str, column: int, row: int) -> str:
    place = f'r="{letters(column)}{row}"'
    if cell.startswith("<c"):
        return cell.replace("<c", f"<c {place}", 1)
    return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' if cell else ""


def number(value: object, style: int = GENERAL) -> str:
    """A cell that holds a number."""
    return f'<c s="{style}"><v>{value}</v></c>'


def sheet(rows: str, *, before: str = "", after: str = "", prolog: str = "") -> str:
    """A sheet's XML around its rows."""
    return f'{prolog}<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'


def book(*sheets: str, properties: str = "", states: Sequence[str] = ()) -> str:
    """The list of sheets; each refers to rId and its place."""
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="rId{at}" {state}/>'
        for at, (name, state) in enumerate(zip(sheets, [*states, *[""] * len(sheets)], strict=False), 1)
    )
    return f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}">{properties}<sheets>{listed}</sheets></workbook>'


def related(*sheets: str) -> str:
    """What the list of sheets refers to: the sheets' parts as rId1, rId2..., then styles and texts."""
    targets = [("worksheet", one) for one in sheets] + [
        ("styles", "styles.xml"),
        ("sharedStrings", "sharedStrings.xml"),
    ]
    return _relationships(targets)


def _relationships(targets: Sequence[tuple[str, str]]) -> str:
    written = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{written}</Relationships>'


def types(main: str = "sheet.main") -> str:
    """What the parts are."""
    return (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{BOOK}" ContentType="{_TYPE}.{main}+xml"/></Types>'
    )


def texts(*strings: str) -> str:
    """The texts that cells of the type s refer to by number."""
    return f'<sst xmlns="{MAIN}">' + "".join(f"<si><t>{escape(one)}</t></si>" for one in strings) + "</sst>"


def usual() -> dict[str, str]:
    """The parts of a workbook of one empty sheet."""
    return {
        TYPES: types(),
        ROOT_RELATED: _relationships([("officeDocument", BOOK)]),
        BOOK: book("Births"),
        RELATED: related("worksheets/sheet1.xml"),
        STYLES: f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="0000000000"/>'
        '<numFmt numFmtId="165" formatCode="[h]:mm:ss"/></numFmts>'
        "<cellXfs>" + "".join(f'<xf numFmtId="{one}"/>' for one in _FORMATS) + "</cellXfs></styleSheet>",
        TEXTS: texts(),
        SHEET: sheet(""),
    }
