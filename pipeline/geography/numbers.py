"""Postcodes as numbers: what a month of very many births is looked up in.

A postcode of up to eight letters and digits is one whole number, its bytes. The directory keeps these
numbers sorted beside its rows, with the little that a placement needs to know of each, so that a
million postcodes are found by one walk along them.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Keys = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

SCHEMA = """
CREATE TABLE numbers (
    number INTEGER PRIMARY KEY, keys BLOB NOT NULL, cases BLOB NOT NULL, authority BLOB NOT NULL,
    authorities TEXT NOT NULL
);
"""
QUALITIES = range(10)  # positional quality as the directory gives it; 0: not stated
_ONLY = 1  # the table has one row
_COLUMNS: dict[str, np.dtype[Any]] = {
    "keys": np.dtype(np.uint64),
    "cases": np.dtype(np.uint8),
    "authority": np.dtype(np.uint16),
}
_SLICE = 1 << 17  # values that are put in order and written at a time
_BYTES = 8
_INWARD = np.uint64(24)  # bits of the last three letters and digits
_LETTERS = np.uint64(0x4040404040404040)  # this bit is set in letters, and in no digit and no space


def keys_of(texts: pd.Series) -> Keys:
    """Each text (`str`, none missing) as a number: the same for every way in which `compact` reads the same.

    Only case and up to two spaces before the last three characters are seen through. So two texts that
    have a number of letters and digits in common are the same postcode; but a text that is written in
    another way has a number that no postcode has, and must be read by `compact`.
    """
    starts, content = _text_of(texts)
    length = np.diff(starts)
    every_eight = np.lib.stride_tricks.as_strided(content[:_BYTES].view(">u8"), (len(content) - 7,), (1,))
    fits = (
        (length > 0) & (length <= _BYTES) & (content[starts[:-1]] != 0)
    )  # a leading null would be lost in a number
    keys = every_eight[starts[:-1]].astype(np.uint64)
    keys >>= (8 * (_BYTES - np.where(fits, length, _BYTES))).astype(np.uint64)
    keys &= ~((keys & _LETTERS) >> np.uint64(1))  # upper case
    for _ in range(2):
        blank = (keys >> _INWARD) & np.uint64(0xFF) == ord(" ")
        closed = ((keys >> np.uint64(32)) << _INWARD) | (keys & np.uint64(0xFFFFFF))
        keys = np.where(blank, closed, keys)
    return np.where(fits, keys, np.uint64(0))


def _text_of(texts: pd.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each text starts, and the bytes of all, with eight more so that eight can be read anywhere."""
    if texts.empty:
        return np.zeros(1, np.int64), np.zeros(_BYTES, np.uint8)
    array = pa.array(texts, type=pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    _, offsets, content = array.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    read = np.frombuffer(content or b"", dtype=np.uint8)[: starts[-1]]
    return starts, np.concatenate([read, np.zeros(_BYTES, np.uint8)])


@dataclass(frozen=True)
class Numbers:
    """The directory in columns, one value for each of its postcodes."""

    keys: Keys  # sorted
    cases: npt.NDArray[np.uint8]  # twice the positional quality, and one more where it is live
    authority: npt.NDArray[np.uint16]  # place in `authorities`
    authorities: tuple[str, ...]

    def find(self, keys: Keys) -> Positions:
        """The place of each key in the columns, or -1."""
        order = np.argsort(keys)  # sorted keys walk the columns in their own order: six times as fast
        ordered = keys[order]
        places = np.searchsorted(self.keys, ordered)
        places[places == len(self.keys)] = 0
        places[self.keys[places] != ordered] = -1
        found = np.empty(len(keys), np.int64)
        found[order] = places
        return found


def outward(keys: Keys) -> Keys:
    """The keys without the last three letters and digits."""
    return keys >> _INWARD


def texts_of(keys: Keys) -> list[str]:
    """The compact postcodes that these keys stand for."""
    return [int(key).to_bytes(_BYTES).lstrip(b"\0").decode("ascii") for key in keys]


def _cases(rows: pd.DataFrame) -> npt.NDArray[np.uint8]:
    """Positional quality and whether a postcode is live, as one small number."""
    quality = rows["gridind"].where(rows["gridind"].isin(QUALITIES), 0)
    return (quality * 2 + rows["terminated"].eq("")).to_numpy(np.uint8)


class Gathering:
    """Collects the columns, block by block, while a directory is built."""

    def __init__(self) -> None:
        self._columns = {name: bytearray() for name in _COLUMNS}
        self._authorities: dict[str, int] = {}

    def add(self, rows: pd.DataFrame) -> None:
        """These rows as well; the columns postcode (compact), gridind, terminated and authority count."""
        codes, names = pd.factorize(rows["authority"])
        numbers = [self._authorities.setdefault(name, len(self._authorities)) for name in names]
        added: dict[str, npt.NDArray[Any]] = {
            "keys": keys_of(rows["postcode"]),
            "cases": _cases(rows),
            "authority": np.array(numbers, _COLUMNS["authority"])[codes],
        }
        for name, column in self._columns.items():
            column += added[name].tobytes()

    def keep(self, connection: sqlite3.Connection) -> None:
        """Store the columns in the directory."""
        columns = {name: np.frombuffer(self._columns[name], kind) for name, kind in _COLUMNS.items()}
        order = np.argsort(columns["keys"]).astype(np.uint32)
        order = order[columns["keys"][order] != 0]  # longer than a postcode is: to be looked up one by one
        sizes = [len(order) * kind.itemsize for kind in _COLUMNS.values()]
        connection.execute(
            "INSERT INTO numbers VALUES (?, zeroblob(?), zeroblob(?), zeroblob(?), ?)",
            (_ONLY, *sizes, json.dumps(list(self._authorities))),
        )
        for name in _COLUMNS:
            with connection.blobopen("numbers", name, _ONLY) as blob:
                for begin in range(0, len(order), _SLICE):
                    blob.write(columns[name][order[begin : begin + _SLICE]].tobytes())


def kept(connection: sqlite3.Connection) -> Numbers:
    """The columns that `Gathering.keep` stored."""

    def column(name: str) -> npt.NDArray[Any]:
        with connection.blobopen("numbers", name, _ONLY, readonly=True) as blob:
            return np.frombuffer(blob.read(), _COLUMNS[name])

    (authorities,) = connection.execute("SELECT authorities FROM numbers").fetchone()
    return Numbers(column("keys"), column("cases"), column("authority"), tuple(json.loads(authorities)))
