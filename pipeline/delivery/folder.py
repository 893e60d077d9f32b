"""The far side as a folder of this machine, which MESH or another carrier empties.

It has the guarantees of the SFTP side: a name is given in one step to what was read back, and only
while the folder is the one that was opened.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.delivery.pace import Pace
from pipeline.delivery.problems import DeliveryFailed, Problem

_CHUNK = 1 << 20  # bytes
_MODE = 0o640  # the carrier runs as another user of the folder's group
_MOUNTS = Path("/proc/self/mounts")
_EVERY = re.compile(r".*", re.DOTALL)
# Kinds of file system that reach another machine: there a rename can be lost, or seen late.
_ELSEWHERE = re.compile(r"nfs[0-9]?|cifs|smb[0-9]?|smbfs|ncpfs|afs|ceph|glusterfs|lustre|davfs|fuse\..*")
_WORDS = {
    errno.EACCES: Problem.PERMISSION,
    errno.EPERM: Problem.PERMISSION,
    errno.EROFS: Problem.PERMISSION,
    errno.ENOENT: Problem.NO_FOLDER,
    errno.ENOTDIR: Problem.NO_FOLDER,
    errno.ESTALE: Problem.NO_FOLDER,
    errno.ENOSPC: Problem.FULL,
    errno.EDQUOT: Problem.FULL,
}


@dataclass(frozen=True)
class Folder:
    """Where one recipient's lists are handed to a carrier."""

    path: Path
    bytes_a_second: float | None = None
    guarded: bool = True  # refused where others may look in, or it is on a disk of another machine

    @property
    def address(self) -> str:
        """The folder, for people."""
        return str(self.path)


class HandOver:
    """An opened folder. Every method raises DeliveryFailed, and nothing else."""

    is_open = True

    def __init__(self, descriptor: int, path: Path, where: str, pace: Pace) -> None:
        self._folder, self._path, self._where, self._pace = descriptor, path, where, pace

    def digest(self, name: str, *, otherwise: Problem = Problem.OCCUPIED) -> str | None:
        """SHA-256 of the file called `name`, or None where there is none.

        `otherwise` is the problem where something is there that cannot be read.
        """
        digest = hashlib.sha256()
        try:
            for chunk in self._chunks(name, otherwise):
                digest.update(chunk)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def read(self, name: str, limit_bytes: int) -> bytes:
        """The whole of a small file of the recipient's; a larger one is not read."""
        content = b""
        with suppress(FileNotFoundError):
            for chunk in self._chunks(name, Problem.PERMISSION):
                content += chunk
                if len(content) > limit_bytes:
                    raise DeliveryFailed(Problem.TOO_LARGE, where=self._where)
            return content
        raise DeliveryFailed(Problem.VANISHED, where=self._where)

    def write(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Make a new file and, if `lasting`, have the disk keep it."""
        with self._worded(Problem.FULL):
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(name, new, _MODE, dir_fd=self._folder), "wb", buffering=0) as file:
                os.fchmod(file.fileno(), _MODE)
                for chunk in self._pieces(content):
                    self._pace.spend(len(chunk))
                    _write_whole(file.fileno(), chunk)
                if lasting:
                    os.fsync(file.fileno())

    def rename(self, name: str, final: str) -> None:
        """Give a file its final name in one step, in place of what has that name."""
        with self._worded(Problem.NOT_PLACED):
            self._check_still_there()
            os.rename(name, final, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)

    def discard(self, name: str) -> None:
        """Remove a file if that can be done."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self._folder)

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        """The names in the folder that match as a whole."""
        with self._worded(Problem.PERMISSION):
            self._check_still_there()
            return [name for name in os.listdir(self._folder) if pattern.fullmatch(name)]  # noqa: PTH208 - held open

    def free(self) -> int | None:
        """How many bytes the disk of the folder still has for us."""
        with self._worded(Problem.PERMISSION):
            disk = os.fstatvfs(self._folder)
        return disk.f_frsize * disk.f_bavail

    def known(self, *beginnings: str) -> list[str]:
        """The names that begin so."""
        return [name for name in self.names(_EVERY) if name.startswith(beginnings)]

    def _chunks(self, name: str, otherwise: Problem) -> Iterator[bytes]:
        """A file's content, piece by piece; raises FileNotFoundError where there is none."""
        file = self._opened(name, otherwise)
        if file is None:
            raise FileNotFoundError
        with self._worded(otherwise), os.fdopen(file, "rb", buffering=0) as stream:
            while chunk := stream.read(self._pace.chunk(_CHUNK)):
                self._pace.spend(len(chunk))
                yield chunk

    def _opened(self, name: str, otherwise: Problem) -> int | None:
        with self._worded(otherwise):
            try:
                # Without waiting: a pipe of that name would otherwise hold us for ever.
                how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                file = os.open(name, how, dir_fd=self._folder)
            except FileNotFoundError:
                return None
            if not stat.S_ISREG(os.fstat(file).st_mode):
                os.close(file)
                raise DeliveryFailed(otherwise, where=self._where)
            return file

    def _pieces(self, content: bytes) -> Iterator[bytes]:
        step = self._pace.chunk(_CHUNK)
        for start in range(0, len(content), step):
            yield content[start : start + step]

    def _check_still_there(self) -> None:
        """Raises OSError where the folder that was opened has been moved away since."""
        named, held = self._path.stat(follow_symlinks=False), os.fstat(self._folder)
        if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
            raise FileNotFoundError(errno.ENOENT, "moved")

    @contextmanager
    def _worded(self, otherwise: Problem) -> Iterator[None]:
        problem = None
        try:
            yield
        except OSError as error:
            problem = _WORDS.get(error.errno or 0, otherwise)
        if problem is not None:
            raise DeliveryFailed(problem, where=self._where)


@contextmanager
def opened(folder: Folder, *, label: str = "") -> Iterator[HandOver]:
    """The folder, held open; raises DeliveryFailed where it is not there or not safe to hand over in.

    It must be a folder itself and no link to one; where it is guarded, on a disk of this machine, and closed
    to everybody but its owner and its group.
    """
    where = f"{label} in {folder.address}" if label else folder.address
    problem = Problem.NO_FOLDER
    try:
        descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        problem = _WORDS.get(error.errno or 0, Problem.NO_FOLDER)
    else:
        try:
            if folder.guarded and not _is_safe(descriptor, folder.path):
                raise DeliveryFailed(Problem.NOT_OURS, where=where)
            yield HandOver(descriptor, folder.path, where, Pace(folder.bytes_a_second))
        finally:
            os.close(descriptor)
        return
    raise DeliveryFailed(problem, where=where)


def _is_safe(descriptor: int, path: Path) -> bool:
    return not os.fstat(descriptor).st_mode & 0o007 and is_on_this_machine(path)


def is_on_this_machine(path: Path, mounts: str | None = None) -> bool:
    """Whether a path lies on a file system of this machine; `mounts` as in /proc/self/mounts."""
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return True  # no such table here: nothing speaks against it
    kinds = {}
    for line in mounts.splitlines():
        _, point, kind, *_ = line.split(" ")
        kinds[_plain(point)] = kind  # a later mount covers an earlier one
    real = Path(os.path.realpath(path))
    nearest = next((kinds[str(one)] for one in (real, *real.parents) if str(one) in kinds), "")
    return not _ELSEWHERE.fullmatch(nearest)


def _plain(point: str) -> str:
    r"""A mount point as it is: the table writes a space as \040."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)


def _write_whole(file: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(file, left) :]
