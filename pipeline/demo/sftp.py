"""The recipients' side of the demonstration: a real SFTP server on this machine.

One account for each recipient, each shut in its own folder. It stands for many servers that the
authority does not run, so it shares nothing with the delivery but the protocol.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

import asyncssh

from pipeline.demo.keys import make_ssh_key
from pipeline.errors import SettingsError

HOST = "127.0.0.1"

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}\Z")


class DemonstrationSftp:
    """An SFTP server with an account for each folder of `root`, while the context lasts.

    Only the key in `authorised_key` (an OpenSSH public key file, read at each login, so that it may
    be made later) opens an account, and only for SFTP: no password, shell, scp, forwarding or links.
    The host's own key is kept in `host_key_file`, made when missing, so that a later start on the same
    `port` is the same server to its clients; port 0 lets the system choose. Raises SettingsError
    where it cannot listen.
    """

    host = HOST

    def __init__(self, root: Path, authorised_key: Path, *, host_key_file: Path, port: int = 0) -> None:
        self._root = root
        self._authorised_key = authorised_key
        self._host_key_file = host_key_file
        self._wanted_port = port
        self.placed: list[str] = []  # every file that was given its final name, once for each time
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._started: Future[int] = Future()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._serve, name="demonstration-sftp", daemon=True)

    def __enter__(self) -> DemonstrationSftp:
        if not self._host_key_file.exists():
            make_ssh_key(self._host_key_file, "demonstration")
        self._thread.start()
        self._started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._started.result()

    @property
    def host_key(self) -> str:
        """What clients pin: the algorithm and the key, as in `known_hosts`."""
        line = self._host_key_file.with_name(f"{self._host_key_file.name}.pub").read_text(encoding="utf-8")
        return " ".join(line.split()[:2])

    def folder_of(self, user: str) -> Path | None:
        """The folder that an account is shut in, or None where there is no such account."""
        folder = self._root / user
        return folder if _CODE.match(user) and folder.is_dir() else None

    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            listener = await self._listen()
        except Exception as error:
            failure = SettingsError(
                "The demonstration's SFTP server cannot start",
                where=f"port {self._wanted_port}, {self._host_key_file}",
                do="Another program may use the port; make the demonstration in a new folder.",
            )
            failure.__cause__ = error
            self._started.set_exception(failure)  # whatever it was: who waits for the start must hear of it
            return
        self._started.set_result(listener.get_port())
        await self._stop.wait()
        listener.close()
        for connection in list(self._connections):
            connection.abort()
        await listener.wait_closed()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            HOST,
            self._wanted_port,
            server_factory=lambda: _Door(self),
            server_host_keys=[str(self._host_key_file)],
            sftp_factory=lambda channel: _Shut(channel, self.folder_of(_user(channel)), self.placed),
            encoding=None,
            allow_scp=False,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
        )


class _Door(asyncssh.SSHServer):
    """Lets in who has an account and holds the delivery's key."""

    def __init__(self, server: DemonstrationSftp) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if self._server.folder_of(username) is None:
            return False
        try:
            authorised = asyncssh.read_public_key(self._server._authorised_key)
        except (OSError, asyncssh.KeyImportError):
            return False
        return key.public_data == authorised.public_data


class _Shut(asyncssh.SFTPServer):
    """Files of one folder, which nothing can lead out of."""

    def __init__(
        self, channel: asyncssh.SSHServerChannel[bytes], folder: Path | None, placed: list[str]
    ) -> None:
        if folder is None:
            raise asyncssh.SFTPPermissionDenied("there is no such account")
        self._folder = os.fsencode(folder.resolve())
        self._placed = placed
        super().__init__(channel, chroot=self._folder)

    def map_path(self, path: bytes) -> bytes:
        """The local path; refused where a link in the folder leads elsewhere."""
        local = super().map_path(path)
        real = os.path.realpath(local)
        if real != self._folder and not real.startswith(self._folder + b"/"):
            raise asyncssh.SFTPPermissionDenied("outside the account's folder")
        return local

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        self._placed.append(os.fsdecode(newpath))

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)
        self._placed.append(os.fsdecode(newpath))

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("links are not allowed")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("links are not allowed")


def _user(channel: asyncssh.SSHServerChannel[bytes]) -> str:
    return str(channel.get_extra_info("username"))
