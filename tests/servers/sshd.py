"""A real OpenSSH server on loopback: one account for each recipient code, SFTP only, in its own root.

    with OpenSshServer(["NE-01", "NE-02"], public_key=Path("delivery.key.pub")) as server:
        server.port, server.host_key, server.user("NE-01"), server.files("NE-01")

It needs root (accounts, chroot). The accounts and all files are gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import TracebackType

from servers.installing import provided
from servers.ports import free_port

SSHD = Path("/usr/sbin/sshd")
SSHD_RUN = Path("/run/sshd")
# Every folder above a chroot must belong to root and be writable by nobody else: not so /tmp.
PLACE = Path("/var/lib")
TRIES = 5

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host_key
PidFile none
UsePAM no
UseDNS no
StrictModes yes
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
AuthorizedKeysFile {root}/authorized/%u
Subsystem sftp internal-sftp
ForceCommand internal-sftp -u 0077
ChrootDirectory {root}/accounts/%u
AllowTcpForwarding {forwarding}
AllowAgentForwarding no
X11Forwarding no
PermitTunnel no
PermitTTY no
MaxStartups 200:30:400
LogLevel INFO
"""


class CannotServe(RuntimeError):
    """This machine cannot run the server: no root, or no OpenSSH server and no way to install it."""


class OpenSshServer:
    """One foreground sshd and its accounts, from `__enter__` to `__exit__`."""

    folder = "/upload"  # what a logged-in recipient sees

    def __init__(self, codes: Sequence[str], *, public_key: Path, forwards: bool = False) -> None:
        self.codes = tuple(codes)
        self.log: list[str] = []
        self.port = 0
        self.host_key = ""
        self._public_key = public_key
        self._forwards = forwards  # so that it can be a jump host
        self._users: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None
        self._root = Path()

    def __enter__(self) -> OpenSshServer:
        ensure_installed()
        self._root = Path(tempfile.mkdtemp(prefix="birthshare-sshd-", dir=PLACE))
        self._root.chmod(0o755)
        try:
            self._make_host_key()
            self._make_accounts()
            self.start()
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def user(self, code: str) -> str:
        """The login name of a recipient's account."""
        return self._users[code]

    def files(self, code: str) -> Path:
        """The recipient's upload folder, as root sees it."""
        return self._root / "accounts" / self._users[code] / "upload"

    def authorise(self, code: str, options: str = "") -> None:
        """Let our key into a recipient's account, under options as in `authorized_keys`; "#" shuts it out."""
        line = f"{options} {self._public_key.read_text().strip()}".strip()
        (self._root / "authorized" / self._users[code]).write_text(f"{line}\n")

    def start(self) -> None:
        """Listen on `port`, or on a free one the first time."""
        for _ in range(TRIES):
            port = self.port or free_port()
            if self._listens(port):
                self.port = port
                return
        raise CannotServe("sshd does not start: " + " ".join(self.log[-3:]))

    def kill(self) -> None:
        """End the server and all its sessions at once, as a power cut would."""
        if self._process:
            # Each session has left sshd's process group, so they are ended one by one.
            for pid in [self._process.pid, *_descendants(self._process.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _listens(self, port: int) -> bool:
        config = self._root / "sshd_config"
        forwarding = "local" if self._forwards else "no"
        config.write_text(CONFIG.format(port=port, root=self._root, forwarding=forwarding))
        process = subprocess.Popen(
            [str(SSHD), "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.strip())
            if "Server listening on" in line:
                self._process = process
                Thread(target=self._keep_log, args=(process,), daemon=True).start()
                return True
        process.wait()
        return False

    def _keep_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.log.append(line.strip())

    def _make_host_key(self) -> None:
        file = self._root / "host_key"
        _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file))
        self.host_key = " ".join(file.with_suffix(".pub").read_text().split()[:2])

    def _make_accounts(self) -> None:
        (self._root / "authorized").mkdir(mode=0o755)
        (self._root / "accounts").mkdir(mode=0o755)
        mark = self._root.name.removeprefix("birthshare-sshd-").lower()
        for number, code in enumerate(self.codes):
            self._make_account(code, f"bs-{mark}-{number}")

    def _make_account(self, code: str, user: str) -> None:
        # A system account, because those get no subordinate ids: twice as fast to make.
        _retried("useradd", "--system", "--no-create-home", "--no-user-group", "--gid", "nogroup",
                 "--no-log-init", "--home-dir", "/", "--shell", "/usr/sbin/nologin", "--password", "*",
                 user)  # fmt: skip
        self._users[code] = user
        shutil.copyfile(self._public_key, self._root / "authorized" / user)
        upload = self.files(code)
        upload.parent.mkdir(mode=0o755)
        upload.mkdir(mode=0o700)
        shutil.chown(upload, user, "nogroup")

    def _clear(self) -> None:
        self.kill()
        for user in self._users.values():
            _retried("userdel", user)
        self._users.clear()
        shutil.rmtree(self._root, ignore_errors=True)


def ensure_installed() -> None:
    """Install the OpenSSH server where it is missing; raises CannotServe where that is not possible."""
    if os.geteuid() != 0:
        raise CannotServe("accounts and chroot folders need root")
    if not provided("openssh-server", SSHD.exists):
        raise CannotServe("no OpenSSH server, and apt-get cannot install it")
    SSHD_RUN.mkdir(mode=0o755, exist_ok=True)


def _descendants(pid: int) -> list[int]:
    """All processes below one, children before grandchildren."""
    found, waiting = [], [pid]
    while waiting:
        below = _children(waiting.pop())
        found += below
        waiting += below
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _retried(*command: str) -> None:
    """The list of accounts is locked while another process changes it; then try once more."""
    for _ in range(TRIES):
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
    _call(*command)


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
