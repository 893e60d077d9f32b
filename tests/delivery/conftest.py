"""A real OpenSSH server with an account for each of two centres, and a list with its permit."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.delivery.folder import Folder
from pipeline.delivery.sftp import Endpoint
from pipeline.delivery.way import Way
from pipeline.records import Permit
from servers.sshd import CannotServe, OpenSshServer

CODES = ("NE-01", "NE-02")


@pytest.fixture(scope="session")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that we log in with."""
    file = tmp_path_factory.mktemp("keys") / "delivery.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


@pytest.fixture(scope="session")
def running(private_key: Path) -> Iterator[OpenSshServer]:
    """The centres' server."""
    try:
        with OpenSshServer(CODES, public_key=private_key.with_suffix(".key.pub")) as server:
            yield server
    except CannotServe as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no OpenSSH server: {reason}")


@pytest.fixture
def server(running: OpenSshServer) -> OpenSshServer:
    """The centres' server, with empty folders."""
    for code in CODES:
        for file in running.files(code).iterdir():
            file.unlink()
    return running


@pytest.fixture
def endpoint(server: OpenSshServer, private_key: Path) -> Endpoint:
    """The first centre's folder."""
    return Endpoint(
        "127.0.0.1", server.port, server.user("NE-01"), server.folder, server.host_key, private_key, 10.0
    )


@pytest.fixture(params=["sftp", "folder"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    """The first centre's folder, over SFTP and as a folder of this machine."""
    if request.param == "sftp":
        there: Way = request.getfixturevalue("endpoint")
        return there
    hand_over = tmp_path / "hand-over"
    hand_over.mkdir(mode=0o750)
    return Folder(hand_over)


@pytest.fixture
def there(way: Way, request: pytest.FixtureRequest) -> Path:
    """What the way leads to, as the centre's own staff would see it."""
    if isinstance(way, Folder):
        return way.path
    folder: Path = request.getfixturevalue("folder")
    return folder


@pytest.fixture
def folder(server: OpenSshServer) -> Path:
    """The first centre's folder, as its own staff would see it."""
    return server.files("NE-01")


@pytest.fixture
def permit_for() -> Callable[[bytes], Permit]:
    """A permit for exactly these bytes."""
    blank = Permit(7, "2026-10", "first-visit", "NE-01", "NE-01_2026-10.xlsx", "", 12, 13)
    return lambda sealed: replace(blank, sealed_sha256=hashlib.sha256(sealed).hexdigest())
