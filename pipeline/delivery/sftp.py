"""The far side: one SFTP session with a pinned host key, and every wait bounded.

paramiko raises many things for few causes (a bare EOFError for a killed server, OSError without a
number for a full disk, nothing at all for a hang). Here each becomes one DeliveryFailed.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import hmac
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.pkey import UnknownKeyType
from paramiko.sftp import CMD_EXTENDED, CMD_VERSION, SFTPError
from paramiko.ssh_exception import AuthenticationException, IncompatiblePeer, SSHException

from pipeline.delivery.problems import DeliveryFailed, Problem
from pipeline.errors import SettingsError

# paramiko reports its own thread's errors to its log; without a handler they would reach the screen.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
_MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
_RSA = ("rsa-sha2-512", "rsa-sha2-256")  # how a key of type ssh-rsa signs today
_CHUNK = 32_768  # bytes; larger requests choke some servers
_SLOWEST = 16_384  # bytes a second; anything slower counts as a hang
_FSYNC, _POSIX_RENAME = "fsync@openssh.com", "posix-rename@openssh.com"


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

    @property
    def address(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"


class FarSide:
    """The recipient's folder in an open session. Every method raises DeliveryFailed, and nothing else."""

    def __init__(self, line: _Line, sftp: _Client, folder: str) -> None:
        self._line, self._sftp, self._folder = line, sftp, folder

    def digest(self, name: str, *, otherwise: Problem = Problem.OCCUPIED) -> str | None:
        """SHA-256 of the file called `name`, or None where there is none.

        `otherwise` is the problem where something is there that cannot be read.
        """
        digest = hashlib.sha256()
        with self._line.worded(otherwise):
            try:
                file = self._sftp.open(self._path(name), "rb")
            except FileNotFoundError:
                return None
            size = file.stat().st_size or 0
        with self._line.worded(otherwise, size), file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def write(self, name: str, content: bytes) -> None:
        """Make a new file and have the server put it on its disk, where it offers that (fsync)."""
        with self._line.worded(Problem.FULL, len(content)):
            file = self._sftp.open(self._path(name), "wbx")
            try:
                self._write_all(file, content)
            finally:
                # A pipelined file would wait for answers when it is closed, even on a dead line.
                file.set_pipelined(False)
                file.close()

    def rename(self, name: str, final: str) -> None:
        """Give a file its final name in one step, in place of what has that name.

        A server without that step renames only where the name is free.
        """
        with self._line.worded(Problem.NOT_PLACED):
            replaces = _POSIX_RENAME in self._sftp.extensions
            rename = self._sftp.posix_rename if replaces else self._sftp.rename
            rename(self._path(name), self._path(final))

    def discard(self, name: str) -> None:
        """Remove a file if that can be done; a line that is dead is not waited for."""
        with suppress(DeliveryFailed):
            self._line.check_open()
            with self._line.worded(Problem.PERMISSION):
                self._sftp.remove(self._path(name))

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        """The names in the folder that match as a whole."""
        with self._line.worded(Problem.PERMISSION):
            return [name for name in self._sftp.listdir(self._folder) if pattern.fullmatch(name)]

    def _write_all(self, file: paramiko.SFTPFile, content: bytes) -> None:
        # Pipelined writes are not answered one by one; the last, plain one collects every answer,
        # so that a disk that was full in between is not missed.
        last = (len(content) - 1) // _CHUNK * _CHUNK if content else 0
        file.set_pipelined(True)
        for start in range(0, last, _CHUNK):
            file.write(content[start : start + _CHUNK])
        file.set_pipelined(False)
        file.write(content[last:])
        if _FSYNC in self._sftp.extensions:
            self._sftp.extended(_FSYNC, file)

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"


class _Client(paramiko.SFTPClient):
    """paramiko's client, which also remembers what the server offers beyond the protocol."""

    extensions: frozenset[str] = frozenset()

    def extended(self, request: str, file: paramiko.SFTPFile) -> None:
        """An extended request about an open file; raises OSError where the server says no."""
        self._request(CMD_EXTENDED, request, file.handle)  # type: ignore[attr-defined]  # no stub; no other way

    def _read_packet(self) -> Any:
        kind, data = super()._read_packet()  # type: ignore[misc]  # not in the stubs
        if kind == CMD_VERSION:
            self.extensions = _extensions(Message(data))
        return kind, data


def _extensions(version: Message) -> frozenset[str]:
    """The names in a version packet: a number, then pairs of name and data."""
    version.get_int()
    names = set()
    while version.get_remainder():
        names.add(version.get_binary().decode("utf-8", "replace"))
        version.get_binary()
    return frozenset(names)


