"""The far side over SFTP: one session in the recipient's folder, and every wait bounded."""

from __future__ import annotations

import hashlib
import re
import struct
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_EXTENDED,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_READ,
    SFTP_FLAG_WRITE,
    SFTPError,
    int64,
)
from paramiko.sftp_attr import SFTPAttributes

from pipeline.delivery.line import Line, opened, read_pin, read_private_key
from pipeline.delivery.pace import Pace
from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.delivery.roads import road
from pipeline.home import Jump

_CHUNK = 32_768  # bytes; larger requests choke some servers
_NEW = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_EXCL
_NOTHING = re.compile(r"(?!)")
_AHEAD = 2  # requests for pieces of a file at a time: a small file's content, and that it ends there
_FSYNC, _POSIX_RENAME = "fsync@openssh.com", "posix-rename@openssh.com"
_NAMES_AT_ONCE = 20_000  # more do not fit into one answer
_STATVFS = "statvfs@openssh.com"

Request = tuple[Any, ...]  # its kind and what belongs to it, as paramiko packs them
Answer = tuple[int, Message]  # its kind, and what it says


@dataclass(frozen=True)
class Endpoint:
    """Where one recipient's lists go, and how we know that it is really there."""

    host: str
    port: int
    user: str
    folder: str
    host_key: str  # the server's public key as in known_hosts, for example "ssh-ed25519 AAAA..."
    private_key: Path  # ours; the only way we log in
    timeout_seconds: float
    jump: Jump | None = None  # a host that the way leads through
    proxy_command: tuple[str, ...] = ()  # a program whose input and output are the connection
    bytes_a_second: float | None = None  # of one connection

    @property
    def address(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Found:
    """What the server says of one name in a folder, without following links."""

    name: str
    size: int | None  # in bytes
    changed: int | None  # seconds since 1970, by the server's clock
    mode: int | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file itself, whose size and time the server tells."""
        return None not in (self.size, self.changed, self.mode) and S_ISREG(self.mode or 0)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder itself."""
        return S_ISDIR(self.mode or 0)


class FarSide:
    """The recipient's folder in an open session. Every method raises DeliveryFailed, and nothing else."""

    def __init__(self, line: Line, sftp: _Client, folder: str, pace: Pace) -> None:
        self._line, self._sftp, self._folder, self._pace = line, sftp, folder, pace
        self._known: list[str] | None = None  # names in the folder, in order, once they were read

    @property
    def is_open(self) -> bool:
        """Whether the session is not known to be dead."""
        return self._line.is_open

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
            for chunk in self._chunks(name, Problem.PERMISSION, limit_bytes):
                content += chunk
                if len(content) > limit_bytes:  # it has grown meanwhile
                    raise DeliveryFailed(Problem.TOO_LARGE, where=self._line.where)
            return content
        raise DeliveryFailed(Problem.VANISHED, where=self._line.where)

    def write(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Make a new file and, if `lasting`, have the server put it on its disk, where it offers that."""
        with self._line.worded(Problem.FULL, len(content), paced=self._pace.seconds(len(content))):
            handle = self._sftp.opened(self._path(name), _NEW)
            self._note(name)
            # Every answer is looked at, so that a disk that was full in between is not missed.
            for _, answer in self._sftp.together(self._writing(handle, content, lasting)):
                self._sftp.check(answer)

    def rename(self, name: str, final: str) -> None:
        """Give a file its final name in one step, in place of what has that name.

        A server without that step renames only where the name is free.
        """
        with self._line.worded(Problem.NOT_PLACED):
            replaces = _POSIX_RENAME in self._sftp.extensions
            rename = self._sftp.posix_rename if replaces else self._sftp.rename
            rename(self._path(name), self._path(final))
            self._forget(name)
            self._note(final)

    def discard(self, name: str) -> None:
        """Remove a file if that can be done; a line that is dead is not waited for."""
        with suppress(DeliveryFailed):
            self._line.check_open()
            with self._line.worded(Problem.PERMISSION):
                self._sftp.remove(self._path(name))
                self._forget(name)

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        """The names in the folder that match as a whole."""
        with self._line.worded(Problem.PERMISSION):
            self._known = sorted(self._sftp.listdir(self._folder))
        return [name for name in self._known if pattern.fullmatch(name)]

    def found(self, limit: int) -> list[Found]:
        """All that is in the folder, where that is not more than `limit` names."""
        with self._line.worded(Problem.PERMISSION):
            listed = self._sftp.listed(self._folder, limit)
        if len(listed) > limit:
            raise DeliveryFailed(Problem.TOO_MANY, where=self._line.where)
        return listed

    def stated(self, name: str) -> Found | None:
        """What the server says of one name, or None where there is nothing under it."""
        with self._line.worded(Problem.PERMISSION), suppress(FileNotFoundError):
            return _found(name, self._sftp.lstat(self._path(name)))
        return None

    def pieces(self, name: str, limit_bytes: int) -> Iterator[bytes]:
        """The content of a file, piece by piece; a larger one is not read to its end."""
        read = 0
        try:
            for piece in self._chunks(name, Problem.PERMISSION, limit_bytes):
                read += len(piece)
                if read > limit_bytes:  # it has grown meanwhile
                    raise DeliveryFailed(Problem.TOO_LARGE, where=self._line.where)
                yield piece
        except FileNotFoundError:
            read = -1
        if read < 0:
            raise DeliveryFailed(Problem.VANISHED, where=self._line.where)

    def move(self, name: str, final: str) -> None:
        """Give a file another name, which must be free: nothing is replaced."""
        with self._line.worded(Problem.NOT_PLACED):
            self._sftp.rename(self._path(name), self._path(final))

    def remove(self, name: str) -> None:
        """Remove a file, or say why that cannot be done."""
        with self._line.worded(Problem.PERMISSION):
            self._sftp.remove(self._path(name))

    def make_folder(self, name: str) -> None:
        """Make a folder of ours in the folder."""
        with self._line.worded(Problem.PERMISSION):
            self._sftp.mkdir(self._path(name), 0o700)

    def free(self) -> int | None:
        """How many bytes the disk of the folder still has for us; None where the server does not say."""
        if _STATVFS not in self._sftp.extensions:
            return None
        with self._line.worded(Problem.PERMISSION):
            return self._sftp.free(self._folder)

    def known(self, *beginnings: str) -> list[str]:
        """The names that begin so, as they were when last asked for, and with what we did since.

        Of a folder with thousands of lists, reading all names for each would take longest of all.
        """
        if self._known is None:
            self.names(_NOTHING)
        known, found = self._known or [], []
        for beginning in beginnings:
            place = bisect_left(known, beginning)
            while place < len(known) and known[place].startswith(beginning):
                found.append(known[place])
                place += 1
        return found

    def _chunks(self, name: str, otherwise: Problem, limit: int | None = None) -> Iterator[bytes]:
        """A file's content, piece by piece; raises FileNotFoundError where there is none."""
        handle = None
        with self._line.worded(otherwise), suppress(FileNotFoundError):
            handle = self._sftp.opened(self._path(name), SFTP_FLAG_READ)
        if handle is None:
            raise FileNotFoundError
        try:
            yield from self._pieces(handle, otherwise, limit)
        finally:
            with suppress(DeliveryFailed), self._line.worded(otherwise):
                self._sftp.close_later(handle)

    def _pieces(self, handle: bytes, otherwise: Problem, limit: int | None) -> Iterator[bytes]:
        """Small files need one question; of others the size is asked, so that the bound suits the whole."""
        place, size = 0, 0
        with self._line.worded(otherwise, paced=self._pace.seconds(self._pace.chunk(_CHUNK))):
            pieces, ended = self._sftp.read_together(handle, self._places(0))
            if not ended:
                size = self._sftp.size(handle)
        if limit is not None and size > limit:
            raise DeliveryFailed(Problem.TOO_LARGE, where=self._line.where)
        if ended:
            yield from self._paced(pieces)
            return
        with self._line.worded(otherwise, size, paced=self._pace.seconds(size)):
            while True:
                yield from self._paced(pieces)
                place += sum(map(len, pieces))
                if ended:
                    return
                pieces, ended = self._sftp.read_together(handle, self._places(place))

    def _places(self, start: int) -> list[tuple[int, int]]:
        """What is asked for next of a file: offsets and bytes."""
        chunk = self._pace.chunk(_CHUNK)
        ahead = 1 if self._pace.bytes_a_second else _AHEAD
        return [(start + number * chunk, chunk) for number in range(ahead)]

    def _paced(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._pace.spend(len(piece))
            yield piece

    def _writing(self, handle: bytes, content: bytes, lasting: bool) -> Iterator[Request]:
        """The requests that write a file, have it put on the disk, and close it."""
        step = self._pace.chunk(_CHUNK)
        for start in range(0, len(content), step):
            piece = content[start : start + step]
            self._pace.spend(len(piece))
            yield CMD_WRITE, handle, int64(start), piece
        if lasting and _FSYNC in self._sftp.extensions:
            yield CMD_EXTENDED, _FSYNC, handle
        yield CMD_CLOSE, handle

    def _note(self, name: str) -> None:
        if self._known is not None and name not in self.known(name):
            insort(self._known, name)

    def _forget(self, name: str) -> None:
        if self._known is not None and name in self.known(name):
            self._known.remove(name)

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"


class _Answers:
    """Takes the answers to several requests, in whatever order they come."""

    def __init__(self) -> None:
        self.came: dict[int, Answer] = {}

    def _async_response(self, kind: int, message: Message, number: int) -> None:
        """Called by paramiko."""
        self.came[number] = (kind, message)


class _Client(paramiko.SFTPClient):
    """paramiko's client, which also remembers what the server offers beyond the protocol.

    And it asks several things at once where paramiko waits for each answer, or makes a thread to ask. What
    it uses for that the type stubs do not know.
    """

    extensions: frozenset[str] = frozenset()

    def __init__(self, channel: paramiko.Channel) -> None:
        self._came = bytearray()  # from the server, and not looked at yet
        self._going: bytearray | None = None  # requests that travel together
        super().__init__(channel)

    def opened(self, path: str, how: int) -> bytes:
        """The handle of a file that is opened; raises OSError."""
        kind, answer = self._request(CMD_OPEN, path, how, SFTPAttributes())  # type: ignore[attr-defined]
        if kind != CMD_HANDLE:
            raise SFTPError("Expected handle")
        handle: bytes = answer.get_binary()
        return handle

    def together(self, requests: Iterable[Request]) -> list[Answer]:
        """Ask all this without waiting in between; the answers, in the order of the requests."""
        answers = _Answers()
        self._going = bytearray()
        try:
            # paramiko's own way to send a request and go on; its stubs do not show it.
            numbers = [self._async_request(answers, *request) for request in requests]  # type: ignore[attr-defined]
        finally:
            going, self._going = self._going, None
        self._send_all(going)
        while len(answers.came) < len(numbers):
            self._read_response()  # type: ignore[attr-defined]  # not in the stubs
        return [answers.came[number] for number in numbers]

    def check(self, answer: Message) -> None:
        """Raises OSError where an answer that is only a status says that it failed."""
        self._convert_status(answer)  # type: ignore[attr-defined]  # not in the stubs

    def read_together(self, handle: bytes, wanted: Sequence[tuple[int, int]]) -> tuple[list[bytes], bool]:
        """What a file has at these places (offset, bytes), one after the other, and whether it ends there.

        A server may give less than it was asked for; what comes after that is left for the next time.
        """
        pieces: list[bytes] = []
        requests = [(CMD_READ, handle, int64(offset), size) for offset, size in wanted]
        for (kind, answer), (_, size) in zip(self.together(requests), wanted, strict=True):
            if kind != CMD_DATA:
                with suppress(EOFError):
                    self.check(answer)
                    raise SFTPError("Expected data")
                return pieces, True
            pieces.append(answer.get_string())
            if not pieces[-1]:
                raise SFTPError("Expected data")  # else it could keep us for ever
            if len(pieces[-1]) < size:
                break
        return pieces, False

    def listed(self, path: str, limit: int) -> list[Found]:
        """What is in a folder, as far as a few names beyond the limit; raises OSError.

        paramiko's own listing has no limit, and fails at the first name that is not in UTF-8.
        """
        kind, answer = self._request(CMD_OPENDIR, path)  # type: ignore[attr-defined]  # not in the stubs
        if kind != CMD_HANDLE:
            raise SFTPError("Expected handle")
        handle = answer.get_binary()
        found: list[Found] = []
        with suppress(EOFError):
            while len(found) <= limit:
                found += self._names(handle)
        self.close_later(handle)
        return [one for one in found if one.name not in (".", "..")]

    def _names(self, folder: bytes) -> Iterator[Found]:
        """The next names of an open folder; raises EOFError at its end."""
        kind, answer = self._request(CMD_READDIR, folder)  # type: ignore[attr-defined]  # not in the stubs
        if kind != CMD_NAME:
            raise SFTPError("Expected name response")
        attributes: Any = SFTPAttributes
        count = answer.get_int()
        if count > _NAMES_AT_ONCE:
            raise SFTPError("More names than an answer can hold")
        for _ in range(count):
            name, _ = answer.get_string(), answer.get_string()
            # A name that is not in UTF-8 cannot be asked for again; it stays as what cannot be printed.
            yield _found(name.decode("utf-8", "surrogateescape"), attributes._from_msg(answer))

    def free(self, path: str) -> int:
        """The bytes that are free there for whoever is not root; raises OSError where the server says no."""
        _, answer = self._request(CMD_EXTENDED, _STATVFS, path)  # type: ignore[attr-defined]  # no stub
        _, fragment, _, _, available = (answer.get_int64() for _ in range(5))
        return int(fragment * available)

    def size(self, handle: bytes) -> int:
        """Of an open file, in bytes; 0 where the server does not say."""
        kind, answer = self._request(CMD_FSTAT, handle)  # type: ignore[attr-defined]  # not in the stubs
        attributes: Any = SFTPAttributes
        return (attributes._from_msg(answer).st_size or 0) if kind == CMD_ATTRS else 0

    def close_later(self, handle: bytes) -> None:
        """Close a file that was only read; nobody waits for the answer."""
        self._async_request(type(None), CMD_CLOSE, handle)  # type: ignore[attr-defined]  # not in the stubs

    def _send_packet(self, kind: int, packet: Any) -> None:
        content = packet.asbytes()
        whole = struct.pack(">IB", len(content) + 1, kind) + content
        if self._going is None:
            self._send_all(whole)
            return
        self._going += whole
        if len(self._going) > _CHUNK:
            self._send_all(self._going)
            self._going = bytearray()

    def _send_all(self, content: bytes | bytearray) -> None:
        if content:
            self.get_channel().sendall(bytes(content))  # type: ignore[union-attr]  # it has one

    def _read_all(self, count: int) -> bytes:
        while len(self._came) < count:
            came = self.get_channel().recv(_CHUNK)  # type: ignore[union-attr]  # it has one
            if not came:
                raise EOFError
            self._came += came
        read = bytes(self._came[:count])
        del self._came[:count]
        return read

    def _read_packet(self) -> Any:
        kind, data = super()._read_packet()  # type: ignore[misc]  # not in the stubs
        if kind == CMD_VERSION:
            self.extensions = _extensions(Message(data))
        return kind, data


def _found(name: str, attributes: SFTPAttributes) -> Found:
    changed = None if attributes.st_mtime is None else int(attributes.st_mtime)
    return Found(name, attributes.st_size, changed, attributes.st_mode)


def _extensions(version: Message) -> frozenset[str]:
    """The names in a version packet: a number, then pairs of name and data."""
    version.get_int()
    names = set()
    while version.get_remainder():
        names.add(version.get_binary().decode("utf-8", "replace"))
        version.get_binary()
    return frozenset(names)


@contextmanager
def connected(endpoint: Endpoint, *, label: str = "") -> Iterator[FarSide]:
    """A session in the recipient's folder: host key as pinned, logged in by public key alone.

    `label` names the recipient in messages. Raises DeliveryFailed, and SettingsError where the
    pinned key or our private key cannot be used.
    """
    pin, key = read_pin(endpoint.host_key, endpoint.address), read_private_key(endpoint.private_key)
    where = f"{label} at {endpoint.address}" if label else endpoint.address
    seconds = endpoint.timeout_seconds
    with (
        road(endpoint, where) as connection,
        opened(connection, user=endpoint.user, pin=pin, key=key, seconds=seconds, where=where) as line,
    ):
        yield FarSide(line, _session(line), endpoint.folder, Pace(endpoint.bytes_a_second))


def _session(line: Line) -> _Client:
    with line.worded(Problem.PERMISSION):
        channel = line.transport.open_session()
        channel.settimeout(line.seconds)
        channel.invoke_subsystem("sftp")
        return _Client(channel)
