"""Read an opened CSV file into text columns, or say exactly which record is in the way."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.contract import Contract
from pipeline.errors import IntegrityError
from pipeline.intake.headings import contract_names
from pipeline.intake.profiles import Layout
from pipeline.intake.scan import Records, check_widths, find_records
from pipeline.intake.translating import translated

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ASK = "Nothing was used. Ask the supplier to write the file again."


def read_csv(
    content: bytes, *, contract: Contract, profile: Layout, where: str = "the extract"
) -> pd.DataFrame:
    """The file's columns under the contract's names, as text, and `row`: the record number from 1.

    Values are as received, blank is "". Raises IntegrityError, with the place and no value, for a file
    that is empty, badly encoded, badly quoted or ragged, or whose columns are not the contract's.
    """
    text = _as_utf8(content, profile, where)
    records = find_records(text, where=where)
    names = contract_names(_header(text, records), contract, profile, where=where)
    check_widths(records, where=where)
    frame = _table(text, records, names, where)
    return translated(frame, contract, profile, where=where)


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


def _header(text: bytes, records: Records) -> list[str]:
    first = text[: records.ends[0]].decode()
    return next(csv.reader(io.StringIO(first, newline=""), strict=True), [""])


def _table(text: bytes, records: Records, names: Sequence[str], where: str) -> pd.DataFrame:
    rows = len(records.ends) - 1
    frame = _parse(text, int(records.starts[1]), names) if rows else _no_rows(names)
    if frame is None or len(frame) != rows:
        raise IntegrityError(
            "The file was not read as it was counted",
            where=f"{where}, {rows} records counted, {'none' if frame is None else len(frame)} read",
            do="Nothing was used. Keep the file and report this.",
        )
    return frame.assign(row=np.arange(1, rows + 1, dtype=np.int64))


def _no_rows(names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="str") for name in names})


def _parse(text: bytes, begin: int, names: Sequence[str]) -> pd.DataFrame | None:
    """The records from byte `begin`, every column as text; None where the reader gave up.

    The reader's own error is dropped on purpose: it quotes the row.
    """
    import pyarrow as pa  # late: heavy
    from pyarrow import csv as arrow_csv

    body = pa.py_buffer(text).slice(begin)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(body),
            read_options=arrow_csv.ReadOptions(column_names=list(names), block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException:
        return None
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype("str")