class _Line:
    """A transport, its time limit, and the wording of whatever goes wrong on it."""

    def __init__(self, transport: paramiko.Transport, seconds: float, where: str) -> None:
        self.transport, self.seconds, self.where = transport, seconds, where
        self._late = False

    @contextmanager
    def worded(self, otherwise: Problem, size: int = 0) -> Iterator[None]:
        """Bound what is done inside, and raise DeliveryFailed for whatever fails there.

        `size` in bytes lengthens the bound; `otherwise` is the problem where the server only says
        that it failed.
        """
        problem = None
        watchdog = Timer(self.seconds + size / _SLOWEST, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        except (OSError, EOFError, SSHException, SFTPError) as error:
            problem = self._problem(error, otherwise)
        finally:
            watchdog.cancel()
        if problem is not None:
            if problem is Problem.TIMED_OUT:
                self.transport.close()
            raise DeliveryFailed(problem, where=self.where)

    def check_open(self) -> None:
        """Raises DeliveryFailed where the line is known to be dead."""
        if not self.transport.is_active():
            raise DeliveryFailed(Problem.LOST, where=self.where)

    def _give_up(self) -> None:
        self._late = True
        self.transport.close()

    def _problem(self, error: Exception, otherwise: Problem) -> Problem:
        if self._late or isinstance(error, TimeoutError):
            return Problem.TIMED_OUT
        if isinstance(error, IncompatiblePeer):
            return Problem.INCOMPATIBLE
        if not self.transport.is_active():
            return Problem.LOST
        if isinstance(error, AuthenticationException):
            return Problem.LOGIN
        if isinstance(error, (EOFError, SSHException)):
            return Problem.LOST
        by_number = {errno.EACCES: Problem.PERMISSION, errno.ENOENT: Problem.NO_FOLDER}
        number = error.errno if isinstance(error, OSError) else None
        return by_number.get(number or 0, otherwise)


@contextmanager
def connected(endpoint: Endpoint, *, label: str = "") -> Iterator[FarSide]:
    """A session in the recipient's folder: host key as pinned, logged in by public key alone.

    `label` names the recipient in messages. Raises DeliveryFailed, and SettingsError where the
    pinned key or our private key cannot be used.
    """
    pin = _pin(endpoint.host_key, endpoint.address)
    key = _private_key(endpoint.private_key)
    where = f"{label} at {endpoint.address}" if label else endpoint.address
    with _socket(endpoint, where) as connection:
        transport = paramiko.Transport(connection)
        line = _Line(transport, endpoint.timeout_seconds, where)
        try:
            sftp = _session(line, endpoint, pin, key)
            yield FarSide(line, sftp, endpoint.folder)
        finally:
            transport.close()


def _socket(endpoint: Endpoint, where: str) -> socket.socket:
    problem = Problem.UNREACHABLE
    try:
        connection = socket.create_connection(
            (endpoint.host, endpoint.port), timeout=endpoint.timeout_seconds
        )
        # paramiko leaves Nagle's algorithm on, which makes small files four times slower.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    except ConnectionRefusedError:
        problem = Problem.REFUSED
    except TimeoutError:
        problem = Problem.TIMED_OUT
    except (OSError, UnicodeError):
        problem = Problem.UNREACHABLE
    raise DeliveryFailed(problem, where=where)


def _session(line: _Line, endpoint: Endpoint, pin: tuple[str, bytes], key: paramiko.PKey) -> _Client:
    """Host key first: nothing of ours, not even the user's name, is shown to the wrong server."""
    transport = line.transport
    _choose_methods(transport, pin[0])
    # The line's own watchdog is the bound; paramiko's must not come before it.
    transport.banner_timeout = transport.auth_timeout = 2 * line.seconds
    transport.handshake_timeout = transport.channel_timeout = 2 * line.seconds
    with line.worded(Problem.LOST):
        transport.start_client()
        _check_host_key(transport, pin, line.where)
    with line.worded(Problem.LOGIN):
        transport.auth_publickey(endpoint.user, key)
        if not transport.is_authenticated():
            raise DeliveryFailed(Problem.LOGIN, where=line.where)  # it wants a second factor
    with line.worded(Problem.PERMISSION):
        channel = transport.open_session()
        channel.settimeout(line.seconds)
        channel.invoke_subsystem("sftp")
        return _Client(channel)


def _check_host_key(transport: paramiko.Transport, pin: tuple[str, bytes], where: str) -> None:
    shown = transport.get_remote_server_key().asbytes()
    if not hmac.compare_digest(shown, pin[1]):
        raise DeliveryFailed(Problem.HOST_KEY, where=where)


def _choose_methods(transport: paramiko.Transport, pinned: str) -> None:
    """Modern methods only, AES-GCM first; the pinned kind of host key before all others."""
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.digests = _MACS
    wanted = _RSA if pinned == "ssh-rsa" else (pinned,)
    options.key_types = (*wanted, *(kind for kind in options.key_types if kind not in wanted))


def _pin(host_key: str, address: str) -> tuple[str, bytes]:
    """Kind and bytes of a pinned host key; raises SettingsError where it is not one."""
    kind, encoded = [*host_key.split(), "", ""][:2]
    known = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
    with suppress(binascii.Error, ValueError):
        blob = base64.b64decode(encoded, validate=True)
        if kind in known and Message(blob).get_text() == kind:
            return kind, blob
    raise SettingsError(
        "A recipient's host key cannot be read",
        where=address,
        do="Write it as kind and key, for example ssh-ed25519 AAAA..., as its administrator gave it.",
    )


def _private_key(file: Path) -> paramiko.PKey:
    # Raised after the except block: a lower error may carry the key itself.
    with suppress(OSError, ValueError, TypeError, SSHException, UnknownKeyType):
        return paramiko.PKey.from_path(file)
    raise SettingsError(
        "The key that we log in with cannot be used",
        where=str(file),
        do="It must be an SSH private key without passphrase. Run `birthshare doctor`.",
    )
