"""Where each record of a CSV file begins and ends, found in the bytes themselves.

CSV readers pad short rows, shift long ones, and swallow hundreds of rows after one unclosed quote
without a word. So the bytes are measured first, by RFC 4180 and nothing more lenient, and what a
reader returns is later held against this. Record 0 is the header; a quoted line break is part of
its record, so these are record numbers and not line numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.contract import in_words
from pipeline.errors import IntegrityError

_QUOTE, _COMMA, _LINE_FEED, _RETURN = b'",\n\r'
_SPECIAL = np.zeros(256, dtype=np.bool_)
_SPECIAL[[_QUOTE, _COMMA, _LINE_FEED, _RETURN]] = True

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """The records of a file, by position of bytes."""

    ends: Positions  # where each record's last byte is followed by its line end, or the file's end
    starts: Positions
    fields: Positions  # how many fields each record has

    def holding(self, position: int) -> int:
        """The number of the record in which a byte stands."""
        return min(int(np.searchsorted(self.ends, position)), len(self.ends) - 1)


def find_records(content: bytes, *, where: str) -> Records:
    """The records of non-empty `content`, which must not end in a line end.

    Raises IntegrityError for a quote that is misplaced or never closed.
    """
    data = np.frombuffer(content, dtype=np.uint8)
    special = np.flatnonzero(_SPECIAL[data])
    kind = data[special]
    is_quote = kind == _QUOTE
    outside = np.cumsum(is_quote) % 2 == 0
    records = _records(data, special[outside & ~is_quote])
    _check_quotes(data, special[is_quote], records, where)
    return records


def _records(data: npt.NDArray[np.uint8], marks: Positions) -> Records:
    """Records from the commas and line-end bytes that stand outside quotes."""
    kind = data[marks]
    following = np.append(data, 0)[marks + 1]
    # In CR LF the CR ends the record; the LF after it is only the rest of the line end.
    preceding = np.where(marks > 0, data[marks - 1], 0)
    line_end = (kind == _RETURN) | ((kind == _LINE_FEED) & (preceding != _RETURN))
    ends = np.append(marks[line_end], len(data))
    width = np.where((kind == _RETURN) & (following == _LINE_FEED), 2, 1)[line_end]
    starts = np.append(0, marks[line_end] + width)
    commas = np.searchsorted(marks[kind == _COMMA], ends)
    return Records(ends, starts, np.diff(commas, prepend=0) + 1)


def _check_quotes(data: npt.NDArray[np.uint8], quotes: Positions, records: Records, where: str) -> None:
    """A field's quotes stand at its very beginning and end; inside, a quote is written twice."""
    edge = np.zeros(256, dtype=np.bool_)
    edge[[_COMMA, _LINE_FEED, _RETURN]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = np.diff(quotes, append=-1) == 1  # this quote is directly followed by another
    before = (opening == 0) | edge[data[opening - 1]] | np.append(False, doubled[1::2])[: len(opening)]
    after = (closing == len(data) - 1) | edge[np.append(data, 0)[closing + 1]] | doubled[1::2]
    misplaced = np.sort(np.append(opening[~before], closing[~after]))
    if len(misplaced):
        raise _quote_error("A quotation mark stands inside a field", records.holding(misplaced[0]), where)
    if len(quotes) % 2:
        raise _quote_error("A quotation mark is never closed", records.holding(quotes[-1]), where)


def _quote_error(what: str, record: int, where: str) -> IntegrityError:
    return IntegrityError(
        what,
        where=f"{where}, record {record}",
        do="Nothing was used. Ask the supplier to write the file again, with every quotation mark in a text "
        "doubled and the text enclosed in quotation marks.",
    )


def check_widths(records: Records, *, where: str) -> None:
    """Every record has as many fields as the header; raises IntegrityError with the record numbers."""
    ragged = np.flatnonzero(records.fields != records.fields[0])
    if len(ragged):
        raise IntegrityError(
            f"{len(ragged)} of {len(records.fields) - 1} rows have more or fewer fields than the header's "
            f"{records.fields[0]}",
            where=f"{where}, {in_words(ragged)}",
            do="Nothing was used. Ask the supplier to write the file again.",
        )
