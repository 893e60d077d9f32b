"""Read an opened CSV file into text columns, or say exactly which record is in the way."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.intake.headings import are_headings, contract_names
from pipeline.intake.profiles import MOST_ROWS_ABOVE, Layout
from pipeline.intake.scan import Records, check_widths, find_records
from pipeline.intake.translating import translated

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ASK = "Nothing was used. Ask the supplier to write the file again."
_CHANGED = "Nothing was used. Ask the supplier what changed; correct its profile where it is to stay so."
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LONGEST_HEADER = 100_000  # bytes in which a header that is not in its place is looked for
DELIMITERS = {",": "commas", ";": "semicolons", "|": "upright bars", "\t": "tabs"}


def read_csv(
    content: bytes, *, contract: Contract, profile: Layout, where: str = "the extract"
) -> pd.DataFrame:
    """The file's columns under the contract's names, as text, and `row`: the record number from 1.

    Record 0 is the header, whatever stands above it. Values are as received but for what the profile says
    of them; blank is "". Raises IntegrityError, with the place and no value, for a file that is empty,
    badly encoded, badly quoted or ragged, or whose columns are not what was agreed.
    """
    whole = _as_utf8(content, profile, where)
    text = _from_header(whole, profile, where)
    if above := profile.rows_above_header:
        where = f"{where}, where record 0 is line {above + 1}"
    if not are_headings(split_line(text, profile.delimiter), contract, profile):
        _check_misplaced(whole, contract, profile, where)
    text, said = _without_trailer(text, profile, where)
    records = find_records(text, where=where, delimiter=profile.delimiter)
    names = contract_names(_header(text, records, profile), contract, profile, where=where)
    check_widths(records, where=where)
    rows = len(records.ends) - 1
    if said is not None and said != rows:
        raise IntegrityError(
            f"The file's last line says that it has {said} rows, and it has {rows}", where=where, do=_ASK
        )
    frame = _table(text, records, names, contract, profile, where)
    return translated(frame, contract, profile, where=where)


def split_line(text: bytes, delimiter: str) -> list[str]:
    """The fields of the first line of a UTF-8 text; none where a quotation mark is not closed in it."""
    end = _LINE_END.search(text, 0, _LONGEST_HEADER)
    line = text[: end.start() if end else _LONGEST_HEADER].decode(errors="replace")
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def line_begins(text: bytes, most: int) -> list[int]:
    """Where each of the text's first lines begins."""
    ends = zip(_LINE_END.finditer(text), range(most - 1), strict=False)
    return [0, *(end.end() for end, _ in ends)]


def _from_header(text: bytes, profile: Layout, where: str) -> bytes:
    """The text without the lines above the header, of which nobody knows how they are quoted."""
    begins = line_begins(text, profile.rows_above_header + 1)
    if len(begins) <= profile.rows_above_header:
        raise IntegrityError(
            f"The file ends before its header, which should be line {profile.rows_above_header + 1}",
            where=where,
            do=_CHANGED,
        )
    return text[begins[-1] :]


def _check_misplaced(text: bytes, contract: Contract, profile: Layout, where: str) -> None:
    """Raises IntegrityError where the header stands in another line, or is separated by something else."""
    agreed = profile.rows_above_header + 1, DELIMITERS[profile.delimiter]
    beginning = text[:_LONGEST_HEADER]
    for number, begin in enumerate(line_begins(beginning, MOST_ROWS_ABOVE + 1), start=1):
        for delimiter, word in DELIMITERS.items():
            fields = split_line(beginning[begin:], delimiter)
            if len(fields) > 1 and are_headings(fields, contract, profile):
                raise IntegrityError(
                    f"The header is line {number}, separated by {word}; agreed is line {agreed[0]}, "
                    f"separated by {agreed[1]}",
                    where=where,
                    do=_CHANGED,
                )


