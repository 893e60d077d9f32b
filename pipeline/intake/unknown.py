"""How a file is laid out that nobody knows yet: its format, its header, and the text under each heading."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.intake.profiles import MOST_ROWS_ABOVE, Layout
from pipeline.intake.readers import DELIMITERS, line_begins, split_line
from pipeline.intake.usual_headings import Usual

_ENOUGH = 3  # headings of a line that are known, before it is taken for a header
_LONGEST_BEGINNING = 100_000  # characters in which a header is looked for
_LONGEST = 80  # characters of a heading
_LAST_WORDS = ("end", "total", "trailer", "eof", "rows", "records", "count", "footer")
# What may stand beside them; any other word may be somebody's name.
_BESIDE_LAST_WORDS = ("of", "in", "the", "file", "extract", "report", "data", "number", "no", "row", "record")
_ASK = "Look into the file with the supplier, and write the profile by hand; see schemas/profiles."


@dataclass(frozen=True)
class Unknown:
    """An unknown file, laid out."""

    layout: Layout  # format, encoding, delimiter, sheet, rows above the header, trailer
    headings: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...] = field(repr=False)  # the text under each heading
    unsure: tuple[str, ...] = ()  # in sentences


@dataclass(frozen=True)
class _Header:
    known: int  # how many of its headings are
    above: int  # rows above it
    of: str  # the delimiter, or the sheet


def laid_out(content: bytes, contract: Contract, *, where: str) -> Unknown:
    """How the file is laid out, by where a header of usual headings stands.

    Raises IntegrityError where there is none: what stands in a first line may then be a family.
    """
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"<", b"{"):
        raise IntegrityError(
            "The file looks like messages, which need no profile drafted",
            where=where,
            do="Where they are birth notifications (FHIR), give the supplier the profile nhs_events.",
        )
    if content.startswith(b"PK\x03\x04"):
        return _workbook(content, Usual(contract), where)
    return _csv(content, Usual(contract), where)


def _csv(content: bytes, usual: Usual, where: str) -> Unknown:
    text, encoding = _decoded(content, where)
    # By lines, as the reader goes: a quotation mark in a title means nothing.
    beginning = text[:_LONGEST_BEGINNING].encode()
    begins = line_begins(beginning, MOST_ROWS_ABOVE + 1)
    found = [
        header
        for delimiter in DELIMITERS
        for header in _headers(
            [split_line(beginning[begin:], delimiter) for begin in begins], usual, delimiter
        )
    ]
    best = _best(found, where)
    header, *rows = _rows(text.encode()[begins[best.above] :].decode(), best.of)
    rows = [row for row in rows if row]
    trailer = _trailer(rows, best.of)
    unsure = [f"Encoding: it is no UTF-8, and was taken for {encoding}"] if encoding != "utf-8" else []
    if trailer is None:
        unsure.append("Its last line looks like an end, and is not shown: give its words as trailer")
    if trailer != "":
        rows = rows[:-1]
    if len(rows) < 1:
        unsure.append("The file is a header and no rows: nothing could be told from contents")
    layout = Layout.model_validate(
        {
            "encoding": encoding,
            "delimiter": best.of,
            "rows_above_header": best.above,
            "trailer": trailer or "",
        }
    )
    return _unknown(layout, header, rows, unsure, where)


def _decoded(content: bytes, where: str) -> tuple[str, str]:
    if b"\0" in content:
        raise IntegrityError(
            "The file holds NUL bytes, which no text has",
            where=where,
            do="Ask the supplier for CSV in UTF-8, or for a workbook; it may have been saved in UTF-16.",
        )
    for encoding, name in (("utf-8-sig", "utf-8"), ("cp1252", "cp1252")):
        try:
            return content.decode(encoding), name
        except UnicodeDecodeError:
            continue
    raise IntegrityError("The file is neither in UTF-8 nor in Windows-1252", where=where, do=_ASK)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows, as far as they can be read."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error:  # its message may quote the file
        return


def _workbook(content: bytes, usual: Usual, where: str) -> Unknown:
    from pipeline.intake.cells import Typed
    from pipeline.intake.parts import open_package
    from pipeline.intake.sheets import read_sheet, sheet_names

    package = open_package(content, where=where)
    names = sheet_names(package)

    def rows_of(name: str, above: int) -> list[list[str]]:
        sheet = read_sheet(package, name=name, rows_above_header=above)
        found = (sheet.rows.get(number, []) for number in range(max(sheet.rows, default=-1) + 1))
        return [[cell.text if isinstance(cell, Typed) else cell for cell in row] for row in found]

    found: list[_Header] = []
    problem: IntegrityError | None = None
    for name in names:
        try:
            found += _headers(rows_of(name, 0)[: MOST_ROWS_ABOVE + 1], usual, name)
        except IntegrityError as error:  # a sheet beside the table may hold what no table does
            problem = error
    if problem and not found:
        raise problem
    best = _best(found, where)
    header, *rows = rows_of(best.of, best.above)
    layout = Layout(format="xlsx", sheet=best.of if len(names) > 1 else "", rows_above_header=best.above)
    return _unknown(layout, header, rows, [], where)


def _headers(rows: Sequence[Sequence[str]], usual: Usual, of: str) -> Iterator[_Header]:
    """Rows that may be the header."""
    for above, row in enumerate(rows):
        known = sum(usual.knows(cell) for cell in row if len(cell) <= _LONGEST)
        if known >= _ENOUGH:
            yield _Header(known, above, of)


def _best(found: Sequence[_Header], where: str) -> _Header:
    if not found:
        raise IntegrityError(
            f"No line looks like a header: none of the first {MOST_ROWS_ABOVE} has {_ENOUGH} usual headings",
            where=where,
            do=_ASK,
        )
    return max(found, key=lambda one: (one.known, -one.above))


def _trailer(rows: Sequence[Sequence[str]], delimiter: str) -> str | None:
    """The last line, where it is plainly none of the rows: words of an end, and nothing else but a count.

    None where it begins so and has other words, which may be a name; "" where it is a row as any.
    """
    if not rows:
        return ""
    filled = [cell for cell in rows[-1] if cell.strip()]
    line = delimiter.join(filled)
    words, digits = line.lower().split(), "".join(filter(str.isdigit, line))
    begins = bool(words) and words[0].strip(":,;|").split(delimiter)[0] in _LAST_WORDS
    if len(filled) > 2 or not begins or digits not in ("", str(len(rows) - 1)):
        return ""
    known = {*_LAST_WORDS, *_BESIDE_LAST_WORDS}
    if not known.issuperset(re.findall(r"[^\W\d_]+", line.lower())):
        return None
    return line.replace(digits, "{rows}") if digits else line


def _unknown(
    layout: Layout, header: Sequence[str], rows: Sequence[Sequence[str]], unsure: list[str], where: str
) -> Unknown:
    strange = [place for place, cell in enumerate(header, start=1) if not _is_heading(cell)]
    if strange:
        raise IntegrityError(
            "Headings are missing, or do not look like headings",
            where=f"{where}, columns {', '.join(map(str, strange[:5]))}",
            do=_ASK,
        )
    ragged = sum(len(row) != len(header) for row in rows)
    if ragged and layout.format == "csv":
        unsure.append(
            f"{ragged} of {len(rows)} rows have more or fewer fields than the header: no run would do"
        )
    columns = tuple(
        tuple(row[place].strip() if place < len(row) else "" for row in rows) for place in range(len(header))
    )
    return Unknown(layout, tuple(header), columns, tuple(unsure))


def _is_heading(cell: str) -> bool:
    """Not blank, and without so many digits that it might be about somebody."""
    return 0 < len(cell.strip()) <= _LONGEST and sum(map(str.isdigit, cell)) < 4 and cell.isprintable()
