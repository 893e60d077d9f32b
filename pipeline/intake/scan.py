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

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'

_BLOCK = 1 << 24  # bytes

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


def find_records(content: bytes, *, where: str, delimiter: str = ",") -> Records:
    """The records of non-empty `content`, which must not end in a line end.

    `delimiter` is one ASCII character. Raises IntegrityError for a quote that is misplaced or never closed.
    """
    data = np.frombuffer(content, dtype=np.uint8)
    between = ord(delimiter)
    special = _positions(data, _among(_QUOTE, between, _LINE_FEED, _RETURN))
    is_quote = data[special] == _QUOTE
    quotes = special[is_quote].astype(np.int64)
    if len(quotes):
        inside = np.logical_xor.accumulate(is_quote)
        special = special[~(inside | is_quote)]
    records = _records(data, special, between)
    _check_quotes(data, quotes, records, between, where)
    return records


def _positions(data: npt.NDArray[np.uint8], wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.integer]:
    """Where bytes of these kinds stand, looked for in blocks: there are many, and memory is not."""
    size = np.int32 if len(data) < 2**31 else np.int64
    found = [
        (np.flatnonzero(wanted[data[begin : begin + _BLOCK]]) + begin).astype(size)
        for begin in range(0, len(data), _BLOCK)
    ]
    return np.concatenate(found)


def _among(*codes: int) -> npt.NDArray[np.bool_]:
    """Of every byte, whether it is one of these."""
    table = np.zeros(256, dtype=np.bool_)
    table[list(codes)] = True
    return table


def _records(data: npt.NDArray[np.uint8], marks: npt.NDArray[np.integer], between: int) -> Records:
    """Records from the delimiters and line-end bytes that stand outside quotes."""
    between_fields = data[marks] == between
    lines = marks[~between_fields].astype(np.int64)
    # In CR LF the CR ends the record; the LF after it is only the rest of the line end.
    rest = (data[lines] == _LINE_FEED) & (lines > 0) & (data[lines - 1] == _RETURN)
    ends = lines[~rest]
    width = np.where((data[ends] == _RETURN) & (data[_next(data, ends)] == _LINE_FEED), 2, 1)
    starts = np.append(0, ends + width)
    ends = np.append(ends, len(data))
    delimiters = np.searchsorted(marks[between_fields], ends.astype(marks.dtype))
    return Records(ends, starts, np.diff(delimiters, prepend=0) + 1)


def _next(data: npt.NDArray[np.uint8], positions: Positions) -> Positions:
    """The positions after these; the last byte has none after it, and stands for itself."""
    return np.minimum(positions + 1, len(data) - 1)


def _check_quotes(
    data: npt.NDArray[np.uint8], quotes: Positions, records: Records, between: int, where: str
) -> None:
    """A field's quotes stand at its very beginning and end; inside, a quote is written twice."""
    edge = _among(between, _LINE_FEED, _RETURN)
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = np.diff(quotes, append=-1) == 1  # this quote is directly followed by another
    before = (opening == 0) | edge[data[opening - 1]] | np.append(False, doubled[1::2])[: len(opening)]
    after = (closing == len(data) - 1) | edge[data[_next(data, closing)]] | doubled[1::2]
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
