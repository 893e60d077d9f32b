"""The demonstration's SFTP server is a real one, and each account is shut in its folder."""

from __future__ import annotations

import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import paramiko
import pytest

from pipeline.demo.keys import make_ssh_key
from pipeline.demo.sftp import DemonstrationSftp
from pipeline.errors import SettingsError

CODES = ("centre-01", "centre-02")

Login = Callable[..., AbstractContextManager[paramiko.Transport]]
Open = Callable[..., AbstractContextManager[paramiko.SFTPClient]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two accounts, the delivery's key and a stranger's."""
    place = tmp_path_factory.mktemp("sftp")
    for code in CODES:
        (place / "recipients" / code).mkdir(parents=True)
    make_ssh_key(place / "delivery.key", "delivery")
    make_ssh_key(place / "stranger.key", "stranger")
    (place / "outside.txt").write_text("not for centres")
    return place


def serve(place: Path, port: int = 0) -> DemonstrationSftp:
    return DemonstrationSftp(
        place / "recipients", place / "delivery.key.pub", host_key_file=place / "host" / "key", port=port
    )


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[DemonstrationSftp]:
    with serve(place) as server:
        yield server


@pytest.fixture(scope="module")
def login(place: Path, running: DemonstrationSftp) -> Login:
    @contextmanager
    def enter(user: str = CODES[0], key: str = "delivery.key") -> Iterator[paramiko.Transport]:
        with socket.create_connection((running.host, running.port), timeout=10) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.connect(
                    username=user, pkey=paramiko.Ed25519Key.from_private_key_file(str(place / key))
                )
                yield transport
            finally:
                transport.close()

    return enter


@pytest.fixture(scope="module")
def sftp(login: Login) -> Open:
    @contextmanager
    def enter(user: str = CODES[0]) -> Iterator[paramiko.SFTPClient]:
        with login(user) as transport:
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            client.get_channel().settimeout(10)
            yield client

    return enter


def test_a_list_arrives_in_the_accounts_folder(sftp: Open, place: Path) -> None:
    with sftp("centre-02") as client:
        with client.open(".list.part", "wxb") as file:
            file.write(b"sealed")
        client.posix_rename(".list.part", "list.xlsx")
        assert client.open("list.xlsx").read() == b"sealed"
    assert (place / "recipients" / "centre-02" / "list.xlsx").read_bytes() == b"sealed"
    assert not (place / "recipients" / "centre-01" / "list.xlsx").exists()


def test_openssh_and_its_extensions_are_understood(running: DemonstrationSftp, place: Path) -> None:
    known = place / "known_hosts"
    known.write_text(f"[{running.host}]:{running.port} {running.host_key}\n")
    (place / "upload.txt").write_bytes(b"sealed")
    options = ("-oBatchMode=yes", "-oStrictHostKeyChecking=yes", f"-oUserKnownHostsFile={known}")
    order = f"put -f {place / 'upload.txt'} .part\nrename .part by-openssh.txt\n"  # -f asks for fsync
    done = subprocess.run(
        ["sftp", "-F", "none", "-q", *options, "-P", str(running.port), "-i", str(place / "delivery.key"),
         "-oIdentitiesOnly=yes", "-b", "-", f"centre-01@{running.host}"],
        input=order.encode(), capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"not supported" not in done.stderr
    assert (place / "recipients" / "centre-01" / "by-openssh.txt").read_bytes() == b"sealed"


@pytest.mark.parametrize("user", ["centre-03", "root", "..", ".", "../recipients/centre-01", "CENTRE-01", ""])
def test_unknown_accounts_are_refused(login: Login, user: str) -> None:
    with pytest.raises(paramiko.SSHException), login(user):
        pass


def test_another_key_is_refused(login: Login) -> None:
    with pytest.raises(paramiko.AuthenticationException), login(key="stranger.key"):
        pass


def test_only_a_key_opens_an_account(running: DemonstrationSftp) -> None:
    with socket.create_connection((running.host, running.port), timeout=10) as connection:
        transport = paramiko.Transport(connection)
        try:
            transport.start_client(timeout=10)
            with pytest.raises(paramiko.BadAuthenticationType) as refusal:
                transport.auth_password(CODES[0], "secret")
            assert refusal.value.allowed_types == ["publickey"]
        finally:
            transport.close()


@pytest.mark.parametrize(
    "path", ["../centre-02/list", "/../../outside.txt", "../../outside.txt", "a/../../../outside.txt"]
)
def test_a_client_cannot_leave_its_folder(sftp: Open, place: Path, path: str) -> None:
    with sftp() as client:
        with pytest.raises(OSError):
            client.open(path).read()
        assert client.normalize(path).startswith("/")
        assert stat.S_ISDIR(client.stat("/..").st_mode or 0)
        assert "outside.txt" not in client.listdir("/..")


def test_a_path_of_the_machine_means_the_accounts_own_folder(sftp: Open, place: Path) -> None:
    with sftp() as client, pytest.raises(FileNotFoundError):
        client.open(str(place / "outside.txt"))


def test_links_cannot_be_made(sftp: Open, place: Path) -> None:
    with sftp() as client:
        for target in ("/etc/passwd", "../../outside.txt", "by-openssh.txt"):
            with pytest.raises(PermissionError):
                client.symlink(target, "link")
    assert not (place / "recipients" / CODES[0] / "link").is_symlink()


def test_a_link_that_stands_there_leads_nowhere(sftp: Open, place: Path) -> None:
    link = place / "recipients" / CODES[0] / "planted"
    link.symlink_to(place / "outside.txt")
    try:
        with sftp() as client, pytest.raises(PermissionError):
            client.open("planted").read()
    finally:
        link.unlink()


def test_there_is_no_shell_no_command_and_no_tunnel(login: Login) -> None:
    with login() as transport:
        for ask in ("invoke_shell", "exec_command"):
            channel = transport.open_session(timeout=10)
            with pytest.raises(paramiko.SSHException):
                getattr(channel, ask)(*(["scp -t ."] if ask == "exec_command" else []))
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1), timeout=10)


def test_the_delivery_key_may_be_made_after_the_start(tmp_path: Path) -> None:
    (tmp_path / "recipients" / "centre-01").mkdir(parents=True)
    with serve(tmp_path) as server:
        make_ssh_key(tmp_path / "delivery.key", "delivery")
        key = paramiko.Ed25519Key.from_private_key_file(str(tmp_path / "delivery.key"))
        transport = paramiko.Transport((server.host, server.port))
        try:
            transport.connect(username="centre-01", pkey=key)
            assert transport.is_authenticated()
        finally:
            transport.close()


def test_it_stops_cleanly_and_comes_back_as_the_same_server(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        port, host_key = server.port, server.host_key
        left_open = socket.create_connection((server.host, port), timeout=10)
    left_open.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, port), timeout=10)
    with serve(tmp_path, port) as again:
        assert (again.port, again.host_key) == (port, host_key)


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with serve(tmp_path) as server, pytest.raises(SettingsError, match="cannot start"):
        serve(tmp_path, server.port).__enter__()
