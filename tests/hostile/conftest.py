"""One front door for all hostile files: an authority whose every place is searched after each of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from hostile.family import CANARIES
from hostile.sealing import PASSPHRASE, Seals
from month_authority import MONTH, Answer, Authority, CommandLine, copied, prototype
from pipeline.demo.authority import Demonstration
from pipeline.encryption import gnupg

__all__ = ["prototype"]

MOST_BYTES = 4_000_000  # that a file may open to
NAMES = {"openpgp": f"births_chis_{MONTH}.csv.gpg", "zip": f"births_chis_{MONTH}.zip"}


@dataclass
class FrontDoor:
    """An authority at which hostile files arrive; `temporary` is where programs put temporary files."""

    birthshare: CommandLine
    seals: Seals
    temporary: Path
    known: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def authority(self) -> Authority:
        return self.birthshare.authority

    def agree(self, **profile: Any) -> None:
        """What was agreed with the supplier: its profile."""
        sealed = profile.get("sealed", "openpgp")
        said = {"description": "A hostile supplier", "file_name": NAMES[sealed].replace("chis", "{supplier}")}
        said["file_name"] = said["file_name"].replace(str(MONTH), "{month}")
        folder = self.authority.home.profiles
        folder.mkdir(exist_ok=True)
        (folder / "hostile.yaml").write_text(yaml.safe_dump(said | profile))

    def arrives(self, sealed: bytes, name: str = NAMES["openpgp"]) -> Path:
        """The file lies in the supplier's inbox."""
        file = self.authority.inbox / name
        file.write_bytes(sealed)
        return file

    def clear(self) -> None:
        """Nothing lies in the inbox."""
        for one in self.authority.inbox.iterdir():
            if one.is_dir() and not one.is_symlink():
                one.rmdir()
            else:
                one.unlink()

    def run(self) -> Answer:
        """`birthshare run` for the month."""
        return self.birthshare.run()

    def check_refused(self, answer: Answer, code: int, *words: str) -> None:
        """One sentence or two with those words, that exit code, and nothing of the family anywhere."""
        assert answer.code == code, answer.err
        answer.says(*words)
        said = [line for line in answer.err.splitlines() if not line.startswith("Warning.")]
        assert len(said) == 1, answer.err  # the warning is about zips that nobody signed
        self.check_nothing_left()

    def check_nothing_left(self) -> None:
        """Neither what was said nor any file holds a value of the family; no temporary file is left."""
        shown = [canary for canary in CANARIES if canary in self.birthshare.said]
        assert shown == [], "said"
        assert list(self.temporary.iterdir()) == []
        assert list(self.seals.home.parent.iterdir()) == [self.seals.home]
        for file in self._changed():
            content = file.read_bytes()
            found = [
                one for one in CANARIES for code in ("utf-8", "utf-16-le") if one.encode(code) in content
            ]
            assert found == [], file

    def _changed(self) -> Iterator[Path]:
        """Files of the home that were not so when we looked last; the inbox is the supplier's."""
        home = self.authority.home.path
        for folder, _, names in os.walk(home):
            if Path(folder).is_relative_to(home / "inbox"):
                continue
            for name in names:
                file = Path(folder, name)
                about = file.stat()
                if self.known.get(file) != (about.st_mtime_ns, about.st_size):
                    self.known[file] = about.st_mtime_ns, about.st_size
                    yield file


@pytest.fixture(scope="module")
def door(prototype: Demonstration, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDoor]:
    with front_door(prototype, tmp_path_factory.mktemp("hostile")) as opened:
        yield opened


@contextmanager
def front_door(prototype: Demonstration, folder: Path) -> Iterator[FrontDoor]:
    """A front door of one's own."""
    temporary = folder / "temporary"
    temporary.mkdir()
    with (
        copied(prototype, folder) as authority,
        tempfile.TemporaryDirectory(prefix="bs", dir="/tmp") as short,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(gnupg, "_MEMORY", Path(short))  # where gpg's homes are, which must have short names
        patch.setattr(tempfile, "tempdir", str(temporary))
        patch.setenv("TMPDIR", str(temporary))
        _settle(authority)
        with Seals.of(authority) as seals:
            opened = FrontDoor(CommandLine(authority), seals, temporary)
            opened.check_nothing_left()  # what is there at the beginning
            yield opened


def _settle(authority: Authority) -> None:
    """The supplier's settings: its own profile, few bytes, and a passphrase for zip files."""
    authority.setting(
        "[suppliers.chis]\n",
        f'[suppliers.chis]\nprofile = "hostile"\nmax_bytes = {MOST_BYTES}\nunsigned = true\n'
        'passphrase = "keys/passphrase"\n',
    )
    secret = authority.home.path / "keys" / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)


@pytest.fixture
def at_door(door: FrontDoor) -> Iterator[FrontDoor]:
    """The door, with nothing before it."""
    door.clear()
    yield door
    door.clear()
