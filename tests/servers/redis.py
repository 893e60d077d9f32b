"""A real Redis server for tests: loopback, random port, a password, temporary folder, never run by root.

What is queued survives a restart, as it must in production: every write goes to the disk.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from servers.installing import provided
from servers.ports import free_port

PROGRAM = "redis-server"

CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync always
save ""
daemonize no
"""


class ServerMissing(RuntimeError):  # noqa: N818 - it names a state of the machine
    """The machine has no Redis, and it could not be installed."""


class RedisServer:
    """`with RedisServer() as server: server.url()`; stopped and removed at the end."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> RedisServer:
        self._program = _program()
        self._as = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="birthshare-redis-"))
        self._password = secrets.token_hex(16)
        if self._as:
            shutil.chown(self._folder, self._as)
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, number: int = 0) -> str:
        """The address, password included, of one of its databases."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/{number}"

    def start(self) -> None:
        """Listen, on the port that it had; another program may take the first one, so try a few."""
        for _ in range(5):
            port = self.port or free_port()
            process = self._started(port)
            if self._answers(process, port):
                self.port, self._process = port, process
                return
        raise RuntimeError("Redis did not start")

    def stop(self) -> None:
        """End it at once, as a power cut would; nothing happens where it was ended before."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self, port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self._program, "-"],
            user=self._as,
            group=pwd.getpwnam(self._as).pw_gid if self._as else None,
            extra_groups=[] if self._as else None,
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        with process.stdin as given:  # so that the password is in no file and no list of processes
            given.write(CONFIG.format(port=port, password=self._password, folder=self._folder))
        return process

    def _answers(self, process: subprocess.Popen[str], port: int) -> bool:
        """Wait until it has read what was queued; it ends by itself where it cannot listen."""
        import redis

        with redis.Redis(port=port, password=self._password) as client:
            while process.poll() is None:
                with suppress(redis.ConnectionError, redis.AuthenticationError):
                    return bool(client.ping())
        return False


def _program() -> str:
    found = provided("redis-server", lambda: shutil.which(PROGRAM))
    if found is None:
        raise ServerMissing("Redis is missing; install the Debian package redis-server")
    return found
