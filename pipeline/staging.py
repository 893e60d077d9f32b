"""A month's working files: encrypted under one key that is destroyed with the month.

They are what lets a run be taken up again after a failure. The month's key stands beside them,
wrapped under the authority's wrapping key; keep this folder out of every backup. Without the key
the files mean nothing, so destroying begins with the key.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, SettingsError
from pipeline.records import Month

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\Z")
_SUFFIX = ".sealed"
_DTYPES = b"birthshare.dtypes"


class Staging:
    """The working files of one month under `folder`, each bound to its month and name.

    Every write is atomic and durable. Reading a file that is not there, or that was altered, raises
    IntegrityError; a wrapping key that is not the right one does too.
    """

    def __init__(self, folder: Path, month: str, wrapping_key: bytes) -> None:
        self.month = str(Month.parse(month))
        self.folder = folder / self.month
        self._wrapping_key = wrapping_key
        self._key_file = self.folder / "month.key"

    def __repr__(self) -> str:
        return f"Staging({self.month})"

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, in place of what was there."""
        file = self._file(name)
        key = self._made_key()
        _write(file, at_rest.seal(content, key, name=self._bound(name)), mode=0o600)

    def get(self, name: str) -> bytes:
        """What was kept under `name`."""
        file, key = self._file(name), self._key()
        if key is None or not file.is_file():
            raise IntegrityError("A working file is not there", where=f"{self.month}/{name}")
        return at_rest.unseal(file.read_bytes(), key, name=self._bound(name))

    def digest(self, name: str) -> str:
        """SHA-256 of what was kept under `name`."""
        return hashlib.sha256(self.get(name)).hexdigest()

    def has(self, name: str) -> bool:
        """Whether something is kept under `name` and its key still exists."""
        return self._file(name).is_file() and self._key_file.is_file()

    def names(self) -> list[str]:
        """All names under which something is kept, in order."""
        if not self._key_file.is_file():
            return []
        files = (file.name for file in self.folder.iterdir())
        kept = (name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX))
        return sorted(name for name in kept if _NAME.match(name))

    def put_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a frame with its column types. The index is not kept."""
        self.put(name, _frame_bytes(frame))

    def frame(self, name: str) -> pd.DataFrame:
        """A kept frame, in the types it had, its rows numbered from 0."""
        return _read_frame(self.get(name))

    def destroy(self) -> None:
        """Remove the key first, then the files. May be called again, and after a call was cut short."""
        if not self.folder.is_dir():
            return
        self._key_file.unlink(missing_ok=True)
        _sync_folder(self.folder)
        for file in list(self.folder.iterdir()):
            file.unlink(missing_ok=True)
        self.folder.rmdir()
        _sync_folder(self.folder.parent)

    def _file(self, name: str) -> Path:
        if not _NAME.match(name):
            raise SettingsError(
                "A working file's name may hold only letters, digits, '.', '_' and '-'", where=self.month
            )
        return self.folder / (name + _SUFFIX)

    def _bound(self, name: str) -> str:
        """The name as it is sealed: a file moved to another month does not open."""
        return f"{self.month}/{name}"

    def _key(self) -> bytes | None:
        try:
            wrapped = self._key_file.read_bytes()
        except FileNotFoundError:
            return None
        return at_rest.unwrap(wrapped, self._wrapping_key)

    def _made_key(self) -> bytes:
        """The month's key, made now if there is none; two runs at once get the same one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with _locked(self.folder):
            key = self._key()
            if key is None:
                self._forget_unreadable()
                key = at_rest.new_key()
                _write(self._key_file, at_rest.wrap(key, self._wrapping_key), mode=0o400)
        return key

    def _forget_unreadable(self) -> None:
        """Remove files whose key is gone: a `destroy` was cut short before it came to them."""
        for file in list(self.folder.iterdir()):
            file.unlink()


def _frame_bytes(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    # Parquet knows no whole seconds, so the column types are written beside the data.
    types = json.dumps({str(column): str(dtype) for column, dtype in frame.dtypes.items()})
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _DTYPES: types.encode()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _read_frame(content: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype(json.loads(table.schema.metadata[_DTYPES]))


def _write(file: Path, content: bytes, *, mode: int) -> None:
    """Write whole or not at all, and durably: temporary name, fsync, rename, fsync of the folder."""
    part = file.with_name(f".{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else makes this month's key meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
