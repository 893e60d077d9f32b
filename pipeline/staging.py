"""A month's working files: encrypted under one key that is destroyed with the month.

They are what lets a run be taken up again after a failure. The month's key stands beside them,
wrapped under the authority's wrapping key; keep this folder out of every backup. Without the key
the files mean nothing, so destroying begins with the key. After that the wrapping key itself is
replaced, so that a copy of the month's key that somebody kept opens nothing either.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import io
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, SettingsError
from pipeline.home import Home
from pipeline.records import Month, declared

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\Z")
_SUFFIX = ".sealed"
_DTYPES = b"birthshare.dtypes"

KEY_FILE = "month.key"
WRAPPING, COMING = "staging.key", "staging.key.next"  # under keys/; the second only while it is replaced


class WrappingKey:
    """The key under which all months' keys are wrapped, replaced whenever something was destroyed.

    While it is replaced some months' keys are wrapped under the old one already and some under the new
    one, and the new one lies beside the old. So nothing is lost if that is cut short anywhere, and the
    next replacement begins where it stopped. Readers and the one that replaces take turns.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._file, self._coming = (home.path / "keys" / name for name in (WRAPPING, COMING))

    @property
    def is_here(self) -> bool:
        """Whether this machine has the key, and can read what is locked with it."""
        return self._file.is_file()

    def check(self) -> None:
        """Raises SettingsError where the key is not here: nothing could be kept, or read again."""
        self._home.secret(WRAPPING)

    def opened(self, key_file: Path) -> bytes | None:
        """The key in a file; None where there is no file. Raises IntegrityError where it does not open."""
        with self._turn(fcntl.LOCK_SH):
            try:
                wrapped = key_file.read_bytes()
            except FileNotFoundError:
                return None
            try:
                return self._unwrapped(wrapped)
            except IntegrityError as error:
                raise IntegrityError(
                    error.what,
                    where=str(key_file.relative_to(self._home.path)),
                    do="It was wrapped under a key that is gone. If a backup was put back here, take this "
                    "folder away: infra/runbooks/backups.md says what to do then.",
                ) from None

    def keep(self, key: bytes, key_file: Path) -> None:
        """Write a key into a file, wrapped."""
        with self._turn(fcntl.LOCK_SH):
            self._write(key, key_file, self._home.secret(WRAPPING))

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Destroy something inside this block; at its end the old wrapping key is gone as well.

        Where that is cut short, the next use or `finish` comes to the end of it. Raises as `check` does,
        with nothing destroyed: a machine without the key must not make another.
        """
        with self._turn(fcntl.LOCK_EX):
            self.check()
            self._begin()
        yield
        with self._turn(fcntl.LOCK_EX):
            self._begin()  # another may have come to the end of that one, before this was destroyed
            self._end()

    def finish(self) -> bool:
        """Come to the end of a replacement that was cut short; whether one was."""
        with self._turn(fcntl.LOCK_EX):
            begun = self._coming.exists()
            if begun:
                self._end()
            return begun

    @contextmanager
    def still(self) -> Iterator[None]:
        """The key is not replaced inside this block, so that no file is written again that goes."""
        with self._turn(fcntl.LOCK_SH):
            yield

    def strange(self) -> list[Path]:
        """Key files that no key of ours opens, such as those of a backup that was put back."""
        found = []
        for key_file in self._key_files():
            try:
                self.opened(key_file)
            except IntegrityError:
                found.append(key_file)
        return found

    def _begin(self) -> None:
        if not self._coming.exists():
            write_whole(self._coming, at_rest.new_key(), mode=0o600)

    def _end(self) -> None:
        coming = self._home.secret(COMING)
        for key_file in self._key_files():
            self._wrap_anew(key_file, coming)
        self._coming.replace(self._file)
        _sync_folder(self._file.parent)

    def _key_files(self) -> list[Path]:
        return sorted(self._home.state.rglob(KEY_FILE))

    def _wrap_anew(self, key_file: Path, coming: bytes) -> None:
        """What opens under neither key is left as it is: it means nothing to anybody here."""
        try:
            key = self._unwrapped(key_file.read_bytes())
        except (FileNotFoundError, IntegrityError):
            return
        self._write(key, key_file, coming)

    def _unwrapped(self, wrapped: bytes) -> bytes:
        if self._coming.exists():
            try:
                return at_rest.unwrap(wrapped, self._home.secret(COMING))
            except IntegrityError:
                pass  # not wrapped anew yet
        return at_rest.unwrap(wrapped, self._home.secret(WRAPPING))

    @staticmethod
    def _write(key: bytes, key_file: Path, wrapping_key: bytes) -> None:
        write_whole(key_file, at_rest.wrap(key, wrapping_key), mode=0o400)

    @contextmanager
    def _turn(self, how: int) -> Iterator[None]:
        folder = self._home.state / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "wrapping.lock").open("w") as lock:
            fcntl.flock(lock, how)
            yield


class Staging:
    """The working files of one month under `folder`, each bound to its month and name.

    Every write is atomic and durable. Reading a file that is not there, or that was altered, raises
    IntegrityError; a wrapping key that is not the right one does too.
    """

    def __init__(self, folder: Path, month: str, wrapping_key: WrappingKey) -> None:
        self.month = str(Month.parse(month))
        self.folder = folder / self.month
        self._wrapping_key = wrapping_key
        self._key_file = self.folder / KEY_FILE

    def __repr__(self) -> str:
        return f"Staging({self.month})"

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, in place of what was there."""
        file = self._file(name)
        key = self._made_key()
        write_whole(file, at_rest.seal(content, key, name=self._bound(name)), mode=0o600)

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

    def key_for(self, purpose: str) -> bytes:
        """A key for one purpose, the same until all of this is destroyed; nobody can make it after that."""
        return hmac.digest(self._made_key(), self._bound(f"key for {purpose}").encode(), "sha256")

    def frame(self, name: str) -> pd.DataFrame:
        """A kept frame, in the types it had, its rows numbered from 0."""
        return _read_frame(self.get(name))

    def destroy(self, record: Callable[[], object] = lambda: None) -> None:
        """Remove the key first, then the files, and replace the key under which the key was wrapped.

        May be called again, and after a call was cut short. `record` is called when all files are gone and
        the folder, by which a later call would be made, is still there.
        """
        if not self.folder.is_dir():
            record()
            self._wrapping_key.finish()
            return
        with self._wrapping_key.replaced():
            self._remove(record)

    def move(self, other: Staging) -> None:
        """Take the place of the same month's files elsewhere, which must be gone."""
        other.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._wrapping_key.still():
            self.folder.replace(other.folder)
        _sync_folder(other.folder.parent)
        _sync_folder(self.folder.parent)

    def _remove(self, record: Callable[[], object]) -> None:
        with self._wrapping_key.still():
            self._key_file.unlink(missing_ok=True)
            _sync_folder(self.folder)
            for file in list(self.folder.iterdir()):
                file.unlink(missing_ok=True)
            record()
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
        return self._wrapping_key.opened(self._key_file)

    def _made_key(self) -> bytes:
        """The month's key, made now if there is none; two runs at once get the same one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with _locked(self.folder):
            key = self._key()
            if key is None:
                self._forget_unreadable()
                key = at_rest.new_key()
                self._wrapping_key.keep(key, self._key_file)
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    types: dict[str, str] = json.loads(table.schema.metadata[_DTYPES])
    schema = table.schema
    for column in (column for column, dtype in types.items() if dtype == "datetime64[s]"):
        at = schema.get_field_index(column)
        schema = schema.set(at, schema.field(at).with_type(pa.timestamp("s")))
    # Unchecked: an error of a check would name the date.
    return declared(table.cast(schema, safe=False).to_pandas(), types)


def write_whole(file: Path, content: bytes, *, mode: int) -> None:
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
