"""One authority whose centres have accounts on a real OpenSSH server, and its state to go back to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import yaml

from changes.writing import changes_csv, reference
from month_authority import MONTH, NOW, Authority
from pipeline.demo.authority import Demonstration, make_authority, sign_register
from pipeline.home import Home
from pipeline.ledger.ledger import Ledger
from servers.postgres import PostgresServer
from servers.sshd import OpenSshServer

DATABASE = "BIRTHSHARE_DATABASE"
# A kill is not a power cut: what was written is there, on whatever disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
WORDS = ("child_died", "consent_withdrawn")


@dataclass(frozen=True)
class Kept:
    """The authority as it was at one moment, its database and what its recipients held included."""

    home: Path
    held: dict[str, bytes]
    database: str


@dataclass(frozen=True)
class World:
    """An authority, its recipients, and where its ledger is."""

    authority: Authority
    server: OpenSshServer
    folder: Path = field(repr=False)
    postgres: PostgresServer | None = None

    @property
    def home(self) -> Home:
        return self.authority.home

    @property
    def codes(self) -> tuple[str, ...]:
        return self.authority.demo.centres

    @property
    def database_url(self) -> str:
        """Where the ledger is."""
        return self.postgres.url("now") if self.postgres else self.home.database_url

    def held(self) -> dict[str, bytes]:
        """Every file in the recipients' folders, whatever its name, by "recipient/name"."""
        folders = {code: self.server.files(code) for code in self.codes}
        return {
            f"{code}/{file.name}": file.read_bytes()
            for code, folder in folders.items()
            for file in sorted(folder.iterdir())
        }

    def speak_of_families(self) -> None:
        """The supplier's feed, always the same: of each list one child died, one consent is withdrawn."""
        feed = self.authority.inbox / f"changes_chis_{NOW.date()}.csv.gpg"
        if not self._feed.is_file():
            self.authority.send(changes_csv(self._said()), self._feed)
        shutil.copyfile(self._feed, feed)

    @property
    def _feed(self) -> Path:
        return self.folder / "feed"

    def _said(self) -> list[dict[str, str]]:
        with closing(Ledger.open(self.database_url)) as ledger:
            shared = ledger.disclosures(before_month="")
        extract = self.authority.extract()
        children = reference(self.home, "child", extract["nhs_number"].tolist())
        return [
            {"subject": "child", "nhs_number": extract["nhs_number"][children.index(child)], "word": word}
            for _, theirs in shared.groupby("recipient")
            for child, word in zip(theirs["child"], WORDS, strict=False)
        ]

    def collect(self) -> dict[str, bytes]:
        """The recipients take what has its name, and leave what is not yet theirs."""
        taken = {name: content for name, content in self.held().items() if "/." not in name}
        for name in taken:
            code, file = name.split("/")
            (self.server.files(code) / file).unlink()
        return taken

    def keep(self, name: str) -> Kept:
        """Remember everything as it is now."""
        home = self.folder / "kept" / name
        shutil.copytree(self.home.path, home)
        if self.postgres:
            self.postgres.copy("now", name)
        return Kept(home, self.held(), name)

    def go_back(self, kept: Kept) -> None:
        """Everything is again as it was."""
        shutil.rmtree(self.home.path)
        shutil.copytree(kept.home, self.home.path)
        for code in self.codes:
            for file in self.server.files(code).iterdir():
                file.unlink()
        for name, content in kept.held.items():
            code, file_name = name.split("/")
            file = self.server.files(code) / file_name
            file.write_bytes(content)
            file.chmod(0o600)
            shutil.chown(file, self.server.user(code), "nogroup")
        if self.postgres:
            self.postgres.copy(kept.database, "now")


@contextmanager
def made(
    folder: Path, *, births: int, centres: int, postgres: PostgresServer | None = None
) -> Iterator[World]:
    """A world in `folder`; half of the centres, at most two, open OpenPGP, and the others workbooks."""
    with ExitStack() as stack:
        if postgres:
            stack.enter_context(patch.dict(os.environ, {DATABASE: postgres.url("now")}))
        demo = make_authority(
            folder / "authority",
            month=MONTH,
            births=births,
            centres=centres,
            seed=7,
            now=NOW,
            host="127.0.0.1",
            port=22,
            host_key="ssh-ed25519 AAAA",
        )
        public_key = demo.home / "keys" / "delivery.key.pub"
        server = stack.enter_context(OpenSshServer(demo.centres, public_key=public_key))
        _enter_in_register(demo, server)
        # One list after the other, so that a step means the same in every run.
        settings = demo.home / "birthshare.toml"
        feed = '[suppliers.chis]\nchanges = "changes_{supplier}_{date}.csv.gpg"'
        text = settings.read_text().replace("[suppliers.chis]", feed)
        settings.write_text(text + "\n[delivery]\nat_once = 1\n")
        authority = Authority(demo, Home.open(demo.home), Path(server.files(demo.centres[0]).parent))
        yield World(authority, server, folder, postgres)


def _enter_in_register(demo: Demonstration, server: OpenSshServer) -> None:
    register = demo.home / "reference" / "recipients.yaml"
    entries = yaml.safe_load(register.read_text(encoding="utf-8"))
    for one in entries["recipients"]:
        one |= {"port": server.port, "host_key": server.host_key}
        one |= {"user": server.user(one["code"]), "folder": server.folder}
    register.write_text(yaml.safe_dump(entries), encoding="utf-8")
    sign_register(Home.open(demo.home), demo.approver_keys)
