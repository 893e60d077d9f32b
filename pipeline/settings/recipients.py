"""The register of recipients: who receives lists, where, and sealed for which key."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.settings.values import Code, Line, Port, Strict


class Jump(Strict):
    """A host that the way to a recipient's server leads through; our delivery key logs in there too."""

    host: Line
    port: Port = 22
    user: Line
    host_key: Line


def _somebodys(code: str) -> str:
    if code.casefold() == "nobody":
        raise ValueError("must not be nobody: what is signed about a postcode says so where none serves it")
    return code


SheetOfLabels = Literal["a4-8", "a4-14", "a4-21", "a4-24"]  # A4, by labels on a sheet


class Recipient(Strict):
    """A children's centre, family hub or other place that receives lists."""

    code: Annotated[Code, AfterValidator(_somebodys)]
    name: Line
    kind: Code  # childrens_centre, family_hub, library, ...: as agreements name the kinds
    contact: Line = ""  # a post and its telephone or shared mailbox, never a person's name
    starts: date | None = None  # the first day on which anything may be sent there
    ends: date | None = None  # the last
    via: Literal["sftp", "folder"] = "sftp"  # a folder of this machine, which MESH or another carrier empties
    host: Line = ""
    port: Port = 22
    user: Line = ""
    folder: Line = "."
    host_key: Line = ""  # "ssh-ed25519 AAAA..."
    jump: Jump | None = None
    proxy_command: tuple[str, ...] = ()  # a program whose input and output are the connection
    at_once: Annotated[int, Field(ge=1, le=8)] = 1  # connections to this recipient
    bytes_a_second: Annotated[int, Field(ge=1024)] | None = None
    format: Literal["workbook", "csv", "zip"]  # Office-encrypted xlsx, CSV in OpenPGP, or AES-256 zip
    labels: SheetOfLabels | None = None  # for address labels, which a zip may hold
    key: Line  # password file or OpenPGP public key file, relative to the home
    key_until: date | None = None  # the last day of the key or password, where it does not say so itself

    @model_validator(mode="after")
    def _can_be_reached(self) -> Recipient:
        if self.via == "sftp" and not (self.host and self.user and self.host_key):
            raise ValueError("host, user and host_key are needed for SFTP")
        if self.via == "folder" and (self.host or self.user or self.host_key or self.jump):
            raise ValueError("a folder has no host, user, host_key or jump")
        if self.jump and self.proxy_command:
            raise ValueError("give jump or proxy_command, not both")
        if self.labels and self.format != "zip":
            raise ValueError("labels need the format zip, which holds several files")
        if self.starts and self.ends and self.ends < self.starts:
            raise ValueError("ends is before starts")
        return self

    @property
    def account(self) -> tuple[str, int, str, str]:
        """Where its files lie: the same for two spellings of one place."""
        folder = os.path.realpath(self.folder) if self.via == "folder" else os.path.normpath(self.folder)
        return self.host.lower(), self.port, self.user, folder

    @property
    def place(self) -> str:
        """A digest of its account and of the server that it is on: another after a move."""
        said = (*self.account, *self.host_key.split()[:2])
        return hashlib.sha256("\x1f".join(map(str, said)).encode()).hexdigest()[:16]


class Recipients(Strict):
    """`reference/recipients.yaml`."""

    recipients: tuple[Recipient, ...]