def _without_trailer(text: bytes, profile: Layout, where: str) -> tuple[bytes, int | None]:
    """The text without its last line where one was agreed, and how many rows that says there are."""
    if not profile.trailer:
        return text, None
    begin = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    last = text[begin:].decode().replace('"', "").rstrip(f"{profile.delimiter} ")
    words = re.escape(profile.trailer).replace(re.escape("{rows}"), "([0-9]{1,9})")
    found = re.fullmatch(words, last)
    if not found:
        raise IntegrityError(
            "The file does not end with the line that was agreed: it may be cut off", where=where, do=_CHANGED
        )
    return text[:begin].rstrip(b"\r\n"), int(found[1]) if found.groups() else None


def _as_utf8(content: bytes, profile: Layout, where: str) -> bytes:
    """The bytes as UTF-8 without byte order mark or closing line ends."""
    content = content.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not content:
        raise IntegrityError("The file is empty: it has not even a header", where=where, do=_ASK)
    nul = content.find(b"\0")
    if nul >= 0:
        raise IntegrityError(
            "The file holds NUL bytes, which no text has",
            where=f"{where}, record {_record_of(content, nul)}",
            do="Nothing was used. Ask the supplier for CSV in UTF-8; it may have been saved in UTF-16.",
        )
    wrong = _first_undecodable(content, profile.encoding)
    if wrong is not None:
        raise IntegrityError(
            f"The file is not in {profile.encoding.upper()}, the encoding that was agreed",
            where=f"{where}, record {_record_of(content, wrong)}",
            do=_encoding_advice(content, profile),
        )
    return content if profile.encoding == "utf-8" else content.decode(profile.encoding).encode()


def _first_undecodable(content: bytes, encoding: str) -> int | None:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _encoding_advice(content: bytes, profile: Layout) -> str:
    if profile.encoding == "utf-8" and _first_undecodable(content, "cp1252") is None:
        return (
            "Nothing was used. It reads as Windows-1252: ask the supplier for UTF-8, or, if they always "
            "send it so, give this supplier a profile with `encoding: cp1252`."
        )
    return _ASK


def _record_of(content: bytes, position: int) -> int:
    """The record in which a byte stands, of a file that may be too broken to scan."""
    before = content[:position]
    closing = b'"' if before.count(b'"') % 2 else b"x"
    try:
        return len(find_records(before + closing, where="").ends) - 1
    except IntegrityError:  # a stray quote: lines are then the best that can be said
        return before.count(b"\n")


def _header(text: bytes, records: Records, profile: Layout) -> list[str]:
    first = io.StringIO(text[: records.ends[0]].decode(), newline="")
    return next(csv.reader(first, delimiter=profile.delimiter, strict=True), [""])


def _table(
    text: bytes, records: Records, names: Sequence[str], contract: Contract, profile: Layout, where: str
) -> pd.DataFrame:
    """The contract's columns among `names`, and `row`."""
    rows, used = len(records.ends) - 1, [name for name in names if name in contract.names]
    frame = _parse(text, int(records.starts[1]), names, used, profile.delimiter) if rows else _no_rows(used)
    if frame is None or len(frame) != rows:
        raise IntegrityError(
            "The file was not read as it was counted",
            where=f"{where}, {rows} records counted, {'none' if frame is None else len(frame)} read",
            do="Nothing was used. Keep the file and report this.",
        )
    return frame.assign(row=np.arange(1, rows + 1, dtype=np.int64))


def _no_rows(names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="str") for name in names})


def _parse(
    text: bytes, begin: int, names: Sequence[str], used: Sequence[str], delimiter: str
) -> pd.DataFrame | None:
    """The records from byte `begin`, every column that is used as text; None where the reader gave up.

    The reader's own error is dropped on purpose: it quotes the row.
    """
    import pyarrow as pa  # late: heavy
    from pyarrow import csv as arrow_csv

    body = pa.py_buffer(text).slice(begin)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(body),
            read_options=arrow_csv.ReadOptions(column_names=list(names), block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(used, pa.large_string()),  # as pandas keeps text
                include_columns=list(used),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowException:
        return None
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype("str")
