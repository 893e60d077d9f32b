"""Servers that take messages on loopback, over real TLS: mail with STARTTLS and a login, and a webhook."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = "127.0.0.1"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HERE)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HERE))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail from whoever logs in after STARTTLS; refuses mailboxes and offers as a test says."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, folder: Path, login: tuple[str, str]) -> None:
        self.trust, key = certificate(folder, "mail")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.trust, key)
        self.login = login
        self.taken: list[EmailMessage] = []
        self.refused: set[str] = set()  # mailboxes
        self.offers_tls = True
        super().__init__((HERE, 0), _Conversation)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who does not trust the certificate goes away."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def of(self, mailbox: str) -> list[EmailMessage]:
        """What was taken for one mailbox."""
        return [one for one in self.taken if one["To"] == mailbox]


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 test")
        secure = known = False
        while line := self.rfile.readline().decode().strip():
            word, rest = line.split(" ")[0].upper(), line.partition(" ")[2]
            if word == "EHLO":
                offers = ["test", *(["STARTTLS"] if self.server.offers_tls and not secure else [])]
                offers += ["AUTH PLAIN"] if secure else []
                for offer in offers[:-1]:
                    self._say(f"250-{offer}")
                self._say(f"250 {offers[-1]}")
            elif word == "STARTTLS":
                self._say("220 go on")
                self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                secure = True
            elif word == "AUTH":
                given = tuple(base64.b64decode(rest.split(" ")[1]).decode().split("\0")[1:])
                known = given == self.server.login
                self._say("235 welcome" if known else f"535 who is {given}?")
            elif word == "RCPT":
                mailbox = rest.partition("<")[2].partition(">")[0]
                self._say("250 yes" if known and mailbox not in self.server.refused else "550 not here")
            elif word == "DATA":
                self._say("354 go on")
                self.server.taken.append(self._message())
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 yes")

    def _message(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return cast(EmailMessage, message_from_bytes(b"".join(lines), policy=policy.default))

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class Webhook(ThreadingHTTPServer):
    """Takes JSON at one secret path over HTTPS; answers as a test says."""

    daemon_threads = True

    def __init__(self, folder: Path, path: str) -> None:
        super().__init__((HERE, 0), _Answering)
        self.trust, key = certificate(folder, "webhook")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.trust, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.path, self.answer, self.promised = path, 200, 0  # bytes that are said to follow, and never do
        self.taken: list[dict[str, Any]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who does not trust the certificate goes away."""

    @property
    def address(self) -> str:
        return f"https://{HERE}:{self.server_address[1]}{self.path}"


class _Answering(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answer if self.path == self.server.path else 404
        if answer == 200:
            self.server.taken.append(json.loads(content))
        self.send_response(answer)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(self.server.promised))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """While the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
