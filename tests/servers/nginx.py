"""A real nginx for tests, as a council puts it before the console: loopback, random ports, never run by root.

Its sites are `infra/nginx/birthshare.conf`, which the runbook has, with the ports and files of the test; its
certificate is of an authority that nobody else knows.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from servers.installing import provided
from servers.ports import free_port

CONF = Path(__file__).resolve().parent.parent.parent / "infra" / "nginx" / "birthshare.conf"
NAME = "birthshare.example.org"  # as the file has it

_AROUND = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes 1;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {sites}
}}
"""


class ServerMissing(RuntimeError):  # noqa: N818 - it names a state of the machine
    """The machine has no nginx, and it could not be installed."""


@dataclass(frozen=True)
class Site:
    """The file's two servers, before one port of this machine."""

    console: int
    patience: str = "60s"  # that it waits for an answer
    port: int = 0
    plain: int = 0  # the port without TLS

    def lines(self, folder: Path) -> str:
        """The file with our ports and files; each of these stands in it once."""
        text = CONF.read_text(encoding="utf-8")
        for old, new in (
            ("listen 80;", f"listen 127.0.0.1:{self.plain};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("/etc/ssl/birthshare.pem", f"{folder}/birthshare.pem"),
            ("/etc/ssl/private/birthshare.key", f"{folder}/birthshare.key"),
            ("/var/log/nginx/birthshare.log", f"{folder}/birthshare.log"),
            ("127.0.0.1:8470", f"127.0.0.1:{self.console}"),
            ("proxy_read_timeout 60s;", f"proxy_read_timeout {self.patience};"),
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Nginx:
    """One that runs."""

    folder: Path
    sites: list[Site]
    trust: Path  # the certificate of who vouches for it
    pin: str  # its own key, as Chromium names keys

    @property
    def said(self) -> str:
        """All that it wrote down."""
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


@contextmanager
def nginx(*wanted: Site) -> Iterator[Nginx]:
    """Sites on ports of this machine, until the block ends; raises ServerMissing."""
    program = _program()
    folder = Path(tempfile.mkdtemp(prefix="birthshare-nginx-"))
    try:
        trust, pin = _certified(folder)
        with _started(program, folder, wanted) as sites:
            yield Nginx(folder, sites, trust, pin)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _started(program: str, folder: Path, wanted: tuple[Site, ...]) -> Iterator[list[Site]]:
    """Another program may take a port first, so try a few."""
    whose = _unprivileged(folder)
    for _ in range(5):
        sites = [Site(one.console, one.patience, free_port(), free_port()) for one in wanted]
        conf = folder / "nginx.conf"
        conf.write_text(_AROUND.format(folder=folder, sites="\n".join(one.lines(folder) for one in sites)))
        process = subprocess.Popen(
            [program, "-p", folder, "-c", conf, "-e", folder / "nginx.log"],
            user=whose.pw_name if whose else None,
            group=whose.pw_gid if whose else None,
            extra_groups=[] if whose else None,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stderr=subprocess.DEVNULL,
        )
        try:
            if _listens(process, sites[-1].port):
                yield sites
                return
        finally:
            process.terminate()
            process.wait()
    raise RuntimeError("nginx did not start: " + (folder / "nginx.log").read_text())


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until it does; it ends by itself where it cannot."""
    while process.poll() is None:
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
    return False


def _certified(folder: Path) -> tuple[Path, str]:
    """A certificate for the name, from an authority of its own: that one's file, and the key's name."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    above = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority for tests")])
    root = _signed(above, authority.public_key(), above, authority, x509.BasicConstraints(True, 0))
    named = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    leaf = _signed(whose, key.public_key(), above, authority, named)
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(root.public_bytes(pem))
    (folder / "birthshare.pem").write_bytes(leaf.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "birthshare.key").write_bytes(secret)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return folder / "authority.pem", base64.b64encode(hashlib.sha256(public).digest()).decode()


def _signed(
    whose: x509.Name,
    key: ec.EllipticCurvePublicKey,
    above: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    said: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(above)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(said, critical=isinstance(said, x509.BasicConstraints))
        .sign(by, hashes.SHA256())
    )


def _unprivileged(folder: Path) -> pwd.struct_passwd | None:
    """Whom it runs as, who then owns the folder; None where that is us."""
    if os.geteuid() != 0:
        return None
    for file in (folder, *folder.iterdir()):
        shutil.chown(file, "nobody")
    return pwd.getpwnam("nobody")


def _program() -> str:
    found = provided("nginx-light", lambda: shutil.which("nginx") or shutil.which("/usr/sbin/nginx"))
    if found is None:
        raise ServerMissing("nginx is missing; install the Debian package nginx-light")
    return found
