"""One SSH line to one host: its host key as pinned, our key and nothing else, and every wait bounded.

paramiko raises many things for few causes (a bare EOFError for a killed server, OSError without a
number for a full disk, nothing at all for a hang). Here each becomes one DeliveryFailed.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hmac
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import paramiko
from paramiko.message import Message
from paramiko.pkey import UnknownKeyType
from paramiko.sftp import SFTPError
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
_TICK = 0.25  # seconds between two looks at what is under way
_SLOWEST = 16_384  # bytes a second; anything slower counts as a hang

Pin = tuple[str, bytes]  # kind and bytes of a host key
Connection = socket.socket | paramiko.Channel


class Line:
    """A transport, its time limit, and the wording of whatever goes wrong on it."""

    def __init__(self, transport: paramiko.Transport, seconds: float, where: str) -> None:
        self.transport, self.seconds, self.where = transport, seconds, where
        self._late = False
        self._due: float | None = None  # when what is under way must have ended, on the monotonic clock
        self._ended = Event()

    @contextmanager
    def worded(self, otherwise: Problem, size: int = 0, *, paced: float = 0.0) -> Iterator[None]:
        """Bound what is done inside, and raise DeliveryFailed for whatever fails there.

        `size` in bytes and the seconds that we hold ourselves back (`paced`) lengthen the bound;
        `otherwise` is the problem where the server only says that it failed.
        """
        problem = None
        self._due = monotonic() + self.seconds + size / _SLOWEST + paced
        try:
            yield
        except (OSError, EOFError, SSHException, SFTPError) as error:
            problem = self._problem(error, otherwise)
        finally:
            self._due = None
        if problem is not None:
            if problem is Problem.TIMED_OUT:
                self.transport.close()
            raise DeliveryFailed(problem, where=self.where)

    @property
    def is_open(self) -> bool:
        """Whether the line is not known to be dead."""
        return self.transport.is_active()

    def check_open(self) -> None:
        """Raises DeliveryFailed where the line is known to be dead."""
        if not self.is_open:
            raise DeliveryFailed(Problem.LOST, where=self.where)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Close the line as soon as what is under way takes too long.

        One thread for the whole line: one for each question would cost more than asking it.
        """
        watchdog = Thread(target=self._watch, daemon=True)
        watchdog.start()
        try:
            yield
        finally:
            self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(min(_TICK, self.seconds / 4)):
            due = self._due
            if due is not None and monotonic() > due:
                self._late = True
                self.transport.close()
                return

    def _problem(self, error: Exception, otherwise: Problem) -> Problem:
        if self._late or isinstance(error, TimeoutError):
            return Problem.TIMED_OUT
        if isinstance(error, IncompatiblePeer):
            return Problem.INCOMPATIBLE
        if not self.transport.is_active():
            return Problem.LOST
        if isinstance(error, AuthenticationException):
            return Problem.LOGIN
        if isinstance(error, paramiko.ChannelException):
            return otherwise
        if isinstance(error, (EOFError, SSHException)):
            return Problem.LOST
        by_number = {errno.EACCES: Problem.PERMISSION, errno.ENOENT: Problem.NO_FOLDER}
        number = error.errno if isinstance(error, OSError) else None
        return by_number.get(number or 0, otherwise)


@contextmanager
def _closed(transport: paramiko.Transport) -> Iterator[None]:
    """Close the transport at the end; that its connection is lost already is no other failure.

    Through a jump host, closing sends a word over the jump host's own connection.
    """
    try:
        yield
    finally:
        with suppress(OSError, EOFError, SSHException):
            transport.close()


@contextmanager
def opened(
    connection: Connection, *, user: str, pin: Pin, key: paramiko.PKey, seconds: float, where: str
) -> Iterator[Line]:
    """A line over a connection, logged in; raises DeliveryFailed.

    Host key first: nothing of ours, not even the user's name, is shown to the wrong server.
    """
    transport = paramiko.Transport(connection)
    line = Line(transport, seconds, where)
    with line.watched(), _closed(transport):
        _choose_methods(transport, pin[0])
        # The line's own watchdog is the bound; paramiko's must not come before it.
        transport.banner_timeout = transport.auth_timeout = 2 * seconds
        transport.handshake_timeout = transport.channel_timeout = 2 * seconds
        with line.worded(Problem.LOST):
            transport.start_client()
            _check_host_key(transport, pin, where)
        with line.worded(Problem.LOGIN):
            transport.auth_publickey(user, key)
            if not transport.is_authenticated():
                raise DeliveryFailed(Problem.LOGIN, where=where)  # it wants a second factor
        yield line


def read_pin(host_key: str, address: str) -> Pin:
    """A pinned host key; raises SettingsError where it is not one."""
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


def read_private_key(file: Path) -> paramiko.PKey:
    """The key that we log in with; raises SettingsError where it cannot be used."""
    # Raised after the except block: a lower error may carry the key itself.
    with suppress(OSError, ValueError, TypeError, SSHException, UnknownKeyType):
        return paramiko.PKey.from_path(file)
    raise SettingsError(
        "The key that we log in with cannot be used",
        where=str(file),
        do="It must be an SSH private key without passphrase. Run `birthshare doctor`.",
    )


def _check_host_key(transport: paramiko.Transport, pin: Pin, where: str) -> None:
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
